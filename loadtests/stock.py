"""What the warehouse holds when a run opens: enough of most, too little of what everybody wants."""

from collections import Counter
from collections.abc import Iterable
from math import ceil, floor
from typing import Protocol

from ..chaos.dice import Dice
from .plan import Plan, PlannedLine
from .trace import TraceLine

COVER = 1.2
HOT_COVER = 0.6
HOT_SKUS = 20
HOT_ORDERS = 5
"""A hot SKU is wanted by at least so many orders: it is popular, not one large order."""

SKUS_PER_HOT = 50
"""A small run has fewer hot SKUs: one of so many."""

IDLE_UNITS = 12
"""Stock of a SKU that nobody orders in the run."""


class Basket(Protocol):
    """Whatever has lines: an order of the plan, or of the trace."""

    @property
    def lines(self) -> tuple[PlannedLine, ...] | tuple[TraceLine, ...]: ...


def demand(orders: Iterable[Basket]) -> Counter[str]:
    """Units wanted by SKU."""
    wanted: Counter[str] = Counter()
    for order in orders:
        for line in order.lines:
            wanted[line.sku] += line.quantity
    return wanted


def hot_skus(orders: Iterable[Basket]) -> frozenset[str]:
    """The most wanted SKUs that several orders compete for: 20 in a full day."""
    orders = tuple(orders)
    wanted = demand(orders)
    competing = Counter(sku for order in orders for sku in {line.sku for line in order.lines})
    ranked = sorted(wanted, key=lambda sku: (competing[sku] < HOT_ORDERS, -wanted[sku], sku))
    return frozenset(ranked[: min(HOT_SKUS, ceil(len(wanted) / SKUS_PER_HOT))])


def opening_stock(plan: Plan) -> dict[str, dict[str, int]]:
    """Units by SKU and location: about 1.2 times the demand of the whole day, 0.6 times for hot SKUs, unless the plan
    says how many times.

    Locations share a SKU by seeded parts; some SKUs lie at the first one alone.
    """
    wanted = demand(plan.expected_orders)
    hot = hot_skus(plan.expected_orders)
    return {
        sku: split(_units(wanted[sku], _cover(plan, sku in hot)), sku, plan.locations, plan.seed)
        for sku in sorted(plan.prices)
    }


def split(units: int, sku: str, locations: tuple[str, ...], seed: int) -> dict[str, int]:
    """Spread units over locations, always the same way for a SKU; nothing is lost."""
    dice = Dice(seed)
    left = units
    parts = {}
    for location in locations[:-1]:
        parts[location] = min(left, round(left * dice.between(0.35, 1.1, "split", sku, location)))
        left -= parts[location]
    parts[locations[-1]] = left
    return parts


def _cover(plan: Plan, is_hot: bool) -> float:
    if plan.stock_cover is not None:
        return plan.stock_cover
    return HOT_COVER if is_hot else COVER


def _units(wanted: int, cover: float) -> int:
    if not wanted:
        return IDLE_UNITS
    return max(1, floor(wanted * cover)) if cover < 1 else ceil(wanted * cover)
