"""Plans a run: real baskets at their moments, spread over the channels, then cancelled and returned as in life.

The day of the trace has hardly any cancellations, and its source does not tell them from returns. So both are drawn
from what the whole season measures (UCI Online Retail, 1 September to 9 December 2011), by seed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from math import exp, log
from statistics import median_low
from typing import TypeVar

from ..chaos.dice import Dice
from . import back_office
from .arrival import Arrival
from .arrivals import arrivals, poisson_arrivals
from .currency import MINOR_UNIT, PER_GBP, exchange
from .people import People
from .plan import Channel, Item, PlaceOrder, Plan, PlannedLine, RequestCancellation, RequestReturn
from .profile import Profile
from .stock import Basket, demand, hot_skus
from .trace import Trace, TraceLine, TraceOrder

DEFAULT_CHANNELS = (
    Channel("web", "GBP", share=0.6, also_currency="JPY"),
    Channel("bazaar", "EUR", share=0.4),
)
DEFAULT_LOCATIONS = ("north", "south")

HOME_CURRENCY = {"JP": "JPY"}
"""Countries whose every order goes where their own currency is taken."""

ALSO_SHARE = 0.04
"""Part of a channel's orders in its second currency, at least two; those come first that no shortage
can stop, so that every flow sees the currency."""

SERVICE_LEVELS = (("same_day", 0.08), ("express", 0.22), ("standard", 0.7))

UNDONE_PER_ORDER = 0.168
"""1,252 cancellation invoices per 7,460 orders."""

WITHIN_A_DAY = 0.09
"""Part of those within a day of the order: taken for cancellations; the rest are returns."""

AT_LEAST = 10
"""Cancellations, and returns, planned in any run that is large enough: eight and two that may come too late."""

CANCELLATION_LAG_MIN = (1.0, 60.0)
"""Of orders cancelled whole, the first quarter falls within 22 minutes, a tenth within 4: log-uniform up to an hour."""

RETURN_LAG_DAYS = ((0.0, 1.0), (0.1, 3.4), (0.25, 7.1), (0.5, 15.9), (0.75, 49.0), (1.0, 122.0))
"""Quantiles of the lag between an order and its part return."""

RETURN_LAG_SHARE = 0.05
"""Where the median lag lies, as a part of the run: the shape is the source's, the scale is not."""

RETURNED_LINES = ((0.0, 1.0), (0.5, 1.0), (0.9, 5.0), (0.99, 21.0), (1.0, 30.0))
"""Quantiles of the lines that one return names."""

WHOLE_LINE = 0.39
"""Part of returned lines that come back in full quantity; the others in part."""

RETURNED_TWICE = 2
BEFORE_RUN = 3
SMALL_BASKET = 8

CANCELLATION_REASONS = (
    "changed_mind",
    "ordered_twice",
    "found_cheaper",
    "delivery_too_late",
    "wrong_address",
)
RETURN_REASONS = ("damaged", "not_as_described", "unwanted", "wrong_item", "arrived_too_late")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Habits:
    """How shoppers and the back office differ from what was measured; None is as measured.

    ``cancelled_share`` and ``returned_share`` are parts of the orders, ``repriced`` counts price changes,
    ``rush_share`` is the part of the orders that also want one unit of the day's most wanted article,
    ``repriced_between`` the parts of the workload's time from which to which prices change, and ``stock_cover`` how
    many times the demand stands in the warehouse as the run begins. ``counted`` articles are counted in one sweep late in
    the day.
    """

    cancelled_share: float | None = None
    returned_share: float | None = None
    repriced: int | None = None
    rush_share: float = 0.0
    repriced_between: tuple[float, float] = back_office.REPRICED_BETWEEN
    stock_cover: float | None = None
    counted: int = 0


def plan(
    trace: Trace,
    profile: Profile,
    *,
    duration_s: float,
    seed: int,
    volume: float = 1.0,
    peak_per_s: float | None = None,
    channels: Sequence[Channel] = DEFAULT_CHANNELS,
    locations: Sequence[str] = DEFAULT_LOCATIONS,
    habits: Habits | None = None,
) -> Plan:
    """Everything that happens in a run of ``duration_s`` seconds; the same arguments give an equal plan.

    ``volume`` times the trace's orders come in their real sequence; with ``peak_per_s`` a Poisson process with that
    peak takes their place. ValueError for no channel or location, a channel named twice, shares that do not add up
    to 1, a currency without a rate, a duration, volume or peak that is not above 0, and a peak that brings no order.
    """
    _check(channels, locations)
    dice = Dice(seed)
    habits = habits or Habits()
    if habits.returned_share is None:
        habits = replace(habits, returned_share=profile.buying.returned_share)
    channels = profile.buying.channels(channels)
    clerk = _Clerk(People(seed), dice)
    coming = (
        arrivals(trace, profile, duration_s=duration_s, volume=volume, seed=seed)
        if peak_per_s is None
        else poisson_arrivals(trace, profile, duration_s=duration_s, peak_per_s=peak_per_s, seed=seed)
    )
    arriving = _rushing(profile.buying.baskets(coming, trace, dice), habits.rush_share, dice)
    hot = hot_skus(arrival.order for arrival in arriving)
    written = [
        clerk.order(arrival, f"{channel}-{number:06d}", channel, currency)
        for number, (arrival, (channel, currency)) in enumerate(
            zip(arriving, _placed(arriving, channels, hot, dice), strict=True), start=1
        )
    ]
    orders = [order for order in written if order.total > 0]
    currencies = {channel.currency for channel in channels} | {
        channel.also_currency for channel in channels if channel.also_currency
    }
    before_run = _before_run(trace, channels, clerk, dice)
    shopping = Plan(
        seed=seed,
        duration_s=duration_s,
        locations=tuple(locations),
        items=tuple(orders),
        before_run=before_run,
        prices=_prices(trace.orders, orders, before_run, currencies),
        stock_cover=habits.stock_cover,
    )
    calm = [order for order in orders if _is_calm(order, hot)]
    if len(calm) * 4 < len(orders):
        calm = orders
    returnable = _draw_in_every_currency(calm, dice)
    cancellations = _cancellations(returnable, len(orders), duration_s, dice, habits.cancelled_share)
    cancelled = {request.order_ref for request in cancellations}
    first_choice = {order.order_ref for order in calm}
    others = [order for order in orders if order.order_ref not in first_choice]
    contested = _draw_in_every_currency(others, dice)
    kept = [order for order in (*returnable, *contested) if order.order_ref not in cancelled]
    items: list[Item] = [
        *orders,
        *cancellations,
        *_returns(kept, len(orders), before_run, duration_s, dice, habits.returned_share),
        *back_office.receipts(shopping),
        *back_office.corrections(shopping, trace.corrections),
        *back_office.stocktake(shopping, habits.counted),
        *back_office.price_changes(shopping, habits.repriced, habits.repriced_between),
    ]
    return replace(shopping, items=tuple(sorted(items, key=lambda item: item.at_s)))


def _check(channels: Sequence[Channel], locations: Sequence[str]) -> None:
    names = [channel.name for channel in channels]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"channels must be one or more, each with a name of its own, got {names}")
    if not locations or len(set(locations)) < len(locations):
        raise ValueError(f"locations must be one or more, each named once, got {list(locations)}")
    if any(channel.share < 0 for channel in channels) or abs(sum(one.share for one in channels) - 1) > 0.001:
        raise ValueError(f"channel shares must add up to 1, got {[channel.share for channel in channels]}")
    for channel in channels:
        for currency in (channel.currency, channel.also_currency or channel.currency):
            if currency not in PER_GBP:
                raise ValueError(
                    f"channel {channel.name!r}: currency must be one of {', '.join(PER_GBP)}, got {currency!r}"
                )


@dataclass(frozen=True, slots=True)
class _Clerk:
    """Writes orders down: who, where to, how fast, and what it costs in the channel's currency."""

    people: People
    dice: Dice

    def order(self, arrival: Arrival, order_ref: str, channel: str, currency: str) -> PlaceOrder:
        real = arrival.order
        customer, ship_to = self.people.person(real.customer_id or f"guest-{real.order_id}", real.country)
        lines = tuple(
            PlannedLine(str(number), line.sku, line.quantity, exchange(line.unit_price, currency))
            for number, line in enumerate(real.lines, start=1)
        )
        shipping = exchange(real.shipping, currency)
        return PlaceOrder(
            at_s=arrival.at_s,
            order_ref=order_ref,
            channel=channel,
            currency=currency,
            lines=lines,
            shipping=shipping,
            total=sum((line.quantity * line.unit_price for line in lines), start=shipping),
            customer=customer,
            ship_to=ship_to,
            service_level=self._service_level(order_ref, real.country),
        )

    def _service_level(self, order_ref: str, country: str) -> str:
        roll = self.dice.roll("service level", order_ref)
        for level, share in SERVICE_LEVELS:
            if roll < share and (level != "same_day" or country == "GB"):
                return level
            roll -= share
        return "standard"


def _placed(
    arriving: Sequence[Arrival], channels: Sequence[Channel], hot: Collection[str], dice: Dice
) -> list[tuple[str, str]]:
    """Channel and currency of each arrival."""
    abroad = {one.also_currency: one for one in channels if one.also_currency} | {
        one.currency: one for one in channels
    }
    placed: list[tuple[str, str]] = []
    strangers: dict[str, list[int]] = {}
    for number, arrival in enumerate(arriving):
        home = HOME_CURRENCY.get(arrival.order.country)
        if home in abroad:
            placed.append((abroad[home].name, home))
            continue
        channel = _by_share(channels, dice.roll("channel", arrival.order.order_id, arrival.copy))
        placed.append((channel.name, channel.currency))
        if channel.also_currency:
            strangers.setdefault(channel.name, []).append(number)
    for channel in channels:
        own = strangers.get(channel.name, [])
        if channel.also_currency and own:
            by_luck = _draw(own, len(own), dice, "also")
            calm_first = sorted(by_luck, key=lambda number: not _is_calm(arriving[number].order, hot))
            for number in calm_first[: max(2, round(len(own) * ALSO_SHARE))]:
                placed[number] = (channel.name, channel.also_currency)
    return placed


def _by_share(channels: Sequence[Channel], roll: float) -> Channel:
    for channel in channels:
        if roll < channel.share:
            return channel
        roll -= channel.share
    return channels[-1]


def _draw(population: Iterable[T], count: int, dice: Dice, *about: str) -> list[T]:
    """So many of them, by luck that does not depend on how many there are."""
    return sorted(population, key=lambda one: (dice.roll(*about, str(one)), str(one)))[:count]


def _before_run(
    trace: Trace, channels: Sequence[Channel], clerk: _Clerk, dice: Dice
) -> tuple[PlaceOrder, ...]:
    """A few small orders from earlier days, shipped and paid; the system under test has never heard of them."""
    small = sorted(
        trace.orders,
        key=lambda order: (len(order.lines) > SMALL_BASKET, dice.roll("before run", order.order_id)),
    )
    made = []
    for number, order in enumerate(small[:BEFORE_RUN], start=1):
        channel = channels[number % len(channels)]
        arrival = Arrival(-86_400.0 * (5 * number + dice.roll("days before", order.order_id)), order, 0)
        made.append(
            clerk.order(arrival, f"{channel.name}-{900_000 + number:06d}", channel.name, channel.currency)
        )
    return tuple(sorted(made, key=lambda order: order.at_s))


def _prices(
    real: Iterable[TraceOrder],
    orders: Sequence[PlaceOrder],
    before: Sequence[PlaceOrder],
    currencies: set[str],
) -> dict[str, dict[str, Decimal]]:
    """The lower median of what was really paid for each SKU; at least a minor unit, for what was only given away."""
    paid: dict[str, list[Decimal]] = {}
    for order in real:
        for line in order.lines:
            paid.setdefault(line.sku, []).append(line.unit_price)
    skus = sorted({line.sku for order in (*orders, *before) for line in order.lines})
    typical = {sku: median_low([price for price in paid[sku] if price] or [Decimal(0)]) for sku in skus}
    return {
        sku: {
            currency: max(exchange(typical[sku], currency), MINOR_UNIT[currency])
            for currency in sorted(currencies)
        }
        for sku in skus
    }


def _is_calm(order: Basket, hot: Collection[str]) -> bool:
    """It has no hot SKU: the stock will do, so it is shipped and can be returned."""
    return not any(line.sku in hot for line in order.lines)


def _draw_in_every_currency(orders: Sequence[PlaceOrder], dice: Dice) -> list[PlaceOrder]:
    """All of them in lucky order, but one of each currency first."""
    lucky = sorted(orders, key=lambda order: (dice.roll("returned", order.order_ref), order.order_ref))
    first_of = {order.currency: order.order_ref for order in reversed(lucky)}
    return sorted(lucky, key=lambda order: first_of[order.currency] != order.order_ref)


def _rushing(arriving: Sequence[Arrival], share: float, dice: Dice) -> list[Arrival]:
    """Part of the orders also want one unit of the article that most units are wanted of."""
    wanted = demand(arrival.order for arrival in arriving)
    if not share or not wanted:
        return list(arriving)
    favourite = max(sorted(wanted), key=lambda sku: wanted[sku])
    price = next(
        line.unit_price for arrival in arriving for line in arrival.order.lines if line.sku == favourite
    )
    one = TraceLine(favourite, 1, price)
    return [
        replace(arrival, order=replace(arrival.order, lines=(*arrival.order.lines, one)))
        if dice.chance(share, "rush", arrival.order.order_id, arrival.copy)
        and all(line.sku != favourite for line in arrival.order.lines)
        else arrival
        for arrival in arriving
    ]


def _number_undone(orders: int, measured_share: float, wanted_share: float | None) -> int:
    if wanted_share is not None:
        return round(orders * wanted_share)
    return max(min(AT_LEAST, orders // 4), round(orders * UNDONE_PER_ORDER * measured_share))


def _cancellations(
    candidates: Sequence[PlaceOrder],
    orders: int,
    duration_s: float,
    dice: Dice,
    wanted_share: float | None,
) -> list[RequestCancellation]:
    """Half soon after the order, which should win; half when picking begins, which is a race.

    The last candidates are taken: the first are wanted for returns.
    """
    fastest, slowest = CANCELLATION_LAG_MIN
    made = []
    last_first = list(reversed(candidates))
    for number, order in enumerate(last_first[: _number_undone(orders, WITHIN_A_DAY, wanted_share)]):
        ref = order.order_ref
        lag_min = exp(dice.between(log(fastest), log(slowest), "cancellation lag", ref))
        early = number % 2 == 0
        made.append(
            RequestCancellation(
                at_s=order.at_s + (lag_min / (24 * 60) * duration_s if early else 0.0),
                order_ref=ref,
                channel=order.channel,
                moment="clock" if early else "picking",
                reason=_one_of(CANCELLATION_REASONS, dice, "cancellation reason", ref),
            )
        )
    return made


def _returns(
    kept: Sequence[PlaceOrder],
    orders: int,
    before_run: Sequence[PlaceOrder],
    duration_s: float,
    dice: Dice,
    wanted_share: float | None,
) -> list[RequestReturn]:
    """Part returns, some orders twice, every currency among them, and one of an order from before the run."""
    wanted = _number_undone(orders, 1 - WITHIN_A_DAY, wanted_share)
    by_ref = {order.order_ref: order for order in kept[: max(0, wanted - RETURNED_TWICE - 1)]}
    made = [_return(order, 1, {}, duration_s, dice) for order in by_ref.values()]
    twice = [request for request in made if _left(by_ref[request.order_ref], request)][:RETURNED_TWICE]
    made += [
        _return(by_ref[request.order_ref], 2, dict(request.lines), duration_s, dice, after_s=request.lag_s)
        for request in twice
    ]
    for old in before_run[:1]:
        at_s = duration_s * dice.between(0.1, 0.5, "old return")
        made.append(replace(_return(old, 1, {}, duration_s, dice), at_s=at_s, moment="clock", lag_s=0.0))
    return made


def _left(order: PlaceOrder, request: RequestReturn) -> bool:
    """Something of the order is still with the customer after this return."""
    return sum(units for _, units in request.lines) < sum(line.quantity for line in order.lines)


def _return(
    order: PlaceOrder, nth: int, gone: dict[str, int], duration_s: float, dice: Dice, after_s: float = 0.0
) -> RequestReturn:
    """One return of part of an order; ``gone`` is what went back before, by line id."""
    about = (order.order_ref, nth)
    left = {line.line_id: line.quantity - gone.get(line.line_id, 0) for line in order.lines}
    open_lines = [line_id for line_id, units in left.items() if units > 0]
    number = round(_quantile(RETURNED_LINES, dice.roll("returned lines", *about)))
    lines = []
    for line_id in sorted(
        _draw(open_lines, number, dice, "returned line", order.order_ref, str(nth)), key=int
    ):
        units = left[line_id]
        if units > 1 and not dice.chance(WHOLE_LINE, "whole line", *about, line_id):
            units = 1 + int(dice.roll("units", *about, line_id) * (units - 1))
        lines.append((line_id, units))
    lag_days = _quantile(RETURN_LAG_DAYS, dice.roll("return lag", *about))
    median_days = _quantile(RETURN_LAG_DAYS, 0.5)
    return RequestReturn(
        at_s=order.at_s,
        order_ref=order.order_ref,
        channel=order.channel,
        moment="shipped",
        lag_s=after_s + lag_days / median_days * RETURN_LAG_SHARE * duration_s,
        lines=tuple(lines),
        reason=_one_of(RETURN_REASONS, dice, "return reason", *about),
    )


def _quantile(points: Sequence[tuple[float, float]], share: float) -> float:
    """The value at this share of a distribution that is known at some points; straight lines between them."""
    for (low, below), (high, above) in pairwise(points):
        if share <= high:
            return below + (above - below) * (share - low) / (high - low)
    return points[-1][1]


def _one_of(words: Sequence[str], dice: Dice, *about: str | int) -> str:
    return words[int(dice.roll(*about) * len(words))]
