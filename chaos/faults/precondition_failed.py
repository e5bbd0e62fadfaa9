"""The record has changed since it was read: 412, nothing done."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal


@dataclass(frozen=True, slots=True)
class PreconditionFailed:
    """It meets calls with an If-Match header only: an optimistic lock that was lost to another writer.

    The right answer is to read again, decide again and send the new ETag. Who repeats the old one never gets through,
    and who drops the header overwrites what the other wrote. As ``If-Match`` in OData, Business Central and commercetools.
    """

    seam: ClassVar[Literal["call"]] = "call"

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        return "if-match" in call.headers

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return refusal(
            "precondition_failed",
            "The document has changed since it was read.",
            412,
            f"If-Match is {call.headers['if-match']}, which is not current",
            refused_by="fault",
        )
