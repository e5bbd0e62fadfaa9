"""The ERP's item master lacks an article: it rejects orders with it when it is about to post them."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class UnknownSku:
    """New articles go on sale before master data management has created them; NetSuite and Business Central then
    refuse the line. ``permanent`` says whether it is for good: otherwise the rejected order can be submitted
    again once the item is there, and a middleware that gives it up loses a sale. Where an article is meant
    and not an order, name it by ``where.sku``.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "know_item"
    lasting: ClassVar[bool] = True

    permanent: bool = False

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"permanent": self.permanent}
