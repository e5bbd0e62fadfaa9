"""What the trials of the oracle come to; the runs themselves are made by ``peakproof selfcheck``."""

from pathlib import Path

import pytest

from peakproof.middleware.decoys import DECOYS
from peakproof.middleware.defects import DEFECTS, DO_NOTHING
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.selfcheck import (
    LEFT_OUT,
    Outcome,
    Results,
    Selfcheck,
    Trial,
    attempts,
    outcome_of,
    trials,
)

NAIVE = Trial("naive", "black-friday", 15, ("booked_once", "created_once"), "booked_once")
HONEST = Trial("reference", "black-friday", 15)


def outcome(trial: Trial, verdict: str, *violated: str) -> Outcome:
    invariants = [{"id": name, "status": "violated"} for name in violated]
    invariants.append({"id": "lost", "status": "holds"})
    return outcome_of(trial, {"verdict": verdict, "reasons": [], "invariants": invariants})


def test_every_defect_is_tried_in_a_scenario_of_the_library() -> None:
    wanted = trials()
    assert {trial.middleware for trial in wanted} == {*DEFECTS, *DECOYS, DO_NOTHING, "reference"}
    assert {trial.scenario for trial in wanted} <= set(Scenario.names())
    honest = {trial.scenario for trial in wanted if trial.middleware == "reference"}
    assert honest == {trial.scenario for trial in wanted}, (
        "the reference must be clean wherever a defect is caught"
    )


def test_some_can_be_chosen() -> None:
    assert {trial.middleware for trial in trials(["naive", "hasty"])} == {"naive", "hasty"}


def test_an_unknown_one_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'naiv'.*naive"):
        trials(["naiv"])


@pytest.mark.parametrize(
    ("result", "good"),
    [
        pytest.param(outcome(NAIVE, "fail", "booked_once", "created_once"), True, id="caught by all"),
        pytest.param(outcome(NAIVE, "fail", "booked_once"), False, id="missed by one"),
        pytest.param(
            outcome(NAIVE, "fail", "lost", "booked_once", "created_once"), False, id="another named first"
        ),
        pytest.param(
            outcome(NAIVE, "fail", "created_once", "booked_once"), False, id="what follows named first"
        ),
        pytest.param(outcome(NAIVE, "inconclusive"), False, id="not caught"),
        pytest.param(outcome(HONEST, "pass"), True, id="honest and clean"),
        pytest.param(outcome(HONEST, "fail", "booked_once"), False, id="honest and blamed"),
        pytest.param(outcome(HONEST, "inconclusive"), False, id="honest and not proven"),
    ],
)
def test_what_is_good(result: Outcome, good: bool) -> None:
    assert result.good is good


def test_the_score_says_of_each_invariant_what_it_caught() -> None:
    check = Selfcheck((outcome(NAIVE, "fail", "booked_once"), outcome(HONEST, "pass")))
    assert check.scores == {"booked_once": (1, 1), "created_once": (0, 1)}
    assert (check.score, check.passed) == (0.0, False)
    assert check.document()["trials"][0]["missed"] == ["created_once"]


def test_nothing_tried_is_no_pass() -> None:
    assert not Selfcheck(()).passed


def test_every_outcome_is_handed_on(tmp_path: Path) -> None:
    made = list(attempts([NAIVE, HONEST], tmp_path, make=lambda trial, out: outcome(trial, "pass")))
    assert {one.trial for one in made} == {NAIVE, HONEST}


def late(trial: Trial) -> Outcome:
    validity = {"about": ["generator"]}
    return outcome_of(
        trial, {"verdict": "inconclusive", "reasons": ["late"], "invariants": [], "validity": validity}
    )


def test_what_a_busy_machine_spoilt_is_repeated_alone(tmp_path: Path) -> None:
    tried: list[Trial] = []

    def make(trial: Trial, out: Path) -> Outcome:
        tried.append(trial)
        return late(trial) if len(tried) == 1 else outcome(trial, "pass")

    made = list(attempts([HONEST, NAIVE], tmp_path, make=make))
    assert [one.verdict for one in made] == ["pass", "pass"]
    assert len(tried) == 3


def test_what_is_late_alone_as_well_is_not_good(tmp_path: Path) -> None:
    made = list(attempts([HONEST], tmp_path, make=lambda trial, out: late(trial)))
    assert [one.good for one in made] == [False]


def test_a_check_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.begin_anew()
    results.add(outcome(NAIVE, "fail", "booked_once", "created_once"))
    with (tmp_path / "outcomes.jsonl").open("a") as file:
        file.write('{"middleware": "reference", "scen')
    assert [one.trial for one in results.of([NAIVE, HONEST])] == [NAIVE]
    assert results.of([NAIVE])[0].good


def test_a_full_check_tries_every_oddity_in_every_scenario() -> None:
    wanted = trials(full=True)
    pairs = {(trial.middleware, trial.scenario) for trial in wanted}
    assert len(pairs) == len(wanted)
    assert {middleware for middleware, _ in pairs} == {*DECOYS, "reference"}
    assert {scenario for _, scenario in pairs} == set(Scenario.names()) - LEFT_OUT


def test_the_complaint_says_what_is_wrong() -> None:
    complaints = {
        outcome(NAIVE, "fail", "booked_once", "created_once").complaint,
        outcome(NAIVE, "fail", "lost", "booked_once").complaint,
        outcome(HONEST, "fail", "booked_once").complaint,
    }
    assert complaints == {
        "",
        "created_once missed it; lost came first; the cause is booked_once",
        "booked_once",
    }
