"""When each order of a run arrives: a real day's sequence at the curve's pace, or strangers who know nothing of each other."""

from collections import Counter
from collections.abc import Iterator
from math import floor, log1p

from ..chaos.dice import Dice
from .arrival import Arrival
from .profile import Profile
from .trace import Trace, TraceOrder


def arrivals(trace: Trace, profile: Profile, *, duration_s: float, volume: float, seed: int) -> list[Arrival]:
    """Arrivals in [0, duration_s), by time: an order's rank in its own day, through the inverse of the curve.

    The n-th of N orders comes when a share of n/N of the day's orders is in, moved by dice inside its own step, so
    the sequence stays the real one and the rate is the curve's, whatever the seed. ``volume`` 2.5 sends each
    basket twice and a seeded half of them a third time; 0.5 sends a seeded half. At least one order arrives.
    """
    _check("duration_s", duration_s)
    _check("volume", volume)
    dice = Dice(seed)
    chosen = _chosen(trace.orders, volume, dice)
    return [
        Arrival(_at_s(profile, (rank + dice.roll("arrival", rank)) / len(chosen), duration_s), order, copy)
        for rank, (order, copy) in enumerate(chosen)
    ]


def poisson_arrivals(
    trace: Trace, profile: Profile, *, duration_s: float, peak_per_s: float, seed: int
) -> list[Arrival]:
    """Arrivals in [0, duration_s), by time: a Poisson process whose rate is the curve's, ``peak_per_s`` at its peak.

    How many come is chance too, around ``expected_orders``. Each brings a basket of the trace, drawn by dice.
    ValueError where not even one comes.
    """
    expected = expected_orders(profile, duration_s=duration_s, peak_per_s=peak_per_s)
    dice = Dice(seed)
    drawn: Counter[str] = Counter()
    found = []
    for number, due in enumerate(_unit_poisson(expected, dice)):
        order = trace.orders[int(dice.roll("basket", number) * len(trace.orders))]
        found.append(Arrival(_at_s(profile, due / expected, duration_s), order, drawn[order.order_id]))
        drawn[order.order_id] += 1
    if not found:
        raise ValueError(
            f"no order arrives: {expected:.2g} are expected in {duration_s:g} s; take a higher peak or a longer time"
        )
    return found


def expected_orders(profile: Profile, *, duration_s: float, peak_per_s: float) -> float:
    """How many orders come on average: the area under the curve with that peak, over that time."""
    _check("duration_s", duration_s)
    _check("peak_per_s", peak_per_s)
    return peak_per_s * duration_s * profile.mean / profile.peak


def _unit_poisson(until: float, dice: Dice) -> Iterator[float]:
    """The moments of a Poisson process of rate 1."""
    due, number = 0.0, 0
    while True:
        due -= log1p(-dice.roll("gap", number))
        number += 1
        if due >= until:
            return
        yield due


def _check(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be above 0, got {value}")


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
