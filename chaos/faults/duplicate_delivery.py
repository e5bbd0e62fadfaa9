"""An event is delivered several times under the same id."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import at_least
from ..errors import ChaosError
from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class DuplicateDelivery:
    """At least once means: sometimes twice. ``copies`` counts them all; each leaves ``gap_s`` after the one before."""

    seam: ClassVar[Literal["delivery"]] = "delivery"

    copies: int = 2
    gap_s: float = 0.0

    def __post_init__(self) -> None:
        if not 2 <= self.copies <= 100:
            raise ChaosError(f"copies must be from 2 to 100, got {self.copies}")
        at_least(0, gap_s=self.gap_s)

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        return [
            replace(outgoing, wait_s=outgoing.wait_s + number * self.gap_s, copy=number)
            for number in range(self.copies)
        ]
