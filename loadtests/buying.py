"""What the shoppers of a profile buy where it differs from the trace: few articles, long lists, one channel."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import cycle, islice
from typing import Any, Self

from ..chaos.dice import Dice
from .arrival import Arrival
from .naming import unknown
from .plan import Channel
from .trace import Trace, TraceLine


@dataclass(frozen=True, slots=True)
class Buying:
    """Everything is as in the trace unless said."""

    skus: int | None = None
    """Every order is one unit of one of the trace's so many most wanted articles."""
    batch_every: int | None = None
    """Every n-th order is a batch: many lines in one document."""
    batch_lines: int | None = None
    """So many lines."""
    one_channel: bool = False
    """All orders come in on the channel that is named last."""
    returned_share: float | None = None
    """The part of the orders of which something comes back."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """As a profile's file says it. ValueError with one line."""
        known = [one.name for one in fields(cls)]
        for key, value in given.items():
            if key not in known:
                raise ValueError(unknown("key", key, known))
            _check(key, value)
        buying = cls(**given)
        if (buying.batch_every is None) != (buying.batch_lines is None):
            raise ValueError("batch_every and batch_lines belong together: give both or neither")
        return buying

    def baskets(self, arriving: Sequence[Arrival], trace: Trace, dice: Dice) -> list[Arrival]:
        """The same arrivals with what these shoppers buy."""
        bought = list(arriving)
        if self.skus is not None:
            wanted = _most_wanted(trace, self.skus)
            bought = [_with(one, (_one_of(wanted, one, dice),)) for one in bought]
        if self.batch_every is not None and self.batch_lines is not None:
            lines = cycle(_lines(trace))
            for number in range(self.batch_every - 1, len(bought), self.batch_every):
                batch = replace(bought[number].order, customer_id="")  # in the source they have no customer
                bought[number] = _with(
                    replace(bought[number], order=batch), tuple(islice(lines, self.batch_lines))
                )
        return bought

    def channels(self, channels: Sequence[Channel]) -> list[Channel]:
        """The same channels with the part of the orders that each has."""
        if not self.one_channel:
            return list(channels)
        return [replace(one, share=float(one is channels[-1])) for one in channels]


def _check(key: str, value: Any) -> None:
    if key == "one_channel":
        if not isinstance(value, bool):
            raise ValueError(f"one_channel must be true or false, got {value!r}")
    elif key == "returned_share":
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f"returned_share must be a number from 0 to 1, got {value!r}")
    elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{key} must be a whole number from 1 up, got {value!r}")


def _most_wanted(trace: Trace, count: int) -> list[tuple[int, TraceLine]]:
    """The articles on most orders, one unit of each at a real price, with the number of those orders added up."""
    orders: dict[str, int] = {}
    units: dict[str, TraceLine] = {}
    for order in trace.orders:
        for line in {line.sku: line for line in order.lines if line.unit_price}.values():
            orders[line.sku] = orders.get(line.sku, 0) + 1
            units.setdefault(line.sku, replace(line, quantity=1))
    ranked = sorted(orders, key=lambda sku: (-orders[sku], sku))[:count]
    total = 0
    return [((total := total + orders[sku]), units[sku]) for sku in ranked]


def _one_of(wanted: Sequence[tuple[int, TraceLine]], arrival: Arrival, dice: Dice) -> TraceLine:
    """One of them, as often as in the trace."""
    roll = dice.roll("wanted", arrival.order.order_id, arrival.copy) * wanted[-1][0]
    return next(line for total, line in wanted if roll < total)


def _lines(trace: Trace) -> Iterator[TraceLine]:
    return (line for order in trace.orders for line in order.lines)


def _with(arrival: Arrival, lines: tuple[TraceLine, ...]) -> Arrival:
    return replace(arrival, order=replace(arrival.order, lines=lines))
