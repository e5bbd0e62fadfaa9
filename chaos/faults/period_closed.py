"""The ERP's posting period is closed: it posts nothing until it is healed, or rejects what it would post."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class PeriodClosed:
    """At the end of a month the books are closed for hours, and orders go on coming. Held back, everything is posted
    when the period opens. With ``refuses`` sales orders are rejected, not for good: a middleware has to
    submit them again later. Book and wait; nobody may take the delay for a loss and book twice.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "posting_time"

    refuses: bool = False

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"reason": "period_closed"} if self.refuses else {"wait_s": None}
