"""An article's price changes after an order with it was placed and before it is booked."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class PriceChangedMidOrder:
    """The price list moves at midnight while orders of the evening still wait in a queue. The customer owes the
    price at which the order was placed: a middleware that prices it again from the list, as SAP and Business
    Central do unless told otherwise, bills something else; and the new price must be published all the same.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "reprice_after_order"

    percent: float = 10.0
    """By which the price of the order's first line changes; below 0 it falls."""

    def __post_init__(self) -> None:
        if not -90 <= self.percent <= 1000 or self.percent == 0:
            raise ChaosError(f"percent must be from -90 to 1000 and not 0, got {self.percent}")

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"percent": self.percent}
