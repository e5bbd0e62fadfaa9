"""The payment service's rules and state: money is authorised, captured in parts, given back, and never made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...history.clock import rfc3339
from ..kit.collection import Collection
from ..kit.ledger import Ledger, World
from ..kit.money import MINOR_DIGITS, minor_unit
from ..kit.orders import UNKNOWN_CURRENCY, check_amount, plain
from ..kit.refusal import DUPLICATE_REFERENCE, INVALID, NOT_FOUND, Refusal
from .documents import Capture, Payment, Refund
from .refusals import (
    ALREADY_CAPTURED,
    ALREADY_VOIDED,
    CURRENCY_MISMATCH,
    EXCEEDS_AUTHORISED,
    EXCEEDS_CAPTURED,
    EXPIRED,
)

TRANSITIONS: dict[tuple[str, str], str] = {
    ("authorised", "capture_part"): "partially_captured",
    ("authorised", "capture_rest"): "captured",
    ("authorised", "void"): "voided",
    ("authorised", "expire"): "expired",
    ("partially_captured", "capture_part"): "partially_captured",
    ("partially_captured", "capture_rest"): "captured",
    ("partially_captured", "void"): "captured",
    ("partially_captured", "expire"): "captured",
    ("partially_captured", "refund_part"): "partially_refunded",
    ("captured", "refund_part"): "partially_refunded",
    ("captured", "refund_rest"): "refunded",
    ("partially_refunded", "refund_part"): "partially_refunded",
    ("partially_refunded", "refund_rest"): "refunded",
    ("partially_refunded", "capture_part"): "partially_refunded",
    ("partially_refunded", "capture_rest"): "partially_refunded",
    ("partially_refunded", "void"): "partially_refunded",
    ("partially_refunded", "expire"): "partially_refunded",
    ("partially_refunded", "settle"): "refunded",
}
"""(status, step) → status. ``…_rest`` leaves nothing to do of its kind; ``settle`` gives back what was still held of
a payment whose captures are all refunded."""

Kept = tuple[str, str, str | None, str | None, Any]
"""A document's kind, id, order reference and SKU, and the document."""


@dataclass(frozen=True, slots=True)
class PaymentsSettings:
    """How this payment service behaves; times are nominal seconds."""

    authorisation_lifetime_s: float = 7 * 86_400.0
    strict_references: bool = False
    """Refuse a second authorisation with an order reference, a second capture with a shipment id, and so on."""
    time_scale: float = 1.0
    """Real seconds of a nominal second, for the times that documents name."""

    def __post_init__(self) -> None:
        if self.authorisation_lifetime_s <= 0:
            raise ValueError(
                f"authorisation_lifetime_s must be more than 0, got {self.authorisation_lifetime_s}"
            )
        if self.time_scale <= 0:
            raise ValueError(f"time_scale must be more than 0, got {self.time_scale}")


class PaymentsLedger(Ledger):
    """Payments by id, with their captures and refunds: captured + voided + lapsed + held = authorised, always."""

    def __init__(
        self, world: World, settings: PaymentsSettings | None = None, *, system: str = "payments"
    ) -> None:
        super().__init__(system, world)
        self.settings = settings or PaymentsSettings()
        self.payments: Collection[Payment] = Collection()
        self.captures: Collection[Capture] = Collection()
        self.refunds: Collection[Refund] = Collection()

    # Payments

    def payment(self, payment_id: str) -> Payment:
        """Refused with ``not_found``."""
        payment = self.payments.get(payment_id)
        if payment is None:
            raise NOT_FOUND.because(f"there is no payment {payment_id!r}")
        return payment

    def authorise(self, order_ref: str, amount: Decimal, currency: str) -> Payment:
        """Set an amount aside until it is captured, voided or expires.

        Refused with ``unknown_currency``, ``inexact_amount``, ``invalid_request``; ``duplicate_reference`` where strict.
        """
        payment = self._authorise(order_ref, amount, currency)
        self.lapses(self.settings.authorisation_lifetime_s, self.expire, payment.payment_id)
        return payment

    def capture(self, payment_id: str, amount: Decimal, currency: str, shipment_id: str) -> Capture:
        """Take a part of what is held, or all of it, for one shipment.

        Refused with ``already_voided``, ``expired``, ``exceeds_authorised``, ``currency_mismatch``, ``inexact_amount``,
        ``invalid_request``; ``duplicate_reference`` where strict.
        """
        payment = self.payment(payment_id)
        amount = _exact(payment, amount, currency)
        held = payment.held
        if not held:
            _refuse_what_was_given_back(payment)
        if amount > held:
            raise EXCEEDS_AUTHORISED.because(
                f"{plain(held)} {currency} of {payment_id} is left, not {plain(amount)}", held=plain(held)
            )
        if self.settings.strict_references:
            for capture in self.captures.of_order(payment.order_ref):
                if (capture.payment_id, capture.shipment_id) == (payment_id, shipment_id):
                    raise DUPLICATE_REFERENCE.because(
                        f"{capture.capture_id} has captured shipment {shipment_id} already",
                        existing=capture.capture_id,
                    )
        capture = Capture(
            self.number("CAP"), payment.payment_id, payment.order_ref, shipment_id, amount, payment.currency
        )
        self.captures.add(capture.capture_id, capture, self.now(), payment.order_ref)
        payment.captured += amount
        self._move(payment, "capture_rest" if amount == held else "capture_part")
        self._tell(
            "captured",
            payment,
            amount,
            ref=shipment_id,
            data={"capture_id": capture.capture_id},
            capture_id=capture.capture_id,
            shipment_id=shipment_id,
        )
        return capture

    def void(self, payment_id: str) -> Payment:
        """Give back everything that is not captured. Refused with ``already_voided``, ``already_captured``, ``expired``."""
        payment = self.payment(payment_id)
        held = payment.held
        if not held:
            _refuse_what_was_given_back(payment)
            raise ALREADY_CAPTURED.because(
                f"all {plain(payment.amount)} {payment.currency} has been captured"
            )
        payment.voided += held
        self._move(payment, _release(payment, "void"))
        self._tell("voided", payment, held)
        return payment

    def expire(self, payment_id: str) -> None:
        """The service's own step at the end of an authorisation's life: what is still held goes back."""
        payment = self.payment(payment_id)
        held = payment.held
        if not held:
            return
        payment.lapsed += held
        self._move(payment, _release(payment, "expire"))
        self._tell("expired", payment, held)

    def refund(self, payment_id: str, amount: Decimal, currency: str, return_id: str) -> Refund:
        """Give back a part of what was captured, or all of it, for one return.

        Refused with ``exceeds_captured``, ``currency_mismatch``, ``inexact_amount``, ``invalid_request``;
        ``duplicate_reference`` where strict.
        """
        payment = self.payment(payment_id)
        amount = _exact(payment, amount, currency)
        left = payment.captured - payment.refunded
        if amount > left:
            raise EXCEEDS_CAPTURED.because(
                f"{plain(left)} {currency} of {payment_id} can be refunded, not {plain(amount)}",
                refundable=plain(left),
            )
        if self.settings.strict_references:
            for refund in self.refunds.of_order(payment.order_ref):
                if (refund.payment_id, refund.return_id) == (payment_id, return_id):
                    raise DUPLICATE_REFERENCE.because(
                        f"{refund.refund_id} has refunded return {return_id} already",
                        existing=refund.refund_id,
                    )
        refund = Refund(
            self.number("REF"), payment.payment_id, payment.order_ref, return_id, amount, payment.currency
        )
        self.refunds.add(refund.refund_id, refund, self.now(), payment.order_ref)
        payment.refunded += amount
        self._move(payment, "refund_part" if amount < left or payment.held else "refund_rest")
        self._tell(
            "refunded",
            payment,
            amount,
            ref=return_id,
            data={"refund_id": refund.refund_id},
            refund_id=refund.refund_id,
            return_id=return_id,
        )
        return refund

    def order_ref_of(self, payment_id: str) -> str | None:
        payment = self.payments.get(payment_id)
        return payment.order_ref if payment is not None else None

    # Before the run, and after it

    def preload(
        self, order_ref: str, amount: Decimal, currency: str, captures: Mapping[str, Decimal]
    ) -> Payment:
        """A payment from before the run with what was captured for each shipment; its authorisation stays."""
        with self.world.acting("before-run"):
            payment = self._authorise(order_ref, amount, currency)
            for shipment_id, captured in captures.items():
                self.capture(payment.payment_id, captured, currency, shipment_id)
        return payment

    def final_state(self) -> Iterator[Kept]:
        """Every document, for ``state/*.jsonl``."""
        for payment in self.payments:
            yield "payment", payment.payment_id, payment.order_ref, None, payment
        for capture in self.captures:
            yield "capture", capture.capture_id, capture.order_ref, None, capture
        for refund in self.refunds:
            yield "refund", refund.refund_id, refund.order_ref, None, refund

    # What steps share

    def _authorise(self, order_ref: str, amount: Decimal, currency: str) -> Payment:
        if currency not in MINOR_DIGITS:
            raise UNKNOWN_CURRENCY.because(
                f"{currency!r} is none of {', '.join(MINOR_DIGITS)}.", currency=currency
            )
        amount = _positive(amount, currency)
        if self.settings.strict_references and self.payments.of_order(order_ref):
            existing = self.payments.of_order(order_ref)[0].payment_id
            raise DUPLICATE_REFERENCE.because(
                f"{existing} is for order {order_ref} already", existing=existing
            )
        now_ns = self.now()
        lifetime_ns = round(self.settings.authorisation_lifetime_s * self.settings.time_scale * 1e9)
        payment = Payment(
            payment_id=self.number("PAY"),
            order_ref=order_ref,
            status="authorised",
            amount=amount,
            currency=currency,
            authorised_at=rfc3339(now_ns),
            expires_at=rfc3339(now_ns + lifetime_ns),
        )
        self.payments.add(payment.payment_id, payment, now_ns, order_ref)
        self._tell("authorised", payment, amount, data={"expires_at": payment.expires_at})
        return payment

    def _move(self, payment: Payment, step: str) -> None:
        payment.status = TRANSITIONS[payment.status, step]
        self.payments.changed(payment.payment_id, payment, self.now())

    def _tell(
        self,
        happened: str,
        payment: Payment,
        amount: Decimal,
        *,
        ref: str | None = None,
        data: dict[str, str] | None = None,
        **more: str,
    ) -> None:
        """The effect of a step that has been made, and its event, which says ``more``."""
        effect_id = self.effect(
            f"payment_{happened}",
            order_ref=payment.order_ref,
            document_id=payment.payment_id,
            ref=ref,
            amount=plain(amount),
            currency=payment.currency,
            status=payment.status,
            data=data,
        )
        self.event(
            f"payment.{happened}",
            effect_id,
            {
                "payment_id": payment.payment_id,
                "order_ref": payment.order_ref,
                "amount": plain(amount),
                "currency": payment.currency,
                "status": payment.status,
                **more,
            },
            order_ref=payment.order_ref,
        )


def _exact(payment: Payment, amount: Decimal, currency: str) -> Decimal:
    if currency != payment.currency:
        raise CURRENCY_MISMATCH.because(f"{payment.payment_id} is in {payment.currency}, not {currency}")
    return _positive(amount, currency)


def _positive(amount: Decimal, currency: str) -> Decimal:
    """The amount with exactly the currency's decimals; refused where it has more, or is not more than 0."""
    check_amount("amount", amount, currency)
    if not amount:
        raise INVALID.because("amount must be more than 0")
    return amount.quantize(minor_unit(currency))


def _release(payment: Payment, step: str) -> str:
    """Which step giving back the rest is: it ends a payment whose captures are all refunded."""
    return "settle" if payment.refunded and payment.refunded == payment.captured else step


def _refuse_what_was_given_back(payment: Payment) -> None:
    """Nothing is held any more: refuse with the reason, unless all of it was captured."""
    reasons: tuple[tuple[Decimal, Refusal, str], ...] = (
        (payment.voided, ALREADY_VOIDED, "voided"),
        (payment.lapsed, EXPIRED, "expired"),
    )
    for gone, refusal, word in reasons:
        if gone:
            raise refusal.because(f"{plain(gone)} {payment.currency} of {payment.payment_id} was {word}")
