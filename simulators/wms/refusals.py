"""How the WMS says no."""

from ..kit.refusal import Refusal

TOO_LATE = Refusal("too_late", 409, "Picking has begun and cannot be called back.", permanent=True)
INSUFFICIENT_STOCK = Refusal("insufficient_stock", 409, "There are not that many units at the location.")
UNKNOWN_LOCATION = Refusal("unknown_location", 422, "There is no such location.", permanent=True)
UNKNOWN_ITEM = Refusal("unknown_item", 422, "The warehouse has never held that SKU.", permanent=True)
