"""The payment service: money is authorised, captured in parts, given back, and never made."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peakproof.simulators.kit.refusal import Refused
from peakproof.simulators.payments.documents import Payment
from peakproof.simulators.payments.effects import EFFECTS
from peakproof.simulators.payments.ledger import TRANSITIONS, PaymentsLedger, PaymentsSettings

from .world import MadeWorld, make_world

DAY_S = 86_400.0


def money(text: str) -> Decimal:
    return Decimal(text)


def opened(**settings_: Any) -> tuple[PaymentsLedger, MadeWorld]:
    made = make_world()
    return PaymentsLedger(made.world, PaymentsSettings(**settings_)), made


def authorised(amount: str = "10.00") -> tuple[PaymentsLedger, MadeWorld, Payment]:
    ledger, made = opened(authorisation_lifetime_s=DAY_S)
    return ledger, made, ledger.authorise("web-000001", money(amount), "GBP")


def refused(step: Callable[[], object], ledger: PaymentsLedger, made: MadeWorld) -> str:
    """The code of the refusal; the step changed nothing."""
    before, effects, events = deepcopy(list(ledger.final_state())), len(made.effects), len(made.events)
    with pytest.raises(Refused) as caught:
        step()
    assert list(ledger.final_state()) == before
    assert (len(made.effects), len(made.events)) == (effects, events)
    return caught.value.refusal.code


def test_an_authorisation_holds_the_whole_amount() -> None:
    _, made, payment = authorised("12.50")
    assert (payment.payment_id, payment.status, payment.held) == ("PAY-000001", "authorised", money("12.50"))
    [effect] = made.effects
    assert (effect.kind, effect.order_ref, effect.document_id) == (
        "payment_authorised",
        "web-000001",
        "PAY-000001",
    )
    assert (effect.amount, effect.currency, effect.status) == ("12.50", "GBP", "authorised")
    assert made.events[0].data == {
        "payment_id": "PAY-000001",
        "order_ref": "web-000001",
        "amount": "12.50",
        "currency": "GBP",
        "status": "authorised",
    }


def test_the_time_scale_shortens_what_expires_at_says() -> None:
    ledger, _ = opened(authorisation_lifetime_s=DAY_S, time_scale=0.001)
    payment = ledger.authorise("web-000001", money("1.00"), "GBP")
    assert payment.authorised_at == "2026-11-27T12:00:00.000000Z"
    assert payment.expires_at == "2026-11-27T12:01:26.400000Z"


def test_each_shipment_captures_its_part() -> None:
    ledger, made, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    assert payment.status == "partially_captured"
    capture = ledger.capture(payment.payment_id, money("6"), "GBP", "SHP-2")
    assert (payment.status, payment.captured, payment.held) == ("captured", money("10.00"), money("0.00"))
    effect = made.of_kind("payment_captured")[1]
    assert (effect.ref, effect.document_id, effect.amount) == ("SHP-2", "PAY-000001", "6.00")
    assert effect.data == {"capture_id": capture.capture_id}
    assert made.of_topic("payment.captured")[1].data["shipment_id"] == "SHP-2"


def test_the_same_shipment_is_captured_again_as_in_life() -> None:
    ledger, _, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    assert payment.captured == money("8.00")


def test_strict_references_refuse_what_was_done_already() -> None:
    ledger, made = opened(strict_references=True)
    payment = ledger.authorise("web-000001", money("10.00"), "GBP")
    assert (
        refused(lambda: ledger.authorise("web-000001", money("10.00"), "GBP"), ledger, made)
        == "duplicate_reference"
    )
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    again = lambda: ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    assert refused(again, ledger, made) == "duplicate_reference"
    ledger.refund(payment.payment_id, money("1.00"), "GBP", "RET-1")
    once_more = lambda: ledger.refund(payment.payment_id, money("1.00"), "GBP", "RET-1")
    assert refused(once_more, ledger, made) == "duplicate_reference"


def test_a_void_gives_back_what_is_not_captured() -> None:
    ledger, made, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    ledger.void(payment.payment_id)
    assert (payment.status, payment.voided) == ("captured", money("6.00"))
    assert made.of_kind("payment_voided")[0].amount == "6.00"


def test_a_void_of_everything_ends_the_payment() -> None:
    ledger, made, payment = authorised()
    ledger.void(payment.payment_id)
    assert payment.status == "voided"
    assert refused(lambda: ledger.void(payment.payment_id), ledger, made) == "already_voided"
    assert (
        refused(lambda: ledger.capture(payment.payment_id, money("1.00"), "GBP", "SHP-1"), ledger, made)
        == "already_voided"
    )


def test_an_authorisation_expires_by_itself() -> None:
    ledger, made, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    made.advance(DAY_S)
    assert (payment.status, payment.lapsed) == ("captured", money("6.00"))
    assert made.of_kind("payment_expired")[0].amount == "6.00"
    assert (
        refused(lambda: ledger.capture(payment.payment_id, money("6.00"), "GBP", "SHP-2"), ledger, made)
        == "expired"
    )


def test_nothing_expires_of_a_payment_that_is_captured() -> None:
    ledger, made, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("10.00"), "GBP", "SHP-1")
    made.advance(2 * DAY_S)
    assert made.of_kind("payment_expired") == []
    assert refused(lambda: ledger.void(payment.payment_id), ledger, made) == "already_captured"


def test_refunds_in_parts_end_in_refunded() -> None:
    ledger, made, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("10.00"), "GBP", "SHP-1")
    ledger.refund(payment.payment_id, money("3.00"), "GBP", "RET-1")
    assert payment.status == "partially_refunded"
    refund = ledger.refund(payment.payment_id, money("7.00"), "GBP", "RET-2")
    assert payment.status == "refunded"
    effect = made.of_kind("payment_refunded")[1]
    assert (effect.ref, effect.amount, effect.status) == ("RET-2", "7.00", "refunded")
    assert effect.data == {"refund_id": refund.refund_id}
    assert (
        refused(lambda: ledger.refund(payment.payment_id, money("0.01"), "GBP", "RET-3"), ledger, made)
        == "exceeds_captured"
    )


def test_a_refund_before_the_last_capture_does_not_turn_the_status_back() -> None:
    ledger, _, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("4.00"), "GBP", "SHP-1")
    ledger.refund(payment.payment_id, money("4.00"), "GBP", "RET-1")
    assert payment.status == "partially_refunded"
    ledger.void(payment.payment_id)
    assert payment.status == "refunded"


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        pytest.param("10.01", "GBP", "exceeds_authorised", id="a penny more than is held"),
        pytest.param("1.005", "GBP", "inexact_amount", id="half a penny"),
        pytest.param("1.00", "EUR", "currency_mismatch", id="another currency"),
        pytest.param("0.00", "GBP", "invalid_request", id="nothing"),
        pytest.param("-1.00", "GBP", "invalid_request", id="less than nothing"),
        pytest.param("NaN", "GBP", "invalid_request", id="no number"),
        pytest.param("1E+40", "GBP", "invalid_request", id="absurdly much"),
    ],
)
def test_a_wrong_capture_is_refused_and_changes_nothing(amount: str, currency: str, code: str) -> None:
    ledger, made, payment = authorised("10.00")
    assert (
        refused(lambda: ledger.capture(payment.payment_id, money(amount), currency, "SHP-1"), ledger, made)
        == code
    )


def test_a_yen_has_no_minor_unit() -> None:
    ledger, made = opened()
    assert ledger.authorise("web-000001", money("1200"), "JPY").amount == 1200
    assert (
        refused(lambda: ledger.authorise("web-000002", money("1200.5"), "JPY"), ledger, made)
        == "inexact_amount"
    )
    assert (
        refused(lambda: ledger.authorise("web-000003", money("1.00"), "XYZ"), ledger, made)
        == "unknown_currency"
    )


def test_an_unknown_payment_is_not_found() -> None:
    ledger, made = opened()
    assert refused(lambda: ledger.void("PAY-000404"), ledger, made) == "not_found"


def test_a_payment_from_before_the_run_is_captured_and_tells_nobody() -> None:
    ledger, made = opened()
    payment = ledger.preload("web-000001", money("10.00"), "GBP", {"SHP-1": money("10.00")})
    assert payment.status == "captured"
    assert [(effect.kind, effect.actor) for effect in made.effects] == [
        ("payment_authorised", "before-run"),
        ("payment_captured", "before-run"),
    ]
    assert made.events == []


def test_a_restored_ledger_is_as_it_was_and_still_expires() -> None:
    ledger, made, payment = authorised("10.00")
    snapshot = ledger.snapshot()
    ledger.void(payment.payment_id)
    ledger.restore(snapshot)
    assert ledger.payment("PAY-000001").status == "authorised"
    made.advance(DAY_S)
    assert ledger.payment("PAY-000001").status == "expired"


def test_the_final_state_holds_every_document() -> None:
    ledger, _, payment = authorised("10.00")
    ledger.capture(payment.payment_id, money("10.00"), "GBP", "SHP-1")
    ledger.refund(payment.payment_id, money("1.00"), "GBP", "RET-1")
    assert [kept[:4] for kept in ledger.final_state()] == [
        ("payment", "PAY-000001", "web-000001", None),
        ("capture", "CAP-000001", "web-000001", None),
        ("refund", "REF-000001", "web-000001", None),
    ]


def test_no_transition_turns_a_status_back() -> None:
    order = ("authorised", "partially_captured", "captured", "partially_refunded", "refunded")
    ends = ("voided", "expired", "refunded")
    for (before, _), after in TRANSITIONS.items():
        assert before not in ends
        assert after in ends or order.index(after) >= order.index(before)


amounts = st.sampled_from([money(text) for text in ("0.01", "1.00", "2.50", "5.00", "10.00", "0.005", "0")])
which = st.integers(0, 2)


class PaymentsMachine(RuleBasedStateMachine):
    """Any calls in any order: a refused one changes nothing, and no penny is made or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.made = opened(authorisation_lifetime_s=10.0)

    @initialize()
    def authorise_two(self) -> None:
        self.authorise(money("10.00"), 0, "GBP")
        self.authorise(money("5.00"), 1, "GBP")

    def attempt(self, step: Callable[[], object]) -> None:
        before, effects = deepcopy(list(self.ledger.final_state())), len(self.made.effects)
        try:
            step()
        except Refused:
            assert list(self.ledger.final_state()) == before
            assert len(self.made.effects) == effects
        else:
            assert len(self.made.effects) == effects + 1

    def some(self, number: int) -> str:
        return f"PAY-{number + 1:06d}"

    @rule(amount=amounts, number=which, currency=st.sampled_from(["GBP", "JPY", "XYZ"]))
    def authorise(self, amount: Decimal, number: int, currency: str) -> None:
        self.attempt(lambda: self.ledger.authorise(f"web-{number:06d}", amount, currency))

    @rule(number=which, amount=amounts, shipment=st.sampled_from(["SHP-1", "SHP-2"]))
    def capture(self, number: int, amount: Decimal, shipment: str) -> None:
        self.attempt(lambda: self.ledger.capture(self.some(number), amount, "GBP", shipment))

    @rule(number=which)
    def capture_what_is_held(self, number: int) -> None:
        payment = self.ledger.payments.get(self.some(number))
        held = payment.held if payment is not None else Decimal(1)
        self.attempt(lambda: self.ledger.capture(self.some(number), held, "GBP", "SHP-3"))

    @rule(number=which)
    def void(self, number: int) -> None:
        self.attempt(lambda: self.ledger.void(self.some(number)))

    @rule(number=which, amount=amounts)
    def refund(self, number: int, amount: Decimal) -> None:
        self.attempt(lambda: self.ledger.refund(self.some(number), amount, "GBP", "RET-1"))

    @rule(number=which)
    def refund_what_is_captured(self, number: int) -> None:
        payment = self.ledger.payments.get(self.some(number))
        left = payment.captured - payment.refunded if payment is not None else money("1.00")
        self.attempt(lambda: self.ledger.refund(self.some(number), left, "GBP", "RET-2"))

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.made.advance(seconds)

    @rule()
    def restore_a_snapshot(self) -> None:
        before = deepcopy(list(self.ledger.final_state()))
        self.ledger.restore(self.ledger.snapshot())
        assert list(self.ledger.final_state()) == before

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        for payment in self.ledger.payments:
            assert 0 <= payment.refunded <= payment.captured <= payment.amount
            assert payment.held >= 0
            assert payment.captured + payment.voided + payment.lapsed + payment.held == payment.amount

    @invariant()
    def documents_and_effects_agree(self) -> None:
        for payment in self.ledger.payments:
            for kind, amount in (
                ("payment_authorised", payment.amount),
                ("payment_captured", payment.captured),
                ("payment_voided", payment.voided),
                ("payment_expired", payment.lapsed),
                ("payment_refunded", payment.refunded),
            ):
                told = [e for e in self.made.of_kind(kind) if e.document_id == payment.payment_id]
                assert sum(Decimal(effect.amount or "") for effect in told) == amount
            captured = [c.amount for c in self.ledger.captures if c.payment_id == payment.payment_id]
            assert sum(captured) == payment.captured
            refunds = [r.amount for r in self.ledger.refunds if r.payment_id == payment.payment_id]
            assert sum(refunds) == payment.refunded

    @invariant()
    def every_status_means_what_it_says(self) -> None:
        for payment in self.ledger.payments:
            assert (payment.status == "authorised") == (payment.held > 0 and not payment.captured)
            assert (payment.status in ("voided", "expired")) == (not payment.held and not payment.captured)
            assert (payment.status == "refunded") == (
                payment.captured > 0 and payment.refunded == payment.captured and not payment.held
            )
            assert (payment.status in ("partially_refunded", "refunded")) == (payment.refunded > 0)

    @invariant()
    def every_effect_is_documented_and_told(self) -> None:
        assert {effect.kind for effect in self.made.effects} <= set(EFFECTS)
        assert len(self.made.events) == len(self.made.effects)


PaymentsMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPaymentsMachine = PaymentsMachine.TestCase
