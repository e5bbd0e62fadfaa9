"""The connection is closed properly, without a byte of a reply."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import one_of
from ..commit import MOMENTS, Moment
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Empty


@dataclass(frozen=True, slots=True)
class EmptyReply:
    """A FIN instead of a reply ("empty reply from server"): a worker was recycled, or a proxy lost its upstream.

    HTTP clients tend to repeat such a call by themselves (RFC 9110 section 9.2.2 allows it for idempotent methods
    only): with ``when: after`` it has been carried out. As WireMock's EMPTY_RESPONSE.
    """

    seam: ClassVar[Literal["call"]] = "call"

    when: Moment = "after"

    def __post_init__(self) -> None:
        one_of(MOMENTS, when=self.when)

    @property
    def carried_out_only(self) -> bool:
        """After the commit there is something to hide only where there was one."""
        return self.when == "after"

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        if self.when == "after":
            return replace(await forward(call), wire=Empty())
        return Reply(status=503, error="empty_reply", refused_by="fault", wire=Empty())
