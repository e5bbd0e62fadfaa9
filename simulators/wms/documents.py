"""The WMS's documents: what the ledger keeps is what the wire shows."""

from dataclasses import dataclass

from ..kit.orders import Address, PartLine


@dataclass(slots=True)
class Fulfilment:
    """What one location is asked to pick and ship of an order."""

    fulfilment_id: str
    order_ref: str
    part_id: str
    location: str
    status: str
    lines: tuple[PartLine, ...]
    priority: int
    ship_by: str
    service_level: str
    ship_to: Address
    shipments: tuple[str, ...] = ()
    shipped: tuple[PartLine, ...] = ()
    short: tuple[PartLine, ...] = ()
    """What the warehouse has given up on."""
    cancel_reason: str | None = None
    version: int = 0
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class CancelledFulfilments:
    """The fulfilments of an order that are cancelled: by this call or before it."""

    order_ref: str
    cancelled: tuple[str, ...]


@dataclass(slots=True)
class Shipment:
    """A parcel that has left."""

    shipment_id: str
    fulfilment_id: str
    order_ref: str
    part_id: str
    location: str
    lines: tuple[PartLine, ...]
    short: tuple[PartLine, ...]
    final: bool
    """The last of its fulfilment."""
    carrier: str
    tracking_number: str
    shipped_at: str
    version: int = 0
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """Units of a line that came back in one condition; a line in both conditions is named twice."""

    line_id: str
    sku: str
    quantity: int
    sellable: bool


@dataclass(slots=True)
class ExpectedReturn:
    """Goods that are on their way back, and then what really came."""

    expected_return_id: str
    return_id: str
    order_ref: str
    status: str
    """``expected`` or ``received``."""
    lines: tuple[PartLine, ...]
    received: tuple[ReceivedLine, ...] = ()
    received_at: str | None = None
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class StockLevel:
    """Units on hand at a location; the version only grows."""

    sku: str
    location: str
    on_hand: int
    version: int = 1
    updated_at: str = ""


@dataclass(slots=True)
class StockMovement:
    """One change of the stock on hand; it never changes itself."""

    change_id: str
    sku: str
    location: str
    quantity: int
    """Signed."""
    on_hand: int
    """After it."""
    version: int
    """The stock's, after it."""
    cause: str
    """``opening``, ``shipment``, ``return``, ``receipt``, ``count`` or ``damage``."""
    at: str
    updated_at: str = ""
