"""Tiny builders of literal histories: one function a thing that can happen, one second apart unless they say otherwise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from peakproof.history.reader import History
from peakproof.history.records import Body, Call, Delivery, Effect, FaultMark, Lines, WorkloadItem
from peakproof.history.state import StateDocument
from peakproof.history.writer import _HASH_BYTES
from peakproof.verdict.invariant import HOME, Invariant
from peakproof.verdict.result import InvariantResult

SECOND_NS = 1_000_000_000
START_NS = 1_764_200_000 * SECOND_NS
"""26 November 2025, 23:33:20 UTC."""

ORDERED: Lines = [("1", "mug", 2, "10.00"), ("2", "tea", 1, "4.00")]
"""24.00 of goods; with 4.95 for delivery 28.95."""
ZOE = {"name": "Zoë Łukasz 王", "email": "zoe@example.org"}
HOME_OF_ZOE = {
    "name": "Zoë Łukasz 王",
    "line1": "1 Straße",
    "line2": None,
    "city": "Zürich",
    "postcode": "8001",
    "country": "CH",
}


@dataclass(frozen=True)
class Parked:
    """The middleware shows an order as given up on."""

    order_ref: str
    system: str | None = "erp"
    reason: str | None = "no"


Row = Effect | Call | Delivery | FaultMark | WorkloadItem | Body | StateDocument | Parked


def history_of(rows: Sequence[Row], *, settled: bool = True, run: Mapping[str, Any] | None = None) -> History:
    """Records get their time and, where they have none, their id from their place: the third row is at second 3."""
    placed = [_placed(row, place) for place, row in enumerate(rows, 1)]
    return History.of_records(
        [row for row in placed if not isinstance(row, StateDocument | Parked)],
        state=[row for row in placed if isinstance(row, StateDocument)],
        parked=[
            {
                "order_ref": row.order_ref,
                "system": row.system,
                "reason": row.reason,
                "since": "2025-11-26T23:33:20Z",
            }
            for row in placed
            if isinstance(row, Parked)
        ],
        run=run or {"settled": settled},
    )


def asked(
    invariant: str,
    rows: Sequence[Row],
    *,
    settled: bool = True,
    flows: Iterable[str] = (),
    in_vain_since_s: int | None = None,
    facts: Mapping[str, Any] | None = None,
) -> InvariantResult:
    """What one invariant says of a literal history; ``in_vain_since_s``: the last second at which anything else happened.

    ``facts``: what run.json says besides.
    """
    run: dict[str, Any] = {"settled": settled, "flows": list(flows), **(facts or {})}
    if in_vain_since_s is not None:
        run["in_vain_since_ns"] = START_NS + in_vain_since_s * SECOND_NS
    with history_of(rows, run=run) as history:
        return Invariant.of_file(HOME / f"{invariant}.sql").ask(history)


def at(second: float, row: Row) -> Row:
    """The same row at another time than its place's."""
    assert isinstance(row, Effect | Call | Delivery | FaultMark | WorkloadItem)
    return msgspec.structs.replace(row, at_ns=START_NS + round(second * SECOND_NS))


def _placed(row: Row, place: int) -> Row:
    at_ns = START_NS + place * SECOND_NS
    match row:
        case Effect():
            return msgspec.structs.replace(
                row, at_ns=row.at_ns or at_ns, effect_id=row.effect_id or f"{row.system}-e{place:07d}"
            )
        case Call():
            then = row.at_ns or at_ns
            return msgspec.structs.replace(
                row,
                at_ns=then,
                replied_ns=row.replied_ns or then + SECOND_NS // 100,
                call_id=row.call_id or f"{row.system}-c{place:07d}",
            )
        case Delivery():
            then = row.at_ns or at_ns
            return msgspec.structs.replace(
                row,
                at_ns=then,
                emitted_ns=then,
                replied_ns=then,
                delivery_id=row.delivery_id or f"{row.system}-d{place:07d}",
            )
        case FaultMark() | WorkloadItem():
            return msgspec.structs.replace(row, at_ns=row.at_ns or at_ns)
    return row


def effect(system: str, kind: str, **values: Any) -> Effect:
    return Effect(effect_id=values.pop("effect_id", ""), at_ns=0, system=system, kind=kind, **values)


def before_run(row: Effect) -> Effect:
    """The same, from a time before the run."""
    return msgspec.structs.replace(row, actor="before-run")


# Orders


SHIP_BY = "2025-11-28T12:00:00Z"


def _content(
    lines: Lines, shipping: str, customer: object, ship_to: object, **promised: object
) -> dict[str, Any]:
    data = {"customer": customer, "ship_to": ship_to, "shipping": shipping, "payment_id": "PAY-1", **promised}
    return {"lines": lines, "data": data}


def _promise(priority: int, ship_by: str | None = SHIP_BY, service_level: str = "standard") -> dict[str, Any]:
    return {"priority": priority, "ship_by": ship_by, "service_level": service_level}


def accepted(
    order: str = "A",
    *,
    channel: str = "web",
    lines: Lines = ORDERED,
    total: str = "28.95",
    currency: str = "GBP",
    shipping: str = "4.95",
    priority: int = 5,
) -> Effect:
    content = _content(lines, shipping, ZOE, HOME_OF_ZOE, **_promise(priority))
    return effect(
        channel,
        "order_placed",
        order_ref=order,
        document_id=order,
        amount=total,
        currency=currency,
        status="placed",
        **content,
    )


def created(
    order: str = "A",
    *,
    document: str | None = None,
    lines: Lines = ORDERED,
    total: str = "28.95",
    currency: str = "GBP",
    customer: object = ZOE,
    ship_to: object = HOME_OF_ZOE,
) -> Effect:
    return effect(
        "oms",
        "oms_order_created",
        order_ref=order,
        document_id=document or f"OMS-{order}",
        amount=total,
        currency=currency,
        status="created",
        **_content(lines, "4.95", customer, ship_to),
    )


def booked(
    order: str = "A",
    *,
    document: str | None = None,
    lines: Lines = ORDERED,
    total: str = "28.95",
    currency: str = "GBP",
    customer: object = ZOE,
    ship_to: object = HOME_OF_ZOE,
) -> Effect:
    return effect(
        "erp",
        "sales_order_received",
        order_ref=order,
        document_id=document or f"SO-{order}",
        amount=total,
        currency=currency,
        status="received",
        **_content(lines, "4.95", customer, ship_to),
    )


def corrected(order: str = "A", *, lines: Lines = ORDERED, total: str = "28.95") -> Effect:
    return effect(
        "erp",
        "sales_order_updated",
        order_ref=order,
        document_id=f"SO-{order}",
        amount=total,
        currency="GBP",
        lines=lines,
    )


def posted(order: str = "A", *, document: str | None = None) -> Effect:
    return effect(
        "erp", "sales_order_posted", order_ref=order, document_id=document or f"SO-{order}", status="posted"
    )


def rejected(order: str = "A", *, permanent: bool = True, cause: str = "unknown_item pot") -> Effect:
    return effect(
        "erp",
        "sales_order_rejected",
        order_ref=order,
        document_id=f"SO-{order}",
        status="rejected",
        permanent=permanent,
        cause=cause,
    )


def erp_cancelled(order: str = "A", lines: Lines = ORDERED) -> Effect:
    return effect(
        "erp",
        "sales_order_cancelled",
        order_ref=order,
        document_id=f"SO-{order}",
        status="cancelled",
        lines=lines,
    )


def erp_lines_cancelled(order: str = "A", *, lines: Lines) -> Effect:
    return effect(
        "erp", "sales_order_lines_cancelled", order_ref=order, document_id=f"SO-{order}", lines=lines
    )


def cancelled(order: str = "A", *, channel: str = "web", lines: Lines = ORDERED) -> Effect:
    return effect(
        channel,
        "order_cancelled",
        order_ref=order,
        document_id=order,
        status="cancelled",
        cause="out_of_stock",
        lines=lines,
    )


def lines_cancelled(order: str = "A", *, lines: Lines) -> Effect:
    return effect("web", "lines_cancelled", order_ref=order, document_id=order, status="placed", lines=lines)


def parked(order: str = "A", *, system: str | None = "erp", reason: str | None = "no") -> Parked:
    return Parked(order, system, reason)


def allocated(order: str = "A", *parts: str) -> Effect:
    listed = [{"part_id": part, "location": "north", "lines": []} for part in parts or (f"OMS-{order}-1",)]
    return effect(
        "oms",
        "order_allocated",
        order_ref=order,
        document_id=f"OMS-{order}",
        status="allocated",
        data={"parts": listed},
    )


def unfillable(order: str = "A", *, quantity: int = 1) -> Effect:
    missing = [{"line_id": "1", "sku": "mug", "quantity": quantity}]
    return effect(
        "oms",
        "order_unfillable",
        order_ref=order,
        document_id=f"OMS-{order}",
        status="unfillable",
        cause="out_of_stock",
        data={"missing": missing},
    )


def oms_cancelled(order: str = "A", lines: Lines = ORDERED) -> Effect:
    return effect(
        "oms",
        "oms_order_cancelled",
        order_ref=order,
        document_id=f"OMS-{order}",
        status="cancelled",
        lines=lines,
    )


def oms_lines_cancelled(order: str = "A", *, lines: Lines) -> Effect:
    return effect(
        "oms",
        "oms_lines_cancelled",
        order_ref=order,
        document_id=f"OMS-{order}",
        status="allocated",
        lines=lines,
    )


# Warehouse and money


def requested(
    order: str = "A",
    *,
    part: str | None = None,
    document: str = "FUL-1",
    lines: Lines = ORDERED,
    priority: int = 5,
    ship_by: str | None = SHIP_BY,
    service_level: str = "standard",
    location: str | None = None,
) -> Effect:
    return effect(
        "wms",
        "fulfilment_requested",
        location=location,
        data=_promise(priority, ship_by, service_level),
        order_ref=order,
        ref=part or f"OMS-{order}-1",
        document_id=document,
        status="requested",
        lines=lines,
    )


def fulfilment_cancelled(order: str = "A", *, document: str = "FUL-1") -> Effect:
    return effect("wms", "fulfilment_cancelled", order_ref=order, document_id=document, status="cancelled")


def shipped(
    order: str = "A",
    *,
    shipment: str | None = "SHP-1",
    lines: Lines = ORDERED,
    short: Sequence[tuple[str, int]] = (),
    status: str = "shipped",
) -> Effect:
    short_lines = [{"line_id": line, "sku": "mug", "quantity": quantity} for line, quantity in short]
    return effect(
        "wms",
        "shipment_confirmed",
        order_ref=order,
        ref=shipment,
        document_id="FUL-1",
        status=status,
        lines=lines,
        data={"short": short_lines, "final": True},
    )


def authorised(order: str = "A") -> Effect:
    return effect(
        "payments",
        "payment_authorised",
        order_ref=order,
        document_id=f"PAY-{order}",
        amount="28.95",
        currency="GBP",
        status="authorised",
    )


def captured(
    order: str = "A", amount: str = "28.95", *, shipment: str = "SHP-1", currency: str = "GBP"
) -> Effect:
    return effect(
        "payments",
        "payment_captured",
        order_ref=order,
        ref=shipment,
        document_id=f"PAY-{order}",
        amount=amount,
        currency=currency,
        status="captured",
    )


def voided(order: str = "A", amount: str = "28.95") -> Effect:
    return _given_back("payment_voided", order, amount)


def hold_expired(order: str = "A", amount: str = "28.95") -> Effect:
    return _given_back("payment_expired", order, amount)


def _given_back(kind: str, order: str, amount: str) -> Effect:
    document, status = f"PAY-{order}", kind.removeprefix("payment_")
    return effect(
        "payments", kind, order_ref=order, document_id=document, amount=amount, currency="GBP", status=status
    )


def billed(order: str = "A", amount: str = "28.95", *, shipment: str = "SHP-1") -> Effect:
    return effect(
        "erp",
        "invoice_posted",
        order_ref=order,
        ref=shipment,
        document_id="INV-1",
        amount=amount,
        currency="GBP",
    )


def invoiced(order: str = "A", *, shipment: str = "SHP-1", lines: Lines = ORDERED) -> Effect:
    return effect("erp", "invoice_received", order_ref=order, ref=shipment, document_id="INV-1", lines=lines)


def oms_told(order: str = "A", *, shipment: str = "SHP-1", lines: Lines = ORDERED) -> Effect:
    return effect(
        "oms", "oms_order_shipped", order_ref=order, ref=shipment, document_id=f"OMS-{order}", lines=lines
    )


def channel_told(order: str = "A", *, shipment: str = "SHP-1", lines: Lines = ORDERED) -> Effect:
    return effect("web", "shipment_recorded", order_ref=order, ref=shipment, document_id=order, lines=lines)


# Cancellations and returns


def cancellation_requested(order: str = "A", *, request: str = "CR-1") -> Effect:
    return effect("web", "cancellation_requested", order_ref=order, ref=request)


def cancellation(outcome: str, order: str = "A", *, request: str = "CR-1") -> Effect:
    return effect("web", f"cancellation_{outcome}", order_ref=order, ref=request)


BACK: Lines = [("1", "mug", 1, None)]
"""One mug comes back: 10.00."""


def return_requested(order: str = "A", *, ref: str = "RET-1") -> Effect:
    return effect("web", "return_requested", order_ref=order, ref=ref, lines=BACK)


def return_authorised(order: str = "A", *, ref: str = "RET-1") -> Effect:
    return effect("oms", "return_authorised", order_ref=order, ref=ref, lines=BACK)


def return_expected(order: str = "A", *, ref: str = "RET-1") -> Effect:
    return effect("wms", "return_expected", order_ref=order, ref=ref, lines=BACK)


def return_received(order: str = "A", *, ref: str = "RET-1", lines: Lines = BACK) -> Effect:
    return effect("wms", "return_received", order_ref=order, ref=ref, lines=lines)


def credit_received(
    order: str = "A", *, ref: str = "RET-1", lines: Lines = BACK, amount: str = "10.00"
) -> Effect:
    return effect(
        "erp", "credit_memo_received", order_ref=order, ref=ref, amount=amount, currency="GBP", lines=lines
    )


def credit_posted(order: str = "A", *, ref: str = "RET-1", amount: str = "10.00") -> Effect:
    return effect("erp", "credit_memo_posted", order_ref=order, ref=ref, amount=amount, currency="GBP")


def refunded(order: str = "A", *, ref: str = "RET-1", amount: str = "10.00", currency: str = "GBP") -> Effect:
    return effect("payments", "payment_refunded", order_ref=order, ref=ref, amount=amount, currency=currency)


def refund_confirmed(order: str = "A", *, ref: str = "RET-1") -> Effect:
    return effect(
        "web",
        "refund_confirmed",
        order_ref=order,
        ref=ref,
        document_id="REF-1",
        amount="10.00",
        currency="GBP",
    )


# Stock, availability, prices


def moved(
    quantity: int,
    on_hand: int,
    *,
    cause: str = "shipment",
    version: int = 1,
    change: str = "CHG-1",
    location: str = "north",
) -> Effect:
    return effect(
        "wms",
        "stock_moved",
        sku="mug",
        location=location,
        quantity=quantity,
        on_hand=on_hand,
        cause=cause,
        version=version,
        ref=change,
    )


def book_moved(quantity: int, on_hand: int) -> Effect:
    return effect("erp", "book_stock_moved", sku="mug", quantity=quantity, on_hand=on_hand, cause="invoice")


def adjusted(quantity: int, *, change: str = "CHG-1") -> Effect:
    return effect("erp", "stock_adjusted", sku="mug", ref=change, quantity=quantity, cause="receipt")


def item_known(sku: str = "mug") -> Effect:
    return effect("erp", "item_known", sku=sku, on_hand=10)


def stock_set(on_hand: int, *, version: int = 1, location: str = "north") -> Effect:
    return effect("oms", "stock_set", sku="mug", location=location, on_hand=on_hand, version=version)


def computed(on_hand: int, *, version: int = 1) -> Effect:
    return effect("oms", "availability_computed", sku="mug", on_hand=on_hand, version=version)


def listed(on_hand: int, *, version: int = 1, channel: str = "web") -> Effect:
    return effect(channel, "availability_listed", sku="mug", on_hand=on_hand, version=version)


def price_set(amount: str, *, version: int = 1, valid_from: str = "2025-11-26T23:33:20Z") -> Effect:
    return effect(
        "erp",
        "price_set",
        sku="mug",
        amount=amount,
        currency="GBP",
        version=version,
        data={"valid_from": valid_from},
    )


def price_listed(amount: str, *, version: int = 1, channel: str = "web") -> Effect:
    return effect(channel, "price_listed", sku="mug", amount=amount, currency="GBP", version=version)


# What systems show at the end


def document(
    system: str, kind: str, status: str, *, order: str = "A", id: str | None = None
) -> StateDocument:
    return StateDocument(
        system=system, kind=kind, id=id or f"{system}-{order}", order_ref=order, doc={"status": status}
    )


def final_stock(system: str, on_hand: int, *, location: str | None = None) -> StateDocument:
    kind = "book_stock" if system == "erp" else "stock"
    doc = {"sku": "mug", "location": location, "on_hand": on_hand}
    return StateDocument(system=system, kind=kind, id=f"mug/{location}", sku="mug", doc=doc)


def final_statuses(
    channel: str | None,
    oms: str | None,
    erp: str | None,
    wms: str | None,
    payments: str | None,
    *,
    order: str = "A",
) -> list[Row]:
    """One document a system; none where the status is null."""
    shown = [
        ("web", "order", channel),
        ("oms", "order", oms),
        ("erp", "sales_order", erp),
        ("wms", "fulfilment", wms),
        ("payments", "payment", payments),
    ]
    return [
        document(system, kind, status, order=order) for system, kind, status in shown if status is not None
    ]


# Calls and deliveries


def call(
    operation: str = "create_sales_order",
    *,
    order: str | None = "A",
    system: str = "erp",
    outcome: str = "ok",
    status: int | None = 201,
    key: str | None = None,
    body: str | None = "b1",
    client: str | None = "sut",
    bucket: str | None = None,
    retry_after_s: float | None = None,
    permanent: bool = False,
    refused_by: str | None = None,
    error: str | None = None,
    changes: bool = True,
    subjects: list[str] | None = None,
    subject: str | None = None,
    replayed: bool = False,
    committed: bool = False,
    trace_id: str | None = None,
) -> Call:
    return Call(
        call_id="",
        system=system,
        operation=operation,
        subject=subject or order or "sut",
        attempt=1,
        method="POST",
        path=f"/v1/{operation}",
        at_ns=0,
        replied_ns=0,
        outcome=outcome,
        changes=changes,
        status=status,
        client=client,
        order_ref=order,
        idempotency_key=key,
        request_body=body,
        bucket=bucket,
        retry_after_s=retry_after_s,
        permanent=permanent,
        refused_by=refused_by,
        error=error,
        subjects=subjects,
        replayed=replayed,
        committed=committed,
        trace_id=trace_id,
    )


def lasting(seconds: float, row: Row) -> Row:
    """A call that has its time already, answered so much later."""
    assert isinstance(row, Call)
    return msgspec.structs.replace(row, replied_ns=row.at_ns + round(seconds * SECOND_NS))


def failed(operation: str = "create_sales_order", *, status: int = 503, **values: Any) -> Call:
    """The system could not, just now."""
    return call(
        operation, outcome="refused", status=status, refused_by="fault", error="unavailable", **values
    )


def token(*, system: str = "erp", status: int = 200, outcome: str = "ok") -> Call:
    return call(
        "issue_token",
        order=None,
        system=system,
        status=status,
        outcome=outcome,
        changes=False,
        client=None,
        body=None,
    )


def refused(operation: str = "create_sales_order", *, error: str = "unknown_item", **values: Any) -> Call:
    """Refused by the system's rules, for good unless said otherwise."""
    values = {"status": 422, "refused_by": "ledger", "permanent": True, **values}
    return call(operation, outcome="refused", error=error, **values)


def throttled(*, retry_after_s: float = 2.0, bucket: str | None = "erp/sut", **values: Any) -> Call:
    return call(
        outcome="refused",
        status=429,
        retry_after_s=retry_after_s,
        bucket=bucket,
        refused_by="throttle",
        error="throttled",
        **values,
    )


def body(text: str) -> Body:
    """What a call sent or got; the call names its hash."""
    return Body(hash=blake2b(text.encode(), digest_size=_HASH_BYTES).hexdigest(), text=text)


def no_reply(**values: Any) -> Call:
    """The connection was reset: the caller cannot know."""
    return call(outcome="unknown", status=None, **values)


def told(
    topic: str,
    *,
    order: str | None = "A",
    sku: str | None = None,
    version: int | None = None,
    effect_id: str | None = None,
    acknowledged: bool = True,
    event: str = "evt-1",
    forgery: str | None = None,
    error: str | None = None,
    subscription: str | None = None,
) -> Delivery:
    return Delivery(
        delivery_id="",
        event_id=event,
        system="web",
        topic=topic,
        subject=order or sku or "",
        attempt=1,
        at_ns=0,
        emitted_ns=0,
        replied_ns=0,
        acknowledged=acknowledged,
        status=None if error else 202 if acknowledged else 401,
        error=error,
        subscription=subscription,
        order_ref=order,
        sku=sku,
        version=version,
        effect_id=effect_id,
        forgery=forgery,
    )


def known(name: str, row: Effect) -> Effect:
    """The same effect under an id of its own, for deliveries that report it."""
    return msgspec.structs.replace(row, effect_id=name)


# Faults, and what the runner notes


def mark(what: str, *, injection: str = "inj-1", fault: str = "outage", system: str = "erp") -> FaultMark:
    """``armed``, ``fired`` or ``healed``."""
    return FaultMark(at_ns=0, injection=injection, fault=fault, mark=what, system=system)


def noted(kind: str, detail: str) -> WorkloadItem:
    return WorkloadItem(at_ns=0, kind=kind, detail=detail)
