"""Somebody else is changing the same record: 409, nothing done."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal


@dataclass(frozen=True, slots=True)
class Conflict:
    """A 409 that passes: a short wait and the same request again will do.

    Who reads every 409 as "exists already" counts an order as done that never was; who reads it as refused for good
    parks it without need. The problem's type tells it from ``duplicate_reference``. As commercetools'
    ConcurrentModification and the record locks of ERPs.
    """

    seam: ClassVar[Literal["call"]] = "call"
    changes_only: ClassVar[bool] = True

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return refusal(
            "concurrent_modification",
            "The record is being changed by somebody else.",
            409,
            f"{call.subject} is locked; try again",
            refused_by="fault",
        )
