"""What the WMS's neutral dialect takes."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import MaxLen, MinLen

from ..kit.fields import Priority, Reason, Reference, ServiceLevel, Time
from ..kit.orders import MOST_LINES, Address, PartLine

PartLines = Annotated[tuple[PartLine, ...], MinLen(1), MaxLen(MOST_LINES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentRequest:
    """A part of an order that a location is to ship."""

    order_ref: Reference
    part_id: Reference
    location: Reference
    lines: PartLines
    priority: Priority
    ship_by: Time
    service_level: ServiceLevel
    ship_to: Address


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Why a fulfilment is to be stopped."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class OrderCancellation:
    """Whose fulfilments are to be stopped, and why."""

    order_ref: Reference
    reason: Reason


@dataclass(frozen=True, slots=True)
class ReturnNotice:
    """Goods on their way back."""

    return_id: Reference
    order_ref: Reference
    lines: PartLines
