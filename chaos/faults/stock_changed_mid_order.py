"""Units of an article are lost in the warehouse after an order with it was placed and before it is allocated."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import at_least
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class StockChangedMidOrder:
    """A count or a broken pallet between the sale and the allocation: what was promised may no longer be there. A
    middleware that allocates from what it knew ships short or oversells the next customer. Forward the new
    stock at once, and cancel and refund what cannot be filled.

    Example: peakproof chaos inject wms stock-changed-mid-order --rate 0.2 --for 60s
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "damage_after_order"

    units: int = 1
    """Of the order's first line, at most as many as there are."""

    def __post_init__(self) -> None:
        at_least(1, units=self.units)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"units": self.units}
