"""Rate curves: what they say, and what is wrong with a bad one."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.loadtests.profile import Profile, ProfileError

GOOD = 'summary = "flat"\nday_multiple = 2\nhourly_percent = [' + ", ".join(["4.1666667"] * 24) + "]\n"


def test_black_friday_has_a_tenth_of_the_day_in_its_top_hour_and_is_7_3_mean_days() -> None:
    profile = Profile.shipped("black-friday")
    assert max(profile.hourly_shares) == pytest.approx(0.1)
    assert profile.day_multiple == 7.3
    assert profile.peak_over_mean_day == pytest.approx(17.5, abs=0.1)
    assert profile.peak_s(48) == (26, 28)


def test_every_shipped_profile_is_a_whole_day() -> None:
    assert Profile.names() == ["black-friday", "ordinary-day"]
    for name in Profile.names():
        assert sum(Profile.shipped(name).hourly_shares) == pytest.approx(1)


def test_a_flat_day_is_a_straight_line(tmp_path: Path) -> None:
    path = tmp_path / "flat.toml"
    path.write_text(GOOD)
    profile = Profile.from_path(path)
    assert profile.name == "flat"
    assert [profile.moment(share) for share in (0, 0.25, 0.5)] == pytest.approx([0, 0.25, 0.5])


def test_nothing_arrives_in_hours_without_orders() -> None:
    profile = Profile.shipped("ordinary-day")
    assert profile.moment(0) == pytest.approx(7 / 24)
    assert profile.moment(1) == pytest.approx(21 / 24)


@given(shares=st.lists(st.floats(0, 1), min_size=2), name=st.sampled_from(Profile.names()))
def test_the_curve_never_runs_backwards_nor_leaves_the_day(shares: list[float], name: str) -> None:
    profile = Profile.shipped(name)
    moments = [profile.moment(share) for share in sorted(shares)]
    assert all(0 <= earlier <= later <= 1 for earlier, later in pairwise(moments))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("summary = ", "is not TOML: "),
        (GOOD + "peak = 3\n", "unknown key 'peak' (valid: summary, day_multiple, hourly_percent)"),
        (GOOD + "day_multipel = 3\n", "unknown key 'day_multipel'; did you mean 'day_multiple'? (valid: "),
        ('summary = "x"\nday_multiple = 1\n', "lacks hourly_percent"),
        (GOOD.replace('"flat"', "3"), "summary must be a text, got 3"),
        (GOOD.replace("= 2", "= 0"), "day_multiple must be a number above 0, got 0"),
        (GOOD.replace("= 2", "= nan"), "day_multiple must be a number above 0, got nan"),
        (GOOD.replace("= 2", "= true"), "day_multiple must be a number above 0, got True"),
        (GOOD.replace("[4.1666667, ", "["), "hourly_percent must be 24 numbers, got 23 of them"),
        (GOOD.replace("[4.1666667", "[-1"), "hourly_percent of hour 0 must be a number from 0 up, got -1"),
        (GOOD.replace("[4.1666667", '["4"'), "hourly_percent of hour 0 must be a number from 0 up, got '4'"),
        (GOOD.replace("[4.1666667", "[14.1666667"), "hourly_percent must add up to 100, got 110"),
    ],
)
def test_a_bad_profile_is_named_by_file_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=f"^{re.escape(f'{path}: {message}')}"):
        Profile.from_path(path)


def test_an_unknown_or_missing_profile_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        ProfileError, match=r"^unknown profile 'black-fryday'; did you mean 'black-friday'\? \(valid: "
    ):
        Profile.shipped("black-fryday")
    with pytest.raises(ProfileError, match=r"none\.toml: cannot be read: No such file or directory$"):
        Profile.from_path(tmp_path / "none.toml")
