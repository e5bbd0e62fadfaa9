"""The call is carried out, and its reply never arrives."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import one_of
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Hang, Reset


@dataclass(frozen=True, slots=True)
class LostReply:
    """A timeout after the commit: who retries without an idempotency key, or without looking first, does it twice.

    A refusal, or the repeated answer to a key that is known, committed nothing: those replies arrive.
    ``how``: ``reset`` ends the connection with a RST, ``hang`` stays silent until the caller gives up.
    """

    seam: ClassVar[Literal["call"]] = "call"
    changes_only: ClassVar[bool] = True
    carried_out_only: ClassVar[bool] = True

    how: Literal["reset", "hang"] = "reset"

    def __post_init__(self) -> None:
        one_of(("reset", "hang"), how=self.how)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return replace(await forward(call), wire=Reset() if self.how == "reset" else Hang())
