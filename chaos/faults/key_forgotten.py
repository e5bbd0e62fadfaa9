"""A system forgets an Idempotency-Key long before the time that it promises."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import above
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class KeyForgotten:
    """Keys live in a cache that is flushed, or in a shop's cluster that fails over; Stripe prunes them after 24
    hours and an outage can last longer. A retry that comes late is carried out a second time. Look the
    document up before a late retry.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "replay_key"

    after_s: float = 2.0
    """Real seconds, to a tenth, after which a key is forgotten."""

    def __post_init__(self) -> None:
        above(0, after_s=self.after_s)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"after_s": self.after_s}
