"""Pages hold fewer items than were asked for."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..checks import at_least
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class SmallPages:
    """The list goes on behind ``next_cursor`` all the same, so no caller should notice. Who reads one page of what it
    believes to be large enough, or ends where a page is not full, never sees the rest; what a look-up does not find
    is made a second time. Follow the cursor to the end.

    Vendors cap pages below what is asked for, and lower the cap under load: Shopify at 250, NetSuite at 1,000, Amazon
    SP-API at 100.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "page_size"

    items: int = 5

    def __post_init__(self) -> None:
        at_least(1, items=self.items)

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"items": self.items}
