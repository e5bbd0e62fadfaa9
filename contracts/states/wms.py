"""States of the WMS."""

from typing import Any

from ...simulators.kit.orders import PartLine
from ..errors import ContractsError
from ..state import ORDER_REF, PRICE, SHIPPING, SKU, Scene, Values, parts_of, state, whole


@state(
    "fulfilment is {status}",
    "wms",
    gives=("fulfilment_id", "shipment_id"),
    status=("requested", "picking", "shipped", "short", "cancelled"),
)
def fulfilment(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    part_id: str = "OMS-000001-1",
    location: str = "north",
    sku: str = SKU,
    quantity: int = 2,
    lines: Any = None,
) -> Values:
    """The warehouse was asked for a part of an order; `short` means that a unit of it could not be found."""
    ledger = scene.ledger
    content = scene.content(order_ref, sku, quantity, PRICE, SHIPPING, "GBP", _priced(lines))
    made = ledger.request(
        order_ref=order_ref,
        part_id=part_id,
        location=location,
        lines=parts_of(content, whole(content)),
        priority=content.priority,
        ship_by=content.ship_by,
        service_level=content.service_level,
        ship_to=content.ship_to,
    )
    if status == "cancelled":
        ledger.cancel(made, reason="customer")
    elif status != "requested":
        ledger.wait_for_picker(made.fulfilment_id)
    if status in ("shipped", "short"):
        ledger.ship_rest(made.fulfilment_id, "1" if status == "short" else "0")
    shipment_id = made.shipments[0] if made.shipments else None
    return {"fulfilment_id": made.fulfilment_id, "shipment_id": shipment_id}


@state("return is {status}", "wms", gives=("expected_return_id",), status=("expected", "received"))
def expected_return(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    return_id: str = "web-R-000001",
    sku: str = SKU,
    quantity: int = 2,
) -> Values:
    """Goods of an order are on their way back, or are there."""
    scene.know(sku)
    made = scene.ledger.expect_return(
        return_id=return_id, order_ref=order_ref, lines=(PartLine("1", sku, quantity),)
    )
    if status == "received":
        scene.ledger.receive_return(made.expected_return_id)
    return {"expected_return_id": made.expected_return_id}


@state("stock changed", "wms", gives=("change_id", "on_hand", "version"))
def stock_changed(
    scene: Scene, *, sku: str = SKU, location: str = "north", quantity: int = 5, cause: str = "receipt"
) -> Values:
    """Units came in (`receipt`), were lost (`damage`) or counted anew (`count`: `quantity` is what was found)."""
    scene.know(sku)
    act = {"receipt": scene.ledger.receive, "damage": scene.ledger.damage, "count": scene.ledger.count}
    if cause not in act:
        raise ContractsError(f"state 'stock changed': cause must be one of {', '.join(act)}, got {cause!r}")
    moved = act[cause](sku, location, quantity)
    if moved is None:
        return {"change_id": None, "on_hand": quantity, "version": None}
    return {"change_id": moved.change_id, "on_hand": moved.on_hand, "version": moved.version}


def _priced(lines: Any) -> Any:
    if not isinstance(lines, list):
        return None
    return [{"unit_price": PRICE, **line} if isinstance(line, dict) else line for line in lines]
