"""Where an order is found in each system, and other things that several steps say."""

from collections.abc import Callable

from ..documents import Content, LineQuantity, Units
from ..order import Order


def content_of(order: Order) -> Content:
    if order.content is None:
        raise ValueError(f"the content of order {order.ref} is not known")
    return order.content


def order_at_channel(order: Order, ref: str) -> str:
    return f"/v1/orders/{order.ref}"


def order_in_oms(order: Order, ref: str) -> str:
    return f"/v1/orders/{order.oms_id}"


def order_in_erp(order: Order, ref: str) -> str:
    return f"/v1/sales-orders/{order.sales_order_id}"


def payment(order: Order, ref: str) -> str:
    return f"/v1/payments/{content_of(order).payment_id}"


def by_reference(path: str) -> Callable[[Order, str], str]:
    """The documents of a list that belong to the order."""
    return lambda order, ref: f"{path}?order_ref={order.ref}&limit=500"


def quantities(lines: list[Units]) -> list[LineQuantity]:
    return [LineQuantity(line.line_id, line.quantity) for line in lines]
