"""What the reference middleware asks of each system, and what it then expects: every step of its flows, every refusal.

Only values: :mod:`.consumer` plays them with the middleware's own client and steps against Pact's mock server and
writes ``pacts/*.json`` of them. Bodies stand here letter for letter, so that a change of what the middleware sends is a
change of its contracts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..middleware.documents import (
    Address,
    ChannelOrder,
    Customer,
    Line,
    Listing,
    Page,
    Part,
    ReceivedLine,
    StockLevel,
    Units,
)
from ..middleware.flows import cancel, order_to_ship, return_to_refund
from ..middleware.order import Order, Return, Shipped, Step
from ..middleware.policies import Verdict
from ..middleware.steps import giving_up, shipping, taking_in

REF = "web-000001"
RETURN = "web-R-000001"
PAYMENT = "PAY-000001"
ADDRESS = {
    "name": "Zoë Müller",
    "line1": "1 High Street",
    "city": "Leeds",
    "postcode": "LS1 1AA",
    "country": "GB",
    "line2": None,
}
CONTENT: dict[str, Any] = {
    "order_ref": REF,
    "channel": "web",
    "currency": "GBP",
    "lines": [{"line_id": "1", "sku": "MUG", "quantity": 2, "unit_price": "4.95"}],
    "shipping": "4.95",
    "total": "14.85",
    "customer": {"name": "Zoë Müller", "email": "zoe@example.com"},
    "ship_to": ADDRESS,
    "service_level": "standard",
    "priority": 5,
    "ship_by": "2026-11-28T12:00:00Z",
    "payment_id": PAYMENT,
}
BOTH = [{"line_id": "1", "quantity": 2}]
ONE = [{"line_id": "1", "quantity": 1}]


@dataclass(frozen=True, slots=True)
class Is:
    """In an expected answer: this value and no other. Anything else there stands for its type."""

    value: Any


@dataclass(frozen=True, slots=True)
class Looks:
    """In an expected answer: a text of this form."""

    example: str
    form: str


def money(example: str) -> Looks:
    return Looks(example, r"^\d+(\.\d+)?$")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One request of the middleware, and the answer that it has to cope with."""

    provider: str
    description: str
    states: tuple[tuple[str, Mapping[str, Any]], ...]
    method: str
    path: str
    status: int
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """What only this request says; credentials and key are added."""
    reply: Any = None
    reply_headers: Mapping[str, Any] = field(default_factory=dict)
    step: Step | None = None
    """The step of the middleware that makes the request; without one it is a plain call."""
    ref: str = ""
    reads: Any = None
    """What a plain call's answer is read as."""
    looks: bool = False
    """The step only looks whether it has been carried out already."""
    keyed: bool = True
    """The request carries an Idempotency-Key."""
    verdict: Verdict = Verdict.DONE
    """What the middleware makes of the answer."""


def order() -> Order:
    """The order, as far as it can be known."""
    known = Order(ref=REF)
    order_to_ship.placed(
        known,
        "web",
        ChannelOrder(
            order_ref=REF,
            channel="web",
            currency="GBP",
            lines=[Line("1", "MUG", 2, "4.95")],
            shipping="4.95",
            total="14.85",
            customer=Customer("Zoë Müller", "zoe@example.com"),
            ship_to=Address("Zoë Müller", "1 High Street", "Leeds", "LS1 1AA", "GB"),
            service_level="standard",
            priority=5,
            ship_by="2026-11-28T12:00:00Z",
            payment_id=PAYMENT,
            status="placed",
        ),
    )
    known.oms_id, known.sales_order_id, known.ended = "OMS-000001", "SO-000001", "customer"
    known.parts = [Part("OMS-000001-1", "north", [Units("1", "MUG", 2)])]
    known.shipments = {"SHP-000001": Shipped([Units("1", "MUG", 2)], "DHL", "DHL-000001-1")}
    known.shipping_with = "SHP-000001"
    known.shorts = {"FUL-000001": [Units("1", "MUG", 1)]}
    known.wishes = {"web-C-000001": "open"}
    known.returns = {
        RETURN: Return(
            channel="web",
            currency="GBP",
            lines=[Line("1", "MUG", 2, "4.95")],
            received=[ReceivedLine("1", "MUG", 2, True)],
            credited="9.90",
        )
    }
    known.done = {f"refund:{RETURN}": "REF-000001"}
    return known


def _of(provider: str, at: str, state: str, step: Step, ref: str = "") -> Callable[..., Expectation]:
    """An expectation of a step that posts to ``at``."""

    def made(description: str, status: int, reply: Any = None, **more: Any) -> Expectation:
        states = more.pop("states", ((state, {}),))
        return Expectation(
            provider, description, states, "POST", at, status, reply=reply, step=step, ref=ref, **more
        )

    return made


def _refusals(base: Callable[..., Expectation], what: str, state: str, body: Any) -> tuple[Expectation, ...]:
    """Every refusal that any system may give to the same request."""
    before: tuple[tuple[str, Mapping[str, Any]], ...] = ((state, {}),)
    key = base("", 0).step
    assert key is not None
    intent = f"{REF}:{key.key(base('', 0).ref)}"

    def refused(how: str, status: int, code: str, *states: tuple[str, Any], **more: Any) -> Expectation:
        return base(f"{what}: {how}", status, _problem(code), states=(*before, *states), body=body, **more)

    waits = {"Retry-After": Looks("1", r"^\d+$")}
    return (
        refused("the token holds no longer", 401, "unauthenticated", ("token expired", {}), verdict=Verdict.AGAIN,
                reply_headers={"WWW-Authenticate": Looks("Bearer", "^Bearer.*")}),
        refused("throttled", 429, "throttled", ("throttled", {}), verdict=Verdict.AGAIN, reply_headers=waits),
        refused("unavailable", 503, "unavailable", ("unavailable", {}), verdict=Verdict.AGAIN, reply_headers=waits),
        refused("the record is locked", 409, "concurrent_modification", ("fault", {"fault": "conflict"}),
                verdict=Verdict.AGAIN),
        refused("the key is another request's", 422, "idempotency_key_reused",
                ("idempotency key was used for another request", {"key": intent}), verdict=Verdict.REFUSED),
    )  # fmt: skip


def _stale(provider: str, state: str, method: str, path: str, body: Any) -> Expectation:
    """An update of a document that has changed since it was read."""
    return Expectation(
        provider,
        f"{method} {path.rpartition('/')[2]} with an ETag that is not current",
        ((state, {}),),
        method,
        path,
        412,
        body=body,
        headers={"If-Match": '"v99"'},
        reply=_problem("precondition_failed"),
        keyed=False,
        verdict=Verdict.AGAIN,
    )


def _problem(code: str) -> dict[str, Any]:
    address = f"https://peakproof.invalid/problems/{code}"
    return {"type": Looks(address, f".*/{code}$"), "title": "no", "detail": "why"}


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"items": [item], "next_cursor": Is(None)}


def _erp() -> tuple[Expectation, ...]:
    book = _of("erp", "/v1/sales-orders", "article exists", taking_in.BOOK)
    at = "/v1/sales-orders/SO-000001"
    resubmit = _of("erp", f"{at}/resubmit", "sales order is rejected", taking_in.RESUBMIT)
    bill = {
        "order_ref": REF, "sales_order_id": "SO-000001", "shipment_id": "SHP-000001", "currency": "GBP",
        "lines": BOTH, "shipping": "4.95", "total": "14.85",
    }  # fmt: skip
    invoice = _of("erp", "/v1/invoices", "sales order is posted", shipping.INVOICE, "SHP-000001")
    memo = {
        "order_ref": REF, "return_id": RETURN, "currency": "GBP", "total": "9.90",
        "lines": [{"line_id": "1", "sku": "MUG", "quantity": 2, "restock": True}],
    }  # fmt: skip
    credit = _of("erp", "/v1/credit-memos", "sales order is invoiced", return_to_refund.CREDIT, RETURN)
    stop = _of("erp", f"{at}/cancel", "sales order is posted", giving_up.CANCEL_IN_ERP)
    short = _of("erp", f"{at}/cancel", "sales order is posted", giving_up.SHORT_IN_ERP, "FUL-000001")
    shown = {"sales_order_id": "SO-000001", "order_ref": Is(REF), "status": Is("received")}
    gone = {"reason": "customer", "lines": None}
    return (
        book("book an order", 201, shown, body=CONTENT),
        book("book an order that is booked already", 409, _problem("duplicate_reference"), body=CONTENT,
             states=(("sales order is posted", {}), ("duplicates are refused", {})), verdict=Verdict.REFUSED),
        book("look an order up", 200, _list_of(shown), states=(("sales order is received", {}),), looks=True),
        *_refusals(book, "book an order", "article exists", CONTENT),
        resubmit("post a rejected order again", 202, {"job_id": "JOB-000002", "status": Is("queued")}, body={}),
        resubmit("post an order again that is not rejected", 409, _problem("not_rejected"), body={},
                 states=(("sales order is posted", {}),), verdict=Verdict.REFUSED),
        invoice("bill a shipment", 202, {"invoice_id": "INV-000001", "shipment_id": Is("SHP-000001")}, body=bill),
        invoice("bill an order that is not posted", 409, _problem("not_posted"), body=bill,
                states=(("sales order is received", {}),), verdict=Verdict.AGAIN),
        invoice("look an invoice up", 200, _list_of({"invoice_id": "INV-000001", "shipment_id": Is("SHP-000001")}),
                states=(("invoice is posted", {}),), looks=True),
        credit("credit a return", 202, {"credit_memo_id": "CM-000001", "order_ref": Is(REF), "return_id": Is(RETURN),
               "total": Is("9.90"), "currency": Is("GBP"), "status": Is("received")}, body=memo),
        credit("credit a return of what is not billed", 409, _problem("not_invoiced"), body=memo,
               states=(("sales order is posted", {}),), verdict=Verdict.AGAIN),
        stop("cancel a sales order", 200, {"status": Is("cancelled")}, body=gone),
        stop("cancel a sales order that is cancelled", 409, _problem("order_cancelled"), body=gone,
             states=(("sales order is cancelled", {}),), verdict=Verdict.REFUSED),
        short("cancel short lines of a sales order", 200, {"cancelled_lines": [{"line_id": "1", "quantity": 1}]},
              body={"reason": "short FUL-000001", "lines": ONE}),
        Expectation("erp", "adjust the book stock", (("article exists", {}),), "POST", "/v1/stock-adjustments/batch", 207,
                    body={"items": [{"change_id": "CHG-000001", "sku": "MUG", "quantity": 5, "cause": "receipt"}]},
                    reply={"results": [{"index": Is(0), "status": Is(200)}]}),
        _stale("erp", "sales order is received", "PATCH", at, {"customer": {"name": "Zoë", "email": "z@example.com"}}),
    )  # fmt: skip


def _oms() -> tuple[Expectation, ...]:
    create = _of("oms", "/v1/orders", "article exists", taking_in.CREATE_IN_OMS)
    at = "/v1/orders/OMS-000001"
    ship = _of("oms", f"{at}/ship", "order is allocated", shipping.TELL_OMS, "SHP-000001")
    stop = _of("oms", f"{at}/cancel", "order is allocated", giving_up.CANCEL_IN_OMS)
    short = _of("oms", f"{at}/cancel", "order is allocated", giving_up.SHORT_IN_OMS, "FUL-000001")
    back = _of("oms", "/v1/return-authorisations", "order is shipped", return_to_refund.AUTHORISE, RETURN)
    left = {"shipment_id": "SHP-000001", "lines": BOTH}
    returned = {
        "return_id": RETURN,
        "order_ref": REF,
        "lines": [{"line_id": "1", "sku": "MUG", "quantity": 2}],
    }
    level = {"sku": "MUG", "location": "north", "on_hand": 93, "version": 2}
    return (
        create("create an order", 201, {"order_id": "OMS-000001", "order_ref": Is(REF), "status": Is("created")},
               body=CONTENT),
        create("create an order that is there already", 409, _problem("duplicate_reference"), body=CONTENT,
               states=(("order is created", {}), ("duplicates are refused", {})), verdict=Verdict.REFUSED),
        create("look an order up", 200, _list_of({
            "order_id": "OMS-000001", "order_ref": Is(REF), "status": Is("allocated"),
            "parts": [{"part_id": "OMS-000001-1", "location": "north",
                       "lines": [{"line_id": "1", "sku": "MUG", "quantity": 2}]}],
        }), states=(("order is allocated", {}),), looks=True),
        *_refusals(create, "create an order", "article exists", CONTENT),
        ship("tell of a shipment", 200, {"status": Is("shipped"), "shipments": ["SHP-000001"]}, body=left),
        ship("tell of a shipment before the order is allocated", 409, _problem("not_allocated"), body=left,
             states=(("order is created", {}),), verdict=Verdict.AGAIN),
        stop("cancel an order", 200, {"status": Is("cancelled")}, body={"reason": "customer", "lines": None}),
        stop("cancel an order that is shipped", 409, _problem("order_shipped"), states=(("order is shipped", {}),),
             body={"reason": "customer", "lines": None}, verdict=Verdict.REFUSED),
        short("cancel short lines of an order", 200, {"lines": [{"line_id": "1", "cancelled": 1}]},
              body={"reason": "short FUL-000001", "lines": ONE}),
        back("authorise a return", 201, {"authorisation_id": "RMA-000001", "return_id": Is(RETURN)}, body=returned),
        back("authorise a return of what has not left", 409, _problem("not_shipped"), body=returned,
             states=(("order is allocated", {}),), verdict=Verdict.AGAIN),
        Expectation("oms", "set stock", (("article exists", {}),), "POST", "/v1/stock/batch", 207,
                    body={"items": [level]}, reply={"results": [{"index": Is(0), "status": Is(200)}]}),
        Expectation("oms", "read what stock is known", (("stock is known", {"version": 3}),), "GET", "/v1/stock", 200,
                    reply={"items": [{"sku": "MUG", "location": "north", "version": 3}], "next_cursor": Is(None)},
                    reads=Page[StockLevel], keyed=False),
        _stale("oms", "order is allocated", "PATCH", at, {"priority": 1}),
    )  # fmt: skip


def _wms() -> tuple[Expectation, ...]:
    asked = {
        "order_ref": REF, "part_id": "OMS-000001-1", "location": "north",
        "lines": [{"line_id": "1", "sku": "MUG", "quantity": 2}], "priority": 5, "ship_by": "2026-11-28T12:00:00Z",
        "service_level": "standard", "ship_to": ADDRESS,
    }  # fmt: skip
    request = _of("wms", "/v1/fulfilments", "article exists", shipping.REQUEST, "OMS-000001-1")
    stop = _of("wms", "/v1/fulfilments/cancel", "fulfilment is requested", cancel.STOP)
    expect = _of("wms", "/v1/expected-returns", "article exists", return_to_refund.EXPECT, RETURN)
    shown = {
        "fulfilment_id": "FUL-000001", "order_ref": Is(REF), "part_id": Is("OMS-000001-1"), "status": Is("requested"),
    }  # fmt: skip
    returned = {
        "return_id": RETURN,
        "order_ref": REF,
        "lines": [{"line_id": "1", "sku": "MUG", "quantity": 2}],
    }
    wish = {"order_ref": REF, "reason": "customer"}
    return (
        request("request a fulfilment", 201, shown, body=asked),
        request("request a part that is requested already", 409, _problem("duplicate_reference"), body=asked,
                states=(("fulfilment is requested", {}), ("duplicates are refused", {})), verdict=Verdict.REFUSED),
        request("look a fulfilment up", 200, _list_of(shown), states=(("fulfilment is requested", {}),), looks=True),
        *_refusals(request, "request a fulfilment", "article exists", asked),
        stop("stop what was requested", 200, {"order_ref": Is(REF), "cancelled": ["FUL-000001"]}, body=wish),
        stop("stop what is being picked", 409, _problem("too_late"), body=wish, states=(("fulfilment is picking", {}),),
             verdict=Verdict.REFUSED),
        stop("stop what was never requested", 404, _problem("not_found"), body=wish,
             states=(("nothing is prepared", {}),), verdict=Verdict.REFUSED),
        expect("announce a return", 201, {"expected_return_id": "RET-000001", "return_id": Is(RETURN),
               "order_ref": Is(REF), "status": Is("expected")}, body=returned),
        _stale("wms", "fulfilment is requested", "POST", "/v1/fulfilments/FUL-000001/cancel", {"reason": "customer"}),
    )  # fmt: skip


def _marketplace() -> tuple[Expectation, ...]:
    at = f"/v1/orders/{REF}"
    acknowledge = _of("marketplace", f"{at}/acknowledge", "order is placed", taking_in.ACKNOWLEDGE)
    tell = _of("marketplace", f"{at}/shipments", "order is acknowledged", shipping.TELL_CHANNEL, "SHP-000001")
    stop = _of("marketplace", f"{at}/cancel", "order is placed", giving_up.CANCEL_AT_CHANNEL)
    short = _of("marketplace", f"{at}/cancel", "order is placed", giving_up.SHORT_AT_CHANNEL, "FUL-000001")
    wish = "/v1/cancellation-requests/web-C-000001"
    accept = _of("marketplace", f"{wish}/accept", "cancellation is requested", cancel.ACCEPT, "web-C-000001")
    decline = _of(
        "marketplace", f"{wish}/decline", "cancellation is requested", cancel.DECLINE, "web-C-000001"
    )
    confirm = _of("marketplace", f"/v1/returns/{RETURN}/refund-confirmation", "return is requested",
                  return_to_refund.CONFIRM, RETURN)  # fmt: skip
    parcel = {
        "shipment_id": "SHP-000001", "lines": BOTH, "carrier": "DHL", "tracking_number": "DHL-000001-1",
    }  # fmt: skip
    refund = {"refund_id": "REF-000001", "amount": "9.90", "currency": "GBP"}
    whole = {
        **{name: CONTENT[name] for name in ("lines", "customer", "ship_to", "priority", "payment_id", "ship_by")},
        **{name: Is(CONTENT[name]) for name in ("order_ref", "channel", "currency", "service_level")},
        "shipping": money("4.95"), "total": money("14.85"), "status": Is("placed"),
    }  # fmt: skip
    whole["ship_to"] = {name: value for name, value in ADDRESS.items() if name != "line2"}
    gone = {"reason": "customer", "lines": None}
    return (
        acknowledge("acknowledge an order", 200, {"order_ref": Is(REF), "status": Is("acknowledged")}, body={}),
        acknowledge("acknowledge an order that is cancelled", 409, _problem("order_cancelled"), body={},
                    states=(("order is cancelled", {}),), verdict=Verdict.REFUSED),
        *_refusals(acknowledge, "acknowledge an order", "order is placed", {}),
        Expectation("marketplace", "read an order", (("order is placed", {}),), "GET", at, 200, reply=whole,
                    step=cancel.FETCH),
        tell("tell of a parcel", 201, {"shipment_id": Is("SHP-000001")}, body=parcel),
        tell("tell of more than was ordered", 409, _problem("over_shipped"), body=parcel,
             states=(("order is shipped", {}),), verdict=Verdict.REFUSED),
        stop("cancel an order", 200, {"status": Is("cancelled")}, body=gone),
        stop("cancel an order that is shipped", 409, _problem("order_shipped"), body=gone,
             states=(("order is shipped", {}),), verdict=Verdict.REFUSED),
        short("cancel short lines of an order", 200, {"cancelled_lines": [{"line_id": "1", "quantity": 1}]},
              body={"reason": "short FUL-000001", "lines": ONE}),
        accept("accept a cancellation", 200, {"request_id": "web-C-000001", "status": Is("accepted")}, body={}),
        accept("accept a cancellation that is answered", 409, _problem("already_closed"), body={},
               states=(("cancellation is declined", {}),), verdict=Verdict.REFUSED),
        decline("decline a cancellation", 200, {"status": Is("declined")}, body={"reason": "too_late"}),
        confirm("confirm a refund", 200, {"status": Is("refunded")}, body=refund),
        confirm("confirm a refund that is confirmed", 409, _problem("already_closed"), body=refund,
                states=(("return is refunded", {}),), verdict=Verdict.REFUSED),
        Expectation("marketplace", "publish availability", (("listing exists", {}),), "POST",
                    "/v1/listings/availability/batch", 207, body={"items": [{"sku": "MUG", "quantity": 5, "version": 3}]},
                    reply={"results": [{"index": Is(0), "status": Is(200)}]}),
        Expectation("marketplace", "publish an availability that is older", (("listing exists", {"version": 9}),
                    ("older versions are refused", {})), "POST", "/v1/listings/availability/batch", 207,
                    body={"items": [{"sku": "MUG", "quantity": 5, "version": 3}]},
                    reply={"results": [{"index": Is(0), "status": Is(409), "problem": _problem("stale_version")}]}),
        Expectation("marketplace", "publish a price", (("listing exists", {}),), "POST", "/v1/listings/prices/batch", 207,
                    body={"items": [{"sku": "MUG", "amount": "5.25", "currency": "GBP",
                                     "valid_from": "2026-11-20T12:00:00Z", "version": 3}]},
                    reply={"results": [{"index": Is(0), "status": Is(200)}]}),
        Expectation("marketplace", "read the listings", (("listing exists", {}),), "GET", "/v1/listings", 200,
                    reply={"items": [{"sku": "MUG", "availability_version": 2,
                                      "prices": [{"currency": "GBP", "version": 2}]}], "next_cursor": Is(None)},
                    reads=Page[Listing], keyed=False),
        _stale("marketplace", "order is placed", "POST", f"{at}/acknowledge", None),
    )  # fmt: skip


def _payments() -> tuple[Expectation, ...]:
    at = f"/v1/payments/{PAYMENT}"
    capture = _of("payments", f"{at}/captures", "payment is authorised", shipping.CAPTURE, "SHP-000001")
    void = _of("payments", f"{at}/void", "payment is authorised", giving_up.VOID)
    refund = _of("payments", f"{at}/refunds", "payment is captured", return_to_refund.REFUND, RETURN)
    taken = {"amount": "14.85", "currency": "GBP", "shipment_id": "SHP-000001"}
    back = {"amount": "9.90", "currency": "GBP", "return_id": RETURN}
    shown = {"capture_id": "CAP-000001", "shipment_id": Is("SHP-000001")}
    return (
        capture("capture a shipment", 201, shown, body=taken),
        capture("capture more than is held", 409, _problem("exceeds_authorised"), body=taken,
                states=(("payment is partially captured", {}),), verdict=Verdict.REFUSED),
        capture("capture what has been voided", 409, _problem("already_voided"), body=taken,
                states=(("payment is voided", {}),), verdict=Verdict.REFUSED),
        capture("capture after the authorisation has expired", 409, _problem("expired"), body=taken,
                states=(("payment is expired", {}),), verdict=Verdict.REFUSED),
        capture("look a capture up", 200, _list_of(shown), states=(("payment is captured", {}),), looks=True),
        *_refusals(capture, "capture a shipment", "payment is authorised", taken),
        void("void what is held", 200, {"payment_id": Is(PAYMENT), "status": Is("voided"), "voided": money("14.85")},
             body={}),
        void("void what is captured", 409, _problem("already_captured"), body={},
             states=(("payment is captured", {}),), verdict=Verdict.REFUSED),
        refund("refund a return", 201, {"refund_id": "REF-000001", "return_id": Is(RETURN)}, body=back),
        refund("refund more than was captured", 409, _problem("exceeds_captured"), body=back,
               states=(("payment is partially captured", {}),), verdict=Verdict.REFUSED),
        _stale("payments", "payment is authorised", "POST", f"{at}/void", None),
    )  # fmt: skip


def expectations() -> tuple[Expectation, ...]:
    """All of them."""
    return (*_erp(), *_oms(), *_wms(), *_marketplace(), *_payments())
