"""How the OMS says no."""

from ..kit.refusal import Refusal

NOT_ALLOCATED = Refusal("not_allocated", 409, "Nothing is reserved for the order yet.")
NOT_SHIPPED = Refusal("not_shipped", 409, "Not that many units have been shipped yet.")
OVER_SHIPPED = Refusal("over_shipped", 409, "More units than are open cannot be shipped.", permanent=True)
NOTHING_OPEN = Refusal("nothing_open", 409, "More units than are open cannot be cancelled.", permanent=True)
ORDER_CANCELLED = Refusal("order_cancelled", 409, "The order is cancelled.", permanent=True)
ORDER_SHIPPED = Refusal("order_shipped", 409, "Everything that was open has been shipped.", permanent=True)
UNKNOWN_LINE = Refusal("unknown_line", 422, "The order has no such line.", permanent=True)
UNKNOWN_LOCATION = Refusal("unknown_location", 422, "There is no such location.", permanent=True)
