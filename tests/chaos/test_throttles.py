"""Every kind of throttle: golden vectors (times in, decisions out), and what must hold whatever the times."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Throttle
from peakproof.chaos.registry import THROTTLES
from peakproof.chaos.throttles.daily_quota import DailyQuota
from peakproof.chaos.throttles.fixed_window import FixedWindow
from peakproof.chaos.throttles.leaky_bucket import LeakyBucket
from peakproof.chaos.throttles.penalty_box import PenaltyBox
from peakproof.chaos.throttles.query_cost import QueryCost
from peakproof.chaos.throttles.queue_then_refuse import QueueThenRefuse
from peakproof.chaos.throttles.sliding_window import SlidingWindow

from .calls import S, a_call, waits_s

DAY_S = 86_400

BUILDS: dict[str, dict[str, Any]] = {
    "token-bucket": {"rate_per_s": 0.7, "burst": 3},
    "leaky-bucket": {"leak_per_s": 0.7, "size": 3},
    "fixed-window": {"limit": 3, "window_s": 4.5},
    "sliding-window": {"limit": 3, "window_s": 4.5},
    "queue-then-refuse": {"rate_per_s": 0.7, "queue": 2},
    "query-cost": {"size": 7, "restore_per_s": 1.3, "cost": 3, "actual_costs": {"create_sales_order": 2}},
    "penalty-box": {"limit": 3, "window_s": 4.5, "penalty_s": 7},
    "daily-quota": {"limit": 3, "day_s": 20},
    "concurrency-pool": {"limit": 3},
}

FACTORS = st.sampled_from([1.0, 0.7, 0.3, 0.05])
FEW = settings(max_examples=40, deadline=None)
GAPS_NS = st.lists(st.one_of(st.just(0), st.integers(0, 3 * S)), min_size=1, max_size=60)


def admitted_ns(throttle: Throttle, gaps_ns: list[int]) -> list[int]:
    """When calls were admitted, of calls that come with these gaps."""
    now_ns, admitted = 0, []
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        if throttle.admit(a_call(), now_ns).refusal is None:
            admitted.append(now_ns)
    return admitted


def test_every_kind_is_known_here() -> None:
    assert sorted(BUILDS) == THROTTLES.names()
    for entry in THROTTLES.entries():
        assert entry.summary.endswith("."), entry.name


@pytest.mark.parametrize(
    ("throttle", "times_s", "expected"),
    [
        pytest.param(
            LeakyBucket(2, 3),
            [0, 0, 0, 0, 0.4, 0.5, 0.5],
            [0, 0, 0, 1, 1, 0, 1],
            id="a drop leaves every half second",
        ),
        pytest.param(
            FixedWindow(2, 10), [3, 9, 9.5, 10, 10, 10], [0, 0, 1, 0, 0, 10], id="windows by the clock"
        ),
        pytest.param(
            FixedWindow(2, 10, starts="first-call"),
            [3, 9, 9.5, 12.9, 13, 22.9, 22.9, 23],
            [0, 0, 4, 1, 0, 0, 1, 0],
            id="windows from the first call",
        ),
        pytest.param(
            SlidingWindow(2, 10),
            [3, 9, 10, 12.9, 13, 13.5, 19],
            [0, 0, 3, 1, 0, 6, 0],
            id="each call counts its time",
        ),
        pytest.param(
            PenaltyBox(2, 10, 30),
            [0, 1, 2, 20, 49, 79],
            [0, 0, 30, 30, 30, 0],
            id="called too early, begun anew",
        ),
        pytest.param(
            PenaltyBox(2, 10, 30, restarts=False),
            [0, 1, 2, 20, 32, 32, 32],
            [0, 0, 30, 12, 0, 0, 30],
            id="a strict while",
        ),
        pytest.param(PenaltyBox(2, 10, 30), [0, 1, 10, 11], [0, 0, 0, 0], id="a new window without penalty"),
        pytest.param(
            DailyQuota(2), [DAY_S - 10, DAY_S - 9, DAY_S - 8, DAY_S], [0, 0, 8, 0], id="until midnight"
        ),
        pytest.param(
            DailyQuota(1, resets_at="07:00"),
            [0, 1, 7 * 3600, 7 * 3600 + 1, 31 * 3600],
            [0, 25_199, 0, DAY_S - 1, 0],
            id="until seven",
        ),
        pytest.param(
            QueryCost(10, 2, cost=4), [0, 0, 0, 1, 1], [0, 0, 1, 0, 2], id="points come back two a second"
        ),
    ],
)
def test_golden_vectors(throttle: Throttle, times_s: list[float], expected: list[int]) -> None:
    assert waits_s(throttle, times_s) == expected


def test_a_queue_tells_each_call_how_long_its_turn_takes_and_refuses_when_full() -> None:
    queue = QueueThenRefuse(rate_per_s=2, queue=3, burst=2)
    decisions = [queue.admit(a_call(), round(at_s * S)) for at_s in (0, 0, 0, 0, 0, 0, 0.5, 0.5, 10)]
    assert [None if one.refusal else one.wait_s for one in decisions] == [
        0,
        0,
        0.5,
        1.0,
        1.5,
        None,
        1.5,
        None,
        0,
    ]
    assert decisions[5].refusal is not None
    assert decisions[5].refusal.retry_after_s == 1


def test_a_cost_is_taken_whole_and_what_was_not_used_comes_back_at_the_end() -> None:
    points = QueryCost(10, 1, cost=8, costs={"get_order": 1}, actual_costs={"list_orders": 3})
    first = points.admit(a_call(operation="list_orders"), 0)
    assert (first.refusal, first.refund) == (None, 5)
    assert waits_s(points, [0], "list_orders") == [6]
    assert waits_s(points, [0, 0, 0], "get_order") == [0, 0, 1]
    assert first.release is not None
    first.release()
    figures = points.figures(a_call(operation="list_orders"), 0)
    assert (figures.limit, figures.left, figures.cost, figures.actual_cost) == (10, 5, 8, 3)
    assert (figures.wait_ns, figures.reset_ns, figures.window_ns) == (3 * S, 5 * S, 10 * S)


@pytest.mark.parametrize("name", [name for name in BUILDS if name != "concurrency-pool"])
@FEW
@given(factor=FACTORS, gaps_ns=GAPS_NS)
def test_who_waits_as_told_is_admitted(name: str, factor: float, gaps_ns: list[int]) -> None:
    throttle = THROTTLES.build(name, BUILDS[name])
    throttle.factor = factor
    now_ns = 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        refusal = throttle.admit(a_call(), now_ns).refusal
        if refusal is not None:
            assert refusal.retry_after_s is not None
            assert refusal.retry_after_s > 0
            assert ("retry-after", f"{refusal.retry_after_s:.0f}") in refusal.headers
            now_ns += int(refusal.retry_after_s) * S
            assert throttle.admit(a_call(), now_ns).refusal is None


@pytest.mark.parametrize("name", [name for name in BUILDS if name not in ("concurrency-pool", "penalty-box")])
@FEW
@given(factor=FACTORS, gaps_ns=GAPS_NS)
def test_the_figures_agree_with_the_decision(name: str, factor: float, gaps_ns: list[int]) -> None:
    throttle = THROTTLES.build(name, BUILDS[name])
    throttle.factor = factor
    now_ns = 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        before = throttle.figures(a_call(), now_ns)
        assert 0 <= before.left <= before.limit
        assert (before.wait_ns == 0) == (throttle.admit(a_call(), now_ns).refusal is None)
        if before.wait_ns:
            almost = throttle.figures(a_call(), now_ns + before.wait_ns - 1)
            assert almost.wait_ns == 1
            assert throttle.figures(a_call(), now_ns + before.wait_ns).wait_ns == 0


@FEW
@given(factor=FACTORS, gaps_ns=GAPS_NS)
def test_no_stretch_of_time_holds_more_than_a_sliding_windows_limit(
    factor: float, gaps_ns: list[int]
) -> None:
    throttle = SlidingWindow(3, 4.5)
    throttle.factor = factor
    limit = max(1, int(3 * factor))
    times_ns = admitted_ns(throttle, gaps_ns)
    assert all(later - earlier >= 4.5 * S for earlier, later in zip(times_ns, times_ns[limit:], strict=False))


@pytest.mark.parametrize(
    "make",
    [lambda: FixedWindow(3, 4.5), lambda: DailyQuota(3, day_s=4.5)],
    ids=["fixed-window", "daily-quota"],
)
@FEW
@given(factor=FACTORS, gaps_ns=GAPS_NS)
def test_no_window_holds_more_than_its_limit(
    make: Callable[[], Throttle], factor: float, gaps_ns: list[int]
) -> None:
    throttle = make()
    throttle.factor = factor
    windows = [at_ns // (4 * S + S // 2) for at_ns in admitted_ns(throttle, gaps_ns)]
    assert all(windows.count(window) <= max(1, int(3 * factor)) for window in windows)


@FEW
@given(factor=FACTORS, gaps_ns=GAPS_NS)
def test_no_stretch_of_time_holds_more_than_a_buckets_size_and_what_leaks_in_it(
    factor: float, gaps_ns: list[int]
) -> None:
    throttle = LeakyBucket(leak_per_s=0.7, size=3)
    throttle.factor = factor
    times_ns = admitted_ns(throttle, gaps_ns)
    for start, begin_ns in enumerate(times_ns):
        for count, end_ns in enumerate(times_ns[start:], start=1):
            assert count <= max(1, 3 * factor) + 0.7 * factor * (end_ns - begin_ns) / S + 1e-6


@FEW
@given(factor=FACTORS, gaps_ns=GAPS_NS)
def test_calls_leave_a_queue_no_faster_than_its_rate_and_in_order(factor: float, gaps_ns: list[int]) -> None:
    throttle = QueueThenRefuse(rate_per_s=0.7, queue=4)
    throttle.factor = factor
    now_ns, leave_ns = 0, []
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        decision = throttle.admit(a_call(), now_ns)
        if decision.refusal is None:
            leave_ns.append(now_ns + decision.wait_s * S)
    assert all(later - earlier >= S / (0.7 * factor) - 10 for earlier, later in pairwise(leave_ns))


def test_no_call_is_lost_or_won_however_long_it_runs() -> None:
    """A third of a second is no whole number of nanoseconds; a rounded one would be off by a call in a while."""
    bucket = LeakyBucket(leak_per_s=3, size=3)
    start_ns = 1_790_000_000 * S
    for second in range(0, 10**9, 10**7):
        now_ns = start_ns + second * S
        assert [bucket.admit(a_call(), now_ns).refusal is None for _ in range(4)] == [True] * 3 + [False]
    busy = LeakyBucket(leak_per_s=3, size=1)
    now_ns, count = start_ns, 0
    while now_ns <= start_ns + 100 * S:
        assert busy.admit(a_call(), now_ns).refusal is None
        count += 1
        now_ns += busy.figures(a_call(), now_ns).wait_ns or 0
    assert count == 300  # every wait is rounded up, so the call at 100 s comes some nanoseconds late


@pytest.mark.parametrize("name", BUILDS)
def test_a_cut_takes_effect_at_once_and_goes_without_a_trace(name: str) -> None:
    throttle = THROTTLES.build(name, BUILDS[name])
    whole = throttle.figures(a_call(), 0).limit
    throttle.factor = 0.4
    assert throttle.figures(a_call(), 0).limit == max(1, int(whole * 0.4))
    throttle.factor = 0.001
    assert throttle.admit(a_call(), 0).refusal is None, "a cut never takes the last call"
    throttle.factor = 1.0
    far_ns = 10_000 * S
    assert throttle.figures(a_call(), far_ns).limit == whole


@pytest.mark.parametrize("name", BUILDS)
def test_one_client_does_not_feel_another_and_a_system_feels_all(name: str) -> None:
    own = THROTTLES.build(name, BUILDS[name] | {"scope": "client"})
    common = THROTTLES.build(name, BUILDS[name] | {"scope": "system"})
    for throttle in (own, common):
        while throttle.figures(a_call("a"), 0).wait_ns == 0:
            throttle.admit(a_call("a"), 0)
    assert own.figures(a_call("b"), 0).wait_ns == 0
    assert common.figures(a_call("b"), 0).wait_ns != 0


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("leaky-bucket", {"leak_per_s": 0}, "leak_per_s must be above 0, got 0"),
        ("fixed-window", {"limit": 0, "window_s": 1}, "limit must be at least 1, got 0"),
        ("fixed-window", {"limit": 1, "window_s": 0}, "window_s must be above 0, got 0"),
        (
            "fixed-window",
            {"limit": 1, "window_s": 1, "starts": "now"},
            "starts must be 'clock' or 'first-call', got 'now'",
        ),
        ("sliding-window", {"limit": 1, "window_s": -1}, "window_s must be above 0, got -1"),
        ("queue-then-refuse", {"rate_per_s": 1, "queue": 0}, "queue must be at least 1, got 0"),
        ("penalty-box", {"limit": 1, "window_s": 1, "penalty_s": 0}, "penalty_s must be above 0, got 0"),
        (
            "daily-quota",
            {"limit": 1, "resets_at": "24:00"},
            "resets_at must be a time of day like '07:00', got '24:00'",
        ),
        ("concurrency-pool", {"limit": 1, "queue": -1}, "queue must be at least 0, got -1"),
        (
            "query-cost",
            {"size": 5, "restore_per_s": 1, "costs": {"get_order": 6}},
            "cost of a call must be from 1 to size (5), got 6 for get_order",
        ),
        (
            "query-cost",
            {"size": 5, "restore_per_s": 1, "actual_costs": {"get_order": 2}},
            "actual cost must be from 0 to the cost asked for (1), got 2 for get_order",
        ),
        (
            "query-cost",
            {"size": 5, "restore_per_s": 1, "costs": {"get_order": "2"}},
            "costs must be a table of names, each with a whole number, got {'get_order': '2'}",
        ),
    ],
)
def test_impossible_settings_are_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ChaosError) as wrong:
        THROTTLES.build(name, settings)
    assert str(wrong.value) == f"throttle '{name}': {message}"
