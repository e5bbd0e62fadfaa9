"""One order of three lines as the middleware comes to know it, and the steps that its flows want."""

from collections.abc import Collection

from peakproof.middleware.documents import (
    Address,
    ChannelOrder,
    Customer,
    Line,
    OmsOrder,
    Part,
    SalesOrder,
    Shipment,
    Units,
)
from peakproof.middleware.flows import cancel, order_to_ship, return_to_refund
from peakproof.middleware.order import Order

REF = "web-000001"
LINES = [Line("1", "MUG", 2, "4.95"), Line("2", "TEA", 1, "3.10"), Line("3", "MUG", 1, "4.95")]
PARTS = [
    Part("OMS-000001-1", "north", [Units("1", "MUG", 2), Units("2", "TEA", 1)]),
    Part("OMS-000001-2", "south", [Units("3", "MUG", 1)]),
]
FLOWS = (order_to_ship, cancel, return_to_refund)


def channel_order(status: str = "placed", **changes: object) -> ChannelOrder:
    document = {
        "order_ref": REF,
        "channel": "web",
        "currency": "GBP",
        "lines": LINES,
        "shipping": "4.95",
        "total": "22.90",
        "customer": Customer("Zoë Müller", "zoe@example.org"),
        "ship_to": Address("Zoë Müller", "1 High Street", "Leeds", "LS1 1AA", "GB"),
        "service_level": "standard",
        "priority": 5,
        "ship_by": "2026-11-29T09:30:00Z",
        "payment_id": "PAY-000001",
        "status": status,
    }
    return ChannelOrder(**{**document, **changes})  # type: ignore[arg-type]


def placed() -> Order:
    order = Order(ref=REF)
    order_to_ship.placed(order, "web", channel_order())
    return order


def taken_in() -> Order:
    """Created and allocated in the OMS, booked and posted in the ERP."""
    order = placed()
    order_to_ship.allocated(order, OmsOrder("OMS-000001", REF, parts=PARTS))
    order_to_ship.posted(order, SalesOrder("SO-000001", REF))
    order.done |= {"acknowledge": "", "create_in_oms": "OMS-000001", "book": "SO-000001"}
    return order


def requested() -> Order:
    order = taken_in()
    order.done |= {"request:OMS-000001-1": "FUL-000001", "request:OMS-000001-2": "FUL-000002"}
    return order


def parcel(shipment_id: str | None, lines: list[Units], short: list[Units] | None = None) -> Shipment:
    return Shipment("FUL-000001", REF, shipment_id, lines, short or [], "DHL", "DHL-000001-1")


def wanted(order: Order, under_way: Collection[str] = ()) -> list[str]:
    """What is to be called now: planned, and neither done nor refused nor under way."""
    for flow in FLOWS:
        flow.decide(order, under_way)
    keys = {step.key(ref): None for flow in FLOWS for step, ref in flow.plan(order, under_way)}
    return [
        key for key in keys if key not in order.done and key not in order.refused and key not in under_way
    ]
