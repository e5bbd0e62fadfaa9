"""The reply comes at so many bytes a second."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import above
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Paced

STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A narrow line: the body of every reply passes at ``bytes_per_s`` of its own; the head is free.

    Single documents hardly feel it and full pages of a list take long: who reads with page size 500 and a short
    timeout never gets beyond the first page, and a smaller page would. As Toxiproxy's ``bandwidth``.
    """

    seam: ClassVar[Literal["call"]] = "call"

    bytes_per_s: float = 10_000.0

    def __post_init__(self) -> None:
        above(0, bytes_per_s=self.bytes_per_s)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        piece_bytes = max(1, round(self.bytes_per_s * STEP_S))
        return replace(
            await forward(call), wire=Paced(piece_bytes, piece_bytes / self.bytes_per_s, ctx.sleep)
        )
