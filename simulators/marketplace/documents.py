"""A marketplace's documents: what the ledger keeps is what the wire shows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from annotated_types import MaxLen, MinLen

from ..kit.fields import Amount, Currency, Reference, ServiceLevel
from ..kit.money import ZERO
from ..kit.orders import MOST_LINES, Address, Customer, LineQuantity, OrderLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """What a shopper buys; the channel adds payment, priority and the day to ship by."""

    order_ref: Reference
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], MinLen(1), MaxLen(MOST_LINES)]
    shipping: Amount
    total: Amount
    """Every line's units at their price, and shipping."""
    customer: Customer
    ship_to: Address
    service_level: ServiceLevel


@dataclass(frozen=True, slots=True)
class Shipment:
    """A parcel, as the seller told the channel."""

    shipment_id: str
    order_ref: str
    lines: tuple[LineQuantity, ...]
    carrier: str
    tracking_number: str
    recorded_at: str


@dataclass(slots=True)
class Order:
    """A customer's order as the customer sees it."""

    order_ref: str
    channel: str
    status: str
    currency: str
    lines: tuple[OrderLine, ...]
    shipping: Decimal
    total: Decimal
    customer: Customer
    ship_to: Address
    service_level: str
    priority: int
    ship_by: str
    payment_id: str
    placed_at: str
    cancellation_request: str | None = None
    """The latest request to cancel it, whatever became of that."""
    shipments: tuple[Shipment, ...] = ()
    cancelled_lines: tuple[LineQuantity, ...] = ()
    refunded: Decimal = ZERO
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class CancellationRequest:
    """A customer's wish to cancel: requested, then accepted, declined, or closed because the order was cancelled."""

    request_id: str
    order_ref: str
    status: str
    reason: str
    requested_at: str
    answer: str | None = None
    """Why it was declined."""
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class Return:
    """Shipped units that a customer sends back: requested, then refunded."""

    return_id: str
    order_ref: str
    status: str
    currency: str
    lines: tuple[OrderLine, ...]
    """What comes back, at the price paid."""
    reason: str
    requested_at: str
    refund_id: str | None = None
    refunded: Decimal = ZERO
    version: int = 0
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price as it was given to the channel, which may be for a time to come."""

    currency: str
    amount: Decimal
    version: int
    valid_from: str


@dataclass(slots=True)
class Listing:
    """What the channel sells of a SKU, and for how much."""

    sku: str
    listed: int = 0
    availability_version: int = 0
    prices: tuple[ListedPrice, ...] = ()
    version: int = 0
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class ShopPrice:
    """What a shopper pays for one unit."""

    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """A listing as shoppers see it: in the channel's own currencies."""

    sku: str
    available: int
    prices: tuple[ShopPrice, ...]
    version: int
    updated_at: str
