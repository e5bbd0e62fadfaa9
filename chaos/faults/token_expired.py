"""The caller's access token has expired before its time."""

from dataclasses import dataclass
from hashlib import blake2b
from json import loads
from typing import ClassVar, Literal

from ..checks import above
from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal


@dataclass(frozen=True, slots=True)
class TokenExpired:
    """Every bearer is refused with 401 from its first call on; a token that was issued since is good.

    Who trusts ``expires_in`` alone repeats the 401 until it gives up; who fetches a new token for each of many calls
    under way storms the token endpoint. A static key cannot be renewed, so whatever is still sent after
    ``lockout_s`` is accepted again. Each bearer expires once. Give it to all calls: with a probability only some
    calls would feel it. As any system that rotates its signing key or restarts its session store.
    """

    seam: ClassVar[Literal["call"]] = "call"

    lockout_s: float = 5.0

    def __post_init__(self) -> None:
        above(0, lockout_s=self.lockout_s)

    def watch(self, call: Call, reply: Reply, ctx: FaultContext) -> None:
        if call.operation == "issue_token" and reply.status == 200:
            ctx.memory[_fingerprint(loads(reply.body)["access_token"])] = 0

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        bearer = _bearer(call)
        if bearer is None:
            return False
        good_from_ns = ctx.memory.get(bearer)
        return good_from_ns is None or ctx.now() < good_from_ns

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        ctx.memory.setdefault(_bearer(call), ctx.now() + round(self.lockout_s * 1e9))
        return refusal(
            "unauthenticated",
            "This call needs a valid access token.",
            401,
            "the access token has expired",
            refused_by="fault",
            headers=(("www-authenticate", f'Bearer realm="{call.system}", error="invalid_token"'),),
        )


def _bearer(call: Call) -> bytes | None:
    """What the call shows, unreadable: no secret stays in memory; None where it shows no bearer."""
    kind, _, bearer = call.headers.get("authorization", "").partition(" ")
    return _fingerprint(bearer.strip()) if kind.lower() == "bearer" else None


def _fingerprint(bearer: str) -> bytes:
    return blake2b(bearer.encode(), digest_size=16).digest()
