"""The system is down: it reads a call, does nothing and resets the connection."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Call, FaultContext, Forward, Reply
from ..wire import Reset


@dataclass(frozen=True, slots=True)
class Outage:
    """The call is read and recorded, so that retries can be seen and judged; nothing is committed."""

    seam: ClassVar[Literal["call"]] = "call"
    hides: ClassVar[bool] = True

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return Reply(status=503, error="outage", refused_by="fault", wire=Reset())
