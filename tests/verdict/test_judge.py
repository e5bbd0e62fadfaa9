"""Judging whole runs: the merge rule, what comes first, and what is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from peakproof.history.records import FaultMark
from peakproof.history.state import StateDocument, write_state
from peakproof.history.writer import HistoryWriter
from peakproof.verdict.errors import HeaderError
from peakproof.verdict.judge import conclude, judge, judge_history, read_verdict
from peakproof.verdict.result import InvariantResult, ObjectiveResult, Status, Validity, Verdict

from .histories import (
    START_NS,
    Row,
    accepted,
    authorised,
    booked,
    call,
    final_statuses,
    history_of,
    known,
    no_reply,
    posted,
    told,
)

RUN: dict[str, Any] = {
    "schema": "peakproof/run/1",
    "id": "r1",
    "scenario": {"name": "black-friday"},
    "seed": 7,
    "sut": {"name": "mine", "exit": None},
    "flows": ["order-to-erp"],
    "started_at": "2025-11-26T23:33:20Z",
    "finished_at": "2025-11-26T23:34:50Z",
    "duration_s": 90.0,
    "settled": True,
    "injections": [],
}

GOOD: list[Row] = [
    known("web-e1", accepted()),
    authorised(),
    told("order.placed", effect_id="web-e1"),
    call(key="k1"),
    booked(),
    posted(),
    *final_statuses("placed", None, "posted", None, "authorised"),
]


def verdict_of(rows: list[Row], **run: Any) -> Verdict:
    with history_of(rows, run={**RUN, **run}) as history:
        return judge_history(history)


def status_of(verdict: Verdict, invariant: str) -> Status:
    return next(result.status for result in verdict.invariants if result.id == invariant)


def test_a_good_run_passes() -> None:
    verdict = verdict_of(GOOD)
    assert (verdict.verdict, verdict.reasons, verdict.exit_code) == ("pass", (), 0)
    assert verdict.counts["orders"] == 1


def test_a_middleware_that_does_nothing_fails() -> None:
    verdict = verdict_of([accepted(), authorised()])
    assert (verdict.verdict, verdict.exit_code) == ("fail", 1)
    assert status_of(verdict, "no_order_lost") == "violated"


def test_a_run_in_which_nothing_happened_is_inconclusive() -> None:
    verdict = verdict_of([])
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", 3)
    assert "no invariant had anything to examine" in verdict.reasons


def test_only_the_flows_that_are_judged_are_asked() -> None:
    asked = {result.id for result in verdict_of(GOOD).invariants}
    assert "no_order_lost" in asked
    assert "retry_after_honoured" in asked
    assert "stock_agrees_after_settling" not in asked


def test_a_run_that_was_cut_off_is_inconclusive_about_what_was_under_way() -> None:
    verdict = verdict_of([accepted(), booked()], settled=False, finished_at=None)
    assert verdict.verdict == "inconclusive"
    assert status_of(verdict, "no_order_lost") == "indeterminate"


def test_a_run_that_was_cut_off_still_fails_for_what_was_done_twice() -> None:
    verdict = verdict_of([accepted(), booked(), booked(document="SO-2")], settled=False, finished_at=None)
    assert verdict.verdict == "fail"
    assert "the run was cut off: it has no end" in verdict.reasons


def test_an_injection_that_never_fired_turns_a_pass_into_inconclusive() -> None:
    verdict = verdict_of(GOOD, injections=[{"id": "i1", "fault": "outage", "where": "erp"}])
    assert verdict.verdict == "inconclusive"
    assert [(f.id, f.armed, f.fired) for f in verdict.faults] == [("i1", 0, 0)]


def test_an_injection_from_the_command_line_is_known_by_the_fault_log() -> None:
    marks: list[Row] = [
        FaultMark(at_ns=START_NS, injection="i9", fault="outage", mark=m, system="erp")
        for m in ("armed", "fired")
    ]
    verdict = verdict_of([*GOOD, *marks])
    assert [(f.id, f.fault, f.where, f.armed, f.fired) for f in verdict.faults] == [
        ("i9", "outage", "erp", 1, 1)
    ]


def test_what_follows_from_an_earlier_step_is_listed_under_it() -> None:
    rows: list[Row] = [known("web-e1", accepted()), told("order.placed", effect_id="web-e1")]
    verdict = verdict_of(rows)
    result, finding = verdict.worst[0]
    assert result.id == "no_order_lost"
    assert {other.id for other, _ in verdict.consequences_of(result, finding)} == {
        "orders_booked_exactly_once",
        "acknowledged_webhook_has_its_effect",
    }


def test_findings_about_different_orders_are_each_primary() -> None:
    verdict = verdict_of(
        [accepted(), booked(), booked(document="SO-2"), posted(), accepted("B"), booked("B")]
    )
    assert [(result.id, finding.subject) for result, finding in verdict.worst] == [
        ("orders_booked_exactly_once", "A"),
        ("no_order_lost", "B"),
    ]


def test_a_missed_objective_fails_and_so_does_one_without_samples() -> None:
    missed = verdict_of(GOOD, objectives=["order_sync_latency_p50 <= 0.1"])
    assert missed.verdict == "fail"
    unsaid = verdict_of(GOOD, objectives=["order_sync_latency_p99 <= 60"])
    assert unsaid.verdict == "fail"
    assert unsaid.reasons[0] == (
        "objective missed: order_sync_latency_p99 <= 60, but there were too few samples (1)"
    )


def result_of(status: Status) -> InvariantResult:
    return InvariantResult(
        id="x",
        claim="",
        flow="any",
        class_="retry",
        severity="major",
        remedy="",
        step=1,
        status=status,
        examined=1,
        findings_count=0,
    )


@pytest.mark.parametrize(
    ("statuses", "reasons", "expected"),
    [
        (["holds", "not exercised"], (), "pass"),
        (["holds", "violated"], (), "fail"),
        (["holds", "unknown"], (), "inconclusive"),
        (["holds", "indeterminate"], (), "inconclusive"),
        (["not exercised", "not exercised"], (), "inconclusive"),
        (["holds"], ("the SUT died",), "inconclusive"),
        (["violated", "unknown"], ("the SUT died",), "fail"),
    ],
)
def test_the_merge_rule(statuses: list[Status], reasons: tuple[str, ...], expected: str) -> None:
    assert conclude([result_of(status) for status in statuses], Validity(reasons), [])[0] == expected


def test_not_even_a_finding_counts_where_a_part_of_the_estate_is_missing() -> None:
    void = Validity(("a part of the estate is missing",), void=True)
    missed = ObjectiveResult("x <= 1", "x", 2.0, False)
    assert conclude([result_of("violated")], void, [missed]) == ("inconclusive", void.reasons)


def test_an_objective_that_is_met_changes_nothing() -> None:
    met = ObjectiveResult("x <= 1", "x", 0.5, True)
    assert conclude([result_of("holds")], Validity(), [met])[0] == "pass"


def test_a_missed_objective_is_the_middlewares_only_where_nobody_else_was_the_limit() -> None:
    missed = ObjectiveResult("x <= 1", "x", 2.0, False)
    said = "objective missed: x <= 1, but it was 2"
    assert conclude([result_of("holds")], Validity(), [missed]) == ("fail", (said,))
    reasons = ("the estate was the limit",)
    theirs = Validity(reasons, ("estate",))
    assert conclude([result_of("holds")], theirs, [missed]) == ("inconclusive", (*reasons, said))
    assert conclude([result_of("violated")], theirs, [missed])[0] == "fail"
    assert conclude([result_of("holds")], Validity(("not settled",), ("sut",)), [missed])[0] == "fail"


def test_an_objective_that_a_run_was_aborted_for_is_missed_whatever_came_in_by_then() -> None:
    text = "retry_amplification <= 5"
    with history_of(GOOD, run={"settled": True, "aborted_on": text}) as history:
        judged = judge_history(history, objectives=[text, "retry_amplification <= 6"])
    assert [one.met for one in judged.objectives] in ([False, True], [False, None])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    writer = HistoryWriter(tmp_path / "history", "estate")
    with history_of(GOOD) as literal:
        for source in (literal.folder / "history").glob("*.jsonl"):
            (tmp_path / "history" / source.name).write_bytes(source.read_bytes())
    (tmp_path / "history" / "bodies-literal.jsonl").write_text('{"hash":"b1","text":"{}"}\n')
    writer.close()
    documents = [row for row in GOOD if isinstance(row, StateDocument)]
    for document in documents:
        write_state(tmp_path / "state", document.system, [document])
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    return tmp_path


HEADER = "-- claim: Mine.\n-- flow: any\n-- class: retry\n-- severity: minor\n-- remedy: Do it.\n"


def test_a_stored_run_is_judged_and_its_verdict_written(run: Path) -> None:
    verdict = judge(run)
    written = json.loads((run / "verdict.json").read_text("utf-8"))
    assert (written["schema"], written["verdict"]) == ("peakproof/verdict/1", "pass")
    assert written["run"] == {
        "id": "r1",
        "scenario": "black-friday",
        "seed": 7,
        "sut": "mine",
        "started_at": "2025-11-26T23:33:20Z",
        "duration_s": 90.0,
        "flows": ["order-to-erp"],
    }
    assert set(written) >= {"validity", "invariants", "kpis", "objectives", "faults", "counts", "reasons"}
    assert read_verdict(run) == verdict


def test_a_users_own_invariant_is_asked(run: Path) -> None:
    (run / "mine.sql").write_text(
        f"{HEADER}SELECT order_ref AS subject, total < 10 AS holds, 'dear' AS finding, [effect_id] AS evidence FROM accepted_orders;\n"
    )
    verdict = judge(run, extra=[str(run / "mine.sql")])
    assert verdict.verdict == "fail"
    assert status_of(verdict, "mine") == "violated"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nonsense",
        "SELECT 1 AS subject",
        "SELECT 'a' AS subject, error('boom') AS holds, '' AS finding, ['x'] AS evidence",
    ],
)
def test_a_query_that_fails_is_unknown_and_never_passes(run: Path, sql: str) -> None:
    (run / "mine.sql").write_text(HEADER + sql)
    verdict = judge(run, extra=[str(run / "mine.sql")])
    assert status_of(verdict, "mine") == "unknown"
    assert verdict.verdict == "inconclusive"
    assert any("mine could not be examined" in reason for reason in verdict.reasons)


def test_a_users_invariant_without_a_claim_is_named(run: Path) -> None:
    (run / "mine.sql").write_text("SELECT 1")
    with pytest.raises(HeaderError, match=r"mine\.sql: the header has no '-- claim:' line"):
        judge(run, extra=[str(run / "mine.sql")])


def test_a_lost_line_turns_a_pass_into_inconclusive(run: Path) -> None:
    path = run / "history" / "calls-literal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"call_id":"erp-c9","sys')
    verdict = judge(run)
    assert verdict.verdict == "inconclusive"
    assert "1 lines of the history could not be read: 1 of calls" in verdict.reasons


def test_the_evidence_of_a_finding_is_put_into_words() -> None:
    verdict = verdict_of([accepted(), no_reply(key="k1"), call(key="k2"), booked(), booked(document="SO-2")])
    words = "\n".join(verdict.evidence.values())
    assert "sales_order_received SO-2 28.95 GBP [received]" in words
    assert "create_sales_order → no reply unknown key k1" in words
