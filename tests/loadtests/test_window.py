"""A part of a profile's time: what it is, and what it cannot be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.loadtests.arrivals import expected_orders
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.window import Window

HOUR_S, DAY_S = 3_600.0, 86_400.0


def part(name: str, text: str) -> Profile:
    return Window.of(text).of_profile(Profile.shipped(name))


@pytest.mark.parametrize(
    ("text", "start_s", "length_s"),
    [
        ("13:00+1h", 13 * HOUR_S, HOUR_S),
        ("0:00:26+90s", 26, 90),
        ("26s+2m", 26, 120),
        ("0+1.5h", 0, 1.5 * HOUR_S),
        ("77d+1d", 77 * DAY_S, DAY_S),
        (" peak + 1h ", None, HOUR_S),
    ],
)
def test_a_window_is_a_start_and_a_length(text: str, start_s: float | None, length_s: float) -> None:
    assert Window.of(text) == Window(start_s, length_s)


@pytest.mark.parametrize(
    "text", ["", "13:00", "13+1h", "13:00+0h", "13:61+1h", "peak", "-1h+1h", "13:00-14:00", "1h+1"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be START\+LENGTH like 13:00\+1h, 26s\+2m or peak\+1h, got "):
        Window.of(text)


def test_the_top_hour_of_a_black_friday_is_an_hour_at_its_peak() -> None:
    for text in ("13:00+1h", "peak+1h"):
        hour = part("black-friday", text)
        assert hour.span_s == HOUR_S
        assert hour.mean == hour.peak == Profile.shipped("black-friday").peak
    assert expected_orders(hour, duration_s=HOUR_S, peak_per_s=10) == pytest.approx(36_000)


def test_a_quiet_hour_stays_as_quiet_as_it_is_in_the_whole() -> None:
    night = part("black-friday", "3:00+1h")
    assert expected_orders(night, duration_s=HOUR_S, peak_per_s=10) == pytest.approx(36_000 * 0.6 / 10)


def test_the_first_hour_of_a_drop_has_its_own_shape_in_real_seconds() -> None:
    hour, whole = part("midnight-drop", "0+1h"), Profile.shipped("midnight-drop")
    assert part("midnight-drop", "peak+1h") == hour
    assert [hour.rate(at_s) for at_s in (0, 26.5, 600)] == [whole.rate(at_s) for at_s in (0, 26.5, 600)]
    assert hour.mean == pytest.approx(7.5, rel=0.001)


def test_a_part_between_jumps_begins_and_ends_on_its_own_side_of_them() -> None:
    campaign = part("campaign-300", "1h+2h")
    assert campaign.points == ((0.0, 4.0), (2 * HOUR_S, 4.0))
    before = part("campaign-300", "0+1h")
    assert before.points == ((0.0, 1.0), (HOUR_S, 1.0))
    assert (before.peak, before.mean) == (4, 1)


@given(
    name=st.sampled_from(sorted(set(Profile.names()))),
    cut=st.floats(0.05, 0.95),
)
def test_two_parts_bring_what_the_whole_brings(name: str, cut: float) -> None:
    whole = Profile.shipped(name)
    cut_s = whole.span_s * cut
    lengths = (cut_s, whole.span_s - cut_s)
    orders = 0.0
    for start_s, length_s in zip((0.0, cut_s), lengths, strict=True):
        if whole.share(start_s, start_s + length_s) > 0:
            one = Window(start_s, length_s).of_profile(whole)
            orders += expected_orders(one, duration_s=length_s, peak_per_s=1)
    assert orders == pytest.approx(expected_orders(whole, duration_s=whole.span_s, peak_per_s=1))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("flash-sale", "0+2h", "is 2h long, and flash-sale lasts 30m"),
        ("flash-sale", "20m+20m", "ends after 40m, and flash-sale lasts 30m"),
        ("ordinary-day", "1:00+2h", "has no orders: ordinary-day has none from 1h to 3h"),
    ],
)
def test_a_part_that_a_profile_does_not_have_is_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        part(name, text)
