"""What the bench of keeping up makes of a run: the orders that it sends, and the figures of their waits."""

from pathlib import Path

import pytest

from peakproof.loadtests.bench.keeping_up import KeepingUp, Late, Waits, waits_of
from peakproof.loadtests.bench.steady import LINES, STEADY, prepared, write_orders
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.trace import Trace
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.flows import FULL
from peakproof.scenarios.scenario import Scenario


def test_its_orders_are_of_three_real_lines(tmp_path: Path) -> None:
    write_orders(tmp_path / "orders.csv", 500)
    orders = Trace.from_path(tmp_path / "orders.csv").orders
    real = {line for order in Trace.shipped().orders for line in order.lines}
    assert len(orders) == 500
    assert {len(order.lines) for order in orders} == {LINES}
    assert {line for order in orders for line in order.lines} <= real


def test_they_come_at_the_same_rate_all_day(tmp_path: Path) -> None:
    (tmp_path / "steady.toml").write_text(STEADY)
    profile = Profile.from_path(tmp_path / "steady.toml")
    assert [profile.moment(share) for share in (0.1, 0.5, 0.9)] == pytest.approx([0.1, 0.5, 0.9])


def orders(*waits_s: float | None) -> list[tuple[int, float | None]]:
    """One each second."""
    return [(number * 1_000_000_000, wait_s) for number, wait_s in enumerate(waits_s)]


def test_whoever_waits_longer_and_longer_is_behind() -> None:
    waits = waits_of(orders(1, 1, 2, 3, 4, 5, 6, 7, None))
    assert waits == Waits(p50_s=4, p95_s=7, behind_s=6, left_s=6.0, never=1)
    assert not kept(waits, STEADILY).keeps_up
    assert not kept(STEADILY, waits).keeps_up


def test_whoever_waits_as_long_at_the_end_keeps_up_unless_something_broke() -> None:
    assert kept(STEADILY, STEADILY).keeps_up
    assert not kept(STEADILY, STEADILY, "fail").keeps_up
    assert not kept(STEADILY, STEADILY, "inconclusive").keeps_up


def test_all_orders_are_sent_and_1_in_100_at_most_50_ms_late() -> None:
    assert kept(STEADILY, STEADILY).on_time
    assert not kept(STEADILY, STEADILY, late=Late(p50_s=0.001, p99_s=0.051, max_s=0.3)).on_time
    assert not kept(STEADILY, STEADILY, unsent=1).on_time


@pytest.mark.parametrize("middleware", ["reference", "lean"])
def test_what_a_run_reads_can_be_read(tmp_path: Path, middleware: str) -> None:
    words = prepared(tmp_path, 20.0, 60.0, middleware)
    assert words[:2] == ["load", str(tmp_path / "steady.toml")]
    made = Scenario.read(tmp_path / "steady.yaml").with_overrides({"workload.profile": words[1]})
    if middleware == "lean":
        assert made.flows == ("order-to-ship",)
        assert SutConfig.load(tmp_path / "peakproof.toml").flows == made.flows
    else:
        assert made.flows == FULL
        assert not (tmp_path / "peakproof.toml").exists()


def test_nothing_posted_is_nothing_to_measure() -> None:
    with pytest.raises(RuntimeError, match="only 0 of 9 orders got so far"):
        waits_of(orders(*[None] * 9))


STEADILY = waits_of(orders(*[2.0] * 12))


ON_TIME = Late(p50_s=0.001, p99_s=0.05, max_s=0.3)


def kept(
    posted: Waits, shipped: Waits, verdict: str = "pass", late: Late = ON_TIME, unsent: int = 0
) -> KeepingUp:
    return KeepingUp(
        wanted_per_s=1.0,
        placed_per_s=1.0,
        orders=12,
        calls=0,
        verdict=verdict,
        reasons=(),
        posted=posted,
        shipped=shipped,
        done_s=0.0,
        late=late,
        unsent=unsent,
        estate_busy=None,
        generator_busy=None,
        middleware_busy=None,
        systems_busy={},
        availability_changes=0,
        availability_calls=0,
        load_before=0.0,
        processors=1,
    )
