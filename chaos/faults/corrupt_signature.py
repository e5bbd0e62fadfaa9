"""Just before the real event comes an altered one under the same id, whose signature does not fit."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..envelope import data_of, rewritten
from ..fault import FaultContext, Outgoing
from ..forgery import altered


@dataclass(frozen=True, slots=True)
class CorruptSignature:
    """Verify before anything else, over the raw bytes: who notes the id first takes the real event for a duplicate and
    loses it, and who does not verify at all ships to the forger's address. Answer 401.

    Proxies that rewrite headers do it as well as attackers. The record says ``forgery = 'corrupt'``; it is never tried
    again.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra:
            return [outgoing]
        mangled = rewritten(outgoing, data=altered(data_of(outgoing)))
        return [replace(mangled, signature="corrupt", extra=True), outgoing]
