"""An event is held back, so that later ones overtake it."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import above
from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class ReorderDelivery:
    """Give it to a share of the deliveries: those wait ``delay_s`` while the others leave at once."""

    seam: ClassVar[Literal["delivery"]] = "delivery"

    delay_s: float = 1.0

    def __post_init__(self) -> None:
        above(0, delay_s=self.delay_s)

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        return [replace(outgoing, wait_s=outgoing.wait_s + self.delay_s)]
