"""A stored run is data, whoever sent it: nothing that it names is run or read, no text in it steers the terminal, and no
damage to it is taken for a fault of ours."""

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from peakproof import cli
from peakproof.history.facts import run_facts
from peakproof.history.reader import History
from peakproof.history.seal import seal_run

from .verdict.stored import made

DECEITFUL = "\x1b[2J\x1b]0;mine\x07\x9b31m\u202eyes\nerror: all is well"
"""Clears the screen, names the window, reddens, turns round what follows, and begins a line of its own."""

PLANTED = '''
from pathlib import Path
Path(__file__).with_name("marker").write_text("it ran")


def planted(history):
    """Nothing.

    flow: any
    class: security
    severity: minor
    remedy: None.
    """
    return []
'''


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def peakproof(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, [str(one) for one in arguments])


def rewritten(run: Path, **told: Any) -> None:
    """Other facts in run.json, and a seal that fits: what somebody would send who means harm."""
    facts = {**json.loads((run / "run.json").read_text("utf-8")), **told}
    (run / "run.json").write_text(json.dumps(facts))
    seal_run(run)


# Nothing of it is run or read


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """It names a planted module as its invariant, a planted configuration, and a planted command."""
    planted = tmp_path / "theirs"
    planted.mkdir()
    (planted / "planted.py").write_text(PLANTED)
    touch = [sys.executable, "-c", f"open({str(planted / 'marker')!r}, 'w')"]
    (planted / "peakproof.toml").write_text(
        f"[sut]\nname = 'theirs'\ncommand = {json.dumps(touch)}\nready_url = 'http://127.0.0.1:1/'\n"
        "flows = ['order-to-erp']\nwebhook_url = 'http://127.0.0.1:1/'\n[judge]\ninvariants = ['planted.py:planted']\n"
    )
    run = made(tmp_path / "run")
    rewritten(
        run,
        scenario={"name": "quiet-day"},
        judged_by={"invariants": [f"{planted / 'planted.py'}:planted"], "objectives": []},
        sut={
            "name": "theirs",
            "origin": {"middleware": None, "config": str(planted / "peakproof.toml")},
            "command": touch,
        },
    )
    return run


@pytest.mark.parametrize(
    "command",
    [
        ["judge", "run"],
        ["report", "run"],
        ["explain", "run", "web-000001"],
        ["compare", "run", "run"],
        ["run", "--from", "run"],
        ["run", "--from", "run", "--only", "A"],
    ],
    ids=" ".join,
)
def test_a_foreign_run_executes_nothing(foreign: Path, command: list[str]) -> None:
    peakproof(*command)
    assert not (foreign.parent / "theirs" / "marker").exists()


def test_what_was_not_asked_is_told_beside_the_pass(foreign: Path) -> None:
    result = peakproof("judge", "run", "--json")
    verdict = json.loads(result.stdout)
    assert (result.exit_code, verdict["verdict"]) == (0, "pass")
    assert "judged without the run's own invariants" in result.stderr
    assert verdict["reasons"] == [
        "not asked, for they are the run's own: planted (name them with --config or --invariants, or say --trust)"
    ]
    (planted,) = (one for one in verdict["invariants"] if one["id"] == "planted")
    assert (planted["status"], planted["class"]) == ("not exercised", "own")
    assert "a stored run starts nothing" in (foreign / "junit.xml").read_text("utf-8")


def test_who_trusts_it_has_its_invariants_asked(foreign: Path) -> None:
    verdict = json.loads(peakproof("judge", "run", "--trust", "--json").stdout)
    assert (foreign.parent / "theirs" / "marker").exists()
    assert "planted" in {one["id"] for one in verdict["invariants"]}
    assert verdict["reasons"] == []


def test_who_names_its_invariant_has_it_asked(foreign: Path) -> None:
    named = "theirs/planted.py:planted"
    verdict = json.loads(peakproof("judge", "run", "--invariants", named, "--json").stdout)
    assert [one["class"] for one in verdict["invariants"] if one["id"] == "planted"] == ["security"]


def test_a_run_is_not_made_again_with_a_command_that_it_names(foreign: Path) -> None:
    result = peakproof("run", "--from", "run")
    assert result.exit_code == 2
    said = "what a stored run names is not started; name it with --config, or say --trust"
    assert said in result.stderr


def test_trust_is_for_a_stored_run() -> None:
    result = peakproof("run", "quiet-day", "--trust")
    assert (result.exit_code, "--trust needs --from RUN" in result.stderr) == (2, True)


def test_what_is_derived_replaces_a_link_and_does_not_follow_it(foreign: Path) -> None:
    precious = foreign.parent / "precious"
    precious.write_text("mine")
    for name in ("verdict.json", "report.html", "junit.xml", "summary.md"):
        (foreign / f"{name}.part").symlink_to(precious)
        (foreign / name).symlink_to(precious)
    assert peakproof("judge", "run").exit_code == 0
    assert precious.read_text() == "mine"


# A query reads the record, and nothing else

HEADER = "-- claim: Mine.\n-- flow: any\n-- class: retry\n-- severity: minor\n-- remedy: Do it.\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM 'secret.csv'",
        "SELECT content FROM read_text('secret.csv')",
        "SELECT file FROM glob('*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/secret.csv')",
        "COPY (SELECT 1) TO 'written.csv'",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SELECT 1 AS subject; COPY (SELECT 1) TO 'written.csv'",
    ],
)
def test_an_own_query_reads_no_file_and_no_network(tmp_path: Path, sql: str) -> None:
    made(tmp_path / "run")
    (tmp_path / "secret.csv").write_text("subject,holds\nme,true\n")
    (tmp_path / "mine.sql").write_text(HEADER + sql)
    before = {path.name for path in tmp_path.iterdir()}
    result = peakproof("judge", "run", "--invariants", "mine.sql")
    assert result.exit_code == 2, result.stdout
    (line,) = result.stderr.splitlines()
    assert re.match(r"error: mine\.sql: (the query failed: \w+ Error|expected one SELECT, got)", line), line
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_query_still_reads_bodies_and_final_states(tmp_path: Path) -> None:
    with History.of_run(made(tmp_path / "run")) as history:
        assert history.one("SELECT count(*) FROM bodies") == 41
        assert history.one("SELECT count(*) FROM state") == 3
        with pytest.raises(Exception, match="disabled by configuration"):
            history.rows("SELECT * FROM read_text('/etc/passwd')")


# No text in it steers the terminal


def test_no_text_of_a_run_reaches_the_terminal_as_it_is(tmp_path: Path) -> None:
    run = made(tmp_path / "run")
    sut = {"name": DECEITFUL, "death": f"died: {DECEITFUL}"}
    rewritten(run, sut=sut, settle_reason=DECEITFUL, objectives=[], errors=[DECEITFUL], id=DECEITFUL)
    for command in (["judge", "run"], ["judge", "run", "--json"], ["explain", "run", "A"]):
        result = peakproof(*command)
        shown = result.stdout + result.stderr
        assert all(one.isprintable() for line in shown.split("\n") for one in line), command
        assert "\nerror: all is well" not in shown


def test_an_error_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    rewritten(made(tmp_path / "run"), objectives=[DECEITFUL])
    result = peakproof("judge", "run")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.isprintable()


# No damage is our fault


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"a":' * 100_000,
        '{"seed": NaN}',
        f'{{"seed": {"9" * 5001}}}',
        '{"seed": "one"}',
        '{"systems": [1]}',
        '{"injections": 5}',
        '{"flows": "all"}',
        '{"sut": "x"}',
        '{"objectives": [1]}',
        '{"judged_by": {"invariants": 1}}',
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("command", ["judge", "report", "explain", "compare"])
def test_a_damaged_run_json_is_one_line(tmp_path: Path, text: str, command: str) -> None:
    run = made(tmp_path / "run")
    (run / "run.json").write_text(text)
    result = peakproof(command, "run", *{"explain": ["A"], "compare": ["run"]}.get(command, []))
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith("error: run/run.json is damaged: ")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, "{"),
        (None, "[" * 100_000),
        (None, "[]"),
        ("verdict", "perhaps"),
        ("reasons", [5]),
        ("kpis", {"x": 3}),
        ("counts", {"orders": "many"}),
        ("forensics", {"retry": [3]}),
        ("evidence", []),
    ],
)
@pytest.mark.parametrize("command", ["report", "explain", "compare"])
def test_a_damaged_verdict_is_one_line(tmp_path: Path, key: str | None, value: Any, command: str) -> None:
    run = made(tmp_path / "run")
    peakproof("judge", "run")
    path = run / "verdict.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}) if key else value)
    result = peakproof(command, "run", *{"explain": ["A"], "compare": ["run"]}.get(command, []))
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith("error: run/verdict.json: cannot be read: ")
    assert line.endswith("make it again: peakproof judge run")


def test_a_record_that_no_query_can_reckon_with_is_said_to_be_damaged(tmp_path: Path) -> None:
    """Of an earlier version's run, which has no seal that would have told."""
    run = made(tmp_path / "run")
    for seal in (run / "seal.json", run / "history" / "seal-estate.json"):
        seal.unlink()
    (run / "run.json").write_text(json.dumps({**run_facts(run), "seal": None}))
    with (run / "history" / "bodies-more.jsonl").open("w") as bodies:
        bodies.write('{"hash": "a", "text": "' + "x" * 40_000_000 + '"}\n')
    result = peakproof("judge", "run")
    assert result.exit_code == 3
    assert "the record is damaged: history/bodies-*: cannot be read" in result.stdout


def test_ctrl_c_in_the_midst_of_a_query_is_an_interruption(tmp_path: Path) -> None:
    """Python hears nothing while the database joins; the query has to be told."""
    long = "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range * b.range = 7"
    run = made(tmp_path / "run")
    press = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    press.start()
    with pytest.raises(KeyboardInterrupt), History.of_run(run) as history:
        history.rows(long)
