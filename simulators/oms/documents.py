"""The OMS's documents: what the ledger keeps is what the wire shows."""

from dataclasses import dataclass
from decimal import Decimal

from ..kit.orders import Address, Customer, PartLine


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an order and what became of its units."""

    line_id: str
    sku: str
    quantity: int
    unit_price: Decimal
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0

    @property
    def open(self) -> int:
        """Units that are neither shipped nor cancelled; reserved as soon as the order is allocated."""
        return self.quantity - self.shipped - self.cancelled


@dataclass(frozen=True, slots=True)
class Part:
    """What one location is to ship of an order."""

    part_id: str
    location: str
    lines: tuple[PartLine, ...]


@dataclass(slots=True)
class Order:
    """An order as the house works on it."""

    order_id: str
    order_ref: str
    channel: str
    status: str
    currency: str
    lines: tuple[Line, ...]
    shipping: Decimal
    total: Decimal
    customer: Customer
    ship_to: Address
    service_level: str
    priority: int
    ship_by: str
    payment_id: str
    parts: tuple[Part, ...] = ()
    missing: tuple[PartLine, ...] = ()
    """What could not be found for an unfillable order."""
    shipments: tuple[str, ...] = ()
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class ReturnAuthorisation:
    """The house's word that goods may come back, and then that they did."""

    authorisation_id: str
    return_id: str
    order_ref: str
    order_id: str
    status: str
    """``authorised`` or ``received``."""
    lines: tuple[PartLine, ...]
    received: tuple[PartLine, ...] = ()
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class StockLevel:
    """Units at a location, as the OMS was told."""

    sku: str
    location: str
    on_hand: int
    version: int
    """The version that the last value came with."""
    updated_at: str = ""


@dataclass(slots=True)
class Availability:
    """What may be sold of a SKU, as it was last published."""

    sku: str
    available: int
    version: int = 1
    """Grows by one with every publication."""
    updated_at: str = ""
