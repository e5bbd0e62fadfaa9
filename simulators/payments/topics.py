"""What the payment service tells the world."""

from dataclasses import dataclass

from ..kit.topics import Topic


@dataclass(frozen=True, slots=True)
class PaymentMoved:
    payment_id: str
    order_ref: str
    amount: str
    currency: str
    status: str


@dataclass(frozen=True, slots=True)
class PaymentCaptured:
    payment_id: str
    order_ref: str
    amount: str
    currency: str
    status: str
    capture_id: str
    shipment_id: str


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    payment_id: str
    order_ref: str
    amount: str
    currency: str
    status: str
    refund_id: str
    return_id: str


TOPICS = {
    "payment.authorised": Topic("An amount is held for an order.", PaymentMoved),
    "payment.captured": Topic("An amount was taken.", PaymentCaptured),
    "payment.voided": Topic("What was not captured was given back.", PaymentMoved),
    "payment.refunded": Topic("An amount was paid back.", PaymentRefunded),
    "payment.expired": Topic("A hold lapsed.", PaymentMoved),
}
