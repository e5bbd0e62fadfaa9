"""The ERP's rules and state: a sales order is received, then posted or rejected; goods and money move when it posts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...history.clock import rfc3339
from ...history.records import Lines
from ..kit.collection import Collection
from ..kit.ledger import Ledger, World
from ..kit.money import ZERO, minor_unit, rounded
from ..kit.orders import (
    Address,
    Customer,
    LineQuantity,
    OrderContent,
    OrderLine,
    check_amount,
    check_content,
    content_data,
    plain,
    short,
)
from ..kit.refusal import DUPLICATE_REFERENCE, INVALID, NOT_FOUND
from .documents import (
    BookStock,
    CreditLine,
    CreditMemo,
    Invoice,
    Item,
    Job,
    LedgerEntry,
    Price,
    SalesOrder,
    StockAdjustment,
)
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

TRANSITIONS = {
    ("received", "post"): "posted",
    ("received", "reject"): "rejected",
    ("rejected", "resubmit"): "received",
    ("received", "cancel"): "cancelled",
    ("posted", "cancel"): "cancelled",
    ("rejected", "cancel"): "cancelled",
    ("posted", "invoice_part"): "partially_invoiced",
    ("posted", "invoice_rest"): "invoiced",
    ("partially_invoiced", "invoice_part"): "partially_invoiced",
    ("partially_invoiced", "invoice_rest"): "invoiced",
    ("invoiced", "invoice_part"): "invoiced",
    ("invoiced", "invoice_rest"): "invoiced",
}
"""A sales order's law: status and step to the next status; what is not here is refused.

Invoicing what is invoiced already stands here on purpose: an ERP takes a second invoice unless it is told not to.
"""

ADJUSTING_CAUSES = ("receipt", "count", "damage")
"""Changes of the stock that no invoice or credit memo tells of."""


@dataclass(frozen=True, slots=True)
class ErpSettings:
    """How this ERP works; times are nominal seconds, shortened by the estate's time scale."""

    posting_s: float = 60.0
    """A sales order waits at least this long before it is posted, and at most half as long again."""
    document_posting_s: float = 30.0
    strict_references: bool = False
    """Refuse a second document with the same order reference and intent."""


class ErpLedger(Ledger):
    """Sales orders, invoices, credit memos, stock adjustments, prices, and the postings that follow from them."""

    def __init__(self, world: World, settings: ErpSettings | None = None, *, system: str = "erp") -> None:
        super().__init__(system, world)
        self.settings = settings or ErpSettings()
        self.orders: Collection[SalesOrder] = Collection()
        self.jobs: dict[str, Job] = {}
        self.invoices: Collection[Invoice] = Collection()
        self.credit_memos: Collection[CreditMemo] = Collection()
        self.adjustments: Collection[StockAdjustment] = Collection()
        self.items: Collection[Item] = Collection()
        self.stock: Collection[BookStock] = Collection()
        self.prices: Collection[Price] = Collection()
        self.entries: Collection[LedgerEntry] = Collection()
        self._held: list[tuple[str, tuple[str, ...]]] = []
        """Postings that wait for the period to open."""
        self._closed: dict[str, dict[str, Any]] = {}
        """Orders that are about to be rejected because it is closed."""

    # What the estate sets up

    def seed_item(self, sku: str, name: str, on_hand: int) -> None:
        """An item of the item master with its opening book stock."""
        now = self.now()
        with self.world.acting("before-run"):
            self.items.add(sku, Item(sku, name), now)
            self.stock.add(sku, BookStock(sku, on_hand), now)
            self.effect("item_known", sku=sku, on_hand=on_hand)

    def preload(self, content: OrderContent, shipments: Mapping[str, tuple[LineQuantity, ...]]) -> SalesOrder:
        """An order of a time before the run: posted, and every shipment invoiced; no goods move."""
        with self.world.acting("before-run"):
            order = self._book(content)
            self._post(order)
            shipping = content.shipping
            for shipment_id, lines in shipments.items():
                total = self._value(order, lines) + shipping
                invoice = self._accept_invoice(order, shipment_id, lines, shipping, total)
                self._post_invoice_now(invoice, moves_stock=False)
                shipping = ZERO
        return order

    def set_price(self, sku: str, currency: str, amount: Decimal, valid_from: str) -> Price:
        """The price list changes; everyone who listens is told."""
        key = f"{sku}/{currency}"
        price = self.prices.get(key)
        now = self.now()
        if price is None:
            price = Price(sku, currency, amount, valid_from)
            self.prices.add(key, price, now)
        price.amount, price.valid_from = amount, valid_from
        self.prices.changed(key, price, now)
        effect_id = self.effect(
            "price_set",
            sku=sku,
            amount=plain(amount),
            currency=currency,
            version=price.version,
            data={"valid_from": valid_from},
        )
        self.event(
            "price.changed",
            effect_id,
            {
                "sku": sku,
                "currency": currency,
                "amount": plain(amount),
                "valid_from": valid_from,
                "version": price.version,
            },
            sku=sku,
            version=price.version,
        )
        return price

    # Sales orders

    def receive(self, content: OrderContent) -> SalesOrder:
        """Book an order: it is received now and posted later. Refused for content that does not add up."""
        check_content(content)
        self.validate(content.order_ref)
        self._check_rounding(content)
        if self.settings.strict_references and self.orders.of_order(content.order_ref):
            raise DUPLICATE_REFERENCE.because(f"order {content.order_ref} is booked already")
        order = self._book(content)
        self._queue_posting(order)
        return order

    def order(self, sales_order_id: str) -> SalesOrder:
        """Refused with ``not_found``."""
        order = self.orders.get(sales_order_id)
        if order is None:
            raise NOT_FOUND.because(f"there is no sales order {sales_order_id!r}")
        return order

    def update(
        self,
        order: SalesOrder,
        *,
        customer: Customer | None,
        ship_to: Address | None,
        lines: tuple[OrderLine, ...] | None,
    ) -> SalesOrder:
        """Correct an order that is not posted yet."""
        if order.status not in ("received", "rejected"):
            refusal = {"cancelled": ORDER_CANCELLED, "posted": ORDER_POSTED}.get(order.status, ORDER_INVOICED)
            raise refusal.because(f"sales order {order.sales_order_id} is {order.status}")
        if lines is not None and order.cancelled_lines:
            raise ORDER_CANCELLED.because("some lines are cancelled, so the lines can no longer be corrected")
        wanted = OrderContent(
            order_ref=order.order_ref,
            currency=order.currency,
            lines=lines or order.lines,
            shipping=order.shipping,
            total=order.total
            if lines is None
            else sum((x.quantity * x.unit_price for x in lines), order.shipping),
            customer=customer or order.customer,
            ship_to=ship_to or order.ship_to,
            service_level="standard",
            priority=order.priority,
            ship_by=order.ship_by,
            payment_id=order.payment_id,
        )
        check_content(wanted)
        order.lines, order.total, order.customer, order.ship_to = (
            wanted.lines,
            wanted.total,
            wanted.customer,
            wanted.ship_to,
        )
        self._changed(order)
        self.effect(
            "sales_order_updated",
            order_ref=order.order_ref,
            document_id=order.sales_order_id,
            status=order.status,
            amount=plain(order.total),
            currency=order.currency,
            lines=short(order.lines),
        )
        return order

    def resubmit(self, order: SalesOrder) -> Job:
        """Try the posting of a rejected order again."""
        if order.status != "rejected":
            raise NOT_REJECTED.because(f"sales order {order.sales_order_id} is {order.status}")
        self._move(order, "resubmit")
        order.rejection, order.rejected_for_good = None, False
        order.job_id = self._new_job("sales_order", order.sales_order_id, order.order_ref).job_id
        self._changed(order)
        self.effect(
            "sales_order_resubmitted",
            order_ref=order.order_ref,
            document_id=order.sales_order_id,
            status=order.status,
        )
        self._queue_posting(order)
        return self.job(order.job_id)

    def cancel(self, order: SalesOrder, reason: str, lines: tuple[LineQuantity, ...] | None) -> SalesOrder:
        """Cancel what is not invoiced yet, or some lines of it."""
        if order.status == "cancelled":
            raise ORDER_CANCELLED.because(f"sales order {order.sales_order_id} is cancelled already")
        open_units = self._open_units(order)
        if lines is None:
            lines = tuple(LineQuantity(line_id, units) for line_id, units in open_units.items() if units > 0)
            if not lines:
                raise ORDER_INVOICED.because(f"everything of sales order {order.sales_order_id} is invoiced")
            open_units = dict.fromkeys(open_units, 0)
        else:
            _check_units(lines)
            for line in lines:
                self._check_open(order, line, open_units)
                open_units[line.line_id] -= line.quantity
        order.cancelled_lines += lines
        rest = any(units > 0 for units in open_units.values())
        whole = not rest and not order.invoiced_lines
        if whole:
            self._move(order, "cancel")
            self._settle_job(order.job_id, "failed", "cancelled")
        elif not rest and order.status == "partially_invoiced":
            self._move(order, "invoice_rest")
        self._changed(order)
        self.effect(
            "sales_order_cancelled" if whole else "sales_order_lines_cancelled",
            order_ref=order.order_ref,
            document_id=order.sales_order_id,
            status=order.status,
            cause=reason,
            lines=self._short(order, lines),
        )
        return order

    def post(self, sales_order_id: str) -> None:
        """The ERP's own step: put a received order into the books, or reject it."""
        order = self.order(sales_order_id)
        if order.status != "received" or self._waits(order.order_ref, self.post_at_last, sales_order_id):
            return
        self.post_at_last(sales_order_id)

    def post_at_last(self, sales_order_id: str) -> None:
        """Its time has come."""
        order = self.order(sales_order_id)
        if order.status != "received":
            return
        timing = self._closed.pop(order.order_ref, None)
        verdict = timing or self.world.decide("post_sales_order", order.order_ref) or {}
        reason, permanent = verdict.get("reason"), bool(verdict.get("permanent", True))
        for line in order.lines:
            lacking = self._lacking(line.sku)
            if lacking is not None:
                reason, permanent = f"unknown_item {line.sku}", lacking
                break
        if reason:
            self._reject(order, str(reason), permanent=permanent)
            return
        self._post(order)

    def _lacking(self, sku: str) -> bool | None:
        """Whether the item master lacks an article for good; None where it has it."""
        if sku not in self.items:
            return True
        decided = self.world.decide("know_item", sku)
        return None if decided is None else bool(decided["permanent"])

    def _waits(self, order_ref: str, step: Callable[..., None], *arguments: str) -> bool:
        """Whether a posting has to wait for the next batch, or for the period to open; it is done then."""
        timing = self.world.decide("posting_time", order_ref)
        if timing is None:
            return False
        if "reason" in timing:
            if step == self.post_at_last:
                self._closed[order_ref] = {"reason": timing["reason"], "permanent": False}
            return False
        if timing["wait_s"] is None:
            self._held.append((step.__name__, arguments))
        else:
            self.later(timing["wait_s"] / self.world.time_scale, step, *arguments)
        return True

    def rules_changed(self, rules: frozenset[str]) -> None:
        """Once nothing decides about the time of posting any more, everything that was held back is posted."""
        super().rules_changed(rules)
        if "posting_time" not in rules:
            held, self._held = self._held, []
            for step, arguments in held:
                getattr(self, step)(*arguments)

    def _check_rounding(self, content: OrderContent) -> None:
        """Refuse a total that an injection has the ERP compute otherwise."""
        decided = self.world.decide("compute_total", content.order_ref)
        if decided is not None:
            own = content.total + decided["minor_units"] * minor_unit(content.currency)
            raise AMOUNT_MISMATCH.because(
                f"rounded line by line the order comes to {plain(own)}, the total says {plain(content.total)}",
                expected=plain(own),
            )

    def order_placed(self, order_ref: str, lines: tuple[OrderLine, ...], currency: str) -> None:
        """A channel has just sold; an injection may have the price list change before the order is booked."""
        decided = self.world.decide("reprice_after_order", order_ref)
        if decided is not None:
            line = lines[0]
            factor = 1 + Decimal(str(decided["percent"])) / 100
            with self.world.acting("back-office"):
                amount = rounded(line.unit_price * factor, currency)
                self.set_price(line.sku, currency, amount, rfc3339(self.now()))

    # Invoices and credit memos

    def invoice(
        self,
        order: SalesOrder,
        *,
        shipment_id: str,
        currency: str,
        lines: tuple[LineQuantity, ...],
        shipping: Decimal,
        total: Decimal,
    ) -> Invoice:
        """Accept an invoice for what was shipped; it is posted a little later."""
        if order.status == "cancelled":
            raise ORDER_CANCELLED.because(f"sales order {order.sales_order_id} is cancelled")
        if order.status in ("received", "rejected"):
            raise NOT_POSTED.because(f"sales order {order.sales_order_id} is {order.status}")
        _check_units(lines)
        self._check_money(order, currency, total, self._value(order, lines) + shipping)
        check_amount("shipping", shipping, currency)
        if self.settings.strict_references and any(
            invoice.shipment_id == shipment_id for invoice in self.invoices.of_order(order.order_ref)
        ):
            raise DUPLICATE_REFERENCE.because(f"shipment {shipment_id} is invoiced already")
        invoice = self._accept_invoice(order, shipment_id, lines, shipping, total)
        self.later(self._document_delay_s(invoice.invoice_id), self.post_invoice, invoice.invoice_id)
        return invoice

    def post_invoice(self, invoice_id: str) -> None:
        """The ERP's own step: revenue is booked and the goods leave the book stock."""
        invoice = self.invoices.get(invoice_id)
        if (
            invoice is not None
            and invoice.status == "received"
            and not self._waits(invoice.order_ref, self.post_invoice_at_last, invoice_id)
        ):
            self._post_invoice_now(invoice, moves_stock=True)

    def post_invoice_at_last(self, invoice_id: str) -> None:
        """Its time has come."""
        invoice = self.invoices.get(invoice_id)
        if invoice is not None and invoice.status == "received":
            self._post_invoice_now(invoice, moves_stock=True)

    def credit(
        self, *, order_ref: str, return_id: str, currency: str, lines: tuple[CreditLine, ...], total: Decimal
    ) -> CreditMemo:
        """Accept a credit memo for what came back; it is posted a little later."""
        invoiced = [order for order in self.orders.of_order(order_ref) if order.invoiced_lines]
        if not invoiced:
            raise NOT_INVOICED.because(f"nothing of order {order_ref} has been invoiced")
        order = invoiced[0]
        _check_units(lines)
        by_line = tuple(LineQuantity(line.line_id, line.quantity) for line in lines)
        self._check_money(order, currency, total, self._value(order, by_line))
        if self.settings.strict_references and any(
            memo.return_id == return_id for memo in self.credit_memos.of_order(order_ref)
        ):
            raise DUPLICATE_REFERENCE.because(f"return {return_id} is credited already")
        memo_id = self.number("CM")
        memo = CreditMemo(
            credit_memo_id=memo_id,
            order_ref=order_ref,
            return_id=return_id,
            status="received",
            job_id=self._new_job("credit_memo", memo_id, order_ref).job_id,
            currency=currency,
            lines=lines,
            total=total,
            created_at=rfc3339(self.now()),
        )
        self.credit_memos.add(memo_id, memo, self.now(), order_ref)
        self.effect(
            "credit_memo_received",
            order_ref=order_ref,
            document_id=memo_id,
            ref=return_id,
            amount=plain(total),
            currency=currency,
            lines=[(line.line_id, line.sku, line.quantity, None) for line in lines],
            status="received",
        )
        self.later(self._document_delay_s(memo_id), self.post_credit_memo, memo_id, order.sales_order_id)
        return memo

    def post_credit_memo(self, credit_memo_id: str, sales_order_id: str) -> None:
        """The ERP's own step: that order's revenue is taken back and sellable goods return to the book stock."""
        memo = self.credit_memos.get(credit_memo_id)
        if memo is None or memo.status != "received":
            return
        if not self._waits(memo.order_ref, self.post_credit_memo_at_last, credit_memo_id, sales_order_id):
            self.post_credit_memo_at_last(credit_memo_id, sales_order_id)

    def post_credit_memo_at_last(self, credit_memo_id: str, sales_order_id: str) -> None:
        """Its time has come."""
        memo = self.credit_memos.get(credit_memo_id)
        if memo is None or memo.status != "received":
            return
        memo.status, memo.posted_at = "posted", rfc3339(self.now())
        self.credit_memos.changed(credit_memo_id, memo, self.now())
        self._settle_job(memo.job_id, "succeeded")
        order = self.order(sales_order_id)
        order.credited_total += memo.total
        self._changed(order)
        effect_id = self.effect(
            "credit_memo_posted",
            order_ref=memo.order_ref,
            document_id=credit_memo_id,
            ref=memo.return_id,
            amount=plain(memo.total),
            currency=memo.currency,
            lines=[(line.line_id, line.sku, line.quantity, None) for line in memo.lines],
            status="posted",
        )
        for line in memo.lines:
            if line.restock:
                self._move_stock(line.sku, line.quantity, "credit_memo", credit_memo_id, memo.order_ref)
        self._enter(credit_memo_id, memo.order_ref, "revenue", "receivables", memo.total, memo.currency)
        self.event(
            "credit_memo.posted",
            effect_id,
            {
                "credit_memo_id": credit_memo_id,
                "order_ref": memo.order_ref,
                "return_id": memo.return_id,
                "total": plain(memo.total),
                "currency": memo.currency,
            },
            order_ref=memo.order_ref,
        )

    # Book stock

    def adjust(self, *, change_id: str, sku: str, quantity: int, cause: str) -> StockAdjustment:
        """Correct the book stock for a receipt, a count or damage."""
        if sku not in self.stock:
            raise NOT_FOUND.because(f"there is no item {sku!r}")
        if cause not in ADJUSTING_CAUSES:
            raise INVALID.because(
                f"the book stock is adjusted for {', '.join(ADJUSTING_CAUSES)}, not {cause!r}"
            )
        if self.settings.strict_references and change_id in self._changes_of(sku):
            raise DUPLICATE_REFERENCE.because(f"change {change_id} is booked already")
        adjustment_id = self.number("ADJ")
        adjustment = StockAdjustment(adjustment_id, change_id, sku, quantity, cause, rfc3339(self.now()))
        self.adjustments.add(adjustment_id, adjustment, self.now(), sku)
        self.effect(
            "stock_adjusted",
            document_id=adjustment_id,
            ref=change_id,
            sku=sku,
            quantity=quantity,
            cause=cause,
        )
        self._move_stock(sku, quantity, "adjustment", adjustment_id, None)
        return adjustment

    # Reading

    def job(self, job_id: str) -> Job:
        """Refused with ``not_found``."""
        job = self.jobs.get(job_id)
        if job is None:
            raise NOT_FOUND.because(f"there is no job {job_id!r}")
        return job

    def order_ref_of(self, sales_order_id: str) -> str | None:
        order = self.orders.get(sales_order_id)
        return order.order_ref if order is not None else None

    def final_state(self) -> Iterator[tuple[str, str, str | None, str | None, Any]]:
        """Kind, id, order reference, SKU and document of everything that the judge compares."""
        for order in self.orders:
            yield "sales_order", order.sales_order_id, order.order_ref, None, order
        for invoice in self.invoices:
            yield "invoice", invoice.invoice_id, invoice.order_ref, None, invoice
        for memo in self.credit_memos:
            yield "credit_memo", memo.credit_memo_id, memo.order_ref, None, memo
        for stock in self.stock:
            yield "book_stock", stock.sku, None, stock.sku, stock
        for price in self.prices:
            yield "price", f"{price.sku}/{price.currency}", None, price.sku, price

    # Inside

    def _book(self, content: OrderContent) -> SalesOrder:
        sales_order_id = self.number("SO")
        order = SalesOrder(
            sales_order_id=sales_order_id,
            order_ref=content.order_ref,
            channel=content.channel,
            status="received",
            job_id=self._new_job("sales_order", sales_order_id, content.order_ref).job_id,
            currency=content.currency,
            lines=content.lines,
            shipping=content.shipping,
            total=content.total,
            customer=content.customer,
            ship_to=content.ship_to,
            service_level=content.service_level,
            priority=content.priority,
            ship_by=content.ship_by,
            payment_id=content.payment_id,
            created_at=rfc3339(self.now()),
        )
        self.orders.add(sales_order_id, order, self.now(), content.order_ref)
        self.effect(
            "sales_order_received",
            order_ref=content.order_ref,
            document_id=sales_order_id,
            amount=plain(content.total),
            currency=content.currency,
            status="received",
            lines=short(content.lines),
            data=content_data(content),
        )
        return order

    def _queue_posting(self, order: SalesOrder) -> None:
        wait_s = self.settings.posting_s * self.world.dice.between(1.0, 1.5, "posting", order.order_ref)
        self.later(wait_s, self.post, order.sales_order_id)

    def _document_delay_s(self, document_id: str) -> float:
        return self.settings.document_posting_s * self.world.dice.between(1.0, 1.5, "posting", document_id)

    def _post(self, order: SalesOrder) -> None:
        self._move(order, "post")
        order.posted_at = rfc3339(self.now())
        self._settle_job(order.job_id, "succeeded")
        self._changed(order)
        effect_id = self.effect(
            "sales_order_posted",
            order_ref=order.order_ref,
            document_id=order.sales_order_id,
            status=order.status,
        )
        self.event(
            "sales_order.posted",
            effect_id,
            {
                "sales_order_id": order.sales_order_id,
                "order_ref": order.order_ref,
                "posted_at": order.posted_at,
            },
            order_ref=order.order_ref,
        )

    def _reject(self, order: SalesOrder, reason: str, *, permanent: bool) -> None:
        self._move(order, "reject")
        order.rejection, order.rejected_for_good = reason, permanent
        self._settle_job(order.job_id, "failed", reason)
        self._changed(order)
        effect_id = self.effect(
            "sales_order_rejected",
            order_ref=order.order_ref,
            document_id=order.sales_order_id,
            status=order.status,
            cause=reason,
            permanent=permanent,
        )
        self.event(
            "sales_order.rejected",
            effect_id,
            {
                "sales_order_id": order.sales_order_id,
                "order_ref": order.order_ref,
                "reason": reason,
                "permanent": permanent,
            },
            order_ref=order.order_ref,
        )

    def _accept_invoice(
        self,
        order: SalesOrder,
        shipment_id: str,
        lines: tuple[LineQuantity, ...],
        shipping: Decimal,
        total: Decimal,
    ) -> Invoice:
        invoice_id = self.number("INV")
        invoice = Invoice(
            invoice_id=invoice_id,
            sales_order_id=order.sales_order_id,
            order_ref=order.order_ref,
            shipment_id=shipment_id,
            status="received",
            job_id=self._new_job("invoice", invoice_id, order.order_ref).job_id,
            currency=order.currency,
            lines=lines,
            shipping=shipping,
            total=total,
            created_at=rfc3339(self.now()),
        )
        self.invoices.add(invoice_id, invoice, self.now(), order.order_ref)
        self.effect(
            "invoice_received",
            order_ref=order.order_ref,
            document_id=invoice_id,
            ref=shipment_id,
            amount=plain(total),
            currency=order.currency,
            lines=self._short(order, lines),
            status="received",
        )
        return invoice

    def _post_invoice_now(self, invoice: Invoice, *, moves_stock: bool) -> None:
        order = self.order(invoice.sales_order_id)
        invoice.status, invoice.posted_at = "posted", rfc3339(self.now())
        self.invoices.changed(invoice.invoice_id, invoice, self.now())
        self._settle_job(invoice.job_id, "succeeded")
        order.invoiced_lines += invoice.lines
        order.invoiced_total += invoice.total
        rest = any(units > 0 for units in self._open_units(order).values())
        if order.status != "cancelled":
            self._move(order, "invoice_part" if rest else "invoice_rest")
        self._changed(order)
        effect_id = self.effect(
            "invoice_posted",
            order_ref=order.order_ref,
            document_id=invoice.invoice_id,
            ref=invoice.shipment_id,
            amount=plain(invoice.total),
            currency=invoice.currency,
            lines=self._short(order, invoice.lines),
            status=order.status,
        )
        if moves_stock:
            sku_of = {line.line_id: line.sku for line in order.lines}
            for line in invoice.lines:
                self._move_stock(
                    sku_of[line.line_id], -line.quantity, "invoice", invoice.invoice_id, order.order_ref
                )
        self._enter(
            invoice.invoice_id, order.order_ref, "receivables", "revenue", invoice.total, invoice.currency
        )
        self.event(
            "invoice.posted",
            effect_id,
            {
                "invoice_id": invoice.invoice_id,
                "order_ref": order.order_ref,
                "shipment_id": invoice.shipment_id,
                "total": plain(invoice.total),
                "currency": invoice.currency,
            },
            order_ref=order.order_ref,
        )

    def _move(self, order: SalesOrder, step: str) -> None:
        order.status = TRANSITIONS[order.status, step]

    def _changed(self, order: SalesOrder) -> None:
        self.orders.changed(order.sales_order_id, order, self.now())

    def _new_job(self, kind: str, document_id: str, order_ref: str) -> Job:
        job = Job(self.number("JOB"), kind, document_id, order_ref, updated_at=rfc3339(self.now()))
        self.jobs[job.job_id] = job
        return job

    def _settle_job(self, job_id: str, status: str, reason: str | None = None) -> None:
        job = self.job(job_id)
        if job.status == "queued":
            job.status, job.reason = status, reason
            job.version, job.updated_at = job.version + 1, rfc3339(self.now())

    def _open_units(self, order: SalesOrder) -> dict[str, int]:
        """Units of each line that are neither cancelled nor invoiced; negative where too much was invoiced."""
        units = {line.line_id: line.quantity for line in order.lines}
        for line in (*order.cancelled_lines, *order.invoiced_lines):
            units[line.line_id] -= line.quantity
        return units

    def _check_open(self, order: SalesOrder, line: LineQuantity, open_units: dict[str, int]) -> None:
        if line.line_id not in open_units:
            raise UNKNOWN_LINE.because(f"order {order.order_ref} has no line {line.line_id!r}")
        if line.quantity <= open_units[line.line_id]:
            return
        ordered = sum(one.quantity for one in order.lines if one.line_id == line.line_id)
        if line.quantity > ordered:
            raise INVALID.because(f"line {line.line_id} is of {ordered} units, not {line.quantity}")
        invoiced = sum(done.quantity for done in order.invoiced_lines if done.line_id == line.line_id)
        refusal = ORDER_INVOICED if invoiced else ORDER_CANCELLED
        raise refusal.because(
            f"line {line.line_id} has {max(open_units[line.line_id], 0)} open units, not {line.quantity}: "
            f"{ordered} were ordered, {invoiced} are invoiced"
        )

    def _value(self, order: SalesOrder, lines: Iterable[LineQuantity]) -> Decimal:
        prices = {line.line_id: line.unit_price for line in order.lines}
        total = ZERO
        for line in lines:
            if line.line_id not in prices:
                raise UNKNOWN_LINE.because(f"order {order.order_ref} has no line {line.line_id!r}")
            total += line.quantity * prices[line.line_id]
        return total

    def _check_money(self, order: SalesOrder, currency: str, total: Decimal, expected: Decimal) -> None:
        if currency != order.currency:
            raise CURRENCY_MISMATCH.because(f"order {order.order_ref} is in {order.currency}, not {currency}")
        if total != expected:
            raise AMOUNT_MISMATCH.because(
                f"the lines come to {plain(expected)}, the total says {plain(total)}"
            )

    def _short(self, order: SalesOrder, lines: Iterable[LineQuantity]) -> Lines:
        by_id = {line.line_id: line for line in order.lines}
        return [
            (line.line_id, by_id[line.line_id].sku, line.quantity, plain(by_id[line.line_id].unit_price))
            for line in lines
        ]

    def _changes_of(self, sku: str) -> set[str]:
        return {adjustment.change_id for adjustment in self.adjustments.of_order(sku)}

    def _move_stock(
        self, sku: str, quantity: int, cause: str, document_id: str, order_ref: str | None
    ) -> None:
        stock = self.stock.get(sku)
        if stock is None:
            return
        stock.on_hand += quantity
        self.stock.changed(sku, stock, self.now())
        self.effect(
            "book_stock_moved",
            order_ref=order_ref,
            document_id=document_id,
            sku=sku,
            quantity=quantity,
            on_hand=stock.on_hand,
            version=stock.version,
            cause=cause,
        )

    def _enter(
        self, document_id: str, order_ref: str, debit: str, credit: str, amount: Decimal, currency: str
    ) -> None:
        entry_id = self.number("LE")
        entry = LedgerEntry(
            entry_id, document_id, order_ref, debit, credit, amount, currency, rfc3339(self.now())
        )
        self.entries.add(entry_id, entry, self.now(), order_ref)
        self.effect(
            "ledger_entry",
            order_ref=order_ref,
            document_id=document_id,
            amount=plain(amount),
            currency=currency,
            data={"debit": debit, "credit": credit},
        )


def _check_units(lines: tuple[LineQuantity, ...] | tuple[CreditLine, ...]) -> None:
    """Refuse no lines at all, and a line of no units."""
    if not lines:
        raise INVALID.because("at least one line is needed")
    for line in lines:
        if line.quantity < 1:
            raise INVALID.because(f"line {line.line_id}: quantity must be at least 1, got {line.quantity}")
