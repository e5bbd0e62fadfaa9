"""Two hosts and their clocks: the soonest answer counts, and what the way explains is no difference."""

from peakproof.history.clock import Clock
from peakproof.loadtests.generator.agreement import Agreement, Answer


def test_the_answer_that_was_soonest_back_says_how_far_their_clock_is_ahead() -> None:
    slow, soon = Answer(0, 9_000, 6_000), Answer(10_000, 15_200, 10_400)
    assert Agreement.of([slow, soon]) == Agreement(5_000, 200)


def test_a_difference_within_the_way_is_the_same_hosts_clock() -> None:
    assert Agreement.of([Answer(1_000, 1_900, 2_000)]) == Agreement(0, 500)


def test_a_clock_that_is_behind_is_found_as_well() -> None:
    assert Agreement.of([Answer(1_000, 100, 1_200)]) == Agreement(-1_000, 100)


def test_a_clock_put_ahead_tells_the_other_hosts_time() -> None:
    hour_ns = 3_600_000_000_000
    ours, theirs = Clock(), Clock(hour_ns)
    assert abs(theirs() - ours() - hour_ns) < hour_ns / 60
