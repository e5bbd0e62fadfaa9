"""The caller may not do any longer what it could do before."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import one_of
from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal


@dataclass(frozen=True, slots=True)
class ScopeRevoked:
    """403 to every authenticated call that needs ``scope``: to all that change state (``write``), or to all others
    (``read``). A new token does not help; an administrator does, when the fault is healed.

    Not for good: orders that were given up on it have to be replayed. Who drops them as refused loses them, and who
    refreshes the token on every 403 storms the token endpoint. As a merchant who takes a permission from an app.
    """

    seam: ClassVar[Literal["call"]] = "call"

    scope: Literal["write", "read"] = "write"

    def __post_init__(self) -> None:
        one_of(("write", "read"), scope=self.scope)

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        return call.client is not None and call.changes == (self.scope == "write")

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return refusal(
            "forbidden",
            "This token may not do that.",
            403,
            f"{call.operation} needs scope {self.scope!r}, which has been revoked",
            refused_by="fault",
        )
