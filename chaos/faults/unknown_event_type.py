"""Beside the real event comes one of a topic that nobody knows."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..envelope import rewritten
from ..errors import ChaosError
from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class UnknownEventType:
    """Rightly signed, with an id of its own. Ignore it and answer 2xx, or refuse it; never fall over, and never let it
    hold up what is behind it.

    Stripe counts a new event type as a change that breaks nobody, and sends it without notice. It is never tried
    again.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    topic: str = "loyalty_points.expired"

    def __post_init__(self) -> None:
        if not self.topic:
            raise ChaosError("topic must not be empty, got ''")

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra:
            return [outgoing]
        news = rewritten(
            outgoing,
            id=f"{outgoing.event_id}-news",
            type=self.topic,
            data={"about": outgoing.subject, "points": 120},
        )
        return [outgoing, replace(news, extra=True, invented=True)]
