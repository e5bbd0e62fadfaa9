"""An event is altered on its way, after it was signed."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..envelope import data_of, rewritten
from ..fault import FaultContext, Outgoing
from ..forgery import altered


@dataclass(frozen=True, slots=True)
class MutatedPayload:
    """No extra event: the real one arrives with another address, quantity or amount. Refuse it with 4xx, and its
    system tries again; who verifies only the parsed document, or not at all, acts on what nobody said.

    With ``nth: 1`` the retry comes as it should; otherwise every attempt is altered until the fault is healed, and only
    polling finds what happened. The record says ``forgery = 'mutated'``. Gateways that re-encode JSON do the like.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra:
            return [outgoing]
        return [replace(rewritten(outgoing, data=altered(data_of(outgoing))), signature="mutated")]
