"""What a channel tells the world."""

from dataclasses import dataclass

from ..kit.topics import Topic
from .documents import Order


@dataclass(frozen=True, slots=True)
class CancellationRequested:
    request_id: str
    order_ref: str
    reason: str
    requested_at: str


@dataclass(frozen=True, slots=True)
class PricedLine:
    line_id: str
    sku: str
    quantity: int
    unit_price: str


@dataclass(frozen=True, slots=True)
class ReturnRequested:
    return_id: str
    order_ref: str
    lines: tuple[PricedLine, ...]
    currency: str
    reason: str


TOPICS = {
    "order.placed": Topic("A shopper bought; the whole order.", Order),
    "cancellation.requested": Topic("A shopper wishes to cancel: a wish, not a fact.", CancellationRequested),
    "return.requested": Topic("A shopper wants to send something back.", ReturnRequested),
}
