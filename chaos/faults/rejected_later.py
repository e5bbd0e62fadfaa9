"""The ERP receives a sales order and rejects it afterwards instead of posting it."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class RejectedLater:
    """The 201 said *received*, not *posted*. ``permanent``: sending the same again can never succeed.

    The ledger asks the rule ``post_sales_order`` about the order reference, each time that it is about to post.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "post_sales_order"

    reason: str = "period_closed"
    permanent: bool = False

    def __post_init__(self) -> None:
        if not self.reason:
            raise ChaosError("reason must not be empty, got ''")

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"reason": self.reason, "permanent": self.permanent}
