"""order-to-ship: take an order to the OMS and the ERP, have it shipped, charge and tell what left, give up cleanly."""

from collections.abc import Collection
from itertools import islice

import msgspec

from ..documents import ChannelOrder, Content, OmsOrder, Rejection, SalesOrder, Shipment, Units
from ..order import Order, Shipped, Wanted
from ..steps import giving_up, shipping, taking_in
from ..steps.giving_up import (
    CANCEL_AT_CHANNEL,
    CANCEL_IN_ERP,
    CANCEL_IN_OMS,
    SHORT_AT_CHANNEL,
    SHORT_IN_ERP,
    SHORT_IN_OMS,
    VOID,
)
from ..steps.shipping import CAPTURE, INVOICE, REQUEST, TELL_CHANNEL, TELL_OMS, all_captured, charged
from ..steps.taking_in import ACKNOWLEDGE, BOOK, CREATE_IN_OMS, RESUBMIT

OPEN_AT_CHANNEL = ("placed", "acknowledged")
BOOKED = ("posted", "partially_invoiced", "invoiced")

STEPS = (*taking_in.STEPS, *shipping.STEPS, *giving_up.STEPS)

# Facts


def placed(order: Order, channel: str, document: ChannelOrder) -> None:
    """``order.placed``, or the order as its channel shows it."""
    if order.content is None:
        order.channel = channel
        order.content = msgspec.convert(document, Content, from_attributes=True)
    if document.status in OPEN_AT_CHANNEL:
        order.placed = True


def allocated(order: Order, document: OmsOrder) -> None:
    """``order.allocated``: it may be known before our own request to create the order is answered."""
    if not order.parts:
        order.oms_id, order.parts = document.order_id, document.parts


def unfillable(order: Order, document: OmsOrder) -> None:
    """``order.unfillable``."""
    order.unfillable = True
    order.oms_id = order.oms_id or document.order_id


def posted(order: Order, document: SalesOrder) -> None:
    """``sales_order.posted``."""
    if not order.posted:
        order.posted, order.rejected = True, None
        order.sales_order_id = document.sales_order_id


def rejected(order: Order, document: Rejection) -> None:
    """``sales_order.rejected``: for good, or until it is submitted again."""
    if not order.posted:
        order.sales_order_id = document.sales_order_id
        order.rejected, order.rejected_for_good = document.reason, document.permanent


def shipped(order: Order, document: Shipment) -> None:
    """``shipment.confirmed``: a parcel, or units that the warehouse gives up on, or both."""
    if document.shipment_id is not None and document.lines and document.shipment_id not in order.shipments:
        order.shipments[document.shipment_id] = Shipped(
            document.lines, document.carrier or "unknown", document.tracking_number or "unknown"
        )
        order.shipping_with = order.shipping_with or document.shipment_id
    if document.short:
        given_up(order, document.fulfilment_id, document.short)


def given_up(order: Order, fulfilment_id: str, short: list[Units]) -> None:
    """Units that will never come."""
    order.shorts.setdefault(fulfilment_id, short)


# Conclusions


def decide(order: Order, under_way: Collection[str]) -> None:
    """An order ends that cannot be filled, or that the ERP refuses for good."""
    if order.ended is None and order.placed:
        if order.unfillable:
            order.ended = "out_of_stock"
        elif order.rejected and order.rejected_for_good:
            order.ended = "rejected"


def plan(order: Order, under_way: Collection[str]) -> Wanted:
    """Every step that may be taken now."""
    if order.content is None or not order.placed:
        return
    if order.ended is not None:
        yield from _ending(order, under_way)
        return
    yield ACKNOWLEDGE, ""
    yield CREATE_IN_OMS, ""
    yield BOOK, ""
    if order.rejected and order.sales_order_id:
        yield RESUBMIT, str(order.resubmissions + 1)
    undecided = "open" in order.wishes.values() and not order.too_late
    if order.posted and not undecided:
        for part in order.parts:
            yield REQUEST, part.part_id
    for shipment_id in order.shipments:
        if charged(order, shipment_id)[0]:
            yield CAPTURE, shipment_id
        yield TELL_CHANNEL, shipment_id
        if order.oms_id:
            yield TELL_OMS, shipment_id
        if order.sales_order_id:
            yield INVOICE, shipment_id
    yield from _giving_up(order)


def _giving_up(order: Order) -> Wanted:
    """Cancel what is short, one fulfilment after the other; give back the rest of the money when all else is paid."""
    ready = (
        (SHORT_IN_OMS, order.oms_id),
        (SHORT_IN_ERP, order.sales_order_id),
        (SHORT_AT_CHANNEL, order.ref),
    )
    for step, document_id in ready:
        left = (ref for ref in order.shorts if document_id and not order.over(step.key(ref)))
        for fulfilment_id in islice(left, 1):
            yield step, fulfilment_id
    if order.shorts and order.units_left() <= 0 and all_captured(order):
        yield VOID, ""


def _ending(order: Order, under_way: Collection[str]) -> Wanted:
    """Cancel everywhere; a system whose answer to the order is still unknown is waited for."""
    if order.ended != "customer":
        yield CANCEL_AT_CHANNEL, ""
    if order.oms_id and not order.unfillable and CREATE_IN_OMS.key() not in under_way:
        yield CANCEL_IN_OMS, ""
    if order.sales_order_id and not order.rejected_for_good and BOOK.key() not in under_way:
        yield CANCEL_IN_ERP, ""
    yield VOID, ""
