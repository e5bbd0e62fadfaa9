"""What the OMS's neutral dialect takes."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen, MinLen

from ..kit.fields import Priority, Reason, Reference, Stock, Time, Version
from ..kit.orders import MOST_LINES, Address, LineQuantity, PartLine
from ..kit.wire import MAX_ITEMS

QuantityLines = Annotated[tuple[LineQuantity, ...], MinLen(1), MaxLen(MOST_LINES)]


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """A change; what is left out stays as it is."""

    ship_to: Address | None = None
    priority: Priority | None = None
    ship_by: Time | None = None


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """Units that left the house."""

    shipment_id: Reference
    lines: QuantityLines


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Without lines: all that is open."""

    reason: Reason
    lines: QuantityLines | None = None


@dataclass(frozen=True, slots=True)
class ReturnAuthorisationRequest:
    """Goods that a customer wants to send back."""

    return_id: Reference
    order_ref: Reference
    lines: Annotated[tuple[PartLine, ...], MinLen(1), MaxLen(MOST_LINES)]


@dataclass(frozen=True, slots=True)
class StockNotice:
    """Units at a location, absolute, and the warehouse's version of them."""

    on_hand: Stock
    version: Version


@dataclass(frozen=True, slots=True)
class StockItem:
    """Units of a SKU at a location, absolute, and the warehouse's version of them."""

    sku: Reference
    location: Reference
    on_hand: Stock
    version: Version


@dataclass(frozen=True, slots=True)
class StockBatch:
    items: Annotated[list[StockItem], MinLen(1), MaxLen(MAX_ITEMS)]
