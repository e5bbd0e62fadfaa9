"""Some items of a bulk call fail, the others are done."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import one_of
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class PartialBatch:
    """The 207 says item by item what became of it, and 200 or 207 as a whole says nothing. Give the injection a
    probability: it is rolled for each item, and again when the item is sent again.

    Who reads only the status loses the failed items; who sends the whole batch again does the others twice, unless
    versions or change ids save it. Face and ledger ask the rule ``batch_item`` about each item's SKU. As Amazon's feeds
    and Adobe Commerce's bulk API.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "batch_item"

    status: Literal[503, 409, 500] = 503

    def __post_init__(self) -> None:
        one_of((503, 409, 500), status=self.status)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"status": self.status}
