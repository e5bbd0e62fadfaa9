"""The system asks to come back later, and says when: rightly, oddly, not at all, or wrongly."""

from dataclasses import dataclass
from email.utils import formatdate
from math import ceil, floor
from typing import ClassVar, Literal

from ..checks import above, one_of
from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal

SECOND_NS = 1_000_000_000
TOO_LONG = 10
PROBLEMS = {429: ("throttled", "Too many requests"), 503: ("unavailable", "Service unavailable")}
HOW = ("seconds", "date", "decimal", "absent", "too-short", "too-long")


@dataclass(frozen=True, slots=True)
class Throttled:
    """A call is refused until ``wait_s`` have passed since it was first refused; then one like it (same operation,
    same subject) goes through. Nothing is done before.

    ``retry_after`` is how Retry-After says it: whole ``seconds``; an HTTP ``date`` by the system's own clock; a
    ``decimal`` number, which RFC 9110 does not allow and Shopify sends; ``absent``; ``too-short``, half of the true
    wait, so that who believes it is refused again; ``too-long``, ten times the true wait. Who reads only whole seconds
    crashes or hammers on the others. A caller is judged by what it was told, even where that is too short; ``absent``
    and ``too-long`` hold no wait against anybody, for to cap a wait is as right as to keep it.
    """

    seam: ClassVar[Literal["call"]] = "call"

    retry_after: Literal["seconds", "date", "decimal", "absent", "too-short", "too-long"] = "seconds"
    wait_s: float = 1.0
    status: Literal[429, 503] = 429

    def __post_init__(self) -> None:
        one_of(HOW, retry_after=self.retry_after)
        above(0, wait_s=self.wait_s)
        one_of(PROBLEMS, status=self.status)

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        until_ns = ctx.memory.get((call.operation, call.subject))
        if until_ns is None or ctx.now() < until_ns:
            return True
        del ctx.memory[call.operation, call.subject]
        return False

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        now_ns = ctx.now()
        until_ns = ctx.memory.setdefault(
            (call.operation, call.subject), now_ns + round(self.wait_s * SECOND_NS)
        )
        header, read_s = self._told((until_ns - now_ns) / SECOND_NS, now_ns)
        code, title = PROBLEMS[self.status]
        reply = refusal(
            code,
            title,
            self.status,
            "too many calls just now; try again later",
            refused_by="fault",
            headers=() if header is None else (("retry-after", header),),
        )
        reply.retry_after_s = read_s
        return reply

    def _told(self, left_s: float, now_ns: int) -> tuple[str | None, float | None]:
        """The header, and the seconds that a caller can be held to."""
        match self.retry_after:
            case "seconds":
                return str(ceil(left_s)), float(ceil(left_s))
            case "date":
                at_s = ceil(now_ns / SECOND_NS + left_s)
                return formatdate(at_s, usegmt=True), at_s - now_ns / SECOND_NS
            case "decimal":
                told_s = ceil(left_s * 10) / 10
                return f"{told_s:.1f}", told_s
            case "too-short":
                return str(floor(left_s / 2)), float(floor(left_s / 2))
            case "too-long":
                return str(ceil(left_s * TOO_LONG)), None
        return None, None
