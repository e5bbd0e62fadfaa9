"""The reply comes a few bytes at a time."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import above, at_least
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Paced


@dataclass(frozen=True, slots=True)
class Dribble:
    """The head at once, then ``bytes_at_once`` of the body every ``gap_s``, until all has arrived.

    Each piece restarts a read timeout, so only a deadline over the whole call ends it; without one a few such calls
    hold every worker. The call has been carried out, and who waits reads a complete answer. As Toxiproxy's ``slicer``.
    """

    seam: ClassVar[Literal["call"]] = "call"

    bytes_at_once: int = 16
    gap_s: float = 0.1

    def __post_init__(self) -> None:
        at_least(1, bytes_at_once=self.bytes_at_once)
        above(0, gap_s=self.gap_s)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return replace(await forward(call), wire=Paced(self.bytes_at_once, self.gap_s, ctx.sleep))
