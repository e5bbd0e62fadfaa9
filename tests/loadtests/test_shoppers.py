"""The plan of a run: seeded, exact, and with everything in it that a run must exercise."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from peakproof.loadtests.currency import MINOR_UNIT, exchange
from peakproof.loadtests.plan import (
    Channel,
    Count,
    Damage,
    PlaceOrder,
    Plan,
    PriceChange,
    Receipt,
    RequestCancellation,
    RequestReturn,
)
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.shoppers import Habits, plan
from peakproof.loadtests.stock import demand, hot_skus, opening_stock
from peakproof.loadtests.trace import Trace

TRACE = Trace.shipped()
BLACK_FRIDAY = Profile.shipped("black-friday")
SEEDS = (1, 2, 3)


def a_plan(seed: int = 1, volume: float = 1.0, **rest: Any) -> Plan:
    return plan(TRACE, BLACK_FRIDAY, duration_s=60, seed=seed, volume=volume, **rest)


def cancellations(made: Plan) -> list[RequestCancellation]:
    return [item for item in made.items if isinstance(item, RequestCancellation)]


def returns(made: Plan) -> list[RequestReturn]:
    return [item for item in made.items if isinstance(item, RequestReturn)]


def by_ref(made: Plan) -> dict[str, PlaceOrder]:
    return {order.order_ref: order for order in (*made.orders, *made.before_run)}


def test_the_same_seed_makes_an_equal_plan_and_another_seed_another() -> None:
    assert a_plan(seed=7) == a_plan(seed=7)
    assert a_plan(seed=7).items != a_plan(seed=8).items


@pytest.mark.parametrize("seed", SEEDS)
def test_a_default_run_exercises_every_flow(seed: int) -> None:
    made = a_plan(seed)
    assert len(made.orders) == 137
    assert Counter(request.moment for request in cancellations(made)) == {"clock": 5, "picking": 5}
    assert Counter(request.moment for request in returns(made)) == {"clock": 1, "shipped": 20}
    kinds = Counter(type(item) for item in made.items)
    assert kinds[Receipt] >= 4
    assert kinds[Count] >= 3
    assert kinds[Damage] >= 3
    assert kinds[PriceChange] >= 6


@pytest.mark.parametrize("seed", SEEDS)
def test_items_are_in_order_of_time_and_inside_the_run(seed: int) -> None:
    made = a_plan(seed)
    moments = [item.at_s for item in made.items]
    assert moments == sorted(moments)
    assert moments[0] >= 0
    assert all(order.at_s < made.duration_s for order in made.orders)


@pytest.mark.parametrize("seed", SEEDS)
def test_totals_are_exact_in_their_currencys_minor_units(seed: int) -> None:
    made = a_plan(seed)
    assert {order.currency for order in made.orders} == {"GBP", "EUR", "JPY"}
    for order in (*made.orders, *made.before_run):
        amounts = [*(line.unit_price for line in order.lines), order.shipping, order.total]
        assert all(amount == amount.quantize(MINOR_UNIT[order.currency]) for amount in amounts)
        assert order.total == order.shipping + sum(line.quantity * line.unit_price for line in order.lines)
        assert order.total > 0


def test_the_web_takes_pounds_and_some_yen_and_the_bazaar_euros() -> None:
    orders = a_plan().orders
    assert {(order.channel, order.currency) for order in orders} == {
        ("web", "GBP"),
        ("web", "JPY"),
        ("bazaar", "EUR"),
    }
    assert 2 <= sum(order.currency == "JPY" for order in orders) <= 7
    assert all(order.currency == "JPY" for order in orders if order.ship_to.country == "JP")
    assert 40 <= sum(order.channel == "bazaar" for order in orders) <= 70


def test_order_references_are_unique_and_name_their_channel() -> None:
    made = a_plan()
    refs = [order.order_ref for order in (*made.orders, *made.before_run)]
    assert len(set(refs)) == len(refs) == 140
    assert all(
        re.fullmatch(rf"{order.channel}-[0-9]{{6}}", order.order_ref)
        for order in (*made.orders, *made.before_run)
    )


def test_lines_are_told_apart_by_line_id_where_a_sku_repeats() -> None:
    orders = a_plan().orders
    assert sum(len({line.sku for line in order.lines}) < len(order.lines) for order in orders) == 17
    assert all(len({line.line_id for line in order.lines}) == len(order.lines) for order in orders)


@pytest.mark.parametrize("seed", SEEDS)
def test_returns_name_lines_of_their_order_and_never_more_than_was_bought(seed: int) -> None:
    made = a_plan(seed)
    orders = by_ref(made)
    returned: Counter[tuple[str, str]] = Counter()
    for request in returns(made):
        assert request.lines
        for line_id, units in request.lines:
            assert units > 0
            returned[request.order_ref, line_id] += units
    bought = {(ref, line.line_id): line.quantity for ref, order in orders.items() for line in order.lines}
    assert all(units <= bought[line] for line, units in returned.items())
    assert any(units < bought[line] for line, units in returned.items())


@pytest.mark.parametrize("seed", SEEDS)
def test_returns_cover_every_currency_a_second_return_and_one_order_from_before_the_run(seed: int) -> None:
    made = a_plan(seed)
    orders = by_ref(made)
    refs = [request.order_ref for request in returns(made)]
    assert {orders[ref].currency for ref in refs} == {"GBP", "EUR", "JPY"}
    assert sorted(Counter(refs).values())[-2:] == [2, 2]
    old = {order.order_ref for order in made.before_run}
    assert [request.moment for request in returns(made) if request.order_ref in old] == ["clock"]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_is_both_cancelled_and_returned_or_short_of_stock(seed: int) -> None:
    made = a_plan(seed)
    orders = by_ref(made)
    hot = hot_skus(made.orders)
    cancelled = {request.order_ref for request in cancellations(made)}
    sent_back = {request.order_ref for request in returns(made)}
    assert not cancelled & sent_back
    assert not any(
        line.sku in hot for ref in cancelled | sent_back for line in orders[ref].lines if ref in cancelled
    )
    old = {order.order_ref for order in made.before_run}
    assert not any(line.sku in hot for ref in sent_back - old for line in orders[ref].lines)


def test_a_cancellation_never_comes_before_its_order() -> None:
    made = a_plan()
    assert all(request.at_s >= by_ref(made)[request.order_ref].at_s for request in cancellations(made))


def test_orders_from_before_the_run_lie_in_the_past() -> None:
    made = a_plan()
    assert len(made.before_run) == 3
    assert all(order.at_s < -86_400 for order in made.before_run)


@pytest.mark.parametrize("seed", SEEDS)
def test_opening_stock_covers_demand_but_for_twenty_hot_skus(seed: int) -> None:
    made = a_plan(seed)
    wanted, hot = demand(made.orders), hot_skus(made.orders)
    opening = {sku: sum(parts.values()) for sku, parts in opening_stock(made).items()}
    assert len(hot) == 20
    assert all(opening[sku] < wanted[sku] * 0.61 for sku in hot)
    assert all(opening[sku] >= wanted[sku] * 1.2 for sku in wanted if sku not in hot)
    assert set(opening) == set(made.prices)
    locations = [
        location for parts in opening_stock(made).values() for location in parts if parts[location] > 0
    ]
    assert set(locations) == {"north", "south"}
    assert min(min(parts.values()) for parts in opening_stock(made).values()) >= 0


def test_stock_of_a_wanted_cover_runs_out_of_nothing() -> None:
    made = replace(a_plan(), stock_cover=10.0)
    wanted = demand(made.orders)
    opening = {sku: sum(parts.values()) for sku, parts in opening_stock(made).items()}
    assert all(opening[sku] == wanted[sku] * 10 for sku in wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_back_office_speaks_of_known_skus_and_places(seed: int) -> None:
    made = a_plan(seed)
    opening = opening_stock(made)
    for item in made.items:
        if isinstance(item, Damage):
            assert 0 < item.quantity <= opening[item.sku][item.location]
        if isinstance(item, Count):
            assert 0 < abs(item.quantity) <= opening[item.sku][item.location]
        if isinstance(item, Receipt):
            assert item.quantity > 0
            assert item.sku in opening
            assert item.location in made.locations


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stocktake_counts_each_article_once_and_late(seed: int) -> None:
    plain, made = a_plan(seed), a_plan(seed, habits=Habits(counted=80))
    swept = [item for item in made.items if isinstance(item, Count) and item not in plain.items]
    opening = opening_stock(made)
    assert len({item.sku for item in swept}) == len(swept) == 80
    assert all(0.9 < item.at_s / made.duration_s < 1 for item in swept)
    assert all(item.quantity >= -opening[item.sku][item.location] for item in swept)
    assert not {item.sku for item in swept} & set(hot_skus(made.orders))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_price_change_is_a_change_and_some_skus_change_twice(seed: int) -> None:
    made = a_plan(seed)
    current = {(sku, currency): price for sku, row in made.prices.items() for currency, price in row.items()}
    valid_from: dict[tuple[str, str], float] = {}
    changes = [item for item in made.items if isinstance(item, PriceChange)]
    for change in changes:
        key = (change.sku, change.currency)
        assert change.amount > 0
        assert change.amount == change.amount.quantize(MINOR_UNIT[change.currency])
        assert change.amount != current[key]
        assert change.valid_from_s >= max(change.at_s, valid_from.get(key, 0))
        current[key], valid_from[key] = change.amount, change.valid_from_s
    assert len(changes) - len(valid_from) == 2
    assert any(change.valid_from_s > change.at_s for change in changes)


def test_every_sku_has_a_price_in_every_currency() -> None:
    made = a_plan()
    skus = {line.sku for order in (*made.orders, *made.before_run) for line in order.lines}
    assert set(made.prices) == skus
    assert all(set(row) == {"GBP", "EUR", "JPY"} and min(row.values()) > 0 for row in made.prices.values())


def test_people_write_in_their_own_script_and_come_back_as_themselves() -> None:
    made = a_plan(volume=2)
    names = {order.customer.name for order in made.orders}
    assert any(not name.isascii() for name in names)
    (japanese,) = {order.ship_to for order in made.orders if order.ship_to.country == "JP"}
    assert re.search("[\u3040-\u30ff\u4e00-\u9fff]", japanese.name + japanese.city)
    assert {order.ship_to.country for order in made.orders} >= {"GB", "XC", "JP"}
    assert len(names) < len(made.orders)
    for order in made.orders:
        assert re.fullmatch(r"customer\.[a-z0-9-]+@example\.com", order.customer.email)
        assert all((order.ship_to.line1, order.ship_to.city, order.ship_to.postcode))
        assert "\n" not in order.ship_to.line1 + (order.ship_to.line2 or "")


def test_a_checkout_is_plain_json_with_decimal_strings() -> None:
    order = a_plan().orders[0]
    body = order.checkout()
    assert json.loads(json.dumps(body)) == body
    assert Decimal(body["total"]) == order.total
    assert set(body["lines"][0]) == {"line_id", "sku", "quantity", "unit_price"}
    assert set(body) == {
        "order_ref",
        "currency",
        "lines",
        "shipping",
        "total",
        "customer",
        "ship_to",
        "service_level",
    }


def test_a_shopper_takes_out_what_is_sold_out() -> None:
    order = next(order for order in a_plan().orders if len({line.sku for line in order.lines}) > 1)
    gone = order.lines[0].sku
    smaller = order.without({gone})
    assert smaller is not None
    assert gone not in {line.sku for line in smaller.lines}
    assert smaller.total == smaller.shipping + sum(line.quantity * line.unit_price for line in smaller.lines)
    assert order.without({line.sku for line in order.lines}) is None
    assert order.without(()) == order


@pytest.mark.parametrize("volume", [0.001, 0.02, 0.1, 0.3, 1.7])
def test_a_run_of_any_size_can_be_planned(volume: float) -> None:
    made = a_plan(volume=volume)
    orders = by_ref(made)
    assert {request.order_ref for request in cancellations(made)} <= set(orders)
    assert {request.order_ref for request in returns(made)} <= set(orders)
    assert set(opening_stock(made)) == set(made.prices)


def test_a_short_form_still_has_eight_of_each() -> None:
    made = a_plan(volume=0.3)
    assert len(cancellations(made)) == 10
    assert len(returns(made)) >= 6


def test_amounts_are_exchanged_at_fixed_rates_and_rounded_to_the_minor_unit() -> None:
    assert exchange(Decimal("2.08"), "GBP") == Decimal("2.08")
    assert str(exchange(Decimal("2.08"), "EUR")) == "2.43"
    assert str(exchange(Decimal("2.08"), "JPY")) == "253"
    assert str(exchange(Decimal("0.001"), "GBP")) == "0.00"


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([], "channels must be one or more, each with a name of its own, got []"),
        (
            [Channel("a", "GBP", 0.5), Channel("a", "EUR", 0.5)],
            "channels must be one or more, each with a name of",
        ),
        ([Channel("a", "GBP", 0.5)], "channel shares must add up to 1, got [0.5]"),
        ([Channel("a", "USD", 1)], "channel 'a': currency must be one of GBP, EUR, JPY, got 'USD'"),
    ],
)
def test_impossible_channels_are_refused(channels: Sequence[Channel], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        a_plan(channels=channels)


def test_one_channel_and_one_location_are_enough() -> None:
    made = a_plan(channels=[Channel("shop", "GBP", 1)], locations=["here"])
    assert {order.currency for order in made.orders} == {"GBP"}
    assert all(set(parts) == {"here"} for parts in opening_stock(made).values())


def test_habits_say_how_much_is_cancelled_and_sent_back() -> None:
    made = a_plan(habits=Habits(cancelled_share=0.2, returned_share=0.1))
    assert len(cancellations(made)) == round(0.2 * len(made.orders))
    assert len(returns(made)) == round(0.1 * len(made.orders))
    nothing = a_plan(habits=Habits(cancelled_share=0.0, returned_share=0.0))
    assert cancellations(nothing) == []
    assert {request.order_ref for request in returns(nothing)} <= {
        order.order_ref for order in nothing.before_run
    }


def test_a_rush_is_for_one_article_on_every_channel() -> None:
    usual, rush = a_plan(), a_plan(habits=Habits(rush_share=0.6))
    more = demand(rush.orders) - demand(usual.orders)
    (favourite,) = more
    takers = [order for order in rush.orders if any(line.sku == favourite for line in order.lines)]
    assert len(takers) > 0.5 * len(rush.orders)
    assert {order.channel for order in takers} == {"web", "bazaar"}
    assert favourite in hot_skus(rush.orders)


def test_a_price_storm_has_as_many_changes_as_it_says() -> None:
    made = a_plan(habits=Habits(repriced=300))
    assert len({item.sku for item in made.items if isinstance(item, PriceChange)}) == 300


def test_prices_change_in_the_part_of_the_day_that_is_said() -> None:
    made = a_plan(habits=Habits(repriced=50, repriced_between=(0.5, 0.6)))
    changed_s = [item.at_s / made.duration_s for item in made.items if isinstance(item, PriceChange)]
    assert 0.5 <= min(changed_s) < max(changed_s) <= 0.6 + 0.02, "some change a second time soon after"
