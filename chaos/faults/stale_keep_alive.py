"""A connection that was to stay open ends just when the next call comes in on it."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import one_of
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Stale


@dataclass(frozen=True, slots=True)
class StaleKeepAlive:
    """The reply arrives without ``Connection: close``, so the caller keeps the connection for its next call.

    ``at: next-call`` resets it with the first byte of that call, which is not read: the race between a caller's pool
    and a server's idle timeout, lost each time. ``at: reply`` closes it right after the reply, which a pool that looks
    before it reuses can see. The call that fails was not carried out, but its caller cannot know. As load balancers
    do whose idle timeout is shorter than the pool's (AWS ALB: 60 s).
    """

    seam: ClassVar[Literal["call"]] = "call"

    at: Literal["next-call", "reply"] = "next-call"

    def __post_init__(self) -> None:
        one_of(("next-call", "reply"), at=self.at)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return replace(await forward(call), wire=Stale(on_next=self.at == "next-call"))
