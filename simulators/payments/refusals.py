"""How the payment service says no."""

from ..kit.refusal import Refusal

EXCEEDS_AUTHORISED = Refusal(
    "exceeds_authorised", 409, "Less than this is left of the authorisation.", permanent=True
)
EXCEEDS_CAPTURED = Refusal(
    "exceeds_captured", 409, "Less than this has been captured and not yet refunded.", permanent=True
)
ALREADY_VOIDED = Refusal("already_voided", 409, "The authorisation has been voided.", permanent=True)
ALREADY_CAPTURED = Refusal(
    "already_captured", 409, "Everything has been captured: nothing is left to void.", permanent=True
)
EXPIRED = Refusal("expired", 409, "The authorisation has expired.", permanent=True)
CURRENCY_MISMATCH = Refusal("currency_mismatch", 422, "The payment is in another currency.", permanent=True)
