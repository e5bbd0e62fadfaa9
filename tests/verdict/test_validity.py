"""A verdict must be earned: each reason against it, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from peakproof.history.records import Effect, WorkloadItem
from peakproof.verdict.judge import judge_history
from peakproof.verdict.result import InjectionResult
from peakproof.verdict.validity import check

from .histories import (
    START_NS,
    Row,
    accepted,
    at,
    before_run,
    call,
    cancellation,
    cancellation_requested,
    cancelled,
    history_of,
    listed,
    mark,
    moved,
    posted,
    price_listed,
    price_set,
    refund_confirmed,
    refunded,
    return_requested,
    shipped,
    stock_set,
)

SOUND = {
    "id": "r1",
    "finished_at": "2025-11-27T00:00:00Z",
    "settled": True,
    "flows": ["order-to-erp"],
    "sut": {"name": "mine", "exit": None},
    "errors": [],
}
BOOKED: list[Row] = [accepted(), posted()]
FIRED = InjectionResult("i1", "outage", "erp", armed=1, fired=3)
NEVER = InjectionResult("i3", "lost-reply", "payments.refund_payment", armed=1, fired=0)


def reasons(run: Mapping[str, Any], rows: Sequence[Row], *injections: InjectionResult) -> tuple[str, ...]:
    with history_of(rows, run=run) as history:
        return check(history, injections).reasons


def late(late_s: float) -> WorkloadItem:
    due_ns = START_NS + 1_000_000_000
    return WorkloadItem(at_ns=due_ns + round(late_s * 1e9), kind="order", due_ns=due_ns)


def test_a_sound_run_has_earned_its_verdict() -> None:
    assert reasons(SOUND, [*BOOKED, late(0.2)], FIRED) == ()


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
    (reason,) = reasons({**SOUND, **change}, BOOKED)
    assert complaint in reason


def test_one_reference_on_two_channels_is_a_mistake_of_the_workload() -> None:
    assert reasons(SOUND, [*BOOKED, accepted("A", channel="bazaar")]) == (
        "order A was placed on web and bazaar: give each order of the workload a reference of its own",
    )


def test_of_a_run_that_could_not_be_made_nothing_else_is_said() -> None:
    run = {**SOUND, "failed": "port 8102 is in use", "settled": False, "flows": ["cancel"]}
    assert reasons(run, []) == ("the run could not be made: port 8102 is in use",)


def test_of_a_run_that_lost_a_part_of_its_estate_nothing_else_is_said() -> None:
    run = {
        **SOUND,
        "systems_lost": ["the process of erp was lost: it was ended by SIGKILL"],
        "settled": False,
    }
    why = "a part of the estate is missing: the process of erp was lost: it was ended by SIGKILL"
    assert reasons(run, []) == (why,)


def flooding(calls: int) -> list[Row]:
    return [at(10 + number / calls, call(order=None, client="sut-erp")) for number in range(calls)]


def test_whoever_floods_a_system_while_it_should_settle_is_named() -> None:
    busy = {**SOUND, "settled": False, "settle_reason": "still busy"}
    assert reasons(busy, [*BOOKED, *flooding(1500)])[-1] == (
        "sut-erp called erp create_sales_order 300 times a second until the end"
    )
    assert reasons(busy, [*BOOKED, *flooding(500)]) == ("not settled: still busy",)
    assert reasons(SOUND, [*BOOKED, *flooding(1500)]) == ()


def test_a_flow_that_was_set_going_counts_as_exercised() -> None:
    (reason,) = reasons({**SOUND, "flows": ["cancel"]}, [cancellation_requested()])
    assert "never exercised" not in reason


@pytest.mark.parametrize(
    ("flow", "trigger", "outcomes"),
    [
        ("order-to-erp", accepted(), [posted()]),
        ("order-to-ship", accepted(), [shipped()]),
        ("stock-sync", moved(-1, 4), [stock_set(4), listed(4)]),
        ("cancel", cancellation_requested(), [cancellation("declined"), cancellation("accepted")]),
        ("return-to-refund", return_requested(), [refunded(), refund_confirmed()]),
        ("price-publish", price_set("4.00"), [price_listed("4.00")]),
    ],
)
def test_a_flow_counts_as_exercised_when_the_system_under_test_carried_it_out_once(
    flow: str, trigger: Effect, outcomes: list[Effect]
) -> None:
    run = {**SOUND, "flows": [flow]}
    (reason,) = reasons(run, [trigger])
    assert reason.startswith(f"the flow {flow} was never carried out by the system under test: no ")
    for outcome in outcomes:
        assert reasons(run, [trigger, outcome]) == ()
        for actor in ("stand-in", "before-run"):
            by_another = msgspec.structs.replace(outcome, actor=actor)
            assert reasons(run, [trigger, by_another]) == (reason,), actor


def test_a_flow_that_others_perform_needs_no_outcome_of_the_system_under_test() -> None:
    rows = [moved(-1, 4), stock_set(4), accepted(), msgspec.structs.replace(posted(), actor="stand-in")]
    assert reasons({**SOUND, "flows": ["stock-sync"]}, rows) == ()


def test_of_a_single_order_that_is_replayed_no_outcome_is_asked() -> None:
    """It may be one that is cancelled before anything ships."""
    replay = {**SOUND, "scenario": {"name": "mine", "workload": {"only": ["A"]}}}
    assert reasons({**replay, "flows": ["order-to-ship"]}, [accepted(), cancelled()]) == ()


def test_an_order_from_before_the_run_exercises_nothing() -> None:
    (reason,) = reasons(SOUND, [before_run(accepted())])
    assert "order-to-erp was never exercised" in reason


def test_an_injection_that_never_fired_is_named() -> None:
    (reason,) = reasons(
        SOUND, BOOKED, FIRED, InjectionResult("i2", "lost-reply", "payments", armed=1, fired=0)
    )
    assert reason == "injection i2 (lost-reply on payments) never fired"


def test_an_injection_on_a_habit_that_a_middleware_does_without_is_left_out() -> None:
    habit = {
        "id": "i2",
        "fault": "partial-batch",
        "where": "erp",
        "optional": "bulk calls",
        "needs": "create_many",
    }
    run = {**SOUND, "injections": [habit]}
    armed = mark("armed", injection="i2", system="erp")
    with history_of([*BOOKED, armed], run=run) as history:
        verdict = judge_history(history)
    assert [fault.left_out for fault in verdict.faults] == ["bulk calls"]
    assert verdict.validity.about == ("scenario",), "not one fault of the scenario could strike"
    with history_of([*BOOKED, armed, call("create_many")], run=run) as history:
        verdict = judge_history(history)
    assert verdict.validity.about == ("fault",), "it has the habit, and the fault never struck"


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"parked_then": 3, "replayed": 3}, None),
        ({"parked_then": 3, "replayed": 1}, None),
        ({"parked_then": 3, "replayed": 0}, "of 3 parked orders the system under test took none"),
        ({"parked_then": 0, "replayed": 0}, "the system under test had parked no order"),
        ({}, "the system under test had parked no order"),
    ],
)
def test_a_run_that_replays_what_was_parked_must_have_found_something(
    told: dict[str, Any], complaint: str | None
) -> None:
    found = reasons({**SOUND, "scenario": {"replay_parked": 2}, **told}, BOOKED)
    assert [complaint in reason for reason in found if complaint] == ([True] if complaint else [])
    assert reasons({**SOUND, "scenario": {"replay_parked": 0}}, BOOKED) == ()


def test_a_middleware_that_waits_instead_of_parking_is_not_held_to_replays() -> None:
    with history_of(BOOKED, run={**SOUND, "scenario": {"replay_parked": 2}, "parked_then": 0}) as history:
        assert check(history, ()).about == ("scenario",)
    with history_of(BOOKED, run={**SOUND, "scenario": {"replay_parked": 2}, "parked_then": 3}) as history:
        assert check(history, ()).about == ("replay",)


def test_one_by_hand_that_never_fired_takes_nothing_from_the_verdict() -> None:
    by_hand = InjectionResult("erp-outage-1", "outage", "erp", armed=1, fired=0, by_hand=True)
    assert reasons(SOUND, BOOKED, FIRED, by_hand) == ()


def test_an_injection_that_was_never_armed_is_named() -> None:
    (reason,) = reasons(SOUND, BOOKED, InjectionResult("i2", "outage", "erp", armed=0, fired=0))
    assert "was never armed" in reason


def test_why_an_injection_never_fired_is_said() -> None:
    (reason,) = reasons(SOUND, BOOKED, replace(NEVER, missed="12 matching calls came, all after 14.0 s"))
    assert reason == (
        "injection i3 (lost-reply on payments.refund_payment) never fired: 12 matching calls came, all after 14.0 s"
    )


def test_one_that_need_not_be_met_takes_nothing_from_the_verdict() -> None:
    assert (
        reasons(
            SOUND, BOOKED, FIRED, replace(NEVER, left_out="only a middleware that books in bulk meets it")
        )
        == ()
    )


def test_a_scenario_of_which_every_fault_was_left_out_proves_nothing() -> None:
    bulk = replace(NEVER, left_out="only a middleware that books in bulk meets it")
    flow = replace(NEVER, id="i4", armed=0, left_out="the middleware's flows never call payments (sut.flows)")
    with history_of(BOOKED, run=SOUND) as history:
        found = check(history, (bulk, flow))
    (reason,) = found.reasons
    assert reason == (
        "not exercised: every fault of the scenario was left out: i3 (only a middleware that books in bulk meets it); "
        "i4 (the middleware's flows never call payments (sut.flows))"
    )
    assert found.about == ("scenario",)
    by_hand = InjectionResult("mine", "outage", "erp", armed=1, fired=2, by_hand=True)
    assert reasons(SOUND, BOOKED, bulk, by_hand) == (), "something was there to be met after all"


def test_a_load_generator_that_fell_behind_is_named() -> None:
    (reason,) = reasons(SOUND, [*BOOKED, late(2.5)])
    assert "the load generator fell behind" in reason


LOAD = {"estate": {"loop_lag_p99_s": 0.01, "cpu_p95": 0.5}, "generator": {"cpu_p95": 0.97}}


def answered(late_s: float) -> WorkloadItem:
    """A shopper's act, of a run under load."""
    one = late(late_s)
    return msgspec.structs.replace(one, replied_ns=one.at_ns)


def test_under_load_a_generator_that_keeps_its_schedule_is_no_limit() -> None:
    assert reasons(SOUND | {"load": LOAD}, [*BOOKED, answered(0.05)]) == ()


def test_under_load_a_late_generator_is_the_limit_long_before_it_falls_behind() -> None:
    (reason,) = reasons(SOUND | {"load": LOAD}, [*BOOKED, answered(0.3)])
    assert reason == (
        "the load generator was the limit: 1 in 100 acts came 300 ms late or more, with 97% of a processor in use; "
        "it could send the 1 a second that were due, so that something held it up: keep a processor free for it"
    )
    assert reasons(SOUND, [*BOOKED, answered(0.3)]) == (), "without load nobody measures so finely"


@pytest.mark.parametrize(("workers", "more"), [(None, 2), (2, 3)])
def test_a_peak_beyond_the_generator_is_said_with_what_it_sent_and_how_to_spread_it(
    workers: int | None, more: int
) -> None:
    """Of ten acts that were due at once, it sent two a second."""
    due_ns = START_NS + 1_000_000_000
    acts = [
        WorkloadItem(at_ns=at_ns, kind="order", due_ns=due_ns, replied_ns=at_ns)
        for at_ns in (due_ns + number * 500_000_000 for number in range(10))
    ]
    (reason,) = reasons(SOUND | {"load": LOAD | {"workers": workers}}, [*BOOKED, *acts])
    assert reason == (
        "the load generator fell behind: 1 in 100 things came 4.5 s late or more; it sent at most 2 a second where "
        f"up to 10 were due: take a lower peak, spread it with --workers {more} if processors are free, or over other "
        "machines with --master"
    )


def test_a_load_worker_that_was_lost_in_mid_run_is_named() -> None:
    lost = "worker 2 (shop-2, process 41) was lost 5.3 s into the workload: its process ended"
    run = SOUND | {"load": LOAD | {"workers": 2, "workers_lost": [lost]}}
    assert reasons(run, [*BOOKED, answered(0.0)]) == (f"load {lost}",)


def test_under_load_an_estate_whose_loop_is_late_is_the_limit() -> None:
    load = LOAD | {"estate": {"loop_lag_p99_s": 0.4, "cpu_p95": 1.0}}
    (reason,) = reasons(SOUND | {"load": load}, [*BOOKED, answered(0.0)])
    assert reason.startswith(
        "the estate was the limit: 1 in 100 turns of its loop came 400 ms late or more, with 100%"
    )


def test_where_others_used_the_machine_it_is_said() -> None:
    load = {"estate": {"loop_lag_p99_s": 0.4, "cpu_p95": 0.26}, "machine": {"cpu_p95": 0.99}}
    (reason,) = reasons(SOUND | {"load": load}, [*BOOKED, answered(0.0)])
    assert "with 26% of a processor in use and 99% of this machine's;" in reason


def test_figures_of_load_that_are_missing_or_damaged_are_no_limit() -> None:
    for load in (None, {}, {"estate": {"loop_lag_p99_s": None}}, {"estate": 3}):
        assert reasons(SOUND | {"load": load}, [*BOOKED, answered(0.0)]) == ()


def test_no_run_json_at_all_is_said() -> None:
    with history_of([accepted()], run={"x": 1}) as history:
        history.run = {}
        assert "there is no run.json: nothing says what was run" in check(history, ()).reasons


def at_limit(run: Mapping[str, Any], rows: Sequence[Row]) -> tuple[str, ...]:
    with history_of(rows, run=run) as history:
        return check(history, ()).at_limit


def test_under_load_it_is_said_who_could_do_no_more() -> None:
    load = SOUND | {"load": LOAD}
    assert at_limit(load, [*BOOKED, answered(0.05)]) == ()
    assert (
        at_limit(load, [*BOOKED, answered(0.3)]) == at_limit(load | {"unsent": 3}, BOOKED) == ("generator",)
    )
    lagging = LOAD | {"estate": {"loop_lag_p99_s": 0.4, "cpu_p95": 1.0}}
    assert at_limit(SOUND | {"load": lagging}, BOOKED) == ("estate",)
    assert at_limit(load | {"settled": False}, BOOKED) == ("sut",)
    assert at_limit(load | {"sut": {"exit": 1}, "unsent": 3}, BOOKED) == ("sut",), (
        "nobody was left to send to"
    )
    early = {"settled": False, "unsent": 3, "ended_early": "interrupted by the user"}
    assert at_limit(load | early, BOOKED) == ()
    assert at_limit(SOUND | {"settled": False}, [*BOOKED, late(0.3)]) == (), "nobody was loaded"


def test_every_reason_says_what_it_is_about() -> None:
    run = {
        **SOUND,
        "ended_early": "interrupted by the user",
        "settled": False,
        "settle_reason": "still busy",
        "unsent": 3,
        "load": {"estate": {"loop_lag_p99_s": 0.4}},
    }
    with history_of([*BOOKED, late(1.5)], run=run) as history:
        validity = check(history, ())
    assert validity.about == ("early", "generator", "workload", "estate", "settling")
    assert len(validity.reasons) == len(validity.about)
    (of_estate,) = validity.reasons_about("estate")
    assert of_estate.startswith("the estate was the limit: ")
