"""The verdict on a suite: how runs merge, and what its files show."""

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from junitparser import JUnitXml
from rich.console import Console

from peakproof.verdict.judge import judge_history
from peakproof.verdict.render import suite as rendering
from peakproof.verdict.report import write_suite
from peakproof.verdict.result import Outcome, Validity, Verdict
from peakproof.verdict.suite import Part, SuiteVerdict

from .histories import accepted, booked, history_of, posted


@cache
def judged_once() -> Verdict:
    with history_of([accepted(), booked(), posted()]) as history:
        return judge_history(history)


def a_verdict(scenario: str, outcome: Outcome, *reasons: str) -> Verdict:
    judged = judged_once()
    return replace(judged, run=replace(judged.run, scenario=scenario), verdict=outcome, reasons=reasons)


def a_suite(folder: Path, *outcomes: Outcome, missing: tuple[str, ...] = ()) -> SuiteVerdict:
    parts = []
    for number, outcome in enumerate(outcomes):
        name = f"scenario-{number}"
        reasons = () if outcome == "pass" else (f"because {number}",)
        parts.append(Part(name, folder / f"run-{number}", a_verdict(name, outcome, *reasons)))
    return SuiteVerdict("standard", 1, tuple(parts), missing)


@pytest.mark.parametrize(
    ("outcomes", "missing", "verdict", "exit_code"),
    [
        (("pass", "pass"), (), "pass", 0),
        (("pass", "fail", "inconclusive"), ("later",), "fail", 1),
        (("pass", "inconclusive"), (), "inconclusive", 3),
        (("pass",), ("later",), "inconclusive", 3),
        ((), ("later",), "inconclusive", 3),
    ],
)
def test_one_run_that_fails_fails_the_suite_and_one_that_says_nothing_leaves_it_open(
    outcomes: tuple[Outcome, ...], missing: tuple[str, ...], verdict: Outcome, exit_code: int, tmp_path: Path
) -> None:
    suite = a_suite(tmp_path, *outcomes, missing=missing)
    assert (suite.verdict, suite.exit_code) == (verdict, exit_code)
    assert len(suite.reasons) == sum(one != "pass" for one in outcomes) + len(missing)


def not_exercised(folder: Path) -> Part:
    reason = "not exercised: every fault of the scenario was left out"
    verdict = a_verdict("elsewhere", "inconclusive", reason)
    return Part(
        "elsewhere", folder / "run-9", replace(verdict, validity=Validity((reason,), about=("scenario",)))
    )


def test_a_scenario_that_does_not_concern_the_middleware_counts_neither_for_nor_against_it(
    tmp_path: Path,
) -> None:
    passed = a_suite(tmp_path, "pass")
    suite = replace(passed, parts=(*passed.parts, not_exercised(tmp_path)))
    assert (suite.verdict, suite.reasons) == ("pass", ())
    assert suite.document()["not_exercised"] == ["elsewhere"]
    page = write_suite(suite, tmp_path).read_text("utf-8")
    assert "· not exercised" in page
    assert "1 did not concern it, 1 passed" in page
    assert "| elsewhere | ⚪ not exercised |" in (tmp_path / "summary.md").read_text("utf-8")
    *_, last = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert last.errors == 0, "CI is told that it was skipped"


def test_a_suite_of_which_nothing_was_exercised_proves_nothing(tmp_path: Path) -> None:
    suite = SuiteVerdict("standard", 1, (not_exercised(tmp_path),))
    assert (suite.verdict, suite.reasons) == (
        "inconclusive",
        ("no scenario was exercised by the system under test",),
    )


def test_what_else_was_not_told_keeps_a_scenario_from_being_set_aside(tmp_path: Path) -> None:
    part = not_exercised(tmp_path)
    doubtful = replace(part.verdict, reasons=(*part.verdict.reasons, "x: 1 of 2 cannot be told"))
    assert replace(part, verdict=doubtful).outcome == "inconclusive"


def test_its_document_is_a_list_of_the_runs_own_documents(tmp_path: Path) -> None:
    suite = a_suite(tmp_path, "pass", "fail")
    write_suite(suite, tmp_path)
    stored = json.loads((tmp_path / "suite.json").read_text("utf-8"))
    assert (stored["schema"], stored["verdict"], stored["missing"]) == ("peakproof/suite/1", "fail", [])
    assert [run["schema"] for run in stored["runs"]] == ["peakproof/verdict/1"] * 2
    assert stored["reasons"] == ["scenario-1: because 1"]


def test_junit_has_a_test_suite_for_each_run(tmp_path: Path) -> None:
    write_suite(a_suite(tmp_path, "pass", "pass", "pass"), tmp_path)
    assert len(list(JUnitXml.fromfile(str(tmp_path / "junit.xml")))) == 3


def test_its_page_leads_to_the_reports_of_the_runs_and_names_what_was_not_run(tmp_path: Path) -> None:
    path = write_suite(a_suite(tmp_path, "pass", "inconclusive", missing=("never-run",)), tmp_path)
    page = path.read_text("utf-8")
    assert 'href="run-1/report.html"' in page
    assert "never-run" in page
    assert "INCONCLUSIVE" in page
    assert "Of 3 scenarios 1 proved nothing, 1 passed, 1 was not run." in page
    assert "What was proved where" in page
    assert "<script" not in page


def test_its_summary_has_a_line_a_scenario(tmp_path: Path) -> None:
    write_suite(a_suite(tmp_path, "pass", "inconclusive", missing=("never-run",)), tmp_path)
    lines = (tmp_path / "summary.md").read_text("utf-8").splitlines()
    assert lines[0] == "## ❔ suite standard: inconclusive"
    assert "| scenario-0 | ✅ pass | 1 | 0 | 1 |  |" in lines
    assert "| never-run | not run | | | | |" in lines


def test_the_terminal_shows_every_scenario_and_the_merged_verdict(tmp_path: Path) -> None:
    out = io.StringIO()
    rendering.render(a_suite(tmp_path, "pass", "fail", missing=("later",)), Console(file=out, width=120))
    text = out.getvalue()
    for expected in ("scenario-0", "scenario-1", "later", "not run", "FAIL", "because 1"):
        assert expected in text
