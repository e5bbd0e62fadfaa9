"""The call is carried out, and its reply breaks off before the Content-Length that it promised."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import one_of
from ..errors import ChaosError
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Truncated


@dataclass(frozen=True, slots=True)
class TruncatedReply:
    """The head and the share ``kept`` of the body arrive; then FIN (``close``), RST (``reset``) or nothing
    (``hang``). Of a reply without a body nothing arrives at all.

    The status has been read and says success, and the document cannot be: its outcome is unknown, for the id that was
    to be kept is lost. Who gives up, or creates it anew, does it not at all or twice. As Toxiproxy's ``limit_data``.
    """

    seam: ClassVar[Literal["call"]] = "call"
    carried_out_only: ClassVar[bool] = True

    kept: float = 0.5
    end: Literal["close", "reset", "hang"] = "close"

    def __post_init__(self) -> None:
        if not 0 <= self.kept < 1:
            raise ChaosError(f"kept must be at least 0 and below 1, got {self.kept}")
        one_of(("close", "reset", "hang"), end=self.end)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return replace(await forward(call), wire=Truncated(self.kept, self.end))
