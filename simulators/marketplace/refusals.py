"""How a marketplace says no."""

from ..kit.refusal import Refusal

OUT_OF_STOCK = Refusal("out_of_stock", 409, "Fewer units are listed than this checkout wants.")
ORDER_EXISTS = Refusal("order_exists", 409, "An order with this reference exists already.", permanent=True)
ORDER_SHIPPED = Refusal("order_shipped", 409, "The order, or a part of it, has shipped.", permanent=True)
ORDER_CANCELLED = Refusal("order_cancelled", 409, "The order is cancelled.", permanent=True)
ALREADY_CLOSED = Refusal("already_closed", 409, "This has been answered already.", permanent=True)
NOT_SHIPPED = Refusal("not_shipped", 409, "Fewer units have shipped and are not yet being returned.")
NOTHING_OPEN = Refusal("nothing_open", 409, "Fewer units of the line are open.", permanent=True)
OVER_SHIPPED = Refusal("over_shipped", 409, "Fewer units of the line are open to be shipped.", permanent=True)
EXCEEDS_TOTAL = Refusal("exceeds_total", 409, "More would be refunded than the order cost.", permanent=True)
CURRENCY_MISMATCH = Refusal("currency_mismatch", 422, "The order is in another currency.", permanent=True)
CURRENCY_NOT_SOLD = Refusal(
    "currency_not_sold", 422, "This channel does not sell in that currency.", permanent=True
)
UNKNOWN_LINE = Refusal("unknown_line", 422, "The order has no such line.", permanent=True)
