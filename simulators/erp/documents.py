"""The ERP's documents: what the ledger keeps is what the wire shows."""

from dataclasses import dataclass, field
from decimal import Decimal

from ..kit.money import ZERO
from ..kit.orders import Address, Customer, LineQuantity, OrderLine


@dataclass(slots=True)
class SalesOrder:
    """A customer's order in the books; 201 means received, posting comes later or never."""

    sales_order_id: str
    order_ref: str
    channel: str
    status: str
    job_id: str
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
    created_at: str
    posted_at: str | None = None
    rejection: str | None = None
    rejected_for_good: bool = False
    cancelled_lines: tuple[LineQuantity, ...] = ()
    invoiced_lines: tuple[LineQuantity, ...] = ()
    invoiced_total: Decimal = ZERO
    credited_total: Decimal = ZERO
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class Job:
    """The posting of one document, to be polled; ``succeeded`` and ``failed`` are final."""

    job_id: str
    kind: str
    document_id: str
    order_ref: str
    status: str = "queued"
    reason: str | None = None
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class Invoice:
    """What was shipped, billed."""

    invoice_id: str
    sales_order_id: str
    order_ref: str
    shipment_id: str
    status: str
    job_id: str
    currency: str
    lines: tuple[LineQuantity, ...]
    shipping: Decimal
    total: Decimal
    created_at: str
    posted_at: str | None = None
    version: int = 0
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class CreditLine:
    """Units that came back; ``restock`` says that they can be sold again."""

    line_id: str
    sku: str
    quantity: int
    restock: bool


@dataclass(slots=True)
class CreditMemo:
    """What came back, credited."""

    credit_memo_id: str
    order_ref: str
    return_id: str
    status: str
    job_id: str
    currency: str
    lines: tuple[CreditLine, ...]
    total: Decimal
    created_at: str
    posted_at: str | None = None
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class StockAdjustment:
    """A correction of the book stock."""

    adjustment_id: str
    change_id: str
    sku: str
    quantity: int
    cause: str
    created_at: str
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class Item:
    """An item of the item master."""

    sku: str
    name: str
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class BookStock:
    """Units of an item that the books hold, over all locations."""

    sku: str
    on_hand: int
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class Price:
    """A price of the price list; one per item and currency."""

    sku: str
    currency: str
    amount: Decimal
    valid_from: str
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class LedgerEntry:
    """One posting: an amount from a credit account to a debit account."""

    entry_id: str
    document_id: str
    order_ref: str
    debit: str
    credit: str
    amount: Decimal
    currency: str
    posted_at: str
    version: int = 0
    updated_at: str = field(default="")
