"""A verdict must be earned: each reason against it, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from peakproof.history.records import WorkloadItem
from peakproof.verdict.result import InjectionResult
from peakproof.verdict.validity import check

from .histories import START_NS, Row, accepted, at, before_run, call, cancellation_requested, history_of

SOUND = {
    "id": "r1",
    "finished_at": "2025-11-27T00:00:00Z",
    "settled": True,
    "flows": ["order-to-erp"],
    "sut": {"name": "mine", "exit": None},
    "errors": [],
}
FIRED = InjectionResult("i1", "outage", "erp", armed=1, fired=3)


def reasons(run: Mapping[str, Any], rows: Sequence[Row], *injections: InjectionResult) -> tuple[str, ...]:
    with history_of(rows, run=run) as history:
        return check(history, injections).reasons


def late(late_s: float) -> WorkloadItem:
    due_ns = START_NS + 1_000_000_000
    return WorkloadItem(at_ns=due_ns + round(late_s * 1e9), kind="order", due_ns=due_ns)


def test_a_sound_run_has_earned_its_verdict() -> None:
    assert reasons(SOUND, [accepted(), late(0.2)], FIRED) == ()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"finished_at": None}, "cut off"),
        (
            {"settled": False, "settle_reason": "still busy at the deadline"},
            "not settled: still busy at the deadline",
        ),
        ({"sut": {"name": "mine", "exit": 1}}, "ended during the run with exit code 1"),
        ({"sut": {"name": "mine", "exit": 0}}, "ended during the run with exit code 0"),
        (
            {"sut": {"exit": -9, "death": "the system under test was ended by SIGKILL"}},
            "the system under test was ended by SIGKILL",
        ),
        ({"ended_early": "interrupted by the user"}, "the run ended early: interrupted by the user"),
        (
            {"errors": ["fault latency raised"]},
            "peakproof itself failed (1 error), first: fault latency raised",
        ),
        ({"unsent": 1}, "1 order of the workload was never placed"),
        ({"unsent": 4}, "4 orders of the workload were never placed"),
        ({"flows": ["order-to-erp", "cancel"]}, "the flow cancel was never exercised"),
    ],
)
def test_a_run_that_is_not_sound_says_why(change: dict[str, Any], complaint: str) -> None:
    (reason,) = reasons({**SOUND, **change}, [accepted()])
    assert complaint in reason


def test_of_a_run_that_could_not_be_made_nothing_else_is_said() -> None:
    run = {**SOUND, "failed": "port 8102 is in use", "settled": False, "flows": ["cancel"]}
    assert reasons(run, []) == ("the run could not be made: port 8102 is in use",)


def flooding(calls: int) -> list[Row]:
    return [at(10 + number / calls, call(order=None, client="sut-erp")) for number in range(calls)]


def test_whoever_floods_a_system_while_it_should_settle_is_named() -> None:
    busy = {**SOUND, "settled": False, "settle_reason": "still busy"}
    assert reasons(busy, [accepted(), *flooding(1500)])[-1] == (
        "sut-erp called erp create_sales_order 300 times a second until the end"
    )
    assert reasons(busy, [accepted(), *flooding(500)]) == ("not settled: still busy",)
    assert reasons(SOUND, [accepted(), *flooding(1500)]) == ()


def test_a_flow_that_was_set_going_counts_as_exercised() -> None:
    assert reasons({**SOUND, "flows": ["cancel"]}, [cancellation_requested()]) == ()


def test_an_order_from_before_the_run_exercises_nothing() -> None:
    (reason,) = reasons(SOUND, [before_run(accepted())])
    assert "order-to-erp was never exercised" in reason


def test_an_injection_that_never_fired_is_named() -> None:
    (reason,) = reasons(
        SOUND, [accepted()], FIRED, InjectionResult("i2", "lost-reply", "payments", armed=1, fired=0)
    )
    assert reason == "injection i2 (lost-reply on payments) never fired"


def test_one_by_hand_that_never_fired_takes_nothing_from_the_verdict() -> None:
    by_hand = InjectionResult("erp-outage-1", "outage", "erp", armed=1, fired=0, by_hand=True)
    assert reasons(SOUND, [accepted()], FIRED, by_hand) == ()


def test_an_injection_that_was_never_armed_is_named() -> None:
    (reason,) = reasons(SOUND, [accepted()], InjectionResult("i2", "outage", "erp", armed=0, fired=0))
    assert "was never armed" in reason


def test_a_load_generator_that_fell_behind_is_named() -> None:
    (reason,) = reasons(SOUND, [accepted(), late(2.5)])
    assert "the load generator fell behind" in reason


def test_no_run_json_at_all_is_said() -> None:
    with history_of([accepted()], run={"x": 1}) as history:
        history.run = {}
        assert "there is no run.json: nothing says what was run" in check(history, ()).reasons
