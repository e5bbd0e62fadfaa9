"""Arrivals: the real sequence at the curve's pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.chaos.dice import Dice
from peakproof.loadtests.arrival import Arrival
from peakproof.loadtests.arrivals import arrivals, expected_orders, poisson_arrivals
from peakproof.loadtests.buying import Buying
from peakproof.loadtests.plan import Channel
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.trace import Trace

TRACE = Trace.shipped()
BLACK_FRIDAY = Profile.shipped("black-friday")


def test_the_day_arrives_in_its_real_sequence() -> None:
    arriving = arrivals(TRACE, BLACK_FRIDAY, duration_s=60, volume=1, seed=1)
    assert [arrival.order for arrival in arriving] == list(TRACE.orders)


def test_a_tenth_of_the_orders_arrives_in_the_top_hour() -> None:
    arriving = arrivals(TRACE, BLACK_FRIDAY, duration_s=48, volume=10, seed=1)
    at_the_peak = sum(26 <= arrival.at_s < 28 for arrival in arriving)
    assert at_the_peak == pytest.approx(137, abs=2)


@given(
    seed=st.integers(0, 2**31),
    volume=st.floats(0.001, 3),
    duration_s=st.floats(0.1, 1e6),
    name=st.sampled_from(Profile.names()),
)
def test_arrivals_are_in_order_and_inside_the_run(
    seed: int, volume: float, duration_s: float, name: str
) -> None:
    arriving = arrivals(TRACE, Profile.shipped(name), duration_s=duration_s, volume=volume, seed=seed)
    moments = [arrival.at_s for arrival in arriving]
    assert moments == sorted(moments)
    assert all(0 <= at_s < duration_s for at_s in moments)
    assert len(moments) == max(1, int(volume) * 137 + round(volume % 1 * 137))


def test_a_volume_above_one_repeats_baskets() -> None:
    arriving = arrivals(TRACE, BLACK_FRIDAY, duration_s=60, volume=2.5, seed=1)
    assert len(arriving) == 274 + 68
    assert {(arrival.order.order_id, arrival.copy) for arrival in arriving} >= {
        (order.order_id, copy) for order in TRACE.orders for copy in (0, 1)
    }


def test_a_volume_below_one_is_a_seeded_sample() -> None:
    def sample(seed: int) -> set[str]:
        arriving = arrivals(TRACE, BLACK_FRIDAY, duration_s=60, volume=0.3, seed=seed)
        return {arrival.order.order_id for arrival in arriving}

    assert len(sample(1)) == 41
    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


@pytest.mark.parametrize(
    ("duration_s", "volume", "message"),
    [
        (0, 1, "duration_s must be above 0, got 0"),
        (60, 0, "volume must be above 0, got 0"),
        (60, float("nan"), "volume must be above 0, got nan"),
    ],
)
def test_no_time_and_no_orders_are_refused(duration_s: float, volume: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arrivals(TRACE, BLACK_FRIDAY, duration_s=duration_s, volume=volume, seed=1)


# By chance


def by_chance(seed: int = 1, peak_per_s: float = 100, duration_s: float = 48) -> list[Arrival]:
    return poisson_arrivals(TRACE, BLACK_FRIDAY, duration_s=duration_s, peak_per_s=peak_per_s, seed=seed)


def test_the_peak_is_as_high_as_wanted_and_the_rest_below_it() -> None:
    assert expected_orders(BLACK_FRIDAY, duration_s=48, peak_per_s=100) == pytest.approx(2_000)
    found = by_chance()
    at_the_peak = sum(26 <= one.at_s < 28 for one in found)
    assert len(found) == pytest.approx(2_000, abs=4 * 2_000**0.5)
    assert at_the_peak == pytest.approx(200, abs=4 * 200**0.5)


def test_arrivals_know_nothing_of_each_other() -> None:
    """In a Poisson process counts in equal parts of the expected orders vary as much as they are large."""
    counts = [0] * 200
    flat = Profile.shipped("soak")
    for one in poisson_arrivals(TRACE, flat, duration_s=200, peak_per_s=10, seed=1):
        counts[int(one.at_s)] += 1
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
    assert variance / mean == pytest.approx(1, abs=0.4)


def test_the_same_seed_gives_the_same_arrivals_and_another_one_others() -> None:
    assert by_chance(1) == by_chance(1)
    assert [one.at_s for one in by_chance(1)] != [one.at_s for one in by_chance(2)]


def test_no_two_arrivals_are_the_same_copy_of_a_basket() -> None:
    found = by_chance()
    assert len({(one.order.order_id, one.copy) for one in found}) == len(found)
    assert {one.order.order_id for one in found} == {order.order_id for order in TRACE.orders}


def test_a_peak_at_which_nobody_comes_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^no order arrives: 0\.0002 are expected in 48 s; take a higher peak"
    ):
        by_chance(peak_per_s=0.00001)


# What they buy


def test_in_a_flash_sale_everybody_wants_one_unit_of_the_same_few_articles() -> None:
    bought = Buying(skus=5).baskets(by_chance(), TRACE, Dice(1))
    assert len({one.order.lines[0].sku for one in bought}) == 5
    assert {(len(one.order.lines), one.order.lines[0].quantity) for one in bought} == {(1, 1)}
    assert all(one.order.lines[0].unit_price > 0 for one in bought)


def test_every_49th_order_of_a_batch_feed_has_1114_lines_and_no_customer() -> None:
    arriving = by_chance()
    bought = Buying(batch_every=49, batch_lines=1_114).baskets(arriving, TRACE, Dice(1))
    batches = {number for number, one in enumerate(bought, 1) if len(one.order.lines) == 1_114}
    assert batches == set(range(49, len(bought) + 1, 49))
    assert {bought[number - 1].order.customer_id for number in batches} == {""}
    assert [one for number, one in enumerate(bought, 1) if number not in batches] == [
        one for number, one in enumerate(arriving, 1) if number not in batches
    ]


def test_a_surge_on_one_channel_leaves_nothing_to_the_others() -> None:
    channels = [Channel("web", "GBP", 0.6), Channel("bazaar", "EUR", 0.4)]
    assert [one.share for one in Buying(one_channel=True).channels(channels)] == [0, 1]
    assert Buying().channels(channels) == channels
