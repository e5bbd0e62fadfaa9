"""After several failures in a row the system ends the subscription and sends nothing more."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..checks import at_least
from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """It acts on the next delivery after ``after`` attempts to one receiver failed one after the other, whatever they
    were about; until then it does nothing. Silence looks like a quiet day: watch the subscription and subscribe again
    (``create_webhook_subscription``), or poll. Healing does not bring the subscription back.

    Shopify deletes a subscription after 8 failures in a row, WooCommerce disables it after 5, BigCommerce after two
    days of them. The record shows one last delivery with ``error = 'unsubscribed'``.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    after: int = 8

    def __post_init__(self) -> None:
        at_least(1, after=self.after)

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra or outgoing.failures < self.after:
            return [outgoing]
        return [replace(outgoing, unsubscribes=True)]
