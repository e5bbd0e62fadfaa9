"""Looking for the limit: one run after another, at the rate that the last ones ask for."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from peakproof.history.reader import History
from peakproof.loadtests.search import Search
from peakproof.scenarios.limit import searched
from peakproof.verdict.judge import judge_history
from peakproof.verdict.limit import Limit, Step
from peakproof.verdict.result import ObjectiveResult, Outcome, Validity, Verdict


@cache
def a_verdict() -> Verdict:
    with History.of_records([]) as history:
        return replace(judge_history(history), verdict="pass", reasons=(), validity=Validity())


class Estate:
    """Runs whose middleware holds up to one rate, and whose estate up to another; ``None`` says nothing at that rate."""

    def __init__(self, holds_to: float, serves_to: float = 1e9, silent_at: float | None = None) -> None:
        self.holds_to, self.serves_to, self.silent_at = holds_to, serves_to, silent_at
        self.tried: list[float] = []

    def __call__(self, per_min: float) -> Step | None:
        self.tried.append(per_min)
        if per_min == self.silent_at:
            return None
        latency_s = 1.0 if per_min <= self.holds_to else 9.0
        met = ObjectiveResult(
            "order_sync_latency_p95 <= 5", "order_sync_latency_p95", latency_s, latency_s <= 5
        )
        limited = per_min > self.serves_to
        validity = Validity(("the estate was the limit",), ("estate",)) if limited else Validity()
        outcome: Outcome = "inconclusive" if limited else "pass" if met.met else "fail"
        verdict = replace(a_verdict(), verdict=outcome, objectives=(met,), validity=validity)
        return Step(per_min, Path(f"run-{per_min:g}"), verdict)

    def limit(self) -> Limit:
        return searched(Search(resolution=0.2), self, profile="find-the-limit", seed=1)


def test_it_ends_with_the_highest_rate_that_held_and_the_lowest_that_broke() -> None:
    estate = Estate(holds_to=700)
    found = estate.limit()
    assert estate.tried == [120, 240, 480, 960, 720, 600]
    assert found.held is not None
    assert found.broke is not None
    assert (found.held.per_min, found.broke.per_min, found.verdict) == (600, 720, "pass")


def test_an_estate_at_its_limit_is_a_bound_below_which_the_search_goes_on() -> None:
    estate = Estate(holds_to=2_000, serves_to=700)
    found = estate.limit()
    assert estate.tried == [120, 240, 480, 960, 720, 600]
    assert found.held is not None
    assert found.bound is not None
    assert (found.held.per_min, found.bound.per_min, found.verdict) == (600, 720, "inconclusive")


def test_a_middleware_that_breaks_below_the_estates_limit_has_a_limit_of_its_own() -> None:
    found = Estate(holds_to=500, serves_to=700).limit()
    assert found.bound is found.broke
    assert found.verdict == "pass"


def test_what_was_tried_before_an_interruption_is_kept() -> None:
    found = Estate(holds_to=700, silent_at=480).limit()
    assert ([one.per_min for one in found.steps], found.complete) == ([120, 240], False)


def test_nor_is_it_lost_where_the_interruption_comes_while_a_run_is_judged() -> None:
    estate = Estate(holds_to=700)

    def interrupted(per_min: float) -> Step | None:
        if per_min == 480:
            raise KeyboardInterrupt
        return estate(per_min)

    found = searched(Search(), interrupted, profile="find-the-limit", seed=1)
    assert ([one.per_min for one in found.steps], found.complete) == ([120, 240], False)
