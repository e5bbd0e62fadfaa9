"""States of the OMS."""

from dataclasses import replace
from typing import Any

from ..state import ORDER_REF, PRICE, SHIPPING, SKU, Scene, Values, part_of, parts_of, state, whole


@state(
    "order is {status}",
    "oms",
    gives=("order_id", "part_id", "location"),
    status=(
        "created",
        "allocated",
        "unfillable",
        "partially_shipped",
        "shipped",
        "cancelled",
        "partially_returned",
        "returned",
    ),
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
    return_id: str = "web-R-000001",
    lines: Any = None,
) -> Values:
    """The OMS has the order; `part_id` and `location` are its first part's, once it is allocated."""
    ledger = scene.ledger
    content = scene.content(order_ref, sku, quantity, unit_price, shipping, currency, lines)
    made = ledger.create(content)
    if status == "unfillable":
        _sell_out(ledger, {line.sku for line in content.lines})
    if status not in ("created", "cancelled"):
        ledger.allocate(made.order_id)
    if status == "cancelled":
        ledger.cancel(made, reason="customer")
    if status in ("partially_shipped", "partially_returned", "shipped", "returned"):
        gone = part_of(content) if status == "partially_shipped" else whole(content)
        ledger.ship(made, shipment_id=shipment_id, lines=gone)
    if status in ("partially_returned", "returned"):
        back = part_of(content) if status == "partially_returned" else whole(content)
        ledger.return_received(return_id, order_ref, parts_of(content, back))
    first = made.parts[0] if made.parts else None
    return {
        "order_id": made.order_id,
        "part_id": first.part_id if first else None,
        "location": first.location if first else None,
    }


@state("return is authorised", "oms", gives=("order_id", "authorisation_id"))
def return_authorised(
    scene: Scene,
    *,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    return_id: str = "web-R-000001",
) -> Values:
    """All of a shipped order may come back under this return."""
    content = scene.content(order_ref, sku, quantity, PRICE, SHIPPING, "GBP", None)
    made = scene.ledger.create(content)
    scene.ledger.allocate(made.order_id)
    scene.ledger.ship(made, shipment_id="SHP-000001", lines=whole(content))
    allowed = scene.ledger.authorise_return(
        return_id=return_id, order_ref=order_ref, lines=parts_of(content, whole(content))
    )
    return {"order_id": made.order_id, "authorisation_id": allowed.authorisation_id}


@state("stock is known", "oms")
def stock(
    scene: Scene, *, sku: str = SKU, location: str = "north", on_hand: int = 7, version: int = 2
) -> Values:
    """The OMS was told this stock; what may be sold is published."""
    scene.know(sku)
    scene.ledger.set_stock(sku=sku, location=location, on_hand=on_hand, version=version)
    scene.ledger.publish_availability()
    return {}


@state("older versions are refused", "oms")
def strict_versions(scene: Scene) -> Values:
    """A stock level with an older version than the known one gets `stale_version`."""
    scene.ledger.settings = replace(scene.ledger.settings, strict_versions=True)
    return {}


def _sell_out(ledger: Any, skus: set[str]) -> None:
    for sku in sorted(skus):
        for location in ledger.settings.locations:
            version = ledger.level(sku, location).version + 1
            ledger.set_stock(sku=sku, location=location, on_hand=0, version=version)
