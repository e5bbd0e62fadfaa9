"""What a marketplace's neutral dialect takes."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen, MinLen

from ..kit.fields import Amount, Currency, Reason, Reference, Stock, Text, Time, Version
from ..kit.orders import MOST_LINES, LineQuantity
from ..kit.wire import MAX_ITEMS

QuantityLines = Annotated[tuple[LineQuantity, ...], MinLen(1), MaxLen(MOST_LINES)]


@dataclass(frozen=True, slots=True)
class CancellationWish:
    """Why a customer wants to cancel."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class ReturnWish:
    """What a customer wants to send back."""

    order_ref: Reference
    lines: QuantityLines
    reason: Reason


@dataclass(frozen=True, slots=True)
class ShipmentNotice:
    """A parcel that left."""

    shipment_id: Reference
    lines: QuantityLines
    carrier: Text
    tracking_number: Text


@dataclass(frozen=True, slots=True)
class SellerCancellation:
    """Without lines: all that is open."""

    reason: Reason
    lines: QuantityLines | None = None


@dataclass(frozen=True, slots=True)
class Declination:
    """Why a wish is not granted."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class RefundConfirmation:
    """What was paid back; 0 and no refund id where nothing came back."""

    refund_id: Reference | None
    amount: Amount
    currency: Currency


@dataclass(frozen=True, slots=True)
class Availability:
    """Units to list, absolute, with the version that they had at their source."""

    quantity: Stock
    version: Version


@dataclass(frozen=True, slots=True)
class AvailabilityItem:
    """The availability of one SKU."""

    sku: Reference
    quantity: Stock
    version: Version


@dataclass(frozen=True, slots=True)
class AvailabilityBatch:
    items: Annotated[list[AvailabilityItem], MinLen(1), MaxLen(MAX_ITEMS)]


@dataclass(frozen=True, slots=True)
class PriceNotice:
    """A price to list, with the version that it had at its source."""

    amount: Amount
    currency: Currency
    valid_from: Time
    version: Version


@dataclass(frozen=True, slots=True)
class PriceItem:
    """The price of one SKU in one currency."""

    sku: Reference
    amount: Amount
    currency: Currency
    valid_from: Time
    version: Version


@dataclass(frozen=True, slots=True)
class PriceBatch:
    items: Annotated[list[PriceItem], MinLen(1), MaxLen(MAX_ITEMS)]
