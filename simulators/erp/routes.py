"""The ERP's neutral dialect: thin functions between the wire and the ledger."""

from ..kit.face import Face, accepted, found
from ..kit.orders import CONTENT_REFUSALS, INEXACT_AMOUNT, OrderContent
from ..kit.refusal import DUPLICATE_REFERENCE, NOT_FOUND, ORDER_INVALID
from ..kit.wire import (
    BatchResult,
    IfMatch,
    Listing,
    OrderListing,
    Page,
    batch_of,
    check_if_match,
    page_of,
)
from .documents import (
    BookStock,
    CreditMemo,
    Invoice,
    Item,
    Job,
    LedgerEntry,
    Price,
    SalesOrder,
    StockAdjustment,
)
from .ledger import ErpLedger
from .refusals import (
    AMOUNT_MISMATCH,
    CURRENCY_MISMATCH,
    NOT_INVOICED,
    NOT_POSTED,
    NOT_REJECTED,
    ORDER_CANCELLED,
    ORDER_INVOICED,
    ORDER_POSTED,
    UNKNOWN_LINE,
)
from .schemas import (
    Cancellation,
    CreditMemoRequest,
    InvoiceRequest,
    SalesOrderUpdate,
    StockAdjustmentBatch,
    StockAdjustmentRequest,
)


def declare(erp: Face, ledger: ErpLedger) -> None:
    """Put the ERP's operations on its face."""

    def order_ref_of(sales_order_id: str, **_: object) -> str | None:
        return ledger.order_ref_of(sales_order_id)

    @erp.post(
        "/v1/sales-orders",
        status=201,
        refuses=(*CONTENT_REFUSALS, ORDER_INVALID, DUPLICATE_REFERENCE),
        order_ref=lambda wanted: wanted.order_ref,
    )
    def create_sales_order(wanted: OrderContent) -> SalesOrder:
        """Receive a sales order. 201 means received, not posted: wait for `sales_order.posted` or poll the job."""
        return ledger.receive(wanted)

    @erp.get("/v1/sales-orders", order_ref=lambda query: query.order_ref)
    def list_sales_orders(query: OrderListing) -> Page[SalesOrder]:
        """Sales orders, oldest change first."""
        return page_of(ledger.orders, query)

    @erp.get("/v1/sales-orders/{sales_order_id}", order_ref=order_ref_of)
    def get_sales_order(sales_order_id: str) -> SalesOrder:
        """One sales order, with the ETag that an update needs."""
        return ledger.order(sales_order_id)

    @erp.patch(
        "/v1/sales-orders/{sales_order_id}",
        order_ref=order_ref_of,
        refuses=(*CONTENT_REFUSALS, ORDER_CANCELLED, ORDER_INVOICED, ORDER_POSTED),
    )
    def update_sales_order(
        sales_order_id: str, wanted: SalesOrderUpdate, if_match: IfMatch = None
    ) -> SalesOrder:
        """Correct a sales order that is not posted yet."""
        order = ledger.order(sales_order_id)
        check_if_match(order, if_match, required=True)
        return ledger.update(order, customer=wanted.customer, ship_to=wanted.ship_to, lines=wanted.lines)

    @erp.post(
        "/v1/sales-orders/{sales_order_id}/resubmit",
        status=202,
        order_ref=order_ref_of,
        refuses=(NOT_REJECTED,),
    )
    def resubmit_sales_order(sales_order_id: str, if_match: IfMatch = None) -> Job:
        """Try the posting of a rejected sales order again."""
        order = ledger.order(sales_order_id)
        check_if_match(order, if_match)
        job = ledger.resubmit(order)
        return accepted(job, job.job_id)

    @erp.post(
        "/v1/sales-orders/{sales_order_id}/cancel",
        order_ref=order_ref_of,
        refuses=(ORDER_CANCELLED, ORDER_INVOICED, UNKNOWN_LINE),
    )
    def cancel_sales_order(sales_order_id: str, wanted: Cancellation, if_match: IfMatch = None) -> SalesOrder:
        """Cancel what is not invoiced yet, or some lines of it."""
        order = ledger.order(sales_order_id)
        check_if_match(order, if_match)
        return ledger.cancel(order, wanted.reason, wanted.lines)

    @erp.get("/v1/jobs/{job_id}", order_ref=lambda job_id: _job_order(ledger, job_id))
    def get_job(job_id: str) -> Job:
        """How far the posting of a document is."""
        return ledger.job(job_id)

    @erp.post(
        "/v1/invoices",
        status=202,
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(
            NOT_FOUND,
            NOT_POSTED,
            ORDER_CANCELLED,
            CURRENCY_MISMATCH,
            AMOUNT_MISMATCH,
            INEXACT_AMOUNT,
            UNKNOWN_LINE,
            DUPLICATE_REFERENCE,
        ),
    )
    def create_invoice(wanted: InvoiceRequest) -> Invoice:
        """Bill shipped lines. 202 means accepted: wait for `invoice.posted` or poll the job."""
        invoice = ledger.invoice(
            ledger.order(wanted.sales_order_id),
            shipment_id=wanted.shipment_id,
            currency=wanted.currency,
            lines=wanted.lines,
            shipping=wanted.shipping,
            total=wanted.total,
        )
        return accepted(invoice, invoice.job_id)

    @erp.get("/v1/invoices", order_ref=lambda query: query.order_ref)
    def list_invoices(query: OrderListing) -> Page[Invoice]:
        """Invoices, oldest change first."""
        return page_of(ledger.invoices, query)

    @erp.get("/v1/invoices/{invoice_id}")
    def get_invoice(invoice_id: str) -> Invoice:
        """One invoice."""
        return found(ledger.invoices.get(invoice_id), f"invoice {invoice_id!r}")

    @erp.post(
        "/v1/credit-memos",
        status=202,
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(NOT_INVOICED, CURRENCY_MISMATCH, AMOUNT_MISMATCH, UNKNOWN_LINE, DUPLICATE_REFERENCE),
    )
    def create_credit_memo(wanted: CreditMemoRequest) -> CreditMemo:
        """Credit what came back. 202 means accepted: refund only after `credit_memo.posted`."""
        memo = ledger.credit(
            order_ref=wanted.order_ref,
            return_id=wanted.return_id,
            currency=wanted.currency,
            lines=wanted.lines,
            total=wanted.total,
        )
        return accepted(memo, memo.job_id)

    @erp.get("/v1/credit-memos", order_ref=lambda query: query.order_ref)
    def list_credit_memos(query: OrderListing) -> Page[CreditMemo]:
        """Credit memos, oldest change first."""
        return page_of(ledger.credit_memos, query)

    @erp.get("/v1/credit-memos/{credit_memo_id}")
    def get_credit_memo(credit_memo_id: str) -> CreditMemo:
        """One credit memo."""
        return found(ledger.credit_memos.get(credit_memo_id), f"credit memo {credit_memo_id!r}")

    @erp.post(
        "/v1/stock-adjustments",
        status=201,
        sku=lambda wanted: wanted.sku,
        refuses=(NOT_FOUND, DUPLICATE_REFERENCE),
    )
    def create_stock_adjustment(wanted: StockAdjustmentRequest) -> StockAdjustment:
        """Correct the book stock for a receipt, a count or damage; `quantity` is the signed difference."""
        return _adjust(ledger, wanted)

    @erp.post(
        "/v1/stock-adjustments/batch", status=207, items=lambda wanted: [item.sku for item in wanted.items]
    )
    def create_stock_adjustment_batch(wanted: StockAdjustmentBatch) -> BatchResult:
        """Many adjustments at once; each stands or falls alone."""
        return batch_of(wanted.items, lambda item: _adjust(ledger, item), erp.world.decide)

    @erp.get("/v1/stock-adjustments")
    def list_stock_adjustments(query: Listing) -> Page[StockAdjustment]:
        """Stock adjustments, oldest first."""
        return page_of(ledger.adjustments, query)

    @erp.get("/v1/items")
    def list_items(query: Listing) -> Page[Item]:
        """The item master."""
        return page_of(ledger.items, query)

    @erp.get("/v1/items/{sku}", sku=lambda sku: sku)
    def get_item(sku: str) -> Item:
        """One item."""
        return found(ledger.items.get(sku), f"item {sku!r}")

    @erp.get("/v1/stock")
    def list_stock(query: Listing) -> Page[BookStock]:
        """The book stock of every item, over all locations."""
        return page_of(ledger.stock, query)

    @erp.get("/v1/prices")
    def list_prices(query: Listing) -> Page[Price]:
        """The price list."""
        return page_of(ledger.prices, query)

    @erp.get("/v1/ledger-entries", order_ref=lambda query: query.order_ref)
    def list_ledger_entries(query: OrderListing) -> Page[LedgerEntry]:
        """What was posted from which account to which."""
        return page_of(ledger.entries, query)


def _adjust(ledger: ErpLedger, wanted: StockAdjustmentRequest) -> StockAdjustment:
    return ledger.adjust(
        change_id=wanted.change_id, sku=wanted.sku, quantity=wanted.quantity, cause=wanted.cause
    )


def _job_order(ledger: ErpLedger, job_id: str) -> str | None:
    job = ledger.jobs.get(job_id)
    return job.order_ref if job is not None else None
