"""An event is delivered a second time under another id."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import at_least
from ..envelope import rewritten
from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class DuplicateUnderNewId:
    """Who deduplicates by the event's id alone works it off twice; the key is what the event is about.

    Shopify sends one event to two subscriptions under two ``X-Shopify-Webhook-Id``; a sender that restarts in
    mid-delivery does the same. The second leaves ``gap_s`` after the first.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    gap_s: float = 0.0

    def __post_init__(self) -> None:
        at_least(0, gap_s=self.gap_s)

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra:
            return [outgoing]
        again = rewritten(outgoing, id=f"{outgoing.event_id}-again")
        return [outgoing, replace(again, wait_s=outgoing.wait_s + self.gap_s)]
