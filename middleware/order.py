"""What this service knows about one order: facts from events, and what has been done about them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, field

from .documents import Content, Line, Part, ReceivedLine, Units


class Shipped(Struct):
    """A parcel that left."""

    lines: list[Units]
    carrier: str
    tracking_number: str


class Return(Struct, kw_only=True):
    """Units on their way back, in the order in which it comes to light."""

    channel: str | None = None
    currency: str = ""
    lines: list[Line] = []
    """As announced; empty until ``return.requested``."""
    received: list[ReceivedLine] | None = None
    credited: str | None = None
    """The posted credit memo's total."""


class Order(Struct, kw_only=True):
    """Facts only grow and may come in any order, twice or early; ``decide`` and ``plan`` of each flow follow from them.

    Nothing here is a call under way: those are tasks.
    """

    ref: str
    channel: str | None = None
    content: Content | None = None
    placed: bool = False
    """It is for us to carry through; false for one from before our time of which only a return is known."""
    found: bool = False
    """It came to light when somebody had taken it up already: the systems may know it."""
    oms_id: str | None = None
    parts: list[Part] = []
    unfillable: bool = False
    sales_order_id: str | None = None
    posted: bool = False
    rejected: str | None = None
    """The reason for which the ERP would not post it, until it is submitted again."""
    rejected_for_good: bool = False
    resubmissions: int = 0
    shipments: dict[str, Shipped] = {}
    shorts: dict[str, list[Units]] = {}
    """What the warehouse gave up on, by fulfilment."""
    shipping_with: str | None = None
    """The shipment that the cost of delivery is charged with."""
    wishes: dict[str, str] = {}
    """Requests to cancel: ``open`` or how they were answered."""
    too_late: bool = False
    """The warehouse has said that it cannot be stopped."""
    ended: str | None = None
    """Why it is to be cancelled everywhere: ``customer``, ``out_of_stock`` or ``rejected``."""
    returns: dict[str, Return] = {}
    done: dict[str, str] = {}
    """Steps that are over, each with the id of what it made."""
    refused: dict[str, str] = {}
    """Steps that a system refused for good, each with the refusal's code."""
    generations: dict[str, int] = field(default_factory=dict)
    """How often a step has been started anew after a refusal."""

    def over(self, *steps: str) -> bool:
        """Whether all of these steps are done."""
        return all(step in self.done for step in steps)

    def price(self, line_id: str) -> Decimal:
        """KeyError for a line that the order does not have."""
        for line in self.content.lines if self.content else ():
            if line.line_id == line_id:
                return Decimal(line.unit_price)
        raise KeyError(f"order {self.ref} has no line {line_id!r}")

    def units_left(self) -> int:
        """Units that have neither left nor been given up on."""
        ordered = sum(line.quantity for line in self.content.lines) if self.content else 0
        gone = sum(line.quantity for shipped in self.shipments.values() for line in shipped.lines)
        lacking = sum(line.quantity for short in self.shorts.values() for line in short)
        return ordered - gone - lacking


@dataclass(frozen=True, slots=True)
class Request:
    """One call to make."""

    method: str
    path: str
    body: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Search:
    """How to find out whether a call whose outcome is unknown has been carried out."""

    path: Callable[[Order, str], str]
    reads: Any
    """The type of the document, or of the items of the list."""
    matches: Callable[[Order, str, Any], bool]
    listed: bool = True


def nothing(order: Order, ref: str, document: object) -> None:
    """Of a step whose answer says nothing new."""


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of call that an order may need; ``ref`` says for which shipment, part, return or request of it."""

    name: str
    at: str
    """Kind of the system it goes to; ``channel`` is the order's own."""
    request: Callable[[Order, str], Request]
    reads: Any = None
    """The type of the answer; None where it says nothing new and need not be read."""
    done: Callable[[Order, str, Any], str | None] = nothing
    """Keeps what the answer says; returns the id of what was made."""
    search: Search | None = None
    looks_first: bool = False
    """Search before the first attempt already: what led to the step may be out of date."""
    means_done: frozenset[str] = frozenset()
    """Refusals which say that it is so already."""
    refused: Callable[[Order, str, str], bool] | None = None
    """Takes the refusal's code; true when that settles the step, otherwise it is parked."""

    def key(self, ref: str = "") -> str:
        """The step's name inside its order."""
        return f"{self.name}:{ref}" if ref else self.name


Wanted = Iterator[tuple[Step, str]]
"""Steps that may be taken now, each with its ``ref``; done ones may be named again."""


def encoded(body: object) -> bytes:
    return msgspec.json.encode(body)


def amount(value: Decimal) -> str:
    """A decimal string without an exponent."""
    return format(value, "f")
