"""The payment service's neutral dialect: thin functions between the wire and the ledger."""

from ..kit.face import Face
from ..kit.orders import INEXACT_AMOUNT, UNKNOWN_CURRENCY
from ..kit.refusal import DUPLICATE_REFERENCE
from ..kit.wire import IfMatch, OrderListing, Page, check_if_match, page_of
from .documents import Capture, Payment, Refund
from .ledger import PaymentsLedger
from .refusals import (
    ALREADY_CAPTURED,
    ALREADY_VOIDED,
    CURRENCY_MISMATCH,
    EXCEEDS_AUTHORISED,
    EXCEEDS_CAPTURED,
    EXPIRED,
)
from .schemas import CaptureRequest, PaymentRequest, RefundRequest


def declare(payments: Face, ledger: PaymentsLedger) -> None:
    """Put the payment service's operations on its face."""

    def order_ref_of(payment_id: str, **_: object) -> str | None:
        return ledger.order_ref_of(payment_id)

    @payments.post(
        "/v1/payments",
        status=201,
        scope="shop",
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(UNKNOWN_CURRENCY, INEXACT_AMOUNT, DUPLICATE_REFERENCE),
    )
    def authorise(wanted: PaymentRequest) -> Payment:
        """Set an amount aside for an order until `expires_at`."""
        return ledger.authorise(wanted.order_ref, wanted.amount, wanted.currency)

    @payments.get("/v1/payments", order_ref=lambda query: query.order_ref)
    def list_payments(query: OrderListing) -> Page[Payment]:
        """Payments, oldest change first."""
        return page_of(ledger.payments, query)

    @payments.get("/v1/payments/{payment_id}", order_ref=order_ref_of)
    def get_payment(payment_id: str) -> Payment:
        """One payment."""
        return ledger.payment(payment_id)

    @payments.post(
        "/v1/payments/{payment_id}/captures",
        status=201,
        order_ref=order_ref_of,
        refuses=(
            EXCEEDS_AUTHORISED,
            ALREADY_VOIDED,
            EXPIRED,
            CURRENCY_MISMATCH,
            INEXACT_AMOUNT,
            DUPLICATE_REFERENCE,
        ),
    )
    def capture_payment(payment_id: str, wanted: CaptureRequest, if_match: IfMatch = None) -> Capture:
        """Take what one shipment costs."""
        check_if_match(ledger.payment(payment_id), if_match)
        return ledger.capture(payment_id, wanted.amount, wanted.currency, wanted.shipment_id)

    @payments.post(
        "/v1/payments/{payment_id}/void",
        order_ref=order_ref_of,
        refuses=(ALREADY_VOIDED, ALREADY_CAPTURED, EXPIRED),
    )
    def void_payment(payment_id: str, if_match: IfMatch = None) -> Payment:
        """Give back everything that is not captured."""
        check_if_match(ledger.payment(payment_id), if_match)
        return ledger.void(payment_id)

    @payments.post(
        "/v1/payments/{payment_id}/refunds",
        status=201,
        order_ref=order_ref_of,
        refuses=(EXCEEDS_CAPTURED, CURRENCY_MISMATCH, INEXACT_AMOUNT, DUPLICATE_REFERENCE),
    )
    def refund_payment(payment_id: str, wanted: RefundRequest, if_match: IfMatch = None) -> Refund:
        """Give back what one return is worth."""
        check_if_match(ledger.payment(payment_id), if_match)
        return ledger.refund(payment_id, wanted.amount, wanted.currency, wanted.return_id)

    @payments.get("/v1/captures", order_ref=lambda query: query.order_ref)
    def list_captures(query: OrderListing) -> Page[Capture]:
        """Captures, oldest first."""
        return page_of(ledger.captures, query)

    @payments.get("/v1/refunds", order_ref=lambda query: query.order_ref)
    def list_refunds(query: OrderListing) -> Page[Refund]:
        """Refunds, oldest first."""
        return page_of(ledger.refunds, query)
