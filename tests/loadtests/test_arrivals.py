"""Arrivals: the real sequence at the curve's pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.loadtests.arrivals import arrivals
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.trace import Trace

TRACE = Trace.shipped()
BLACK_FRIDAY = Profile.shipped("black-friday")


def test_the_day_arrives_in_its_real_sequence() -> None:
    arriving = arrivals(TRACE, BLACK_FRIDAY, duration_s=60, volume=1, seed=1)
    assert [arrival.order for arrival in arriving] == list(TRACE.orders)


def test_a_tenth_of_the_orders_arrives_in_the_top_hour() -> None:
    arriving = arrivals(TRACE, BLACK_FRIDAY, duration_s=48, volume=10, seed=1)
    start_s, stop_s = BLACK_FRIDAY.peak_s(48)
    at_the_peak = sum(start_s <= arrival.at_s < stop_s for arrival in arriving)
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
