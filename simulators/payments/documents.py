"""The payment service's documents: what the ledger keeps is what the wire shows."""

from dataclasses import dataclass
from decimal import Decimal

from ..kit.money import ZERO


@dataclass(slots=True)
class Payment:
    """Money set aside for an order: what is not captured, voided or lapsed is still held."""

    payment_id: str
    order_ref: str
    status: str
    amount: Decimal
    currency: str
    authorised_at: str
    expires_at: str
    captured: Decimal = ZERO
    refunded: Decimal = ZERO
    voided: Decimal = ZERO
    """Given back by a void."""
    lapsed: Decimal = ZERO
    """Given back because the authorisation expired."""
    version: int = 0
    updated_at: str = ""

    @property
    def held(self) -> Decimal:
        """What can still be captured."""
        return self.amount - self.captured - self.voided - self.lapsed


@dataclass(slots=True)
class Capture:
    """Money taken for a shipment."""

    capture_id: str
    payment_id: str
    order_ref: str
    shipment_id: str
    amount: Decimal
    currency: str
    version: int = 0
    updated_at: str = ""


@dataclass(slots=True)
class Refund:
    """Money given back for a return."""

    refund_id: str
    payment_id: str
    order_ref: str
    return_id: str
    amount: Decimal
    currency: str
    version: int = 0
    updated_at: str = ""
