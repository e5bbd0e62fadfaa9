"""Every planted defect is found, by the invariants that should find it; and who does nothing never passes."""

import re
from pathlib import Path

import pytest

from peakproof.middleware.defects import DEFECTS, DO_NOTHING
from peakproof.scenarios.config import defects
from peakproof.verdict.result import Verdict

from .command import Done, peakproof
from .conftest import DefectRuns

HEADLINES = {
    "naive": r"created 2 times in the OMS|booked 2 times",
    "ack-before-durable": r"was acknowledged: ",
    "ignores-retry-after": r"asked .* to wait .* calls came early",
    "drops-on-5xx": r"was acknowledged: ",
    "parks-everything": r"though it was refused only for what was asked or when: amount_mismatch by ledger",
    "mistranslates": r"accepted by no channel|was acknowledged: no sales order",
    "forgets-the-rest": r"was acknowledged: neither accepted nor declined",
    "hasty": r"before sales_order_posted",
    "any-version": r"version \d+ after \d+|was acknowledged: ",
    "new-keys": r"repeated under .+ after ",
    "asks-twice": r"refused for good \(.+\), then asked again 1 times",
}
"""What the first explained finding says, in part."""


each = pytest.mark.parametrize("defect", DEFECTS)


@pytest.fixture
def done(defect: str, defect_runs: DefectRuns) -> Done:
    return defect_runs.of(defect)


@each
def test_a_defect_is_found_by_the_invariants_that_should_find_it(done: Done, defect: str) -> None:
    assert done.code == 1, done
    assert done.document["verdict"] == "fail"
    assert done.document["run"]["sut"] == f"reference with defect {defect}"
    assert done.violated >= set(DEFECTS[defect].found_by)


@each
def test_the_worst_finding_is_to_the_point(done: Done, defect: str) -> None:
    _, finding = Verdict.of_document(done.document).worst[0]
    assert re.search(HEADLINES[defect], finding.finding), finding


def test_the_readme_shows_what_the_naive_middleware_prints(defect_runs: DefectRuns) -> None:
    """The headline of its red example is that of the run with the seed that is used unless said otherwise."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    _, _, example = text.partition("run --middleware naive\n")
    shown = re.search(r"╭─ ✗ (?P<invariant>[^·]+) · \w+ ─+╮\n│ [^:]+: (?P<finding>.+?) +│", example)
    assert shown is not None, example
    result, finding = Verdict.of_document(defect_runs.of("naive").document).worst[0]
    assert shown["invariant"] == result.id.replace("_", " ")
    assert re.sub(r"\d+", "N", shown["finding"]) == re.sub(r"\d+", "N", finding.finding)


@each
def test_every_finding_has_evidence_and_every_primary_one_comes_first(done: Done, defect: str) -> None:
    for invariant in done.document["invariants"]:
        findings = invariant["findings"]
        assert all(finding["evidence"] for finding in findings), invariant["id"]
        assert findings == sorted(findings, key=lambda finding: finding["consequence_of"] is not None)


@pytest.mark.parametrize("defect", ["naive", "ignores-retry-after"])
def test_the_terminal_explains_where_the_run_really_is(done: Done, defect: str) -> None:
    """A finding about an order, and one about a system: what broke, its remedy, and what to type next."""
    shown = peakproof(done.cwd, "judge", str(done.folder.relative_to(done.cwd)))
    assert shown.code == 1
    assert "FAIL: the middleware broke what it must keep" in shown.stdout
    _, _, below = shown.stdout.partition("╭─ ✗ ")
    panel, _, below = below.partition("╰")
    panel = " ".join(panel.replace("│", " ").split())
    assert re.search(HEADLINES[defect], panel), panel
    assert "Remedy: " in panel
    assert re.search(rf"^  peakproof run --from elsewhere/{done.folder.name}", below, re.MULTILINE), below
    assert "runs/" not in shown.stdout + shown.stderr


def test_one_mistake_is_one_headline_and_the_rest_follows_from_it(defect_runs: DefectRuns) -> None:
    done = defect_runs.of("naive")
    booked = next(one for one in done.document["invariants"] if one["id"] == "orders_booked_exactly_once")
    primary = {one["order_ref"] for one in booked["findings"] if one["consequence_of"] is None}
    later = next(one for one in done.document["invariants"] if one["id"] == "statuses_agree_after_settling")
    follows = {one["order_ref"]: one["consequence_of"] for one in later["findings"]}
    assert primary & set(follows)
    assert all(follows[order] == "orders_booked_exactly_once" for order in primary & set(follows))


def test_who_ignores_retry_after_is_blamed_for_nothing_else(defect_runs: DefectRuns) -> None:
    assert defect_runs.of("ignores-retry-after").violated == {"retry_after_honoured"}


@pytest.mark.parametrize(
    ("defect", "invariant"),
    [
        ("parks-everything", "only_refused_orders_stay_parked"),
        ("asks-twice", "permanent_refusals_not_retried"),
    ],
)
def test_a_single_bad_habit_is_blamed_for_nothing_else(
    defect_runs: DefectRuns, defect: str, invariant: str
) -> None:
    assert defect_runs.of(defect).violated == {invariant}


def test_who_books_nothing_has_not_carried_out_the_flow(defect_runs: DefectRuns) -> None:
    (reason,) = defect_runs.of("parks-everything").document["validity"]["reasons"]
    assert reason.startswith("the flow order-to-ship was never carried out by the system under test")


def test_who_answers_200_to_everything_and_does_nothing_never_passes(defect_runs: DefectRuns) -> None:
    done = defect_runs.of(DO_NOTHING)
    assert done.code == 1, done
    assert {"no_order_lost", "acknowledged_webhook_has_its_effect"} <= done.violated
    assert done.run["settled"], "it is quiet, so what is missing is missing"
    never = [reason for reason in done.document["validity"]["reasons"] if reason.endswith("never fired")]
    assert len(never) == 8, "no call met a fault, and it is said"


def test_every_defect_of_the_list_is_run_here() -> None:
    assert set(defects()) == {*DEFECTS, DO_NOTHING} == {*HEADLINES, DO_NOTHING}
