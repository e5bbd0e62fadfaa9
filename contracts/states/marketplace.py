"""States of a marketplace."""

from dataclasses import replace
from typing import Any

from ...simulators.marketplace.documents import Checkout
from ..state import (
    ORDER_REF,
    PRICE,
    SHIPPING,
    SKU,
    Scene,
    Values,
    decimal,
    part_of,
    state,
    value_of,
    whole,
)


@state(
    "order is {status}",
    "marketplace",
    gives=("payment_id",),
    status=("placed", "acknowledged", "partially_shipped", "shipped", "cancelled"),
)
def order(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    unit_price: str = PRICE,
    shipping: str = SHIPPING,
    currency: str = "GBP",
    shipment_id: str = "SHP-000001",
    lines: Any = None,
) -> Values:
    """A shopper has bought; the order is as the customer sees it."""
    made = _bought(scene, order_ref, sku, quantity, unit_price, shipping, currency, lines)
    ledger = scene.ledger
    if status == "cancelled":
        ledger.cancel(order_ref, "out_of_stock")
    elif status != "placed":
        ledger.acknowledge(order_ref)
    if status in ("partially_shipped", "shipped"):
        ledger.ship(
            order_ref,
            shipment_id=shipment_id,
            lines=whole(made) if status == "shipped" else part_of(made),
            carrier="DHL",
            tracking_number="DHL-000001-1",
        )
    return {"payment_id": ledger.order(order_ref).payment_id}


@state(
    "cancellation is {status}",
    "marketplace",
    gives=("request_id",),
    status=("requested", "accepted", "declined"),
)
def cancellation(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    shipping: str = SHIPPING,
    currency: str = "GBP",
    reason: str = "changed_mind",
    lines: Any = None,
) -> Values:
    """A customer wishes to cancel, and maybe has been answered."""
    _bought(scene, order_ref, sku, quantity, PRICE, shipping, currency, lines)
    asked = scene.ledger.request_cancellation(order_ref, reason)
    if status == "accepted":
        scene.ledger.accept_cancellation(asked.request_id)
    elif status == "declined":
        scene.ledger.decline_cancellation(asked.request_id, "too_late")
    return {"request_id": asked.request_id}


@state("return is {status}", "marketplace", gives=("return_id",), status=("requested", "refunded"))
def returned(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    unit_price: str = PRICE,
    shipping: str = SHIPPING,
    currency: str = "GBP",
    reason: str = "too_small",
    lines: Any = None,
) -> Values:
    """All of a shipped order is to come back, and maybe is paid back."""
    made = _bought(scene, order_ref, sku, quantity, unit_price, shipping, currency, lines)
    ledger = scene.ledger
    ledger.ship(
        order_ref, shipment_id="SHP-000001", lines=whole(made), carrier="DHL", tracking_number="DHL-000001-1"
    )
    asked = ledger.request_return(order_ref, whole(made), reason)
    if status == "refunded":
        amount = value_of(made, whole(made))
        ledger.confirm_refund(asked.return_id, refund_id="REF-000001", amount=amount, currency=currency)
    return {"return_id": asked.return_id}


@state("listing exists", "marketplace")
def listing(
    scene: Scene,
    *,
    sku: str = SKU,
    listed: int = 7,
    version: int = 2,
    amount: str = PRICE,
    currency: str = "GBP",
) -> Values:
    """The channel lists so many units at this price, both of this version."""
    ledger = scene.ledger
    ledger.publish_availability(sku, listed, version)
    ledger.publish_price(
        sku,
        amount=decimal("amount", amount),
        currency=currency,
        valid_from="2026-11-27T12:00:00Z",
        version=version,
    )
    return {}


@state("older versions are refused", "marketplace")
def strict_versions(scene: Scene) -> Values:
    """An availability or price with an older version than the listed one gets `stale_version`."""
    scene.ledger.settings = replace(scene.ledger.settings, strict_versions=True)
    return {}


def _bought(
    scene: Scene,
    order_ref: str,
    sku: str,
    quantity: int,
    unit_price: str,
    shipping: str,
    currency: str,
    lines: Any,
) -> Any:
    content = scene.content(order_ref, sku, quantity, unit_price, shipping, currency, lines)
    settings = scene.ledger.settings
    if currency not in settings.currencies:
        scene.ledger.settings = replace(settings, currencies=(*settings.currencies, currency))
    scene.ledger.checkout(
        Checkout(
            order_ref=order_ref,
            currency=currency,
            lines=content.lines,
            shipping=content.shipping,
            total=content.total,
            customer=content.customer,
            ship_to=content.ship_to,
            service_level=content.service_level,
        )
    )
    return content
