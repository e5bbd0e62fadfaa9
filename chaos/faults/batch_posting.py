"""The ERP posts in batches: whatever it has received waits for the next full multiple of a time."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import above
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class BatchPosting:
    """Job queues that run every quarter of an hour, SAP's background jobs, night batches. For a while nothing moves,
    then everything at once. A middleware that polls a job only so often, or takes silence for a failure and
    books again, breaks here; the burst of events afterwards is the second trial.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "posting_time"

    batch_s: float = 5.0
    """Real seconds, counted on the ERP's clock."""

    def __post_init__(self) -> None:
        above(0, batch_s=self.batch_s)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        at_s = ctx.now() / 1e9
        return {"wait_s": self.batch_s - at_s % self.batch_s}
