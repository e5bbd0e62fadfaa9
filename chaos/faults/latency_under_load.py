"""Every call takes longer the more calls are under way."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import above, at_least, one_of
from ..commit import MOMENTS, Moment, waited
from ..fault import Call, FaultContext, Forward, Reply


@dataclass(frozen=True, slots=True)
class LatencyUnderLoad:
    """A system with too few workers: a call waits ``per_call_s`` for each call above ``free_calls`` that this fault
    already holds at the gate, at most ``max_s``.

    Counted: it depends on what arrives together. Who sends a whole backlog at once makes its own timeouts, and who
    repeats them on top never gets out again (retry storm); a bound on calls in flight keeps it fast.
    """

    seam: ClassVar[Literal["call"]] = "call"

    per_call_s: float = 0.05
    free_calls: int = 4
    max_s: float = 30.0
    when: Moment = "before"

    def __post_init__(self) -> None:
        above(0, per_call_s=self.per_call_s, max_s=self.max_s)
        at_least(0, free_calls=self.free_calls)
        one_of(MOMENTS, when=self.when)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        others = ctx.memory.get("under way", 0)
        ctx.memory["under way"] = others + 1
        try:
            wait_s = min(self.max_s, self.per_call_s * max(0, others - self.free_calls))
            return await waited(wait_s, call, forward, ctx, self.when)
        finally:
            ctx.memory["under way"] -= 1
