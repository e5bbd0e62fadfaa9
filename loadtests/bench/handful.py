"""Twenty orders of one to five lines, as the made-up season repeats them: names, goods, money, and the marks in them.

A mark stands for what differs from one handful to the next; ``season`` puts that in its place.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...history.records import Lines

ORDERS = 20
SPLIT = (1, 2, 3, 4, 6, 7)
"""Places of the orders that leave the warehouse in two shipments."""
RETURNED = (10, 11, 12)
CANCELLED, REPLY_LOST, REFUSED = 17, 18, 19
"""One is cancelled by its shopper, of one the ERP's reply is lost, one the OMS refuses at first."""

HANDFUL, BLOCK = "<handful>", "<block>"
"""Its number, and that of the block of articles which it is about."""
TICK, VERSION, MORE = 91_000_001, 91_000_002, 91_000_003
"""Its time, how often its articles have moved, and what is on hand where five units came in each time."""
LESS = {units: 91_000_010 + units for units in (1, 2, 3)}
"""What is on hand where so many units left each time."""

OPENING = 1_000_000
"""Units of every article before the run."""
RECEIVED, COUNTED, PRICED = "70", "71", "72"
"""Articles that no shopper buys: five units come in, one is missing, a price is set."""
PRICE, SHIPPING = Decimal("2.08"), Decimal("4.95")
CHANNELS = {"web": "GBP", "bazaar": "EUR"}
STAMP = "2026-11-27T12:00:00.000000Z"


def sku_of(number: int | str) -> str:
    """An article of the block."""
    return f"S{BLOCK}{number:0>2}"


def worth(lines: Lines) -> Decimal:
    """Without delivery."""
    return sum((quantity * PRICE for _, _, quantity, _ in lines), Decimal(0))


def unpriced(lines: Lines) -> Lines:
    """As the warehouse knows them."""
    return [(line_id, sku, quantity, None) for line_id, sku, quantity, _ in lines]


@dataclass(frozen=True, slots=True)
class Shipment:
    """A part of an order that left the warehouse at once."""

    id: str
    lines: Lines
    amount: str
    last: bool

    def status(self, word: str) -> str:
        """``shipped``, or ``partially_shipped`` where more is to come."""
        return word if self.last else f"partially_{word}"


@dataclass(frozen=True, slots=True)
class Order:
    """One order, by its place in the handful."""

    place: int
    lines: Lines

    def id(self, prefix: str) -> str:
        """The id of one of its documents."""
        return f"{prefix}-{HANDFUL}{self.place:02d}"

    @property
    def channel(self) -> str:
        return "bazaar" if self.place % 2 else "web"

    @property
    def ref(self) -> str:
        return self.id(self.channel)

    @property
    def money(self) -> dict[str, Any]:
        return {"amount": str(worth(self.lines) + SHIPPING), "currency": CHANNELS[self.channel]}

    @property
    def content(self) -> dict[str, Any]:
        """What there is besides lines and money."""
        name = f"Zoë Müller {HANDFUL}{self.place}"
        return {
            "channel": self.channel,
            "customer": {"name": name, "email": f"zoe.{HANDFUL}.{self.place}@example.com"},
            "ship_to": {
                "name": name,
                "line1": "1 Great Northern Road",
                "line2": None,
                "city": "Newcastle upon Tyne",
                "postcode": "NE1 4ST",
                "country": "GB",
            },
            "shipping": str(SHIPPING),
            "payment_id": self.id("PAY"),
            "priority": 5,
            "ship_by": "2026-11-28T12:00:00.000000Z",
            "service_level": "standard",
        }

    @property
    def shipments(self) -> list[Shipment]:
        """None of the order that is cancelled."""
        if self.place == CANCELLED:
            return []
        parts = [self.lines[:1], self.lines[1:]] if self.place in SPLIT else [self.lines]
        return [
            Shipment(
                self.id(f"SHP{number}"),
                lines,
                str(worth(lines) + (SHIPPING if number == 1 else 0)),
                number == len(parts),
            )
            for number, lines in enumerate(parts, 1)
        ]


def orders() -> list[Order]:
    """No article is in two of them."""
    made: list[Order] = []
    number = 0
    for place in range(ORDERS):
        numbers = range(number, number + place % 5 + 1)
        lines: Lines = [
            (str(line), sku_of(article), article % 3 + 1, str(PRICE))
            for line, article in enumerate(numbers, 1)
        ]
        made.append(Order(place, lines))
        number = numbers.stop
    return made
