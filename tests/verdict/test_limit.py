"""What a search for the highest rate that holds comes to, and what its files show."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from junitparser import JUnitXml

from peakproof.verdict.judge import judge_history
from peakproof.verdict.limit import Limit, Step
from peakproof.verdict.report import write_limit
from peakproof.verdict.result import Concern, ObjectiveResult, Outcome, Validity, Verdict

from .histories import accepted, booked, history_of, posted

SETTINGS = {"step_factor": 2}
GOAL = "order_sync_latency_p95 <= 5"


@cache
def judged_once() -> Verdict:
    with history_of([accepted(), booked(), posted()]) as history:
        verdict = judge_history(history)
    holds = tuple(replace(one, status="holds", findings=(), findings_count=0) for one in verdict.invariants)
    return replace(verdict, verdict="pass", reasons=(), invariants=holds, validity=Validity())


def a_step(
    per_min: float,
    outcome: Outcome = "pass",
    value: float | None = 1.0,
    at_limit: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
    about: tuple[Concern, ...] = (),
    folder: Path = Path("runs"),
) -> Step:
    """One rate whose run had this verdict and this p95."""
    met = None if value is None else value <= 5
    verdict = replace(
        judged_once(),
        verdict=outcome,
        reasons=reasons,
        validity=Validity(reasons, at_limit, about=about),
        objectives=(ObjectiveResult(GOAL, "order_sync_latency_p95", value, met),),
    )
    return Step(per_min, folder / f"run-{per_min:g}", verdict)


def with_finding(step: Step, class_: str) -> Step:
    first, *others = step.verdict.invariants
    broken = replace(first, id="mine", status="violated", class_=class_, findings_count=2)
    return replace(step, verdict=replace(step.verdict, invariants=(broken, *others), verdict="fail"))


def limit(*steps: Step, complete: bool = True) -> Limit:
    return Limit("find-the-limit", 1, SETTINGS, steps, complete)


def test_a_run_that_passes_has_held() -> None:
    assert (a_step(60).outcome, a_step(60).reason) == ("held", "")


def test_a_missed_objective_breaks_a_rate_and_is_named_with_its_value() -> None:
    step = a_step(60, "fail", 7.25)
    assert (step.outcome, step.broken) == ("broke", (f"{GOAL}, but it was 7.25",))


def test_a_run_that_was_aborted_says_why_whatever_came_in_by_then() -> None:
    why = f"{GOAL} cannot be met any more: 31 of at most 600 orders took longer"
    step = a_step(60, "fail", 3.0, (), ("the run ended early", "570 orders were never placed"))
    missed = replace(step.verdict.objectives[0], met=False, aborted=why)
    assert replace(step, verdict=replace(step.verdict, objectives=(missed,))).broken == (why,)


def test_what_is_missed_while_the_estate_or_the_generator_is_at_its_limit_breaks_nothing() -> None:
    """Whatever the words are: each reason says what it is about."""
    said = ("busy for ever", "turns of its loop came late", "so did acts")
    step = a_step(60, "inconclusive", 7.25, ("estate", "sut"), said, ("settling", "estate", "generator"))
    assert (step.outcome, step.reason, step.limited_by) == ("limited", said[1], ("estate",))


def test_a_verdict_that_was_stored_before_its_reasons_said_what_they_are_about_gives_them_all() -> None:
    step = a_step(60, "inconclusive", 7.25, ("estate",), ("not settled", "the estate was the limit"))
    assert step.reason == "not settled; the estate was the limit"


def test_an_order_lost_is_lost_whoever_was_at_the_limit_but_a_late_one_may_be_the_estates_doing() -> None:
    limited = a_step(60, "inconclusive", 1.0, ("generator",), ("the load generator fell behind",))
    assert with_finding(limited, "consistency").broken == ("mine: 2 findings",)
    assert with_finding(limited, "timeliness").outcome == "limited"
    assert with_finding(a_step(60), "timeliness").outcome == "broke"


def test_a_middleware_that_never_comes_to_rest_has_broken() -> None:
    reasons = ("the flow cancel was never exercised", "not settled: still busy after 60 s (settle.max_s)")
    step = a_step(60, "inconclusive", 1.0, ("sut",), reasons, ("flow", "settling"))
    assert (step.outcome, step.reason) == ("broke", "not settled: still busy after 60 s (settle.max_s)")


def test_too_few_samples_say_nothing() -> None:
    step = a_step(60, "fail", None, (), (f"objective missed: {GOAL}, but there were too few samples",))
    assert (step.outcome, step.reason) == ("unknown", step.verdict.reasons[0])


def test_the_highest_that_held_and_the_lowest_that_broke_are_the_limit() -> None:
    found = limit(a_step(120), a_step(240), a_step(480, "fail", 9.0), a_step(360, "fail", 6.0), a_step(300))
    assert (found.verdict, found.exit_code) == ("pass", 0)
    assert found.sentences == (
        "Highest rate that held: 300/min.",
        f"Lowest rate that broke: 360/min: {GOAL}, but it was 6.",
    )


def test_a_rate_that_held_above_one_that_broke_was_luck() -> None:
    found = limit(a_step(120), a_step(480), a_step(240, "fail", 9.0))
    assert found.held is not None
    assert found.held.per_min == 120


def test_where_nothing_holds_the_middleware_fails() -> None:
    found = limit(a_step(120, "fail", 9.0), a_step(60, "fail", 8.0))
    assert found.verdict == "fail"
    assert found.sentences[0] == "No rate held that was tried."


def test_where_the_estate_came_to_its_limit_first_it_is_named_and_the_limit_stays_open() -> None:
    reasons = ("the estate was the limit: 1 in 100 turns of its loop came 400 ms late or more",)
    found = limit(a_step(120), a_step(240, "inconclusive", 1.0, ("estate",), reasons))
    assert (found.verdict, found.exit_code) == ("inconclusive", 3)
    assert found.sentences == (
        "Highest rate that held: 120/min.",
        f"At 240/min it was not the middleware that could do no more: {reasons[0]}.",
    )
    assert found.document()["limited_by"] == ["estate"]


def test_a_search_that_was_cut_short_says_by_what() -> None:
    assert limit(a_step(120), complete=False).sentences[-1] == "The search did not come to its end."
    few = a_step(240, "fail", None, (), ("too few samples",))
    found = limit(a_step(120), few, complete=False)
    assert found.sentences[-1] == "The search did not come to its end: 240/min: too few samples."
    assert found.verdict == limit(complete=False).verdict == "inconclusive"


def test_its_files_name_the_limit_and_lead_to_every_run(tmp_path: Path) -> None:
    found = limit(a_step(240, "fail", 9.0, folder=tmp_path), a_step(120, folder=tmp_path))
    page = write_limit(found, tmp_path).read_text("utf-8")
    assert page.index('href="run-120/report.html"') < page.index('href="run-240/report.html"')
    assert "Highest rate that held: 120/min." in page
    assert "<script" not in page
    stored = json.loads((tmp_path / "limit.json").read_text("utf-8"))
    assert (stored["schema"], stored["verdict"]) == ("peakproof/limit/1", "pass")
    assert (stored["highest_held_per_min"], stored["lowest_broke_per_min"]) == (120, 240)
    assert [(one["per_min"], one["outcome"]) for one in stored["steps"]] == [(240, "broke"), (120, "held")]
    assert stored["steps"][0]["verdict"]["schema"] == "peakproof/verdict/1"
    junit = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (junit.tests, junit.failures, junit.errors, junit.skipped) == (3, 0, 0, 1)
    summary = (tmp_path / "summary.md").read_text("utf-8")
    assert "| 120/min | ✅ held | 1 | order\\_sync\\_latency\\_p95 1.00 |  |" in summary
