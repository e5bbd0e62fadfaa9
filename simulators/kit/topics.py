"""What a system tells the world: its topics, and the shape of each one's data."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of event."""

    sentence: str
    data: Any
    """A dataclass that says what ``data`` holds; it describes the event, the ledger writes it."""
    key: str = "order_ref"
    """What the event's ``subject`` is: an order reference or a SKU."""


@dataclass(frozen=True, slots=True)
class LineUnits:
    """Units of an order's line."""

    line_id: str
    sku: str
    quantity: int
