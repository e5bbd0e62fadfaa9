"""A call that changes something is sent to another address."""

from dataclasses import dataclass
from typing import ClassVar, Literal
from urllib.parse import quote

from ..checks import one_of
from ..fault import Call, FaultContext, Forward, Reply


@dataclass(frozen=True, slots=True)
class Redirect:
    """307 and 308 ask for the same method and body again, and who follows gets through: the next call of the same
    operation about the same subject is let pass. Nothing is done by the first.

    302 asks the same of old, and nearly every client turns its POST into a GET (RFC 9110 section 15.4.3): it reads a
    list with 200 and takes the order for booked. ``to: other-host`` names the same server ``localhost`` instead of
    127.0.0.1: requests, httpx and curl then leave the Authorization header out, and get 401. As a host move, or http
    turned into https by a load balancer.
    """

    seam: ClassVar[Literal["call"]] = "call"
    changes_only: ClassVar[bool] = True

    status: Literal[307, 308, 302] = 307
    to: Literal["same-host", "other-host"] = "same-host"

    def __post_init__(self) -> None:
        one_of((307, 308, 302), status=self.status)
        one_of(("same-host", "other-host"), to=self.to)

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        return ctx.memory.pop((call.operation, call.subject), None) is None

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        ctx.memory[call.operation, call.subject] = True
        port = call.headers.get("host", "").rpartition(":")[2]
        host = f"http://localhost:{port}" if self.to == "other-host" else ""
        return Reply(
            status=self.status,
            headers=[("location", f"{host}{quote(call.path)}?moved=1")],
            error="moved",
            refused_by="fault",
        )
