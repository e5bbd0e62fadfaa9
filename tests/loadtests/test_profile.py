"""Rate curves: what they say, and what is wrong with a bad one."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.loadtests.profile import Profile, ProfileError

HOUR_S, DAY_S = 3_600, 86_400
HEAD = 'summary = "flat"\n'
GOOD = HEAD + "day_multiple = 2\nhourly_percent = [" + ", ".join(["4.1666667"] * 24) + "]\n"
STEPS = HEAD + "ordinary = 10\nstep_s = 60\nsteps = [5, 20]\n"
CURVE = HEAD + "curve = [[0, 0], [10, 4], [10, 1], [30, 1]]\n"


def of_text(text: str, folder: Path) -> Profile:
    path = folder / "mine.toml"
    path.write_text(text)
    return Profile.from_path(path)


# What each shipped one is for


def test_black_friday_has_a_tenth_of_the_day_in_its_top_hour_and_is_7_3_ordinary_days() -> None:
    profile = Profile.shipped("black-friday")
    assert profile.share(13 * HOUR_S, 14 * HOUR_S) == pytest.approx(0.1)
    assert max(profile.share(hour * HOUR_S, (hour + 1) * HOUR_S) for hour in range(24)) == pytest.approx(0.1)
    assert profile.mean == pytest.approx(7.3)
    assert profile.peak == pytest.approx(17.5, abs=0.1)


def test_an_ordinary_day_is_one_ordinary_day_in_office_hours() -> None:
    profile = Profile.shipped("ordinary-day")
    assert profile.mean == pytest.approx(1)
    assert profile.share(12 * HOUR_S, 13 * HOUR_S) == pytest.approx(0.161, abs=0.001)
    assert profile.share(0, 7 * HOUR_S) == 0


def test_peak_season_is_100_days_with_no_saturday_and_twice_the_orders_in_november() -> None:
    profile = Profile.shipped("peak-season")
    days = [profile.rate((day + 0.5) * DAY_S) * 65.41 for day in range(100)]
    assert profile.span_s == 100 * DAY_S
    assert sum(days) == pytest.approx(7_460)
    assert days[2::7] == [0] * 14
    assert max(days) == pytest.approx(137)
    assert days.index(max(days)) == 77, "17 November"
    september, november = sum(days[:30]) / 26, sum(days[61:91]) / 26
    assert november / september == pytest.approx(1.5, abs=0.1)


def test_midnight_drop_peaks_36_times_in_its_first_minute_and_is_33_times_over_it() -> None:
    profile = Profile.shipped("midnight-drop")
    assert profile.mean == pytest.approx(1, abs=0.001), "all is relative to the day's own mean"
    assert profile.peak == 36
    assert profile.rate(26.5) == 36
    assert profile.share(0, 60) * DAY_S / 60 == pytest.approx(33, rel=0.001)
    assert profile.share(0, HOUR_S) * 24 == pytest.approx(7.5, rel=0.001)


def test_campaign_300_sells_four_times_as_much_from_one_second_to_the_next() -> None:
    profile = Profile.shipped("campaign-300")
    assert profile.rate(HOUR_S - 1) == 1
    assert profile.rate(HOUR_S) == profile.rate(3 * HOUR_S - 1) == profile.peak == 4
    assert profile.rate(3 * HOUR_S) == 1


def test_flash_sale_goes_from_nothing_to_its_peak_in_less_than_a_minute_on_few_articles() -> None:
    profile = Profile.shipped("flash-sale")
    assert profile.rate(0) == 0
    assert profile.rate(59) == profile.peak == 36
    assert profile.buying.skus == 5


def test_batch_feed_has_an_ordinary_day_with_1114_lines_in_every_49th_order() -> None:
    profile = Profile.shipped("batch-feed")
    assert profile.points == Profile.shipped("ordinary-day").points
    assert (profile.buying.batch_every, profile.buying.batch_lines) == (49, 1_114)


def test_marketplace_surge_jumps_to_four_times_three_times_an_hour_on_one_channel() -> None:
    profile = Profile.shipped("marketplace-surge")
    jumps = [at_s for (at_s, before), (_, after) in pairwise(profile.points) if after > before]
    assert jumps == [600, 1_500, 2_700]
    assert profile.peak == 4
    assert profile.buying.one_channel


def test_returns_january_is_a_quiet_month_in_which_every_second_order_brings_something_back() -> None:
    profile = Profile.shipped("returns-january")
    assert profile.mean == pytest.approx(0.69)
    assert profile.buying.returned_share == 0.5


def test_soak_is_a_straight_line() -> None:
    profile = Profile.shipped("soak")
    assert profile.peak == profile.mean == 1
    assert [profile.moment(share) for share in (0, 0.25, 0.5, 1)] == pytest.approx([0, 0.25, 0.5, 1])


def test_every_shipped_profile_names_its_sources() -> None:
    assert len(Profile.names()) >= 10
    assert [name for name in Profile.names() if not Profile.shipped(name).sources] == []


# What every curve keeps


def test_a_flat_day_is_a_straight_line(tmp_path: Path) -> None:
    profile = of_text(GOOD, tmp_path)
    assert profile.name == "mine"
    assert [profile.moment(share) for share in (0, 0.25, 0.5)] == pytest.approx([0, 0.25, 0.5])


def test_steps_are_counted_in_ordinary_days(tmp_path: Path) -> None:
    profile = of_text(STEPS, tmp_path)
    assert profile.span_s == 120
    assert [profile.rate(at_s) for at_s in (0, 59, 60, 119)] == [0.5, 0.5, 2, 2]
    assert profile.moment(0.2) == pytest.approx(0.5)


def test_a_curve_rises_in_straight_lines_and_jumps_where_a_time_stands_twice(tmp_path: Path) -> None:
    profile = of_text(CURVE, tmp_path)
    assert [profile.rate(at_s) for at_s in (0, 5, 10, 30)] == [0, 2, 1, 1]
    assert profile.share(0, 10) == pytest.approx(0.5)
    assert profile.moment(0.125) == pytest.approx(5 / 30), (
        "a quarter of the triangle is in after half of its time"
    )
    assert profile.moment(0.5) == pytest.approx(10 / 30)
    assert profile.moment(0.75) == pytest.approx(20 / 30)


def test_nothing_arrives_in_hours_without_orders() -> None:
    profile = Profile.shipped("ordinary-day")
    assert profile.moment(0) == pytest.approx(7 / 24)
    assert profile.moment(1) == pytest.approx(21 / 24)


@given(shares=st.lists(st.floats(0, 1), min_size=2), name=st.sampled_from(Profile.names()))
def test_the_curve_never_runs_backwards_nor_leaves_its_time(shares: list[float], name: str) -> None:
    profile = Profile.shipped(name)
    moments = [profile.moment(share) for share in sorted(shares)]
    assert all(0 <= earlier <= later <= 1 for earlier, later in pairwise(moments))


@given(share=st.floats(0, 1), name=st.sampled_from(Profile.names()))
def test_as_much_is_in_at_a_moment_as_the_curve_says(share: float, name: str) -> None:
    profile = Profile.shipped(name)
    assert profile.share(0, profile.moment(share) * profile.span_s) == pytest.approx(share, abs=1e-6)


# What cannot be one


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("summary = ", "is not TOML: "),
        (GOOD + "peak = 3\n", "unknown key 'peak' (valid: summary, sources, buying, search, day_multiple, "),
        (GOOD + "day_multipel = 3\n", "unknown key 'day_multipel'; did you mean 'day_multiple'? (valid: "),
        (HEAD + "day_multiple = 1\n", "lacks hourly_percent"),
        (HEAD, "must have one of hourly_percent, steps, curve, got none of them"),
        (
            GOOD + "curve = []\n",
            "must have one of hourly_percent, steps, curve, got hourly_percent and curve",
        ),
        (GOOD.replace('"flat"', "3"), "summary must be a text, got 3"),
        (GOOD + "sources = 3\n", "sources must be a list of texts, got 3"),
        (GOOD.replace("= 2", "= 0"), "day_multiple must be a number above 0, got 0"),
        (GOOD.replace("= 2", "= nan"), "day_multiple must be a number above 0, got nan"),
        (GOOD.replace("= 2", "= true"), "day_multiple must be a number above 0, got True"),
        (GOOD.replace("[4.1666667, ", "["), "hourly_percent must be 24 numbers, got 23 of them"),
        (GOOD.replace("[4.1666667", "[-1"), "hourly_percent of hour 0 must be a number from 0 up, got -1"),
        (GOOD.replace("[4.1666667", '["4"'), "hourly_percent of hour 0 must be a number from 0 up, got '4'"),
        (GOOD.replace("[4.1666667", "[14.1666667"), "hourly_percent must add up to 100, got 110"),
        (STEPS.replace("= 60", "= 0"), "step_s must be a number above 0, got 0"),
        (STEPS.replace("[5, 20]", "[]"), "steps must be one number or more, got []"),
        (STEPS.replace("[5, 20]", "[5, -20]"), "step 2 of steps must be a number from 0 up, got -20"),
        (STEPS.replace("[5, 20]", "[0, 0]"), "has no orders at all: expected a rate above 0 somewhere"),
        (HEAD + "curve = [[0, 1]]\n", "curve must be two points [second, rate] or more, got [[0, 1]]"),
        (CURVE.replace("[10, 4]", "10"), "point 2 of curve must be [second, rate], got 10"),
        (CURVE.replace("[10, 4]", "[10, -4]"), "point 2 of curve must have a rate from 0 up, got -4"),
        (CURVE.replace("[0, 0]", "[1, 0]"), "point 1 of curve must be at second 0, got 1"),
        (
            CURVE.replace("[30, 1]", "[3, 1]"),
            "point 4 of curve must not come before the one before it, got 3",
        ),
        (HEAD + "curve = [[0, 1], [0, 2]]\n", "curve must last longer than 0 seconds"),
        (CURVE + "buying = 3\n", "buying must be a table of keys, got 3"),
        (CURVE + "[buying]\nsku = 3\n", "buying: unknown key 'sku'; did you mean 'skus'? (valid: skus, "),
        (CURVE + "search = true\n", "search must be a table of keys, got True"),
        (CURVE + "[search]\nstep_factor = 0.5\n", "search: step_factor must be a number above 1, got 0.5"),
        (CURVE + "[buying]\nskus = 0\n", "buying: skus must be a whole number from 1 up, got 0"),
        (CURVE + "[buying]\nbatch_every = 2\n", "buying: batch_every and batch_lines belong together"),
        (CURVE + "[buying]\none_channel = 1\n", "buying: one_channel must be true or false, got 1"),
        (
            CURVE + "[buying]\nreturned_share = 2\n",
            "buying: returned_share must be a number from 0 to 1, got 2",
        ),
    ],
)
def test_a_bad_profile_is_named_by_file_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ProfileError, match=f"^{re.escape(f'{tmp_path}/mine.toml: {message}')}"):
        of_text(text, tmp_path)


def test_an_unknown_or_missing_profile_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ProfileError, match=r"^unknown profile 'black-fryday'; did you mean 'black-friday'\? \(valid: "
    ):
        Profile.shipped("black-fryday")
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read: No such file or directory$"):
        Profile.from_path(tmp_path / "none.toml")
