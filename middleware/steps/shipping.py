"""Steps that get an order shipped, and charge and tell what left."""

from decimal import Decimal
from typing import Any

from ..documents import Capture, ChannelOrder, Fulfilment, Invoice, OmsOrder
from ..order import Order, Request, Search, Step, amount, encoded
from .paths import by_reference, content_of, order_at_channel, order_in_oms, payment, quantities


def _request(order: Order, part_id: str) -> Request:
    content = content_of(order)
    part = next(part for part in order.parts if part.part_id == part_id)
    body = {
        "order_ref": order.ref,
        "part_id": part_id,
        "location": part.location,
        "lines": part.lines,
        "priority": content.priority,
        "ship_by": content.ship_by,
        "service_level": content.service_level,
        "ship_to": content.ship_to,
    }
    return Request("POST", "/v1/fulfilments", encoded(body))


def charged(order: Order, shipment_id: str) -> tuple[Decimal, Decimal]:
    """The price of what left with a shipment including delivery, and the cost of delivery in it."""
    lines = order.shipments[shipment_id].lines
    shipping = Decimal(content_of(order).shipping) if order.shipping_with == shipment_id else Decimal(0)
    return sum((line.quantity * order.price(line.line_id) for line in lines), shipping), shipping


def _capture(order: Order, shipment_id: str) -> Request:
    total, _ = charged(order, shipment_id)
    body = {"amount": amount(total), "currency": content_of(order).currency, "shipment_id": shipment_id}
    return Request("POST", f"{payment(order, shipment_id)}/captures", encoded(body))


def _invoice(order: Order, shipment_id: str) -> Request:
    total, shipping = charged(order, shipment_id)
    body = {
        "order_ref": order.ref,
        "sales_order_id": order.sales_order_id,
        "shipment_id": shipment_id,
        "currency": content_of(order).currency,
        "lines": quantities(order.shipments[shipment_id].lines),
        "shipping": amount(shipping),
        "total": amount(total),
    }
    return Request("POST", "/v1/invoices", encoded(body))


def _tell_oms(order: Order, shipment_id: str) -> Request:
    body = {"shipment_id": shipment_id, "lines": quantities(order.shipments[shipment_id].lines)}
    return Request("POST", f"{order_in_oms(order, shipment_id)}/ship", encoded(body))


def _tell_channel(order: Order, shipment_id: str) -> Request:
    parcel = order.shipments[shipment_id]
    body = {
        "shipment_id": shipment_id,
        "lines": quantities(parcel.lines),
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
    }
    return Request("POST", f"/v1/orders/{order.ref}/shipments", encoded(body))


def _is_of_shipment(order: Order, shipment_id: str, document: Any) -> bool:
    return bool(document.shipment_id == shipment_id)


REQUEST = Step(
    "request",
    "wms",
    _request,
    reads=Fulfilment,
    done=lambda order, part_id, document: document.fulfilment_id,
    search=Search(
        by_reference("/v1/fulfilments"), Fulfilment, lambda o, part_id, document: document.part_id == part_id
    ),
)

CAPTURE = Step(
    "capture",
    "payments",
    _capture,
    reads=Capture,
    done=lambda order, shipment_id, document: document.capture_id,
    search=Search(by_reference("/v1/captures"), Capture, _is_of_shipment),
)

INVOICE = Step(
    "invoice",
    "erp",
    _invoice,
    reads=Invoice,
    done=lambda order, shipment_id, document: document.invoice_id,
    search=Search(by_reference("/v1/invoices"), Invoice, _is_of_shipment),
)

TELL_OMS = Step(
    "tell_oms",
    "oms",
    _tell_oms,
    search=Search(
        order_in_oms,
        OmsOrder,
        lambda o, shipment_id, document: shipment_id in document.shipments,
        listed=False,
    ),
)

TELL_CHANNEL = Step(
    "tell_channel",
    "channel",
    _tell_channel,
    search=Search(
        order_at_channel,
        ChannelOrder,
        lambda o, shipment_id, document: any(told.shipment_id == shipment_id for told in document.shipments),
        listed=False,
    ),
)

STEPS = (REQUEST, CAPTURE, INVOICE, TELL_OMS, TELL_CHANNEL)


def all_captured(order: Order) -> bool:
    """Whether everything that left is paid for."""
    return all(
        order.over(CAPTURE.key(shipment_id)) or not charged(order, shipment_id)[0]
        for shipment_id in order.shipments
    )
