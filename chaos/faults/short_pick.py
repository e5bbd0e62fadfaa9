"""The warehouse finds fewer units than it should have when it picks an order."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import at_least
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class ShortPick:
    """Stock records are wrong somewhere in every warehouse; the fulfilment ships short and the rest is given up. A
    middleware that takes a shipment for the whole order bills and captures units that never left. Cancel
    what is short in every system, and capture only what was shipped.

    Example: peakproof chaos inject wms short-pick --rate 0.2 --for 60s
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "short_pick"

    units: int = 1
    """That are not to be found, from the order's last line up."""

    def __post_init__(self) -> None:
        at_least(1, units=self.units)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"units": self.units}
