"""Every call takes longer, and longer still the longer it goes on."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import above, at_least, one_of
from ..commit import MOMENTS, Moment, waited
from ..errors import ChaosError
from ..fault import Call, FaultContext, Forward, Reply


@dataclass(frozen=True, slots=True)
class LatencyRamp:
    """A system that slowly dies: the wait goes evenly from ``from_s`` to ``to_s`` within ``over_s`` of arming, and
    stays there. Downwards is a system that recovers.

    Clocked: which call waits how long depends on when it comes. What goes wrong is everything with a fixed timeout:
    all is well until the ramp crosses it, and then every call is repeated. As MockServer's degradation ramp.
    """

    seam: ClassVar[Literal["call"]] = "call"

    from_s: float = 0.0
    to_s: float = 5.0
    over_s: float = 30.0
    when: Moment = "before"

    def __post_init__(self) -> None:
        at_least(0, from_s=self.from_s, to_s=self.to_s)
        above(0, over_s=self.over_s)
        one_of(MOMENTS, when=self.when)
        if self.from_s == self.to_s:
            raise ChaosError(
                f"from_s and to_s are both {self.to_s:g}: that is no ramp; take the fault latency"
            )

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        share = min(1.0, max(0.0, (ctx.now() - ctx.armed_ns) / 1e9 / self.over_s))
        return await waited(self.from_s + share * (self.to_s - self.from_s), call, forward, ctx, self.when)
