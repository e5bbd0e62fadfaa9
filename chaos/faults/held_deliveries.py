"""Events pile up while the fault is active, and all leave at once when it is healed."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class HeldDeliveries:
    """The sender's queue stands still and then replays: a receiver that works inside the request times out, is sent
    everything again, and falls over. Store, acknowledge, and work it off at your own pace; nothing is lost.

    Amazon documented an outage of its order notifications in 2022. The events keep their order and their ids.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        return [replace(outgoing, held=True)]
