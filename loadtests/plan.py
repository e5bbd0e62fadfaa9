"""What will be done in a run, and when: plain values, made once from a seed and carried out by somebody else.

Every ``at_s`` counts real seconds from the start of the workload. Items that wait for something to happen say so in
``moment``; their ``at_s`` is then only the earliest time at which it can have happened.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel where shoppers buy, with its part of the orders."""

    name: str
    currency: str
    share: float
    also_currency: str | None = None
    """A second currency that it takes: for a few of its orders, and for every order from that currency's country."""


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Address:
    name: str
    line1: str
    line2: str | None
    city: str
    postcode: str
    country: str
    """ISO 3166-1 alpha-2; XC and ZZ are legal."""


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One line of an order; a SKU may stand on several, so the line id tells them apart."""

    line_id: str
    sku: str
    quantity: int
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A shopper checks out. ``total`` is the lines plus the shipping, exact in the currency's minor units."""

    at_s: float
    order_ref: str
    channel: str
    currency: str
    lines: tuple[PlannedLine, ...]
    shipping: Decimal
    total: Decimal
    customer: Customer
    ship_to: Address
    service_level: str

    def without(self, skus: Collection[str]) -> "PlaceOrder | None":
        """The same basket without these SKUs, as a shopper takes out what is sold out; None if nothing remains."""
        lines = tuple(line for line in self.lines if line.sku not in skus)
        gone = sum(line.quantity * line.unit_price for line in self.lines if line.sku in skus)
        return replace(self, lines=lines, total=self.total - gone) if lines else None

    def checkout(self) -> dict[str, Any]:
        """The body of the channel's checkout; amounts are decimal strings."""
        return {
            "order_ref": self.order_ref,
            "currency": self.currency,
            "lines": [
                {
                    "line_id": line.line_id,
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "unit_price": str(line.unit_price),
                }
                for line in self.lines
            ],
            "shipping": str(self.shipping),
            "total": str(self.total),
            "customer": {"name": self.customer.name, "email": self.customer.email},
            "ship_to": {
                "name": self.ship_to.name,
                "line1": self.ship_to.line1,
                "line2": self.ship_to.line2,
                "city": self.ship_to.city,
                "postcode": self.ship_to.postcode,
                "country": self.ship_to.country,
            },
            "service_level": self.service_level,
        }


@dataclass(frozen=True, slots=True)
class RequestCancellation:
    """A shopper asks to cancel: at ``at_s``, or as soon as the warehouse begins to pick the order."""

    at_s: float
    order_ref: str
    channel: str
    moment: Literal["clock", "picking"]
    reason: str


@dataclass(frozen=True, slots=True)
class RequestReturn:
    """A shopper sends goods back: at ``at_s``, or ``lag_s`` after the whole order was shipped."""

    at_s: float
    order_ref: str
    channel: str
    moment: Literal["clock", "shipped"]
    lag_s: float
    lines: tuple[tuple[str, int], ...]
    """Line id and units."""
    reason: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Goods arrive at the warehouse."""

    at_s: float
    sku: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Count:
    """A count finds more or fewer units than the books say."""

    at_s: float
    sku: str
    location: str
    quantity: int
    """The difference, signed, never 0. What is counted is what stands there plus this, and not below zero."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Units that can no longer be sold."""

    at_s: float
    sku: str
    location: str
    quantity: int
    """Units lost, above 0; no more than stand there."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """The ERP gets a new price, to hold from ``valid_from_s`` on."""

    at_s: float
    sku: str
    currency: str
    amount: Decimal
    valid_from_s: float


Item = PlaceOrder | RequestCancellation | RequestReturn | Receipt | Count | Damage | PriceChange


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that shoppers and the back office do in one run. The same seed gives an equal plan."""

    seed: int
    duration_s: float
    locations: tuple[str, ...]
    items: tuple[Item, ...] = field(repr=False)
    """By ``at_s``."""
    before_run: tuple[PlaceOrder, ...] = field(repr=False)
    """Shipped, captured and invoiced long before the run; their ``at_s`` is negative."""
    prices: Mapping[str, Mapping[str, Decimal]] = field(repr=False)
    """The opening price list: SKU, then currency. It names every SKU of the plan."""
    stock_cover: float | None = None
    """How many times the demand of every SKU stands in the warehouse as the run begins; None is as measured."""
    whole_day: tuple[Item, ...] = field(default=(), repr=False)
    """Everything of the day of which ``items`` are only a part; empty where they are all of it."""

    @property
    def orders(self) -> tuple[PlaceOrder, ...]:
        """Its checkouts, by time."""
        return tuple(item for item in self.items if isinstance(item, PlaceOrder))

    @property
    def expected(self) -> tuple[Item, ...]:
        """What the systems are made ready for: the whole day, also where only a part of it is carried out."""
        return self.whole_day or self.items

    @property
    def expected_orders(self) -> tuple[PlaceOrder, ...]:
        """The checkouts that the systems are made ready for."""
        return tuple(item for item in self.expected if isinstance(item, PlaceOrder))
