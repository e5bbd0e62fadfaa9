"""When each order of a run arrives: real orders keep their sequence, the profile's curve sets the pace."""

from dataclasses import dataclass
from math import floor

from ..chaos.dice import Dice
from .profile import Profile
from .trace import Trace, TraceOrder


@dataclass(frozen=True, slots=True)
class Arrival:
    """One real order at its moment in the run."""

    at_s: float
    order: TraceOrder
    copy: int
    """0 is the order itself; a volume above 1 repeats baskets, numbered from 1."""


def arrivals(trace: Trace, profile: Profile, *, duration_s: float, volume: float, seed: int) -> list[Arrival]:
    """Arrivals in [0, duration_s), by time: an order's rank in its own day, through the inverse of the curve.

    The n-th of N orders comes when a share of n/N of the day's orders is in, moved by dice inside its own step, so
    the sequence stays the real one and the rate is the curve's, whatever the seed. ``volume`` 2.5 sends each
    basket twice and a seeded half of them a third time; 0.5 sends a seeded half. At least one order arrives.
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be above 0, got {duration_s}")
    if not 0 < volume < float("inf"):
        raise ValueError(f"volume must be above 0, got {volume}")
    dice = Dice(seed)
    chosen = _chosen(trace.orders, volume, dice)
    return [
        Arrival(_at_s(profile, (rank + dice.roll("arrival", rank)) / len(chosen), duration_s), order, copy)
        for rank, (order, copy) in enumerate(chosen)
    ]


def _chosen(orders: tuple[TraceOrder, ...], volume: float, dice: Dice) -> list[tuple[TraceOrder, int]]:
    whole = floor(volume)
    some = round((volume - whole) * len(orders))
    if whole == some == 0:
        some = 1
    by_luck = sorted(orders, key=lambda order: dice.roll("volume", order.order_id))
    chosen = [(order, copy) for order in orders for copy in range(whole)]
    chosen += [(order, whole) for order in by_luck[:some]]
    return sorted(chosen, key=lambda one: (_real_s(one[0], one[1], dice), one[0].order_id, one[1]))


def _real_s(order: TraceOrder, copy: int, dice: Dice) -> float:
    """A copy comes in the same minute as its order, at a second of its own."""
    return order.at_s if copy == 0 else order.at_s // 60 * 60 + 60 * dice.roll("copy", order.order_id, copy)


def _at_s(profile: Profile, share: float, duration_s: float) -> float:
    return min(profile.moment(share) * duration_s, duration_s * (1 - 1e-9))
