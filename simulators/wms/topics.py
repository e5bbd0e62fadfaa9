"""What the WMS tells the world."""

from dataclasses import dataclass
from typing import Literal

from ..kit.topics import LineUnits, Topic


@dataclass(frozen=True, slots=True)
class ShipmentConfirmed:
    shipment_id: str | None
    fulfilment_id: str
    order_ref: str
    part_id: str
    location: str
    lines: tuple[LineUnits, ...]
    short: tuple[LineUnits, ...]
    final: bool
    carrier: str | None
    tracking_number: str | None
    shipped_at: str


@dataclass(frozen=True, slots=True)
class StockChanged:
    change_id: str
    sku: str
    location: str
    on_hand: int
    version: int
    delta: int
    cause: Literal["shipment", "return", "receipt", "count", "damage"]


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    line_id: str
    sku: str
    quantity: int
    sellable: bool


@dataclass(frozen=True, slots=True)
class ReturnReceived:
    return_id: str
    order_ref: str
    lines: tuple[ReturnedLine, ...]
    received_at: str


TOPICS = {
    "shipment.confirmed": Topic(
        "A shipment left; what it names as short will never come.", ShipmentConfirmed
    ),
    "stock.changed": Topic(
        "Units on hand of an item at a location, absolute; the version only grows.", StockChanged, key="sku"
    ),
    "return.received": Topic(
        "A return arrived: what really came, and what can be sold again.", ReturnReceived
    ),
}
