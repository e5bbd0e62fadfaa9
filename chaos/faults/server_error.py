"""The system answers with a 5xx and has done nothing."""

from dataclasses import dataclass
from typing import ClassVar, Literal

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
    """Before the commit. The caller cannot tell it from one after the commit, so a retry must be safe either way."""

    seam: ClassVar[Literal["call"]] = "call"

    status: int = 503

    def __post_init__(self) -> None:
        if self.status not in PROBLEMS:
            raise ChaosError(f"status must be one of {', '.join(map(str, PROBLEMS))}, got {self.status}")

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        code, title = PROBLEMS[self.status]
        return refusal(code, title, self.status, "the request could not be handled", refused_by="fault")
