"""An event is delivered again while the first delivery is still in flight."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class OverlappingDelivery:
    """The copy leaves once the first is on the wire and has no answer yet. Who looks whether the id is known and
    notes it only when the work is done has two workers on one event: take the id in one atomic step, first.

    Every sender whose timeout is shorter than the receiver's work does it; so does a queue whose visibility timeout
    runs out.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra:
            return [outgoing]
        return [outgoing, replace(outgoing, overlaps=True)]
