"""Lists miss whatever changed in the last while, though each document by itself is up to date."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import above
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class ListsLag:
    """A list is answered by a search index that is refreshed later: Shopify's search and NetSuite's saved searches
    both are. A middleware that polls with ``updated_since`` set to the time of its last poll never sees what
    became visible after it. Poll with an overlap, from the last ``updated_at`` that was really seen.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "read_list"

    lag_s: float = 2.0
    """Real seconds."""

    def __post_init__(self) -> None:
        above(0, lag_s=self.lag_s)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"lag_s": self.lag_s}
