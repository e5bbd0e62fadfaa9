"""What the ERP tells the world."""

from dataclasses import dataclass

from ..kit.topics import Topic


@dataclass(frozen=True, slots=True)
class SalesOrderPosted:
    sales_order_id: str
    order_ref: str
    posted_at: str


@dataclass(frozen=True, slots=True)
class SalesOrderRejected:
    sales_order_id: str
    order_ref: str
    reason: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class InvoicePosted:
    invoice_id: str
    order_ref: str
    shipment_id: str
    total: str
    currency: str


@dataclass(frozen=True, slots=True)
class CreditMemoPosted:
    credit_memo_id: str
    order_ref: str
    return_id: str
    total: str
    currency: str


@dataclass(frozen=True, slots=True)
class PriceChanged:
    sku: str
    currency: str
    amount: str
    valid_from: str
    version: int


TOPICS = {
    "sales_order.posted": Topic("A received sales order is in the books.", SalesOrderPosted),
    "sales_order.rejected": Topic("A received sales order was refused at posting.", SalesOrderRejected),
    "invoice.posted": Topic("An invoice is in the books.", InvoicePosted),
    "credit_memo.posted": Topic("A credit memo is in the books; now the refund may go.", CreditMemoPosted),
    "price.changed": Topic("A price of the price list changed.", PriceChanged, key="sku"),
}
