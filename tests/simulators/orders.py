"""Orders for tests, in few words."""

from decimal import Decimal

from peakproof.simulators.kit.orders import (
    Address,
    Customer,
    LineQuantity,
    OrderContent,
    OrderLine,
    PartLine,
)

HOME = Address("Zoë Müller", "1 High Street", None, "Leeds", "LS1 1AA", "GB")


def content(
    *lines: tuple[str, str, int],
    order_ref: str = "web-000001",
    unit_price: str = "2.08",
    shipping: str = "4.95",
    currency: str = "GBP",
    total: str | None = None,
    priority: int = 5,
) -> OrderContent:
    """An order of (line id, SKU, units) at one price, whose total is right unless it is given."""
    price = Decimal(unit_price)
    right = sum((units * price for _, _, units in lines), Decimal(shipping))
    return OrderContent(
        order_ref=order_ref,
        currency=currency,
        lines=tuple(OrderLine(line_id, sku, units, price) for line_id, sku, units in lines),
        shipping=Decimal(shipping),
        total=right if total is None else Decimal(total),
        customer=Customer("Zoë Müller", "zoe@example.com"),
        ship_to=HOME,
        service_level="standard",
        priority=priority,
        ship_by="2026-11-28T12:00:00Z",
        payment_id="PAY-000001",
        channel="web",
    )


def units(*lines: tuple[str, int]) -> tuple[LineQuantity, ...]:
    """Units of lines: (line id, units)."""
    return tuple(LineQuantity(line_id, quantity) for line_id, quantity in lines)


def parts(*lines: tuple[str, str, int]) -> tuple[PartLine, ...]:
    """Units of lines with their SKU: (line id, SKU, units)."""
    return tuple(PartLine(line_id, sku, quantity) for line_id, sku, quantity in lines)
