"""What the OMS tells the world."""

from dataclasses import dataclass

from ..kit.topics import LineUnits, Topic


@dataclass(frozen=True, slots=True)
class AllocatedPart:
    part_id: str
    location: str
    lines: tuple[LineUnits, ...]


@dataclass(frozen=True, slots=True)
class OrderAllocated:
    order_id: str
    order_ref: str
    parts: tuple[AllocatedPart, ...]


@dataclass(frozen=True, slots=True)
class OrderUnfillable:
    order_id: str
    order_ref: str
    reason: str
    missing: tuple[LineUnits, ...]


@dataclass(frozen=True, slots=True)
class AvailabilityChanged:
    sku: str
    available: int
    version: int


TOPICS = {
    "order.allocated": Topic(
        "Every line of an order is reserved, in one or more parts by location.", OrderAllocated
    ),
    "order.unfillable": Topic("An order cannot be filled; nothing is reserved for it.", OrderUnfillable),
    "availability.changed": Topic(
        "What can be sold of an item, absolute; the version only grows.", AvailabilityChanged, key="sku"
    ),
}
