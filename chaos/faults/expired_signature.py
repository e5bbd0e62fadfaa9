"""After the real event the same one is replayed, rightly signed an hour ago."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from ..fault import FaultContext, Outgoing


@dataclass(frozen=True, slots=True)
class ExpiredSignature:
    """A recorded request, sent again: signature and id are right, only the timestamp is too old. Standard Webhooks
    tolerates five minutes; who does not look at it is safe only as long as it remembers every id. Answer 401.

    The record says ``forgery = 'expired'``; it is never tried again.
    """

    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        if outgoing.extra or outgoing.signature != "valid":
            return [outgoing]  # only what was rightly signed can be recorded and replayed
        return [outgoing, replace(outgoing, signature="expired", extra=True)]
