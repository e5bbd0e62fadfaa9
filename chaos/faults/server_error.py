"""The system answers with a 5xx, before it has done anything or after all of it."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..checks import one_of
from ..commit import MOMENTS, Moment, answered_instead
from ..errors import ChaosError
from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal

PROBLEMS = {
    500: ("internal_error", "Internal server error"),
    502: ("bad_gateway", "Bad gateway"),
    503: ("unavailable", "Service unavailable"),
    504: ("gateway_timeout", "Gateway timeout"),
}


@dataclass(frozen=True, slots=True)
class ServerError:
    """``when: before`` the commit nothing is done; ``after`` it everything is, and only the answer went wrong.

    The caller cannot tell the one from the other, so a retry must be safe either way. Gateways answer 502 and 504
    after the commit every day; Heroku's router says 503 for what its application still finishes.
    """

    seam: ClassVar[Literal["call"]] = "call"

    status: int = 503
    when: Moment = "before"

    def __post_init__(self) -> None:
        if self.status not in PROBLEMS:
            raise ChaosError(f"status must be one of {', '.join(map(str, PROBLEMS))}, got {self.status}")
        one_of(MOMENTS, when=self.when)

    @property
    def carried_out_only(self) -> bool:
        """After the commit there is something to hide only where there was one."""
        return self.when == "after"

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        code, title = PROBLEMS[self.status]
        error = refusal(code, title, self.status, "the request could not be handled", refused_by="fault")
        return await answered_instead(error, call, forward, self.when)
