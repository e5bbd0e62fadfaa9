"""A request is held, then fails with nothing done; the same key meanwhile gets 409, as its first request is in flight."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import above
from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal


@dataclass(frozen=True, slots=True)
class InFlightThenFails:
    """The first attempt of a key is held for ``hold_s`` and answered 500. A caller that gave up waiting and tried again is told
    ``idempotency_key_in_use`` meanwhile: that is no success. Once the first has failed its key is free, and a further
    attempt does the work. As Stripe's idempotency keys and the IETF's draft behave while the first request is under way.
    """

    seam: ClassVar[Literal["call"]] = "call"
    changes_only: ClassVar[bool] = True

    hold_s: float = 8.0
    """Longer than the caller's own time-out, or it waits for the 500."""
    keys: int = 5
    """So many keys are held, each once."""

    def __post_init__(self) -> None:
        above(0, hold_s=self.hold_s, keys=self.keys)

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        """The first keys are held; one that is held concerns every call that comes with it."""
        key = call.headers.get("idempotency-key")
        if key is None or ctx.memory.get(key) == "over":
            return False
        return key in ctx.memory or len(ctx.memory) < self.keys

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        key = call.headers["idempotency-key"]
        if key in ctx.memory:
            return refusal(
                "idempotency_key_in_use",
                "The first request with this key is still under way.",
                409,
                f"the first request with key {key!r} has no answer yet",
                refused_by="fault",
            )
        ctx.memory[key] = "held"
        try:
            await ctx.sleep(self.hold_s)
        finally:
            ctx.memory[key] = "over"
        return refusal(
            "internal_error", "The system failed.", 500, "the request failed on the way", refused_by="fault"
        )
