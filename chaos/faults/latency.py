"""Every call takes longer, by a fixed time and some jitter."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import at_least, one_of
from ..commit import MOMENTS, Moment, waited
from ..errors import ChaosError
from ..fault import Call, FaultContext, Forward, Reply


@dataclass(frozen=True, slots=True)
class Latency:
    """A slow system: the wait is ``seconds`` plus up to ``jitter_s`` by keyed dice.

    A caller that gives up leaves a call behind that is carried out all the same; ``when: after`` has it carried out
    even before the wait, so that a retry finds the work done. As Toxiproxy's ``latency`` and WireMock's fixed delay.
    """

    seam: ClassVar[Literal["call"]] = "call"

    seconds: float = 1.0
    jitter_s: float = 0.0
    when: Moment = "before"

    def __post_init__(self) -> None:
        at_least(0, seconds=self.seconds, jitter_s=self.jitter_s)
        one_of(MOMENTS, when=self.when)
        if self.seconds + self.jitter_s == 0:
            raise ChaosError("seconds and jitter_s are both 0: that is no latency; set one above 0")

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        jitter_s = ctx.dice.between(0, self.jitter_s, call.system, call.operation, call.subject, call.attempt)
        return await waited(self.seconds + jitter_s, call, forward, ctx, self.when)
