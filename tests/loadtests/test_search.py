"""Looking for the highest rate that holds: where it begins, how it closes in, and when it is content."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.loadtests.profile import Profile
from peakproof.loadtests.search import Search


def rates(search: Search, holds: Callable[[float], bool], most: int = 100) -> list[float]:
    """The rates that are tried where ``holds`` says what each comes to."""
    tried: list[float] = []
    held: float | None = None
    broke: float | None = None
    while (per_min := search.next_per_min(held, broke)) is not None and len(tried) < most:
        tried.append(per_min)
        if holds(per_min):
            held = per_min
        else:
            broke = per_min
    return tried


def test_it_doubles_until_a_rate_breaks_and_then_takes_the_middle() -> None:
    assert rates(Search(), lambda per_min: per_min <= 700) == [120, 240, 480, 960, 720, 600, 660]


def test_where_the_first_rate_breaks_it_goes_down_before_it_comes_closer() -> None:
    assert rates(Search(), lambda per_min: per_min <= 50) == [120, 60, 30, 45, 52.5, 48.8]


def test_where_nothing_holds_it_ends_at_the_lowest_rate_there_is() -> None:
    assert rates(Search(), lambda per_min: False) == [120, 60, 30, 15]


def test_a_search_that_may_end_far_apart_has_done_when_one_rate_held_and_one_broke() -> None:
    assert rates(Search(resolution=0.6), lambda per_min: per_min <= 700) == [120, 240, 480, 960]


@given(limit=st.floats(20, 1e6), factor=st.floats(1.2, 10), resolution=st.floats(0.01, 0.9))
def test_wherever_the_limit_is_it_ends_close_around_it(
    limit: float, factor: float, resolution: float
) -> None:
    search = Search(step_factor=factor, resolution=resolution)
    tried = rates(search, lambda per_min: per_min <= limit)
    held = max(one for one in tried if one <= limit)
    broke = min(one for one in tried if one > limit)
    assert broke - held <= resolution * broke + 0.01 * broke, "three digits are enough"
    assert len(tried) == len(set(tried)), "no rate is tried twice"


def test_a_slow_rate_is_kept_up_until_there_are_samples() -> None:
    search = Search(step_s=30, step_orders=50)
    assert search.lasts_s(6_000) == 30
    assert search.lasts_s(60) == 50


def test_only_what_somebody_wishes_is_changed() -> None:
    assert Search().changed() == Search()
    assert Search().changed(start_per_min=600, step_s=5, step_factor=3, resolution=0.5) == Search(
        start_per_min=600, step_s=5, step_factor=3, resolution=0.5
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start_per_min": 0}, "start_per_min must be a number above 0, got 0"),
        ({"step_factor": 1}, "step_factor must be a number above 1, got 1"),
        ({"resolution": 1}, "resolution must be a number between 0 and 1, got 1"),
        ({"step_s": "30"}, "step_s must be a number above 0, got '30'"),
        ({"step_orders": True}, "step_orders must be a number above 0, got True"),
        ({"objectives": []}, r"objectives must be a list of texts, got \[\]"),
        ({"objectives": "x <= 1"}, "objectives must be a list of texts, got 'x <= 1'"),
        ({"stepfactor": 2}, "unknown key 'stepfactor'; did you mean 'step_factor'"),
    ],
)
def test_a_search_that_cannot_be_is_named(given: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Search.of(given)


def test_find_the_limit_is_a_flat_rate_that_is_searched() -> None:
    profile = Profile.shipped("find-the-limit")
    assert profile.search == Search()
    assert profile.mean == profile.peak == 1
    assert [name for name in Profile.names() if Profile.shipped(name).search] == ["find-the-limit"]
