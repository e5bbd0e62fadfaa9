"""Every call waits before it is carried out."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import ChaosError
from ..fault import Call, FaultContext, Forward, Reply


@dataclass(frozen=True, slots=True)
class Latency:
    """A slow system: the wait is ``seconds`` plus up to ``jitter_s`` by keyed dice. A caller that gives up leaves
    a call behind that is carried out all the same."""

    seam: ClassVar[Literal["call"]] = "call"

    seconds: float = 1.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < float("inf"):
            raise ChaosError(f"seconds must be at least 0, got {self.seconds}")
        if not 0 <= self.jitter_s < float("inf"):
            raise ChaosError(f"jitter_s must be at least 0, got {self.jitter_s}")
        if self.seconds + self.jitter_s == 0:
            raise ChaosError("seconds and jitter_s are both 0: that is no latency; set one above 0")

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        jitter_s = ctx.dice.between(0, self.jitter_s, call.system, call.operation, call.subject, call.attempt)
        await ctx.sleep(self.seconds + jitter_s)
        return await forward(call)
