"""A document is read as it stood a while ago; one that is newer is not found at all."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import above
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class StaleReads:
    """Reads go to a replica that lags from the moment on that this is armed: MySQL behind Magento, read replicas of
    Amazon's SP-API. A middleware that looks a document up to see whether a lost request was carried out finds
    nothing and does it again; one that writes back what it read undoes the last change. Lists are not
    touched.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "read_document"

    lag_s: float = 2.0
    """Real seconds."""

    def __post_init__(self) -> None:
        above(0, lag_s=self.lag_s)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"lag_s": self.lag_s}
