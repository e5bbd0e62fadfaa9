"""What the payment service's neutral dialect takes."""

from dataclasses import dataclass

from ..kit.fields import Currency, PositiveAmount, Reference


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """An amount to set aside for an order."""

    order_ref: Reference
    amount: PositiveAmount
    currency: Currency


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """An amount to take for a shipment."""

    amount: PositiveAmount
    currency: Currency
    shipment_id: Reference


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """An amount to give back for a return."""

    amount: PositiveAmount
    currency: Currency
    return_id: Reference
