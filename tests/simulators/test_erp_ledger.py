"""The ERP's law: what it books, posts and refuses, and that a refusal changes nothing."""

import copy
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peakproof.simulators.erp.documents import CreditLine, CreditMemo, Invoice, SalesOrder
from peakproof.simulators.erp.effects import EFFECTS
from peakproof.simulators.erp.ledger import ADJUSTING_CAUSES, TRANSITIONS, ErpLedger, ErpSettings
from peakproof.simulators.kit.ledger import Cause
from peakproof.simulators.kit.money import ZERO, is_exact
from peakproof.simulators.kit.orders import Customer, LineQuantity, OrderLine
from peakproof.simulators.kit.refusal import Refused

from .orders import HOME, content, units
from .world import MadeWorld, make_world

POSTED_S = 90.0
"""An order is posted 60 to 90 s after it was received."""
DOCUMENT_S = 45.0
"""An invoice or a credit memo is posted 30 to 45 s after it was accepted."""
PRICE = Decimal("2.08")
SHIPPING = Decimal("4.95")
TOLD = {
    "sales_order_posted": "sales_order.posted",
    "sales_order_rejected": "sales_order.rejected",
    "invoice_posted": "invoice.posted",
    "credit_memo_posted": "credit_memo.posted",
    "price_set": "price.changed",
}
"""Effects of which the world is told, and as what."""


@dataclass
class Books:
    made: MadeWorld
    erp: ErpLedger

    def posted(self, *lines: tuple[str, str, int], order_ref: str = "web-000001", **how: Any) -> SalesOrder:
        order = self.erp.receive(content(*lines, order_ref=order_ref, **how))
        self.made.advance(POSTED_S)
        return order

    def invoice(
        self, order: SalesOrder, *lines: tuple[str, int], shipment_id: str = "SHP-1", shipping: str = "0.00"
    ) -> Invoice:
        """An invoice whose total is right, accepted and not posted yet."""
        return self.erp.invoice(
            order,
            shipment_id=shipment_id,
            currency=order.currency,
            lines=units(*lines),
            shipping=Decimal(shipping),
            total=value(order, units(*lines)) + Decimal(shipping),
        )

    def invoiced(self, order: SalesOrder, *lines: tuple[str, int], **how: Any) -> Invoice:
        invoice = self.invoice(order, *lines, **how)
        self.made.advance(DOCUMENT_S)
        return invoice

    def credit(
        self, *lines: CreditLine, total: str, return_id: str = "R-1", currency: str = "GBP"
    ) -> CreditMemo:
        return self.erp.credit(
            order_ref="web-000001",
            return_id=return_id,
            currency=currency,
            lines=lines,
            total=Decimal(total),
        )

    def on_hand(self, sku: str) -> int:
        stock = self.erp.stock.get(sku)
        assert stock is not None
        return stock.on_hand

    def entries(self) -> list[tuple[str, str, str, str, str]]:
        """Document, debit, credit, amount and currency of every posting."""
        return [(e.document_id, e.debit, e.credit, str(e.amount), e.currency) for e in self.erp.entries]

    def refuses(self, code: str) -> Any:
        return _Refuses(self, code)


class _Refuses:
    """Inside, the step must be refused with that code and leave everything as it was."""

    def __init__(self, books: Books, code: str) -> None:
        self.books, self.code = books, code

    def __enter__(self) -> None:
        self.before = self._everything()

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        assert isinstance(error, Refused), f"expected a refusal with {self.code}"
        assert error.refusal.code == self.code
        assert self._everything() == self.before
        return True

    def _everything(self) -> object:
        made = self.books.made
        return self.books.erp.snapshot(), len(made.effects), len(made.events)


def value(order: SalesOrder, lines: tuple[LineQuantity, ...]) -> Decimal:
    prices = {line.line_id: line.unit_price for line in order.lines}
    return sum((line.quantity * prices[line.line_id] for line in lines), ZERO)


def back(line_id: str, sku: str, quantity: int, *, restock: bool = True) -> CreditLine:
    return CreditLine(line_id, sku, quantity, restock)


def books(**how: Any) -> Books:
    """An ERP that knows 100 units of A and 50 of B."""
    made = make_world()
    erp = ErpLedger(made.world, ErpSettings(**how))
    erp.seed_item("A", "Article A", 100)
    erp.seed_item("B", "Article B", 50)
    return Books(made, erp)


@pytest.fixture
def kept() -> Books:
    return books()


# Receiving and posting


def test_a_received_order_is_posted_later_and_told_then(kept: Books) -> None:
    order = kept.erp.receive(content(("1", "A", 2)))
    assert (order.sales_order_id, order.status, order.posted_at) == ("SO-000001", "received", None)
    assert kept.erp.job(order.job_id).status == "queued"
    kept.made.advance(59)
    assert (order.status, kept.made.events) == ("received", [])

    kept.made.advance(31)
    assert order.status == "posted"
    assert kept.erp.job(order.job_id).status == "succeeded"
    [event] = kept.made.events
    assert (event.topic, event.order_ref) == ("sales_order.posted", "web-000001")
    assert event.data == {
        "sales_order_id": "SO-000001",
        "order_ref": "web-000001",
        "posted_at": order.posted_at,
    }


def test_how_long_posting_takes_hangs_on_the_order_and_not_on_who_came_first() -> None:
    first, second = books(), books()
    first.erp.receive(content(("1", "A", 1), order_ref="web-000001"))
    second.erp.receive(content(("1", "A", 1), order_ref="web-000002"))
    for order_ref, there in (("web-000002", first), ("web-000001", second)):
        there.erp.receive(content(("1", "A", 1), order_ref=order_ref))
        there.made.advance(POSTED_S)

    at = [{o.order_ref: o.posted_at for o in there.erp.orders} for there in (first, second)]
    assert at[0] == at[1]
    assert len(set(at[0].values())) == 2


def test_the_receipt_is_recorded_with_all_that_the_order_says(kept: Books) -> None:
    kept.erp.receive(content(("1", "A", 2)))

    [effect] = kept.made.of_kind("sales_order_received")
    assert (effect.order_ref, effect.document_id, effect.status) == ("web-000001", "SO-000001", "received")
    assert (effect.amount, effect.currency) == ("9.11", "GBP")
    assert effect.lines == [("1", "A", 2, "2.08")]
    assert effect.data is not None
    assert (effect.data["channel"], effect.data["ship_to"], effect.data["shipping"]) == ("web", HOME, "4.95")


def test_posting_keeps_the_trace_of_the_call_that_booked_the_order(kept: Books) -> None:
    kept.made.world.cause = Cause("call-1", "00-aaaa-01-01")
    kept.erp.receive(content(("1", "A", 1)))
    kept.made.world.cause = Cause("call-2", "00-bbbb-01-01")
    kept.made.advance(POSTED_S)

    assert [event.traceparent for event in kept.made.events] == ["00-aaaa-01-01"]
    assert kept.made.of_kind("sales_order_posted")[0].call_id is None
    assert kept.made.world.cause == Cause("call-2", "00-bbbb-01-01")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param({"total": "9.12"}, "amount_mismatch", id="a penny too much"),
        pytest.param({"unit_price": "2.085"}, "inexact_amount", id="half a penny"),
        pytest.param({"currency": "JPY"}, "inexact_amount", id="pence of a yen"),
        pytest.param({"currency": "XYZ"}, "unknown_currency", id="no currency"),
        pytest.param({"shipping": "-1.00"}, "invalid_request", id="less than no shipping"),
    ],
)
def test_content_that_does_not_add_up_is_not_booked(kept: Books, wanted: dict[str, str], code: str) -> None:
    with kept.refuses(code):
        kept.erp.receive(content(("1", "A", 2), **wanted))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "lines",
    [(), (("1", "A", 0),), (("1", "A", 1), ("1", "B", 1))],
    ids=["no line", "no units", "one line id twice"],
)
def test_an_order_has_lines_of_units_told_apart(kept: Books, lines: tuple[tuple[str, str, int], ...]) -> None:
    with kept.refuses("invalid_request"):
        kept.erp.receive(content(*lines))


def test_an_order_is_booked_twice_unless_references_are_strict(kept: Books) -> None:
    kept.erp.receive(content(("1", "A", 2)))
    kept.erp.receive(content(("1", "A", 2)))
    assert [order.sales_order_id for order in kept.erp.orders.of_order("web-000001")] == [
        "SO-000001",
        "SO-000002",
    ]

    strict = books(strict_references=True)
    strict.erp.receive(content(("1", "A", 2)))
    with strict.refuses("duplicate_reference"):
        strict.erp.receive(content(("1", "A", 2)))
    strict.erp.receive(content(("1", "A", 2), order_ref="web-000002"))


# Rejecting, correcting, resubmitting


def test_an_order_with_an_unknown_item_is_received_and_rejected_for_good_later(kept: Books) -> None:
    order = kept.posted(("1", "A", 1), ("2", "new", 1))

    assert (order.status, order.rejection, order.rejected_for_good) == ("rejected", "unknown_item new", True)
    job = kept.erp.job(order.job_id)
    assert (job.status, job.reason) == ("failed", "unknown_item new")
    [effect] = kept.made.of_kind("sales_order_rejected")
    assert (effect.cause, effect.permanent) == ("unknown_item new", True)
    [event] = kept.made.events
    assert event.data == {
        "sales_order_id": "SO-000001",
        "order_ref": "web-000001",
        "reason": "unknown_item new",
        "permanent": True,
    }


def test_a_rule_of_the_run_rejects_and_may_let_it_pass_the_next_time(kept: Books) -> None:
    kept.made.decisions["post_sales_order"] = {"reason": "period_closed", "permanent": False}
    order = kept.posted(("1", "A", 1))
    assert (order.status, order.rejection, order.rejected_for_good) == ("rejected", "period_closed", False)
    first_job = order.job_id

    kept.made.decisions.clear()
    job = kept.erp.resubmit(order)
    assert (order.status, order.rejection, job.status) == ("received", None, "queued")
    assert kept.made.of_kind("sales_order_resubmitted")[0].document_id == "SO-000001"
    kept.made.advance(POSTED_S)
    assert order.status == "posted"
    assert [kept.erp.job(job_id).status for job_id in (first_job, order.job_id)] == ["failed", "succeeded"]


def test_only_a_rejected_order_is_resubmitted(kept: Books) -> None:
    order = kept.erp.receive(content(("1", "A", 1)))
    with kept.refuses("not_rejected"):
        kept.erp.resubmit(order)
    kept.made.advance(POSTED_S)
    with kept.refuses("not_rejected"):
        kept.erp.resubmit(order)


def test_a_rejected_order_is_corrected_and_posted(kept: Books) -> None:
    order = kept.posted(("1", "new", 2))
    kept.erp.update(order, customer=None, ship_to=None, lines=(OrderLine("1", "B", 3, PRICE),))
    assert (order.total, order.customer.name, order.ship_to) == (Decimal("11.19"), "Zoë Müller", HOME)
    [effect] = kept.made.of_kind("sales_order_updated")
    assert (effect.amount, effect.lines) == ("11.19", [("1", "B", 3, "2.08")])

    kept.erp.resubmit(order)
    kept.made.advance(POSTED_S)
    assert order.status == "posted"


def test_a_correction_leaves_what_it_does_not_name(kept: Books) -> None:
    order = kept.erp.receive(content(("1", "A", 2)))
    moved = replace(HOME, city="York")
    kept.erp.update(order, customer=Customer("Z. Müller", "z@example.com"), ship_to=moved, lines=None)

    assert (order.customer.name, order.ship_to.city) == ("Z. Müller", "York")
    assert (order.total, order.status, order.version) == (Decimal("9.11"), "received", 1)


def test_a_wrong_correction_is_refused(kept: Books) -> None:
    order = kept.erp.receive(content(("1", "A", 2)))
    with kept.refuses("inexact_amount"):
        kept.erp.update(order, customer=None, ship_to=None, lines=(OrderLine("1", "A", 2, Decimal("2.085")),))


def test_what_is_posted_or_cancelled_can_no_longer_be_corrected(kept: Books) -> None:
    order = kept.posted(("1", "A", 2))
    with kept.refuses("order_posted"):
        kept.erp.update(order, customer=None, ship_to=HOME, lines=None)
    kept.erp.cancel(order, "changed_mind", None)
    with kept.refuses("order_cancelled"):
        kept.erp.update(order, customer=None, ship_to=HOME, lines=None)


def test_what_is_invoiced_says_so_when_it_is_to_be_corrected(kept: Books) -> None:
    order = kept.posted(("1", "A", 2))
    kept.invoiced(order, ("1", 1))
    with kept.refuses("order_invoiced"):
        kept.erp.update(order, customer=None, ship_to=HOME, lines=None)


def test_a_correction_cannot_take_away_lines_that_a_cancellation_names(kept: Books) -> None:
    order = kept.erp.receive(content(("1", "A", 4), ("2", "B", 1)))
    kept.erp.cancel(order, "changed_mind", units(("1", 2)))
    with kept.refuses("order_cancelled"):
        kept.erp.update(order, customer=None, ship_to=None, lines=(OrderLine("2", "B", 1, PRICE),))

    kept.erp.update(order, customer=None, ship_to=replace(HOME, city="York"), lines=None)
    assert order.ship_to.city == "York"


# Cancelling


@pytest.mark.parametrize("new", [False, True], ids=["received", "rejected"])
def test_an_order_that_is_not_posted_is_cancelled_as_a_whole(kept: Books, new: bool) -> None:
    order = kept.erp.receive(content(("1", "new" if new else "A", 2), ("2", "B", 1)))
    kept.made.advance(POSTED_S if new else 0)
    kept.erp.cancel(order, "changed_mind", None)

    assert (order.status, order.cancelled_lines) == ("cancelled", units(("1", 2), ("2", 1)))
    assert kept.erp.job(order.job_id).status == "failed"
    [effect] = kept.made.of_kind("sales_order_cancelled")
    assert (effect.cause, effect.status) == ("changed_mind", "cancelled")
    kept.made.advance(POSTED_S)
    assert order.status == "cancelled"
    assert not kept.made.of_kind("sales_order_posted")


def test_lines_are_cancelled_in_parts_and_the_last_one_ends_the_order(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "B", 1))
    kept.erp.cancel(order, "short", units(("1", 3)))
    assert order.status == "posted"
    [effect] = kept.made.of_kind("sales_order_lines_cancelled")
    assert effect.lines == [("1", "A", 3, "2.08")]

    kept.erp.cancel(order, "short", units(("1", 1), ("2", 1)))
    assert order.status == "cancelled"
    assert kept.erp.job(order.job_id).status == "succeeded", "it had been posted"
    with kept.refuses("order_cancelled"):
        kept.erp.cancel(order, "short", units(("1", 1)))


def test_cancelling_what_is_open_of_a_part_invoiced_order_leaves_it_invoiced(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "B", 1))
    kept.invoiced(order, ("1", 3))
    assert order.status == "partially_invoiced"
    kept.erp.cancel(order, "short", None)

    assert (order.status, order.cancelled_lines) == ("invoiced", units(("1", 1), ("2", 1)))
    with kept.refuses("order_invoiced"):
        kept.erp.cancel(order, "short", None)


def test_no_more_is_cancelled_than_is_open(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "B", 2))
    kept.invoiced(order, ("1", 3))
    with kept.refuses("order_invoiced"):
        kept.erp.cancel(order, "short", units(("1", 2)))
    with kept.refuses("order_cancelled"):
        kept.erp.cancel(order, "short", units(("2", 1), ("2", 2)))
    with kept.refuses("unknown_line"):
        kept.erp.cancel(order, "short", units(("1", 1), ("3", 1)))
    with kept.refuses("invalid_request"):
        kept.erp.cancel(order, "short", units(("2", 3)))


def test_a_line_that_was_billed_twice_is_not_cancelled_by_less_than_nothing(kept: Books) -> None:
    order = kept.posted(("1", "A", 2), ("2", "B", 1))
    kept.invoiced(order, ("1", 2))
    kept.invoiced(order, ("1", 2))
    assert order.status == "partially_invoiced"
    kept.erp.cancel(order, "short", None)

    assert order.cancelled_lines == units(("2", 1))
    assert order.status == "invoiced"


def test_naming_the_last_open_line_beside_one_billed_twice_ends_the_order(kept: Books) -> None:
    order = kept.posted(("1", "A", 2), ("2", "B", 1))
    kept.invoiced(order, ("1", 2))
    kept.invoiced(order, ("1", 2))
    kept.erp.cancel(order, "short", units(("2", 1)))

    assert order.status == "invoiced"


@pytest.mark.parametrize(
    "lines", [(), (("1", 0),), (("1", -1),)], ids=["no line", "no unit", "less than none"]
)
def test_lines_of_nothing_are_refused_everywhere(kept: Books, lines: tuple[tuple[str, int], ...]) -> None:
    order = kept.posted(("1", "A", 2))
    kept.invoiced(order, ("1", 1))
    with kept.refuses("invalid_request"):
        kept.erp.cancel(order, "short", units(*lines))
    with kept.refuses("invalid_request"):
        kept.invoice(order, *lines)
    with kept.refuses("invalid_request"):
        kept.credit(*(back(line_id, "A", quantity) for line_id, quantity in lines), total="0.00")


# Invoices


def test_an_invoice_is_accepted_now_and_posted_later(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "B", 1))
    invoice = kept.invoice(order, ("1", 4), ("2", 1), shipping="4.95")
    assert (invoice.invoice_id, invoice.status, order.status) == ("INV-000001", "received", "posted")
    assert (kept.on_hand("A"), kept.entries()) == (100, [])
    kept.made.advance(29)
    assert invoice.status == "received"

    kept.made.advance(16)
    assert (invoice.status, order.status) == ("posted", "invoiced")
    assert kept.erp.job(invoice.job_id).status == "succeeded"
    assert (order.invoiced_total, order.invoiced_lines) == (Decimal("15.35"), invoice.lines)
    assert (kept.on_hand("A"), kept.on_hand("B")) == (96, 49)
    assert kept.entries() == [("INV-000001", "receivables", "revenue", "15.35", "GBP")]
    assert kept.made.of_topic("invoice.posted")[0].data == {
        "invoice_id": "INV-000001",
        "order_ref": "web-000001",
        "shipment_id": "SHP-1",
        "total": "15.35",
        "currency": "GBP",
    }


def test_what_an_invoice_does_is_recorded_step_by_step(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "A", 1))
    before = len(kept.made.effects)
    kept.invoiced(order, ("1", 4), ("2", 1))

    effects = kept.made.effects[before:]
    assert [effect.kind for effect in effects] == [
        "invoice_received",
        "invoice_posted",
        "book_stock_moved",
        "book_stock_moved",
        "ledger_entry",
    ]
    assert (effects[1].ref, effects[1].amount, effects[1].status) == ("SHP-1", "10.40", "invoiced")
    assert [(e.quantity, e.on_hand, e.version, e.cause) for e in effects[2:4]] == [
        (-4, 96, 1, "invoice"),
        (-1, 95, 2, "invoice"),
    ]
    assert effects[4].data == {"debit": "receivables", "credit": "revenue"}


def test_each_shipment_has_its_invoice(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "B", 1))
    kept.invoiced(order, ("1", 3), shipment_id="SHP-1", shipping="4.95")
    assert order.status == "partially_invoiced"
    kept.invoiced(order, ("1", 1), ("2", 1), shipment_id="SHP-2")

    assert (order.status, order.invoiced_total) == ("invoiced", order.total)


def test_yen_are_billed_without_decimals(kept: Books) -> None:
    order = kept.posted(("1", "A", 3), currency="JPY", unit_price="120", shipping="500")
    kept.invoiced(order, ("1", 3), shipping="500")

    assert kept.entries() == [("INV-000001", "receivables", "revenue", "860", "JPY")]


def test_too_early_an_invoice_is_refused_and_may_come_again(kept: Books) -> None:
    order = kept.erp.receive(content(("1", "A", 2)))
    with kept.refuses("not_posted"):
        kept.invoice(order, ("1", 2))
    kept.made.advance(POSTED_S)
    kept.invoice(order, ("1", 2))

    rejected = kept.posted(("1", "new", 2), order_ref="web-000002")
    with kept.refuses("not_posted"):
        kept.invoice(rejected, ("1", 2))
    cancelled = kept.posted(("1", "A", 2), order_ref="web-000003")
    kept.erp.cancel(cancelled, "changed_mind", None)
    with kept.refuses("order_cancelled"):
        kept.invoice(cancelled, ("1", 2))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param({"total": Decimal("4.17")}, "amount_mismatch", id="a penny too much"),
        pytest.param({"currency": "EUR"}, "currency_mismatch", id="another currency"),
        pytest.param({"lines": units(("3", 2))}, "unknown_line", id="another line"),
        pytest.param(
            {"shipping": Decimal("0.005"), "total": Decimal("4.165")}, "inexact_amount", id="half a penny"
        ),
        pytest.param(
            {"shipping": Decimal("-1.00"), "total": Decimal("3.16")}, "invalid_request", id="shipping back"
        ),
    ],
)
def test_a_wrong_invoice_is_refused(kept: Books, wrong: dict[str, Any], code: str) -> None:
    order = kept.posted(("1", "A", 2))
    right: dict[str, Any] = {
        "shipment_id": "SHP-1",
        "currency": "GBP",
        "lines": units(("1", 2)),
        "shipping": Decimal("0.00"),
        "total": Decimal("4.16"),
    }
    with kept.refuses(code):
        kept.erp.invoice(order, **right | wrong)


def test_a_shipment_is_billed_twice_unless_references_are_strict(kept: Books) -> None:
    order = kept.posted(("1", "A", 2))
    kept.invoiced(order, ("1", 2))
    kept.invoiced(order, ("1", 2))
    assert (order.status, order.invoiced_total, kept.on_hand("A")) == ("invoiced", Decimal("8.32"), 96)

    strict = books(strict_references=True)
    order = strict.posted(("1", "A", 2))
    strict.invoice(order, ("1", 1), shipment_id="SHP-1")
    with strict.refuses("duplicate_reference"):
        strict.invoice(order, ("1", 1), shipment_id="SHP-1")
    strict.invoice(order, ("1", 1), shipment_id="SHP-2")


def test_an_accepted_invoice_is_posted_although_the_order_is_cancelled_meanwhile(kept: Books) -> None:
    """The goods are gone: cancelling the order in the books does not bring them back."""
    order = kept.posted(("1", "A", 2))
    kept.invoice(order, ("1", 2))
    kept.erp.cancel(order, "changed_mind", None)
    kept.made.advance(DOCUMENT_S)

    assert (order.status, order.invoiced_total, kept.on_hand("A")) == ("cancelled", Decimal("4.16"), 98)


# Credit memos


def test_a_credit_memo_takes_revenue_back_and_sellable_units_in(kept: Books) -> None:
    order = kept.posted(("1", "A", 4), ("2", "B", 1))
    kept.invoiced(order, ("1", 4), ("2", 1), shipping="4.95")
    memo = kept.credit(back("1", "A", 3), back("2", "B", 1, restock=False), total="8.32")
    assert (memo.credit_memo_id, memo.status, order.credited_total) == ("CM-000001", "received", ZERO)
    kept.made.advance(29)
    assert (memo.status, kept.on_hand("A")) == ("received", 96)

    kept.made.advance(16)
    assert (memo.status, order.status, order.credited_total) == ("posted", "invoiced", Decimal("8.32"))
    assert kept.erp.job(memo.job_id).status == "succeeded"
    assert (kept.on_hand("A"), kept.on_hand("B")) == (99, 49), "what cannot be sold again stays out"
    assert kept.entries()[1] == ("CM-000001", "revenue", "receivables", "8.32", "GBP")
    assert kept.made.of_topic("credit_memo.posted")[0].data == {
        "credit_memo_id": "CM-000001",
        "order_ref": "web-000001",
        "return_id": "R-1",
        "total": "8.32",
        "currency": "GBP",
    }


def test_nothing_is_credited_that_was_not_billed(kept: Books) -> None:
    with kept.refuses("not_invoiced"):
        kept.credit(back("1", "A", 1), total="2.08")
    order = kept.posted(("1", "A", 4))
    kept.invoice(order, ("1", 4))
    with kept.refuses("not_invoiced"):
        kept.credit(back("1", "A", 1), total="2.08")
    kept.made.advance(DOCUMENT_S)
    kept.credit(back("1", "A", 1), total="2.08")


@pytest.mark.parametrize(
    ("line_id", "total", "currency", "code"),
    [
        pytest.param("1", "2.09", "GBP", "amount_mismatch", id="a penny too much"),
        pytest.param("1", "2.08", "EUR", "currency_mismatch", id="another currency"),
        pytest.param("2", "2.08", "GBP", "unknown_line", id="another line"),
    ],
)
def test_a_wrong_credit_memo_is_refused(
    kept: Books, line_id: str, total: str, currency: str, code: str
) -> None:
    kept.invoiced(kept.posted(("1", "A", 4)), ("1", 4))
    with kept.refuses(code):
        kept.credit(back(line_id, "A", 1), total=total, currency=currency)


def test_a_return_is_credited_twice_unless_references_are_strict(kept: Books) -> None:
    order = kept.posted(("1", "A", 4))
    kept.invoiced(order, ("1", 4))
    kept.credit(back("1", "A", 1), total="2.08")
    kept.credit(back("1", "A", 1), total="2.08")
    kept.made.advance(DOCUMENT_S)
    assert order.credited_total == Decimal("4.16")

    strict = books(strict_references=True)
    strict.invoiced(strict.posted(("1", "A", 4)), ("1", 4))
    strict.credit(back("1", "A", 1), total="2.08")
    with strict.refuses("duplicate_reference"):
        strict.credit(back("1", "A", 1), total="2.08")
    strict.credit(back("1", "A", 1), total="2.08", return_id="R-2")


def test_a_credit_memo_belongs_to_the_booking_that_was_billed_when_it_was_made(kept: Books) -> None:
    pounds = kept.posted(("1", "A", 4))
    yen = kept.posted(("1", "A", 4), currency="JPY", unit_price="120", shipping="500")
    kept.invoiced(yen, ("1", 4))
    kept.made.advance(20)
    kept.invoice(pounds, ("1", 4))
    kept.made.advance(28)
    kept.credit(back("1", "A", 1), total="120", currency="JPY")
    kept.made.advance(DOCUMENT_S)

    assert pounds.status == "invoiced"
    assert (pounds.credited_total, yen.credited_total) == (ZERO, Decimal(120))


# Book stock and prices


@pytest.mark.parametrize(
    ("cause", "quantity", "on_hand"),
    [("receipt", 24, 124), ("count", -3, 97), ("damage", -101, -1)],
    ids=["goods arrived", "fewer were counted", "the books may say less than nothing"],
)
def test_an_adjustment_moves_the_book_stock(kept: Books, cause: str, quantity: int, on_hand: int) -> None:
    adjustment = kept.erp.adjust(change_id="WMS-7", sku="A", quantity=quantity, cause=cause)

    assert (adjustment.adjustment_id, adjustment.quantity) == ("ADJ-000001", quantity)
    assert (kept.on_hand("A"), kept.on_hand("B")) == (on_hand, 50)
    adjusted, moved = kept.made.effects[-2:]
    assert (adjusted.kind, adjusted.ref, adjusted.cause) == ("stock_adjusted", "WMS-7", cause)
    assert (moved.kind, moved.quantity, moved.on_hand) == ("book_stock_moved", quantity, on_hand)
    assert not kept.made.events


def test_an_adjustment_is_of_a_known_item_and_for_a_known_cause(kept: Books) -> None:
    with kept.refuses("not_found"):
        kept.erp.adjust(change_id="WMS-7", sku="new", quantity=1, cause="receipt")
    with kept.refuses("invalid_request"):
        kept.erp.adjust(change_id="WMS-7", sku="A", quantity=1, cause="shipment")


def test_a_change_is_booked_twice_unless_references_are_strict(kept: Books) -> None:
    for _ in range(2):
        kept.erp.adjust(change_id="WMS-7", sku="A", quantity=5, cause="receipt")
    assert kept.on_hand("A") == 110

    strict = books(strict_references=True)
    strict.erp.adjust(change_id="WMS-7", sku="A", quantity=5, cause="receipt")
    with strict.refuses("duplicate_reference"):
        strict.erp.adjust(change_id="WMS-7", sku="A", quantity=5, cause="receipt")
    strict.erp.adjust(change_id="WMS-8", sku="A", quantity=5, cause="receipt")
    assert strict.on_hand("A") == 110


def test_the_price_list_has_one_price_an_item_and_currency_whose_version_grows(kept: Books) -> None:
    kept.erp.set_price("A", "GBP", Decimal("2.08"), "2026-11-27T12:00:00Z")
    kept.erp.set_price("A", "EUR", Decimal("2.50"), "2026-11-27T12:00:00Z")
    kept.erp.set_price("A", "GBP", Decimal("1.99"), "2026-11-27T18:00:00Z")

    assert [(p.sku, p.currency, p.amount, p.version) for p in kept.erp.prices] == [
        ("A", "GBP", Decimal("1.99"), 2),
        ("A", "EUR", Decimal("2.50"), 1),
    ]
    assert [event.version for event in kept.made.of_topic("price.changed")] == [1, 1, 2]
    assert kept.made.events[2].data == {
        "sku": "A",
        "currency": "GBP",
        "amount": "1.99",
        "valid_from": "2026-11-27T18:00:00Z",
        "version": 2,
    }
    effect = kept.made.of_kind("price_set")[2]
    assert (effect.amount, effect.version, effect.data) == ("1.99", 2, {"valid_from": "2026-11-27T18:00:00Z"})


# The estate


def test_an_item_of_before_the_run_is_told_to_nobody(kept: Books) -> None:
    assert [(e.kind, e.sku, e.on_hand, e.actor) for e in kept.made.effects] == [
        ("item_known", "A", 100, "before-run"),
        ("item_known", "B", 50, "before-run"),
    ]
    assert not kept.made.events


def test_an_order_of_before_the_run_is_invoiced_and_touches_no_stock(kept: Books) -> None:
    shipments = {"SHP-OLD-1": units(("1", 3)), "SHP-OLD-2": units(("1", 1))}
    order = kept.erp.preload(content(("1", "A", 4)), shipments)

    assert (order.status, order.invoiced_total, kept.on_hand("A")) == ("invoiced", order.total, 100)
    assert [(invoice.shipment_id, invoice.total) for invoice in kept.erp.invoices] == [
        ("SHP-OLD-1", Decimal("11.19")),
        ("SHP-OLD-2", Decimal("2.08")),
    ]
    assert {effect.actor for effect in kept.made.effects} == {"before-run"}
    kept.made.advance(POSTED_S)
    assert not kept.made.events


def test_a_restored_ledger_knows_what_it_knew_and_does_what_it_meant_to_do(kept: Books) -> None:
    order = kept.posted(("1", "A", 4))
    kept.invoiced(order, ("1", 4))
    kept.credit(back("1", "A", 1), total="2.08")
    snapshot = kept.erp.snapshot()
    kept.made.advance(DOCUMENT_S)
    kept.erp.restore(snapshot)

    assert kept.erp.order("SO-000001").credited_total == ZERO
    assert kept.on_hand("A") == 96
    kept.made.advance(DOCUMENT_S)
    assert kept.erp.order("SO-000001").credited_total == Decimal("2.08")
    assert kept.on_hand("A") == 97
    assert len(kept.erp.entries) == 2


def test_unknown_documents_are_not_found(kept: Books) -> None:
    with kept.refuses("not_found"):
        kept.erp.order("SO-999999")
    with kept.refuses("not_found"):
        kept.erp.job("JOB-999999")
    assert kept.erp.order_ref_of("SO-999999") is None


def test_the_final_state_holds_what_the_judge_compares(kept: Books) -> None:
    kept.invoiced(kept.posted(("1", "A", 4)), ("1", 4))
    kept.credit(back("1", "A", 1), total="2.08")
    kept.erp.set_price("A", "GBP", PRICE, "2026-11-27T12:00:00Z")

    assert [document[:4] for document in kept.erp.final_state()] == [
        ("sales_order", "SO-000001", "web-000001", None),
        ("invoice", "INV-000001", "web-000001", None),
        ("credit_memo", "CM-000001", "web-000001", None),
        ("book_stock", "A", None, "A"),
        ("book_stock", "B", None, "B"),
        ("price", "A/GBP", None, "A"),
    ]


def test_no_transition_turns_a_posted_order_back() -> None:
    rank = {"received": 0, "rejected": 0, "posted": 1, "partially_invoiced": 2, "invoiced": 3, "cancelled": 4}
    for (before, _), after in TRANSITIONS.items():
        assert before != "cancelled"
        assert rank[after] >= rank[before]


# Whatever comes

LINES = st.lists(st.tuples(st.sampled_from("AAABBBN"), st.integers(1, 4)), min_size=1, max_size=3)
SOME = st.lists(st.tuples(st.sampled_from("111223"), st.sampled_from([1, 1, 2, 3, 0])), max_size=2)
WHICH = st.integers(0, 2)
RARELY = st.sampled_from([0, 0, 0, 1])
CURRENCY = st.sampled_from(["GBP", "GBP", "JPY", "XYZ"])
MONEY = {"GBP": ("2.08", "4.95"), "JPY": ("120", "500"), "XYZ": ("1.00", "0.00")}
"""Unit price and shipping by currency."""
OPENING = {"A": 100, "B": 50}


class ErpMachine(RuleBasedStateMachine):
    """Random steps, legal or not: what is refused changes nothing, and units and money are conserved."""

    @initialize(strict=st.booleans(), lines=LINES)
    def open(self, strict: bool, lines: list[tuple[str, int]]) -> None:
        self.made = make_world()
        self.erp = ErpLedger(self.made.world, ErpSettings(strict_references=strict))
        for sku, on_hand in OPENING.items():
            self.erp.seed_item(sku, f"Article {sku}", on_hand)
        self.erp.preload(content(("1", "A", 3), ("2", "B", 1), order_ref="web-0"), {"OLD": units(("1", 3))})
        self.earlier = {invoice.invoice_id for invoice in self.erp.invoices}
        """Invoices from before the run."""
        self.credited: dict[str, str] = {}
        """The sales order of each credit memo."""
        self.last_status: dict[str, str] = {}
        self.count = 0
        self.receive(lines, "GBP", 0, 90)

    def attempt(self, step: Any, *args: Any, **kwargs: Any) -> Any:
        before = self.erp.snapshot(), len(self.made.effects), len(self.made.events)
        try:
            answer = step(*args, **kwargs)
        except Refused:
            assert (self.erp.snapshot(), len(self.made.effects), len(self.made.events)) == before
            return None
        assert len(self.made.effects) > before[1], "every change is an effect"
        return answer

    def pick(self, which: int) -> SalesOrder | None:
        """One of the latest orders, so that several steps meet."""
        orders = list(self.erp.orders)[-3:]
        return orders[which % len(orders)] if orders else None

    @rule(lines=LINES, currency=CURRENCY, wrong=RARELY, seconds=st.sampled_from([0, 90]))
    def receive(self, lines: list[tuple[str, int]], currency: str, wrong: int, seconds: int) -> None:
        self.count += 1
        numbered = [(str(number), sku, quantity) for number, (sku, quantity) in enumerate(lines, 1)]
        price, shipping = MONEY[currency]
        wanted = content(
            *numbered,
            order_ref=f"web-{self.count % 3}",
            unit_price=price,
            shipping=shipping,
            currency=currency,
        )
        self.attempt(self.erp.receive, replace(wanted, total=wanted.total + wrong))
        self.made.advance(seconds)

    @rule(which=WHICH, lines=st.none() | LINES)
    def update(self, which: int, lines: list[tuple[str, int]] | None) -> None:
        if order := self.pick(which):
            price = order.lines[0].unit_price
            corrected = lines and tuple(
                OrderLine(str(number), sku, quantity, price)
                for number, (sku, quantity) in enumerate(lines, 1)
            )
            self.attempt(self.erp.update, order, customer=None, ship_to=HOME, lines=corrected or None)

    @rule(which=WHICH)
    def resubmit(self, which: int) -> None:
        if order := self.pick(which):
            status, old_job = order.status, order.job_id
            job = self.attempt(self.erp.resubmit, order)
            assert (job is not None) == (status == "rejected")
            assert job is None or job.job_id == order.job_id != old_job

    @rule(which=WHICH, some=st.none() | st.just([("1", 1)]) | SOME)
    def cancel(self, which: int, some: list[tuple[str, int]] | None) -> None:
        if order := self.pick(which):
            lines = None if some is None else units(*some)
            self.attempt(self.erp.cancel, order, "changed_mind", lines)

    @rule(which=WHICH)
    def post_ahead(self, which: int) -> None:
        """The ERP's own step comes early, or for nothing: only what is received moves."""
        if order := self.pick(which):
            waits = order.status == "received"
            before = self.erp.snapshot()
            self.erp.post(order.sales_order_id)
            assert (self.erp.snapshot() != before) == waits

    @rule(reason=st.sampled_from([None, None, "credit_check"]), permanent=st.booleans())
    def decide(self, reason: str | None, permanent: bool) -> None:
        self.made.decisions.clear()
        if reason:
            self.made.decisions["post_sales_order"] = {"reason": reason, "permanent": permanent}

    @rule(
        which=WHICH,
        some=st.none() | st.just([("1", 1)]) | SOME,
        shipment=st.sampled_from(["SHP-1", "SHP-2"]),
        wrong=RARELY,
        seconds=st.sampled_from([0, 45]),
    )
    def invoice(
        self, which: int, some: list[tuple[str, int]] | None, shipment: str, wrong: int, seconds: int
    ) -> None:
        if order := self.pick(which):
            known = {line.line_id for line in order.lines}
            lines = units(*((x.line_id, x.quantity) for x in order.lines) if some is None else some)
            self.attempt(
                self.erp.invoice,
                order,
                shipment_id=shipment,
                currency=order.currency,
                lines=lines,
                shipping=order.shipping,
                total=value(order, tuple(x for x in lines if x.line_id in known)) + order.shipping + wrong,
            )
            self.made.advance(seconds)

    @rule(
        which=WHICH,
        some=st.just([("1", 1)]) | SOME,
        restock=st.booleans(),
        foreign=RARELY,
        wrong=RARELY,
    )
    def credit(
        self, which: int, some: list[tuple[str, int]], restock: bool, foreign: int, wrong: int
    ) -> None:
        billed = [order for order in self.erp.orders.of_order(f"web-{which}") if order.invoiced_lines]
        sku_of = {line.line_id: line.sku for order in billed[:1] for line in order.lines}
        known = tuple(x for x in units(*some) if x.line_id in sku_of)
        memo = self.attempt(
            self.erp.credit,
            order_ref=f"web-{which}",
            return_id=f"R-{len(some)}",
            currency="EUR" if foreign or not billed else billed[0].currency,
            lines=tuple(back(line_id, sku_of.get(line_id, "A"), n, restock=restock) for line_id, n in some),
            total=(value(billed[0], known) if billed else ZERO) + wrong,
        )
        if memo is not None:
            self.credited[memo.credit_memo_id] = billed[0].sales_order_id

    @rule(number=st.integers(1, 3))
    def post_documents_ahead(self, number: int) -> None:
        memo_id = f"CM-{number:06d}"
        self.erp.post_invoice(f"INV-{number:06d}")
        self.erp.post_credit_memo(memo_id, self.credited.get(memo_id, "SO-000001"))

    @rule(
        sku=st.sampled_from("ABN"),
        quantity=st.integers(-9, 9),
        cause=st.sampled_from([*ADJUSTING_CAUSES, "shipment"]),
    )
    def adjust(self, sku: str, quantity: int, cause: str) -> None:
        self.attempt(self.erp.adjust, change_id=f"WMS-{quantity}", sku=sku, quantity=quantity, cause=cause)

    @rule(sku=st.sampled_from("AB"), currency=st.sampled_from(["GBP", "JPY"]), amount=st.integers(1, 9))
    def set_price(self, sku: str, currency: str, amount: int) -> None:
        known = self.erp.prices.get(f"{sku}/{currency}")
        version = 0 if known is None else known.version
        price = self.erp.set_price(sku, currency, Decimal(amount), "2026-11-27T12:00:00Z")
        assert (price.amount, price.version) == (Decimal(amount), version + 1)

    @rule(seconds=st.sampled_from([20, 45, 90]))
    def wait(self, seconds: int) -> None:
        self.made.advance(seconds)

    @rule()
    def restore(self) -> None:
        before = self.everything()
        self.erp.restore(self.erp.snapshot())
        assert self.everything() == before

    def everything(self) -> object:
        erp = self.erp
        return (
            copy.deepcopy(list(erp.final_state())),
            copy.deepcopy([*erp.entries, *erp.adjustments, *erp.items, *erp.jobs.values()]),
        )

    @invariant()
    def every_posted_document_is_entered_once_and_exactly(self) -> None:
        wanted = Counter(
            (invoice.invoice_id, invoice.order_ref, "receivables", "revenue", invoice.total, invoice.currency)
            for invoice in self.erp.invoices
            if invoice.status == "posted"
        ) + Counter(
            (memo.credit_memo_id, memo.order_ref, "revenue", "receivables", memo.total, memo.currency)
            for memo in self.erp.credit_memos
            if memo.status == "posted"
        )
        assert wanted == Counter(
            (entry.document_id, entry.order_ref, entry.debit, entry.credit, entry.amount, entry.currency)
            for entry in self.erp.entries
        )
        assert all(entry.amount >= 0 and is_exact(entry.amount, entry.currency) for entry in self.erp.entries)

    @invariant()
    def accounts_and_orders_agree_to_the_minor_unit(self) -> None:
        owed: dict[tuple[str, str], Decimal] = {}
        for entry in self.erp.entries:
            signed = entry.amount if entry.debit == "receivables" else -entry.amount
            about = entry.order_ref, entry.currency
            owed[about] = owed.get(about, ZERO) + signed
        for order in self.erp.orders:
            about = order.order_ref, order.currency
            owed[about] = owed.get(about, ZERO) - order.invoiced_total + order.credited_total
        assert not any(owed.values())
        for order in self.erp.orders:
            billed = [
                invoice
                for invoice in self.erp.invoices
                if invoice.sales_order_id == order.sales_order_id and invoice.status == "posted"
            ]
            assert order.invoiced_total == sum(invoice.total for invoice in billed)
            assert Counter(order.invoiced_lines) == Counter(x for invoice in billed for x in invoice.lines)
            assert all(invoice.currency == order.currency for invoice in billed)
            assert order.credited_total == sum(
                memo.total
                for memo in self.erp.credit_memos
                if self.credited[memo.credit_memo_id] == order.sales_order_id and memo.status == "posted"
            )

    @invariant()
    def book_stock_is_what_was_there_and_what_documents_moved(self) -> None:
        moved = Counter(OPENING)
        for adjustment in self.erp.adjustments:
            moved[adjustment.sku] += adjustment.quantity
        for invoice in self.erp.invoices:
            if invoice.status == "posted" and invoice.invoice_id not in self.earlier:
                sku_of = {x.line_id: x.sku for x in self.erp.order(invoice.sales_order_id).lines}
                for line in invoice.lines:
                    moved[sku_of[line.line_id]] -= line.quantity
        for memo in self.erp.credit_memos:
            if memo.status == "posted":
                for back_again in memo.lines:
                    moved[back_again.sku] += back_again.quantity if back_again.restock else 0
        told = Counter(OPENING)
        for effect in self.made.of_kind("book_stock_moved"):
            told[str(effect.sku)] += effect.quantity or 0
        for stock in self.erp.stock:
            assert stock.on_hand == moved[stock.sku] == told[stock.sku]

    @invariant()
    def every_status_means_what_it_says(self) -> None:
        for order in self.erp.orders:
            ordered = {line.line_id: line.quantity for line in order.lines}
            gone = Counter[str]()
            for line in order.cancelled_lines:
                assert line.quantity > 0
                gone[line.line_id] += line.quantity
            assert all(gone[line_id] <= ordered[line_id] for line_id in gone)
            for line in order.invoiced_lines:
                gone[line.line_id] += line.quantity
            is_open = any(gone[line_id] < ordered[line_id] for line_id in ordered)
            assert is_open == (order.status not in ("invoiced", "cancelled"))
            assert bool(order.invoiced_lines) == (order.status in ("partially_invoiced", "invoiced")) or (
                order.status == "cancelled"
            )
            assert (order.rejection is not None) == (
                order.status == "rejected"
            ) or order.status == "cancelled"
            assert order.total == value(order, units(*ordered.items())) + order.shipping

    @invariant()
    def every_job_knows_how_its_document_stands(self) -> None:
        for order in self.erp.orders:
            job = self.erp.job(order.job_id)
            assert (job.status == "queued") == (order.status == "received")
            assert (job.status == "succeeded") == (order.posted_at is not None)
        for invoice in self.erp.invoices:
            assert self.erp.order(invoice.sales_order_id).posted_at is not None, "nothing is billed unposted"
        for document in (*self.erp.invoices, *self.erp.credit_memos):
            settled = "succeeded" if document.status == "posted" else "queued"
            assert self.erp.job(document.job_id).status == settled

    @invariant()
    def statuses_move_as_the_law_allows(self) -> None:
        reachable: dict[str, set[str]] = {}
        for (status, _), target in TRANSITIONS.items():
            reachable.setdefault(status, set()).add(target)
        for order in self.erp.orders:
            before = self.last_status.get(order.sales_order_id, "received")
            seen, todo = {before}, [before]
            while todo:
                for target in reachable.get(todo.pop(), set()) - seen:
                    seen.add(target)
                    todo.append(target)
            assert order.status in seen
            self.last_status[order.sales_order_id] = order.status

    @invariant()
    def references_are_unique_where_they_must_be(self) -> None:
        if self.erp.settings.strict_references:
            for references in (
                [order.order_ref for order in self.erp.orders],
                [(invoice.order_ref, invoice.shipment_id) for invoice in self.erp.invoices],
                [(memo.order_ref, memo.return_id) for memo in self.erp.credit_memos],
                [(adjustment.sku, adjustment.change_id) for adjustment in self.erp.adjustments],
            ):
                assert len(set(references)) == len(references)

    @invariant()
    def every_effect_is_described_and_told_where_it_should_be(self) -> None:
        assert set(self.made.kinds()) <= set(EFFECTS)
        told = [
            (effect.effect_id, TOLD[effect.kind])
            for effect in self.made.effects
            if effect.kind in TOLD and effect.actor != "before-run"
        ]
        assert [(event.effect_id, event.topic) for event in self.made.events] == told

    def teardown(self) -> None:
        """Once all is quiet, nothing waits for its posting any more."""
        if not hasattr(self, "erp"):
            return
        self.made.advance(POSTED_S)
        for document in (*self.erp.orders, *self.erp.invoices, *self.erp.credit_memos):
            assert document.status != "received"
        self.every_posted_document_is_entered_once_and_exactly()
        self.accounts_and_orders_agree_to_the_minor_unit()
        self.book_stock_is_what_was_there_and_what_documents_moved()


TestErpWhateverComes = ErpMachine.TestCase
TestErpWhateverComes.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
