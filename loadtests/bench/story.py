"""What happens to a handful of orders, step by step; every system's part of it, in the order in which it happens."""

from collections import defaultdict
from typing import Any

from .handful import (
    CANCELLED,
    CHANNELS,
    COUNTED,
    LESS,
    MORE,
    OPENING,
    PRICE,
    PRICED,
    RECEIVED,
    REFUSED,
    REPLY_LOST,
    RETURNED,
    STAMP,
    VERSION,
    Order,
    Shipment,
    orders,
    sku_of,
    unpriced,
    worth,
)
from .step import Step

FLOWS = ("order-to-ship", "stock-sync", "cancel", "return-to-refund", "price-publish")
INJECTIONS = {"booking-reply-lost": ("lost-reply", "erp"), "oms-errors": ("server-error", "oms")}

_LOST: dict[str, Any] = {"outcome": "unknown", "status": None, "faults": ["booking-reply-lost"]}
_REFUSAL: dict[str, Any] = {
    "outcome": "refused",
    "committed": False,
    "status": 503,
    "error": "unavailable",
    "refused_by": "fault",
    "retry_after_s": 1.0,
    "faults": ["oms-errors"],
}
_READS = (
    ("web", "list_orders"),
    ("bazaar", "list_orders"),
    ("oms", "list_orders"),
    ("oms", "list_availability"),
    ("erp", "list_sales_orders"),
    ("wms", "list_stock_movements"),
)
_BATCH = 8
"""Articles of one call about stock."""


def steps() -> list[Step]:
    """The whole story; what fails in the first step succeeds in the second."""
    counts: defaultdict[str, int] = defaultdict(int)
    placed, again, allocated, published, shipped, invoiced, sent, back, refunded = (
        Step(lag, counts) for lag in (0, 15, 25, 27, 60, 65, 90, 110, 115)
    )
    for order in orders():
        _place(placed, order)
        _take_in(placed, again if order.place == REFUSED else placed, order)
        _book(placed, again, order)
        _allocate(allocated, order)
        if order.place == CANCELLED:
            _cancel(allocated, order)
        else:
            _request(allocated, order)
            _ship(shipped, order)
            _invoice(invoiced, order)
        if order.place in RETURNED:
            _send_back(sent, order)
            _come_back(back, order)
            _refund(refunded, order)
    sold = [line for order in orders() if order.shipments for line in order.lines]
    _publish(published, [(sku, LESS[quantity]) for _, sku, quantity, _ in sold])
    moves = [(sku, -quantity, LESS[quantity], "shipment") for _, sku, quantity, _ in sold]
    _move(shipped, moves)
    _adjust(shipped)
    return [placed, again, allocated, published, shipped, invoiced, sent, back, refunded]


def opening() -> Step:
    """What stood in every system before the run."""
    step = Step(0, defaultdict(int))
    articles = [sku for order in orders() for _, sku, *_ in order.lines]
    for sku in [*articles, *map(sku_of, (RECEIVED, COUNTED, PRICED))]:
        known: dict[str, Any] = {"sku": sku, "actor": "before-run"}
        stock: dict[str, Any] = known | {"on_hand": OPENING, "version": VERSION}
        step.happened("erp", "item_known", on_hand=OPENING, **known)
        moved: dict[str, Any] = {
            "quantity": OPENING,
            "location": "north",
            "cause": "opening",
            "ref": _change(sku),
        }
        step.happened("wms", "stock_moved", **stock, **moved)
        step.happened("oms", "stock_set", **stock, location="north", data={"before": None})
        step.happened("oms", "availability_computed", **stock)
        for channel in CHANNELS:
            step.happened(channel, "availability_listed", **stock, data={"on_hand_before": 0})
            step.happened(channel, "price_listed", **known, **_price())
    for injection, (fault, system) in INJECTIONS.items():
        step.fault(injection, fault, "armed", system)
    return step


def _place(step: Step, order: Order) -> None:
    channel = order.channel
    step.shopped("order", order)
    shopper: dict[str, Any] = {"client": f"shopper-{channel}", "idempotency_key": None}
    call = step.asked(channel, "checkout", order, **shopper)
    step.happened("payments", "payment_authorised", order, "PAY", "authorised", **order.money)
    step.told("payment.authorised")
    content = {"lines": order.lines, "data": order.content, **order.money}
    step.happened(channel, "order_placed", order, channel, "placed", **content, call_id=call)
    step.told("order.placed", times=2 if order.place in (REFUSED, REPLY_LOST) else 1)
    for _, sku, quantity, _ in order.lines:
        lowered: dict[str, Any] = {
            "sku": sku,
            "quantity": -quantity,
            "on_hand": LESS[quantity],
            "version": VERSION,
        }
        step.happened(channel, "listing_lowered", order, **lowered, call_id=call)
    call = step.asked(channel, "acknowledge_order", order)
    step.happened(channel, "order_acknowledged", order, channel, "acknowledged", call_id=call)


def _take_in(first: Step, step: Step, order: Order) -> None:
    same = _same_request(order)
    if first is not step:
        call = first.asked("oms", "create_order", order, **same, **_REFUSAL)
        first.fault("oms-errors", "server-error", "fired", "oms", call)
    call = step.asked("oms", "create_order", order, **same)
    content = {"lines": order.lines, "data": order.content, **order.money}
    step.happened("oms", "oms_order_created", order, "OMS", "created", **content, call_id=call)


def _book(step: Step, again: Step, order: Order) -> None:
    lost = order.place == REPLY_LOST
    same = _same_request(order)
    call = step.asked("erp", "create_sales_order", order, **same, **(_LOST if lost else {}))
    content = {"lines": order.lines, "data": order.content, **order.money}
    step.happened("erp", "sales_order_received", order, "SO", "received", **content, call_id=call)
    if lost:
        step.fault("booking-reply-lost", "lost-reply", "fired", "erp", call)
        again.asked("erp", "create_sales_order", order, attempt=2, replayed=True, **same)


def _allocate(step: Step, order: Order) -> None:
    lines = [{"line_id": line_id, "sku": sku, "quantity": units} for line_id, sku, units, _ in order.lines]
    parts = {"parts": [{"part_id": order.id("PART"), "location": "north", "lines": lines}]}
    step.happened("oms", "order_allocated", order, "OMS", "allocated", lines=order.lines, data=parts)
    step.told("order.allocated")
    step.happened("erp", "sales_order_posted", order, "SO", "posted")
    step.told("sales_order.posted")


def _request(step: Step, order: Order) -> None:
    call = step.asked("wms", "create_fulfilment", order)
    kept = {name: order.content[name] for name in ("priority", "ship_by", "service_level", "ship_to")}
    about: dict[str, Any] = {
        "ref": order.id("PART"),
        "location": "north",
        "lines": unpriced(order.lines),
        "data": kept,
    }
    step.happened("wms", "fulfilment_requested", order, "FUL", "requested", **about, call_id=call)


def _cancel(step: Step, order: Order) -> None:
    channel = order.channel
    call = step.asked(channel, "request_cancellation", order, client=f"shopper-{channel}")
    wish = {"ref": order.id("WISH"), "cause": "changed_mind"}
    step.happened(channel, "cancellation_requested", order, "WISH", **wish, call_id=call)
    step.told("cancellation.requested")
    whole = {"lines": order.lines, "cause": "changed_mind"}
    call = step.asked("oms", "cancel_order", order)
    step.happened("oms", "oms_order_cancelled", order, "OMS", "cancelled", **whole, call_id=call)
    call = step.asked("erp", "cancel_sales_order", order)
    step.happened("erp", "sales_order_cancelled", order, "SO", "cancelled", **whole, call_id=call)
    call = step.asked("payments", "void_payment", order)
    step.happened("payments", "payment_voided", order, "PAY", "voided", **order.money, call_id=call)
    step.told("payment.voided")
    call = step.asked(channel, "accept_cancellation", order)
    step.happened(channel, "cancellation_accepted", order, "WISH", **wish, call_id=call)
    step.happened(channel, "order_cancelled", order, channel, "cancelled", **whole, call_id=call)


def _ship(step: Step, order: Order) -> None:
    part = {"ref": order.id("PART"), "location": "north"}
    step.happened("wms", "picking_started", order, "FUL", "picking", **part)
    for shipment in order.shipments:
        left = {"ref": shipment.id, "lines": unpriced(shipment.lines), "location": "north"}
        data = {"short": [], "part_id": part["ref"], "final": shipment.last}
        status = shipment.status("shipped")
        step.happened("wms", "shipment_confirmed", order, "FUL", status, **left, data=data)
        step.told("shipment.confirmed")
        _follow(step, order, shipment)


def _follow(step: Step, order: Order, shipment: Shipment) -> None:
    """The four things that follow from a shipment."""
    money = {"amount": shipment.amount, "currency": order.money["currency"]}
    call = step.asked("payments", "capture_payment", order)
    captured = {"ref": shipment.id, "data": {"capture_id": f"CAP-{shipment.id}"}, **money}
    status = shipment.status("captured")
    step.happened("payments", "payment_captured", order, "PAY", status, **captured, call_id=call)
    step.told("payment.captured")
    lines = {"ref": shipment.id, "lines": shipment.lines}
    call = step.asked("erp", "create_invoice", order, status=202)
    invoice = f"INV-{shipment.id}"
    step.happened("erp", "invoice_received", order, invoice, "received", **lines, **money, call_id=call)
    status = shipment.status("shipped")
    call = step.asked("oms", "ship_order", order)
    step.happened("oms", "oms_order_shipped", order, "OMS", status, **lines, call_id=call)
    call = step.asked(order.channel, "ship_order", order)
    carrier = {"carrier": "DHL", "tracking_number": f"DHL-{shipment.id}"}
    step.happened(
        order.channel, "shipment_recorded", order, order.channel, status, **lines, data=carrier, call_id=call
    )


def _invoice(step: Step, order: Order) -> None:
    for shipment in order.shipments:
        invoice, money = f"INV-{shipment.id}", order.money | {"amount": shipment.amount}
        about: dict[str, Any] = {"ref": shipment.id, "lines": shipment.lines, **money}
        step.happened("erp", "invoice_posted", order, invoice, shipment.status("invoiced"), **about)
        step.told("invoice.posted")
        accounts = {"debit": "receivables", "credit": "revenue"}
        step.happened("erp", "ledger_entry", order, invoice, **money, data=accounts)
        for _, sku, quantity, _ in shipment.lines:
            stock: dict[str, Any] = {
                "sku": sku,
                "quantity": -quantity,
                "on_hand": LESS[quantity],
                "version": VERSION,
            }
            step.happened("erp", "book_stock_moved", None, invoice, **stock, cause="invoice")


def _send_back(step: Step, order: Order) -> None:
    channel = order.channel
    call = step.asked(channel, "request_return", order, client=f"shopper-{channel}")
    about: dict[str, Any] = {"ref": order.id("RET"), "call_id": call}
    step.happened(channel, "return_requested", order, "RET", lines=order.lines, cause="too_late", **about)
    step.told("return.requested")
    about["lines"] = unpriced(order.lines)
    about["call_id"] = step.asked("oms", "authorise_return", order)
    step.happened("oms", "return_authorised", order, "RMA", "authorised", **about)
    about["call_id"] = step.asked("wms", "expect_return", order)
    step.happened("wms", "return_expected", order, "EXP", "expected", **about)


def _come_back(step: Step, order: Order) -> None:
    """All of it, but nothing that could be sold again."""
    about: dict[str, Any] = {"ref": order.id("RET"), "lines": unpriced(order.lines)}
    sellable = {"sellable": {line[0]: 0 for line in order.lines}}
    step.happened("wms", "return_received", order, "EXP", "received", **about, data=sellable)
    step.told("return.received")
    step.happened("oms", "oms_return_received", order, "OMS", "returned", **about)
    call = step.asked("erp", "create_credit_memo", order, status=202)
    step.happened(
        "erp", "credit_memo_received", order, "CM", "received", **about, **_owed(order), call_id=call
    )


def _refund(step: Step, order: Order) -> None:
    about: dict[str, Any] = {"ref": order.id("RET"), **_owed(order)}
    step.happened("erp", "credit_memo_posted", order, "CM", "posted", lines=unpriced(order.lines), **about)
    step.told("credit_memo.posted")
    call = step.asked("payments", "refund_payment", order)
    refund = {"data": {"refund_id": order.id("REF")}, **about}
    step.happened("payments", "payment_refunded", order, "PAY", "partially_refunded", **refund, call_id=call)
    step.told("payment.refunded")
    channel = order.channel
    call = step.asked(channel, "confirm_refund", order)
    step.happened(channel, "refund_confirmed", order, "REF", "partially_refunded", **about, call_id=call)


def _publish(step: Step, sold: list[tuple[str, int]]) -> None:
    """What the OMS has left to sell, and a price, onto the channels; and a look whether anything was missed."""
    left = [*sold, (sku_of(RECEIVED), MORE), (sku_of(COUNTED), LESS[1])]
    for sku, units in left:
        step.happened("oms", "availability_computed", sku=sku, on_hand=units, version=VERSION)
        step.told("availability.changed")
    sku = sku_of(PRICED)
    step.happened("erp", "price_set", sku=sku, actor="back-office", **_price())
    step.told("price.changed")
    half = len(left) // 2
    for channel in CHANNELS:
        for some in (left[:half], left[half:]):
            subjects = [one for one, _ in some]
            call = step.asked(channel, "publish_availability_batch", status=207, subjects=subjects)
            for one, units in some:
                listed: dict[str, Any] = {
                    "sku": one,
                    "on_hand": units,
                    "version": VERSION,
                    "data": {"on_hand_before": units},
                }
                step.happened(channel, "availability_listed", **listed, call_id=call)
        call = step.asked(channel, "publish_price_batch", status=207, subjects=[sku])
        step.happened(channel, "price_listed", sku=sku, **_price(), call_id=call)
    for system, operation in _READS:
        step.read(system, operation)


def _move(step: Step, moves: list[tuple[str, int, int, str]]) -> None:
    """Goods in the warehouse, each movement told to the OMS: sku, units, what is left, and why."""
    for sku, units, left, cause in moves:
        moved: dict[str, Any] = {
            "sku": sku,
            "quantity": units,
            "on_hand": left,
            "version": VERSION,
            "ref": _change(sku),
        }
        actor = None if cause == "shipment" else "back-office"
        step.happened("wms", "stock_moved", **moved, location="north", cause=cause, actor=actor)
        step.told("stock.changed")
    for place in range(0, len(moves), _BATCH):
        some = moves[place : place + _BATCH]
        call = step.asked("oms", "set_stock_batch", status=207, subjects=[sku for sku, *_ in some])
        for sku, units, left, _ in some:
            told: dict[str, Any] = {
                "sku": sku,
                "on_hand": left,
                "version": VERSION,
                "data": {"before": -units},
            }
            step.happened("oms", "stock_set", **told, location="north", call_id=call)


def _adjust(step: Step) -> None:
    """What comes in and what is counted, into the ERP's book as well."""
    moves = [(sku_of(RECEIVED), 5, MORE, "receipt"), (sku_of(COUNTED), -1, LESS[1], "count")]
    _move(step, moves)
    subjects = [sku for sku, *_ in moves]
    call = step.asked("erp", "create_stock_adjustment_batch", status=207, subjects=subjects)
    for sku, units, left, cause in moves:
        about: dict[str, Any] = {"sku": sku, "quantity": units, "ref": _change(sku), "call_id": call}
        step.happened("erp", "stock_adjusted", None, f"ADJ-{_change(sku)}", cause=cause, **about)
        about |= {"on_hand": left, "version": VERSION, "cause": "adjustment"}
        step.happened("erp", "book_stock_moved", None, f"ADJ-{_change(sku)}", **about)


def _same_request(order: Order) -> dict[str, Any]:
    """What every attempt to hand an order over has in common."""
    return {"idempotency_key": f"{order.ref}:book", "request_body": f"{order.id('')[1:]:0<24}"}


def _owed(order: Order) -> dict[str, Any]:
    return order.money | {"amount": str(worth(order.lines))}


def _price() -> dict[str, Any]:
    said = {"amount": str(PRICE), "currency": "GBP", "data": {"valid_from": STAMP}}
    return {"version": VERSION, **said}


def _change(sku: str) -> str:
    return f"CHG-{sku}-{VERSION}"
