"""What the ERP's neutral dialect takes."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import MaxLen, MinLen

from ..kit.fields import Amount, Change, Currency, Reason, Reference
from ..kit.orders import Address, Customer, LineQuantity, OrderLine
from ..kit.wire import MAX_ITEMS
from .documents import CreditLine

QuantityLines = Annotated[tuple[LineQuantity, ...], MinLen(1), MaxLen(5_000)]


@dataclass(frozen=True, slots=True)
class SalesOrderUpdate:
    """A correction; what is left out stays as it is."""

    customer: Customer | None = None
    ship_to: Address | None = None
    lines: Annotated[tuple[OrderLine, ...], MinLen(1), MaxLen(5_000)] | None = None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Without lines: all that is open."""

    reason: Reason
    lines: QuantityLines | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRequest:
    order_ref: Reference
    sales_order_id: Reference
    shipment_id: Reference
    currency: Currency
    lines: QuantityLines
    shipping: Amount
    total: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditMemoRequest:
    order_ref: Reference
    return_id: Reference
    currency: Currency
    lines: Annotated[tuple[CreditLine, ...], MinLen(1), MaxLen(5_000)]
    total: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class StockAdjustmentRequest:
    change_id: Reference
    sku: Reference
    quantity: Change
    cause: Literal["receipt", "count", "damage"]


@dataclass(frozen=True, slots=True)
class StockAdjustmentBatch:
    items: Annotated[list[StockAdjustmentRequest], MinLen(1), MaxLen(MAX_ITEMS)]
