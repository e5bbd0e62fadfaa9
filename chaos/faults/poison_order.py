"""A system's validation refuses certain orders for good, however often they are sent."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class PoisonOrder:
    """A postcode, a tax number, a character that one system alone does not take. The same orders are refused on
    every attempt. A middleware that retries for ever, or works strictly in order, stops at the first of them
    and holds up all others. Take the 422 for what it is, park the order visibly and go on.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "validate_order"
    lasting: ClassVar[bool] = True

    reason: str = "the ship-to address cannot be validated"

    def __post_init__(self) -> None:
        if not self.reason:
            raise ChaosError("reason must not be empty, got ''")

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"reason": self.reason}
