"""The ERP computes an order's total with another rounding and refuses the one that it is told."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class CurrencyRounding:
    """ERPs round net amounts and tax line by line, shops round the total: the sums differ by a cent (Odoo has a
    setting for it, Business Central an account for the difference). The refusal is for good and names the
    ERP's own total. A middleware that sends again what cannot pass blocks its queue; one that adopts the
    ERP's total bills what the customer never agreed to. Park the order visibly.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "compute_total"
    lasting: ClassVar[bool] = True

    minor_units: int = 1
    """By which the ERP's total is higher; below 0 it is lower."""

    def __post_init__(self) -> None:
        if self.minor_units == 0:
            raise ChaosError("minor_units must not be 0")

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"minor_units": self.minor_units}
