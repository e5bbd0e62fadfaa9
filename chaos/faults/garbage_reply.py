"""Bytes that are no HTTP come instead of a reply."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import one_of
from ..commit import MOMENTS, Moment
from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Garbage

RAW = {
    "tls": bytes.fromhex("15030300020228"),
    "chunk": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nnot-a-length\r\n",
}


@dataclass(frozen=True, slots=True)
class GarbageReply:
    """``tls``: a TLS alert, as a load balancer in mid-change sends to who speaks plain HTTP. ``chunk``: a proper
    head with status 200, and then a chunk without a length: who trusts the status alone takes it for done.

    With ``when: after`` the call has been carried out; a parser's error must count as unknown, not as a bad request
    that is given up. As WireMock's RANDOM_DATA_THEN_CLOSE and MALFORMED_RESPONSE_CHUNK.
    """

    seam: ClassVar[Literal["call"]] = "call"

    what: Literal["tls", "chunk"] = "tls"
    when: Moment = "after"

    def __post_init__(self) -> None:
        one_of(RAW, what=self.what)
        one_of(MOMENTS, when=self.when)

    @property
    def carried_out_only(self) -> bool:
        """After the commit there is something to hide only where there was one."""
        return self.when == "after"

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        wire = Garbage(RAW[self.what])
        if self.when == "after":
            return replace(await forward(call), wire=wire)
        return Reply(status=503, error="garbage_reply", refused_by="fault", wire=wire)
