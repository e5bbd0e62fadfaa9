"""How the ERP says no."""

from ..kit.refusal import Refusal

NOT_POSTED = Refusal("not_posted", 409, "The sales order is not posted yet.")
NOT_INVOICED = Refusal("not_invoiced", 409, "Nothing has been invoiced for this order yet.")
NOT_REJECTED = Refusal(
    "not_rejected", 409, "Only a rejected sales order can be submitted again.", permanent=True
)
ORDER_CANCELLED = Refusal(
    "order_cancelled", 409, "The sales order, or this part of it, is cancelled.", permanent=True
)
ORDER_POSTED = Refusal(
    "order_posted", 409, "A sales order that is posted can no longer be corrected.", permanent=True
)
ORDER_INVOICED = Refusal("order_invoiced", 409, "What is invoiced can no longer be changed.", permanent=True)
AMOUNT_MISMATCH = Refusal("amount_mismatch", 422, "The amounts do not add up.", permanent=True)
CURRENCY_MISMATCH = Refusal("currency_mismatch", 422, "The order is in another currency.", permanent=True)
UNKNOWN_LINE = Refusal("unknown_line", 422, "The order has no such line.", permanent=True)
