"""An event is lost: it never leaves, and its system believes that it did."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class DropDelivery:
    """No retry follows; only who reconciles by polling finds out what happened."""

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        return [replace(outgoing, dropped=True)]
