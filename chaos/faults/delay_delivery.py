"""An event leaves late."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import above, at_least
from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class DelayDelivery:
    """``seconds`` plus up to ``jitter_s`` by keyed dice, so that events also change places. A middleware that waits
    for the event to go on stands still meanwhile: what must be in time is found by polling.

    Shopify says that a webhook may be up to a day late. What is still on its way counts as pending, healed or not:
    a delay longer than the run may settle makes the run inconclusive.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    seconds: float = 5.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        above(0, seconds=self.seconds)
        at_least(0, jitter_s=self.jitter_s)

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        about = (outgoing.system, outgoing.topic, outgoing.subject, outgoing.occurrence, outgoing.attempt)
        late_s = self.seconds + ctx.dice.between(0, self.jitter_s, *about)
        return [replace(outgoing, wait_s=outgoing.wait_s + late_s)]
