"""Invariants of the user's own: read before a run, asked after it, and never a pass where they cannot be."""

import threading
from pathlib import Path

import pytest

from peakproof.verdict import time_limit
from peakproof.verdict.errors import VerdictError
from peakproof.verdict.judge import check_wishes, judge_history
from peakproof.verdict.own import read
from peakproof.verdict.result import InvariantResult, Verdict

from .histories import Row, accepted, booked, history_of

HEADER = '''"""Every order is booked under a number of its own.

    flow: order-to-erp
    class: consistency
    severity: minor
    cause: Numbers are cut short.
    remedy: Send the whole order reference.
    """'''

GOOD = f"""
from beside import WORD

def numbered(history):
    {HEADER}
    for row in history.rows("SELECT order_ref, effect_id, document_id FROM effects WHERE kind = 'sales_order_received'"):
        yield {{
            "subject": row["order_ref"],
            "holds": None if row["document_id"] == "?" else row["document_id"].startswith(WORD),
            "finding": f"booked as {{row['document_id']}}",
            "evidence": [row["effect_id"], None],
        }}
"""


def written(folder: Path, text: str, name: str = "checks.py") -> Path:
    (folder / "beside.py").write_text('WORD = "SO-"\n')
    path = folder / name
    path.write_text(text)
    return path


def function(body: str, signature: str = "mine(history)") -> str:
    return f"def {signature}:\n    {HEADER}\n    {body}\n"


def asked(path: Path, rows: list[Row], name: str = "mine") -> InvariantResult:
    with history_of(rows) as history:
        return read(f"{path}:{name}").ask(history)


def verdict_of(path: Path, rows: list[Row], name: str = "mine") -> Verdict:
    with history_of(rows, run={"settled": True, "flows": ["order-to-erp"]}) as history:
        return judge_history(history, extra=[f"{path}:{name}"])


@pytest.mark.parametrize(
    ("documents", "status", "examined"),
    [
        pytest.param([], "not exercised", 0, id="nothing booked"),
        pytest.param(["SO-1", "SO-2"], "holds", 2, id="all as they should be"),
        pytest.param(["SO-1", "?"], "indeterminate", 2, id="one that cannot be told"),
        pytest.param(["SO-1", "?", "2"], "violated", 3, id="one that is wrong"),
    ],
)
def test_a_function_is_asked_like_a_query(
    tmp_path: Path, documents: list[str], status: str, examined: int
) -> None:
    path = written(tmp_path, GOOD)
    rows: list[Row] = [booked(f"{place}", document=name) for place, name in enumerate(documents)]
    result = asked(path, rows, "numbered")
    assert (result.status, result.examined, result.reason) == (status, examined, None)


def test_its_finding_names_order_evidence_and_what_its_docstring_says(tmp_path: Path) -> None:
    rows: list[Row] = [accepted("A"), booked("A", document="17")]
    result = asked(written(tmp_path, GOOD), rows, "numbered")
    (finding,) = result.findings
    assert (finding.subject, finding.finding, finding.evidence, finding.order_ref) == (
        "A",
        "booked as 17",
        ("erp-e0000002",),
        "A",
    )
    assert (result.id, result.flow, result.class_, result.severity, result.step) == (
        "numbered",
        "order-to-erp",
        "consistency",
        "minor",
        1000,
    )
    assert result.claim == "Every order is booked under a number of its own."
    assert result.remedy == "Send the whole order reference."


def test_one_about_other_flows_is_not_exercised_and_it_is_said_why(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    with history_of([booked(document="17")], run={"settled": True, "flows": ["cancel"]}) as history:
        verdict = judge_history(history, extra=[f"{path}:numbered"])
    (result,) = (one for one in verdict.invariants if one.id == "numbered")
    assert (result.status, result.reason) == (
        "not exercised",
        "it speaks of order-to-erp, and the run is judged on cancel",
    )


def test_a_finding_of_a_function_fails_the_run(tmp_path: Path) -> None:
    verdict = verdict_of(written(tmp_path, GOOD), [accepted("A"), booked("A", document="17")], "numbered")
    assert "numbered: 1 of 1" in verdict.reasons
    assert verdict.verdict == "fail"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(
            'yield history.rows("SELECT 1 AS a")[0]["b"]', "raised KeyError at checks.py:10: 'b'", id="raises"
        ),
        pytest.param(
            "raise SystemExit(0)", "raised SystemExit at checks.py:10: 0", id="would end the program"
        ),
        pytest.param("return None", "gave None; expected rows", id="gives nothing back"),
        pytest.param("return 'all good'", "gave 'all good'; expected rows", id="gives words"),
        pytest.param("yield 'A'", "gave 'A'; expected a dictionary with subject, holds", id="no dictionary"),
        pytest.param(
            "yield {'subject': 'A', 'holds': True}", "gave a row without finding, evidence", id="keys missing"
        ),
        pytest.param("yield {'subjct': 'A'}", "gave the unknown key 'subjct'", id="another key"),
        pytest.param(
            "yield {'subject': 'A', 'holds': 'yes', 'finding': '', 'evidence': []}",
            "gave holds 'yes' for A; expected True, False or None",
            id="neither true nor false",
        ),
        pytest.param(
            "yield {'subject': 'A', 'holds': False, 'finding': 'x', 'evidence': []}",
            "gave no evidence for A",
            id="a finding without evidence",
        ),
        pytest.param(
            "yield {'subject': 'A', 'holds': False, 'finding': '', 'evidence': ['e']}",
            "gave the finding '' for A",
            id="a finding without words",
        ),
        pytest.param(
            "yield {'subject': '', 'holds': True, 'finding': '', 'evidence': []}",
            "gave the subject ''",
            id="about nothing",
        ),
        pytest.param(
            "yield {'subject': 'A', 'holds': True, 'finding': '', 'evidence': 'e1'}",
            "gave the evidence 'e1' for A; expected a list",
            id="evidence that is no list",
        ),
        pytest.param(
            "history.rows('DELETE FROM effects')",
            "a history can only be read: expected one SELECT, got DELETE",
            id="would change the history",
        ),
        pytest.param(
            "history.one('SELECT 1; DROP TABLE effects')",
            "expected one SELECT, got SELECT, DROP",
            id="would change it behind a question",
        ),
        pytest.param(
            "history.rows('SELECT nonsense FROM effects')",
            "raised BinderException at checks.py:10",
            id="bad SQL",
        ),
    ],
)
def test_a_function_that_cannot_tell_makes_the_run_inconclusive(tmp_path: Path, body: str, why: str) -> None:
    path = written(tmp_path, function(body))
    result = asked(path, [accepted()])
    assert result.status == "unknown"
    assert why in (result.reason or "")
    assert "\n" not in (result.reason or "")
    with pytest.raises(VerdictError) as refused:
        check_wishes([f"{path}:mine"])
    assert why in str(refused.value)


def test_one_that_only_raises_when_there_is_something_to_judge_is_a_doubt_and_no_pass(tmp_path: Path) -> None:
    body = "for row in history.rows(\"SELECT 1 FROM effects\"): raise RuntimeError('first\\nsecond')\n    return []"
    path = written(tmp_path, function(body))
    check_wishes([f"{path}:mine"])
    verdict = verdict_of(path, [accepted(), booked()])
    assert (
        "mine could not be examined: mine raised RuntimeError at checks.py:10: first second"
        in verdict.reasons
    )
    unknown = next(one for one in verdict.invariants if one.id == "mine")
    assert (unknown.status, unknown.examined) == ("unknown", 0)
    assert verdict.verdict != "pass"


def test_what_it_prints_does_not_spoil_the_document_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "print('imported')\n" + function("print('asked')\n    return []"))
    asked(path, [])
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "imported\nasked\n")


def test_what_it_does_to_the_facts_of_the_run_stays_with_it(tmp_path: Path) -> None:
    path = written(tmp_path, function("history.run['flows'].append('x')\n    return []"))
    with history_of([], run={"settled": True, "flows": ["cancel"]}) as history:
        assert read(f"{path}:mine").ask(history).status == "not exercised"
        assert history.run["flows"] == ["cancel"]


@pytest.mark.parametrize(
    ("text", "name", "complaint"),
    [
        pytest.param("def mine(", "mine", "checks.py:1: is not Python", id="no Python"),
        pytest.param(
            "1 / 0\ndef mine(h): ...", "mine", "ZeroDivisionError at checks.py:1", id="raises at once"
        ),
        pytest.param("import sys\nsys.exit(0)\ndef mine(h): ...", "mine", "SystemExit at", id="ends at once"),
        pytest.param(
            "import nowhere\ndef mine(h): ...", "mine", "No module named 'nowhere'", id="no such module"
        ),
        pytest.param(GOOD, "numberd", "no function 'numberd'; it has numbered", id="another name"),
        pytest.param("mine = 3", "mine", "checks.py:mine: is no function, but int", id="no function"),
        pytest.param("class mine: ...", "mine", "there is no function 'mine'", id="a class"),
        pytest.param(
            function("return []", "mine()"),
            "mine",
            "must take one argument, the history; it is mine()",
            id="none",
        ),
        pytest.param(
            function("return []", "mine(history, orders)"), "mine", "it is mine(history, orders)", id="two"
        ),
        pytest.param("async def mine(h): ...", "mine", "write 'def', not 'async def'", id="asynchronous"),
        pytest.param("def mine(h): ...", "mine", "no first paragraph, the claim", id="no docstring"),
        pytest.param(
            function("return []").replace("severity", "severty"),
            "mine",
            "no 'severity:' line; expected the claim, an empty line, and lines flow, class, severity, remedy; "
            "did you mean 'severty:'?",
            id="a key is missing",
        ),
        pytest.param(
            function("return []").replace("order-to-erp", "sell"),
            "mine",
            "flow is 'sell'",
            id="an unknown flow",
        ),
        pytest.param(
            function("return []", "no_order_lost(history)"),
            "no_order_lost",
            "the name 'no_order_lost' exists already (one of peakproof's own); rename it",
            id="our name",
        ),
        pytest.param(
            function("return []", "messages_keep_to_their_documents(history)"),
            "messages_keep_to_their_documents",
            "exists already",
            id="the name of the one that is no query",
        ),
        pytest.param(GOOD, "", "name the function that is the invariant, e.g.", id="no name"),
    ],
)
def test_what_cannot_be_asked_is_one_line_before_anything_starts(
    tmp_path: Path, text: str, name: str, complaint: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(VerdictError) as refused:
        check_wishes([f"{path}:{name}"])
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_and_a_function_may_not_have_one_name_and_the_same_twice_is_once(tmp_path: Path) -> None:
    path = written(tmp_path, function("return []"))
    query = written(
        tmp_path,
        "-- claim: x\n-- flow: any\n-- class: retry\n-- severity: minor\n-- remedy: y\n"
        "SELECT 'A' AS subject, true AS holds, '' AS finding, ['e'] AS evidence",
        "mine.sql",
    )
    check_wishes([f"{path}:mine", f"{path}:mine"])
    with pytest.raises(VerdictError, match=r"mine\.sql: an invariant of the name 'mine' exists already"):
        check_wishes([f"{path}:mine", str(query)])


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        pytest.param("SELECT 1; DROP TABLE effects", "expected one SELECT, got SELECT, DROP", id="two"),
        pytest.param("DROP TABLE effects", "expected one SELECT, got DROP", id="no question"),
        pytest.param("SELEC 1", "the query failed", id="no SQL"),
        pytest.param("SELECT 1 AS subject, true AS holds", "finding", id="a column is missing"),
    ],
)
def test_a_query_of_another_shape_is_named(tmp_path: Path, sql: str, complaint: str) -> None:
    header = "-- claim: x\n-- flow: any\n-- class: retry\n-- severity: minor\n-- remedy: y\n"
    path = written(tmp_path, header + sql, "mine.sql")
    with pytest.raises(VerdictError, match=complaint):
        check_wishes([str(path)])


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("nowhere.sql", "nowhere.sql: no such file; expected a .sql file, or FILE.py:FUNCTION"),
        ("nowhere.py:mine", "nowhere.py: no such file"),
        ("mine.txt", "mine.txt: expected a .sql file, or FILE.py:FUNCTION"),
        ("", "expected a .sql file"),
    ],
)
def test_a_file_that_is_not_there_or_of_another_kind_is_named(name: str, complaint: str) -> None:
    with pytest.raises(VerdictError) as refused:
        check_wishes([name])
    assert complaint in str(refused.value)


ENDLESS = {
    "a loop": "while True: pass",
    "rows without end": "while True: yield {'subject': 'A', 'holds': True, 'finding': '', 'evidence': []}",
    "a loop that takes every error for a hiccup": """while True:
        try:
            sum(range(1000))
        except Exception:
            pass""",
    "a query": "history.one('SELECT sum(a.range * b.range) FROM range(100_000_000) AS a, range(100_000_000) AS b')",
}


@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
def test_a_function_without_an_end_is_stopped_and_proves_nothing(tmp_path: Path, body: str) -> None:
    path = written(tmp_path, function(body).replace("severity: minor", "severity: minor\n    limit_s: 0.1"))
    with history_of([accepted()]) as history:
        result = read(f"{path}:mine").ask(history)
        assert history.one("SELECT count(*) FROM effects") == 1
    assert result.status == "unknown"
    assert result.reason == (
        f"mine in {path} did not end within 0.1 s and was stopped; if it has to take longer, "
        "let its header say so, e.g. 'limit_s: 0.2'"
    )


def test_one_that_sleeps_without_an_end_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "STOPS", 2)
    asleep = threading.Event()
    monkeypatch.setattr(threading, "asleep", asleep, raising=False)
    body = "import threading\n    threading.asleep.wait()\n    return []"
    path = written(tmp_path, function(body).replace("severity: minor", "severity: minor\n    limit_s: 0.1"))
    result = asked(path, [accepted()])
    assert "did not end within 0.1 s" in (result.reason or "")
    asleep.set()


def test_a_query_without_an_end_is_stopped_and_proves_nothing(tmp_path: Path) -> None:
    header = "-- claim: x\n-- flow: any\n-- class: retry\n-- severity: minor\n-- remedy: y\n-- limit_s: 0.1\n"
    endless = "SELECT 'A' AS subject, sum(a.range * b.range) > 0 AS holds, '' AS finding, ['e'] AS evidence "
    path = written(
        tmp_path, f"{header}{endless} FROM range(100_000_000) AS a, range(100_000_000) AS b", "mine.sql"
    )
    with history_of([accepted()]) as history:
        result = read(str(path)).ask(history)
        assert history.one("SELECT count(*) FROM effects") == 1
    assert result.status == "unknown"
    assert (result.reason or "").startswith("mine.sql did not end within 0.1 s and was stopped")


def test_what_says_nothing_of_its_limit_has_one(tmp_path: Path) -> None:
    assert read(f"{written(tmp_path, function('return []'))}:mine").limit_s == 30


@pytest.mark.parametrize("limit", ["soon", "0", "-1", "1e99", "nan"])
def test_a_limit_is_a_number_of_seconds(tmp_path: Path, limit: str) -> None:
    path = written(
        tmp_path, function("return []").replace("severity: minor", f"severity: minor\n    limit_s: {limit}")
    )
    with pytest.raises(VerdictError, match=rf"mine: limit_s is '{limit}'; expected seconds, e\.g\. 30"):
        read(f"{path}:mine")
