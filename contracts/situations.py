"""In which provider state a recorded call found its system, and after which an event is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .state import UNITS, known_to

States = tuple[tuple[str, Mapping[str, Any]], ...]

STATE_BEFORE_EVENT = {
    "order.placed": "order is placed",
    "cancellation.requested": "cancellation is requested",
    "return.requested": "return is requested",
    "order.allocated": "order is allocated",
    "order.unfillable": "order is unfillable",
    "availability.changed": "stock is known",
    "sales_order.posted": "sales order is posted",
    "sales_order.rejected": "sales order is rejected",
    "invoice.posted": "invoice is posted",
    "credit_memo.posted": "credit memo is posted",
    "price.changed": "price is set",
    "shipment.confirmed": "fulfilment is shipped",
    "stock.changed": "stock changed",
    "return.received": "return is received",
    "payment.authorised": "payment is authorised",
    "payment.captured": "payment is captured",
    "payment.voided": "payment is voided",
    "payment.refunded": "payment is refunded",
    "payment.expired": "payment is expired",
}
"""The state whose preparation ends with the event, for every topic of the estate."""

FAULTS = {
    (401, "unauthenticated"): "token expired",
    (403, "forbidden"): "scope revoked",
    (429, "throttled"): "throttled",
    (503, "unavailable"): "unavailable",
    (500, "internal_error"): "failing",
}
"""What a throttle or a fault answered, whatever the system's documents were."""

DOCUMENT = {
    "erp": ("sales order", "sales_order_id", ("sales_order_", "invoice_posted")),
    "oms": ("order", "order_id", ("oms_order_", "order_", "oms_lines_", "oms_return_")),
    "marketplace": ("order", "", ("order_", "shipment_", "lines_cancelled", "refund_")),
    "wms": ("fulfilment", "fulfilment_id", ("fulfilment_", "picking_", "shipment_")),
    "payments": ("payment", "payment_id", ("payment_",)),
}
"""Of each kind: the document that follows an order, its id in paths, and the effects that say its status."""
CREATED = {
    "erp": "sales_order_received",
    "oms": "oms_order_created",
    "marketplace": "order_placed",
    "wms": "fulfilment_requested",
    "payments": "payment_authorised",
}

ANSWERS = {
    "cancellation_accepted": "accepted",
    "cancellation_declined": "declined",
    "cancellation_closed": "closed",
    "refund_confirmed": "refunded",
}
"""What an effect says of the wish or return that it names."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the effects before a call say of its order in that system."""

    order_ref: str | None
    status: str | None = None
    document_id: str | None = None
    lines: tuple[Mapping[str, Any], ...] = ()
    shipping: str = "0.00"
    currency: str = "GBP"
    amount: str = "0.00"
    captured: str = "0.00"
    location: str = "north"
    part_id: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    """Wishes and returns of a channel: recorded id to the name under which a state hands it back."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What became of them, by the same id, where they were answered."""

    @property
    def of_order(self) -> dict[str, Any]:
        """The parameters of a state that prepares an order."""
        return {
            "order_ref": self.order_ref,
            "lines": [dict(line) for line in self.lines],
            "shipping": self.shipping,
            "currency": self.currency,
        }


@dataclass(frozen=True, slots=True)
class Prepared:
    """States that bring a call's situation about again, and the ids that they give anew."""

    states: States
    names: Mapping[str, str] = field(default_factory=dict)
    """Recorded id to the expression that stands for it."""
    about_order: bool = False


def situation(kind: str, effects: list[dict[str, Any]], order_ref: str | None) -> Facts:
    """Read the facts off an order's effects in one system, oldest first."""
    _, _, tells = DOCUMENT[kind]
    created = next((one for one in effects if one["kind"] == CREATED[kind]), None)
    if created is None:
        return Facts(order_ref)
    status = str(created["status"])
    ids: dict[str, str] = {}
    answers: dict[str, str] = {}
    captured = 0.0
    for one in effects:
        if one["status"] and one["kind"].startswith(tells):
            status = str(one["status"])
            if status == "rejected" and one["permanent"]:
                status = "rejected_for_good"
        if one["kind"] == "cancellation_requested" and one["ref"]:
            ids[one["ref"]] = "request_id"
        elif one["kind"] == "return_requested" and one["ref"]:
            ids[one["ref"]] = "return_id"
        elif one["kind"] in ANSWERS and one["ref"]:
            answers[one["ref"]] = ANSWERS[one["kind"]]
        elif one["kind"] == "payment_captured":
            captured += float(one["amount_text"])
    lines = tuple(
        {
            "line_id": line["line_id"],
            "sku": line["sku"],
            "quantity": line["quantity"],
            **({"unit_price": line["unit_price"]} if line["unit_price"] else {}),
        }
        for line in created["lines"] or ()
    )
    return Facts(
        order_ref,
        status,
        created["document_id"],
        lines,
        str(created["data"].get("shipping", "0.00")),
        created["currency"] or "GBP",
        created["amount_text"] or "0.00",
        f"{captured:.2f}",
        created["location"] or "north",
        created["ref"] or "",
        ids,
        answers,
    )


def prepared(kind: str, call: Mapping[str, Any], asked: Any, facts: Facts) -> Prepared | None:
    """The states of a call; None where none brings its answer about again."""
    status, error = call["status"], call["error"]
    if call["refused_by"] in ("fault", "throttle"):
        name = FAULTS.get((status, error))
        return None if name is None else Prepared(((name, {}),))
    if call["faults"]:
        return None
    if error == "duplicate_reference":
        return None if facts.status is None else _of_order(kind, facts, ("duplicates are refused", {}))
    found = OPERATIONS.get((kind, call["operation"]))
    return None if found is None else found(kind, asked, facts)


Situation = Callable[[str, Any, Facts], Prepared | None]


def _of_order(kind: str, facts: Facts, *more: tuple[str, Mapping[str, Any]]) -> Prepared | None:
    """The order's document in the status that it had."""
    noun, identity, _ = DOCUMENT[kind]
    name = f"{noun} is {(facts.status or '').replace('_', ' ')}"
    partly = facts.status is not None and facts.status.startswith("partially")
    if name not in known_to(kind) or (partly and kind != "payments"):
        return None
    parameters: dict[str, Any] = facts.of_order
    if kind == "payments":
        parameters = {"order_ref": facts.order_ref, "amount": facts.amount, "currency": facts.currency}
        if partly:
            parameters["captured"] = facts.captured
    elif kind == "wms":
        parameters = {
            "order_ref": facts.order_ref,
            "part_id": facts.part_id,
            "location": facts.location,
            "lines": parameters["lines"],
        }
    names = {facts.document_id: f"${{{identity}}}"} if identity and facts.document_id else {}
    return Prepared(((name, parameters), *more), names, about_order=True)


def _order(kind: str, asked: Any, facts: Facts) -> Prepared | None:
    return _of_order(kind, facts)


def _articles(kind: str, asked: Any, facts: Facts) -> Prepared | None:
    """Every article that the request names."""
    lines = (asked or {}).get("lines") or (asked or {}).get("items") or []
    wanted: dict[str, int] = {}
    for line in lines:
        if "sku" in line:
            wanted[line["sku"]] = wanted.get(line["sku"], 0) + int(line.get("quantity", 0))
    stock = {sku: {"on_hand": units} if units > UNITS else {} for sku, units in wanted.items()}
    return (
        Prepared(tuple(("article exists", {"sku": sku, **stock[sku]}) for sku in wanted)) if wanted else None
    )


def _listings(kind: str, asked: Any, facts: Facts) -> Prepared | None:
    skus = list(dict.fromkeys(item["sku"] for item in (asked or {}).get("items", ())))
    return Prepared(tuple(("listing exists", {"sku": sku, "version": 1}) for sku in skus)) if skus else None


def _wish(noun: str, identity: str) -> Situation:
    def found(kind: str, asked: Any, facts: Facts) -> Prepared | None:
        known = {one: f"${{{told}}}" for one, told in facts.ids.items() if told == identity}
        if len(known) != 1 or facts.status in (None, "cancelled"):
            return None
        name = f"{noun} is {facts.answers.get(next(iter(known)), 'requested')}"
        return (
            Prepared(((name, facts.of_order),), known, about_order=True) if name in known_to(kind) else None
        )

    return found


def _plain(name: str) -> Situation:
    """One of a kind is there, whichever."""

    def found(kind: str, asked: Any, facts: Facts) -> Prepared | None:
        known = known_to(kind)[name]
        takes = {one.name for one in known.parameters}
        about = facts.order_ref if "order_ref" in takes else None
        return Prepared(((name, {"order_ref": about} if about else {}),), about_order=about is not None)

    return found


OPERATIONS: dict[tuple[str, str], Situation] = {
    ("erp", "create_sales_order"): _articles,
    ("erp", "get_sales_order"): _order,
    ("erp", "list_sales_orders"): _plain("sales order is received"),
    ("erp", "resubmit_sales_order"): _order,
    ("erp", "cancel_sales_order"): _order,
    ("erp", "create_invoice"): _order,
    ("erp", "list_invoices"): _plain("invoice is posted"),
    ("erp", "create_credit_memo"): _order,
    ("erp", "list_credit_memos"): _plain("credit memo is posted"),
    ("erp", "create_stock_adjustment"): _articles,
    ("erp", "create_stock_adjustment_batch"): _articles,
    ("erp", "list_stock_adjustments"): _plain("stock adjustment is booked"),
    ("erp", "list_items"): _plain("nothing is prepared"),
    ("erp", "list_stock"): _plain("nothing is prepared"),
    ("erp", "list_prices"): _plain("price is set"),
    ("oms", "create_order"): _articles,
    ("oms", "get_order"): _order,
    ("oms", "list_orders"): _plain("order is allocated"),
    ("oms", "ship_order"): _order,
    ("oms", "cancel_order"): _order,
    ("oms", "authorise_return"): _order,
    ("oms", "list_return_authorisations"): _plain("return is authorised"),
    ("oms", "set_stock_batch"): _articles,
    ("oms", "list_stock"): _plain("stock is known"),
    ("oms", "list_availability"): _plain("stock is known"),
    ("wms", "create_fulfilment"): _articles,
    ("wms", "list_fulfilments"): _plain("fulfilment is requested"),
    ("wms", "get_fulfilment"): _order,
    ("wms", "cancel_fulfilment"): _order,
    ("wms", "cancel_order_fulfilments"): _order,
    ("wms", "list_shipments"): _plain("fulfilment is shipped"),
    ("wms", "expect_return"): _articles,
    ("wms", "list_expected_returns"): _plain("return is expected"),
    ("wms", "list_stock"): _plain("nothing is prepared"),
    ("wms", "list_stock_movements"): _plain("stock changed"),
    ("marketplace", "get_order"): _order,
    ("marketplace", "list_orders"): _plain("order is placed"),
    ("marketplace", "acknowledge_order"): _order,
    ("marketplace", "ship_order"): _order,
    ("marketplace", "cancel_order"): _order,
    ("marketplace", "list_cancellation_requests"): _plain("cancellation is requested"),
    ("marketplace", "get_cancellation_request"): _wish("cancellation", "request_id"),
    ("marketplace", "accept_cancellation"): _wish("cancellation", "request_id"),
    ("marketplace", "decline_cancellation"): _wish("cancellation", "request_id"),
    ("marketplace", "list_returns"): _plain("return is requested"),
    ("marketplace", "get_return"): _wish("return", "return_id"),
    ("marketplace", "confirm_refund"): _wish("return", "return_id"),
    ("marketplace", "list_listings"): _plain("listing exists"),
    ("marketplace", "publish_availability"): _listings,
    ("marketplace", "publish_availability_batch"): _listings,
    ("marketplace", "publish_price_batch"): _listings,
    ("payments", "get_payment"): _order,
    ("payments", "list_payments"): _plain("payment is authorised"),
    ("payments", "capture_payment"): _order,
    ("payments", "void_payment"): _order,
    ("payments", "refund_payment"): _order,
    ("payments", "list_captures"): _plain("payment is captured"),
    ("payments", "list_refunds"): _plain("payment is refunded"),
}
"""How each operation found its system; what is not here is left out."""
