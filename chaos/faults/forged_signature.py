"""Beside the real event comes an invented one that is signed with another secret."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..envelope import data_of, rewritten
from ..fault import FaultContext, Outgoing
from ..forgery import invented


@dataclass(frozen=True, slots=True)
class ForgedSignature:
    """Somebody who knows the address but not the secret: an order that nobody placed, a shipment that never left,
    stock that is not there. Answer 401 and do nothing; who does not verify books, captures or lists what is not.

    The deliveries of the record say ``forgery = 'forged'`` and name no effect, so nothing is expected to follow from
    one, acknowledged or not. It is never tried again.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra:
            return [outgoing]
        lies = invented(data_of(outgoing))
        about = lies.get("order_ref") or outgoing.subject
        forged = rewritten(outgoing, id=f"{outgoing.event_id}-forged", subject=about, data=lies)
        return [replace(forged, signature="forged", extra=True, invented=True), outgoing]
