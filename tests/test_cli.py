"""The command as its user meets it: what goes where, with which exit code, and one line for every mistake."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from typer.testing import CliRunner, Result

from peakproof import cli
from peakproof.commands import console, guard
from peakproof.commands.catalogue import CATALOGUES
from peakproof.commands.progress import Shown
from peakproof.scenarios.errors import RunError, SutDied
from peakproof.scenarios.runner import Progress
from peakproof.scenarios.scenario import Scenario

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _desk() -> Iterator[None]:
    yield
    guard.Desk.folder = None


def peakproof(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


HEADER = b"-- claim: x\n-- flow: any\n-- class: retry\n-- severity: major\n-- remedy: y\n"


def empty_run(folder: Path) -> Path:
    (folder / "history").mkdir(parents=True)
    return folder


class FakeRunner:
    """Leaves an empty history behind, after some progress; or fails as it is told."""

    failure: Exception | None = None
    made: list[dict[str, Any]]

    def __init__(
        self,
        scenario: Any,
        sut: Any,
        *,
        seed: int,
        out: Path,
        on_progress: Callable[[Progress], None],
        origin: Any,
        on_live: Any,
        on_news: Any,
        judged_by: Any,
    ) -> None:
        self.folder = out
        self.death: SutDied | None = None
        self.complaints: list[str] = []
        self._out = out
        self._on_progress = on_progress
        type(self).made.append({"scenario": scenario, "sut": sut, "seed": seed, "out": out})

    def run(self) -> Path:
        self.folder = empty_run(self._out / "one")
        self._on_progress(Progress("workload", 1.0, 3, 137, 4, ["erp-outage"]))
        self._on_progress(Progress("workload", 1.5, 4, 137, 4, []))
        self._on_progress(Progress("settle", 2.0, 5, 137, 0, []))
        if self.failure is not None:
            raise self.failure
        return self.folder


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> type[FakeRunner]:
    class Fresh(FakeRunner):
        made: list[dict[str, Any]] = []  # noqa: RUF012 - each test has a class of its own

    monkeypatch.setattr("peakproof.scenarios.runner.Runner", Fresh)
    return Fresh


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "blak-friday"], "unknown scenario 'blak-friday'; did you mean 'black-friday'"),
        (["run", "mine.yaml"], "mine.yaml: no such file"),
        (["run", "--config", "nowhere.toml"], "nowhere.toml: no such file"),
        (["run", "--middleware", "naiv"], "unknown middleware 'naiv'; did you mean 'naive'"),
        (["run", "--middleware", "http://"], "must be a URL"),
        (["run", "--set", "settle"], "--set 'settle': must be KEY=VALUE"),
        (["run", "--set", "=3"], "--set '=3': must be KEY=VALUE"),
        (
            ["load", "soak", "--abort-on", "oversold_units >= 3"],
            "--abort-on 'oversold_units >= 3': in mid-run only an upper bound is known to be broken",
        ),
        (
            ["load", "soak", "--abort-on", "order_sync_latency_p95"],
            "objective 'order_sync_latency_p95' cannot be",
        ),
        (
            ["load", "soak", "--abort-on", "order_sync_latency_p94 < 5"],
            "there is no key figure 'order_sync_latency_p94'",
        ),
        (
            ["load", "soak", "--step-factor", "2"],
            "--step-factor 2.0: profile soak is run once; only a search has steps",
        ),
        (
            ["load", "find-the-limit", "--resolution", "3"],
            "resolution must be a number between 0 and 1, got 3",
        ),
        (
            ["load", "find-the-limit", "--resolution", "near"],
            "--resolution: 'near' is no part of a whole; expected one like 0.1 or 10%",
        ),
        (
            ["load", "find-the-limit", "--resolution", "300%"],
            "resolution must be a number between 0 and 1, got 3",
        ),
        (
            ["load", "soak", "--worker", "127.0.0.1:5557", "--peak", "600/min"],
            "--worker 127.0.0.1:5557: a worker has no --peak; leave it to the master",
        ),
        (["run", "--set", "settle.max=3"], "settle.max: unknown key 'max'; did you mean 'max_s'"),
        (["run", "--set", "schedule.erp-outage.on=er"], "schedule.erp-outage.on: unknown system 'er'"),
        (["run", "--duration", "0"], "--duration: duration_s: must be above 0"),
        (["run", "--duration", "nan"], "--duration: duration_s: must be"),
        (["run", "--duration", "1e300"], "--duration: duration_s: must be at most 604800, got 1e+300"),
        (["run", "--suite", "standard", "--duration", "604801"], "must be at most 604800, got 604801.0"),
        (
            ["run", "--set", "workload.orders=100000000"],
            "workload.orders: must be at most 137, for the trace has no more, got 100000000; workload.volume=2",
        ),
        (["run", "quiet-day", "--out", "a-file"], "--out a-file: is a file; expected a folder"),
        (["run", "--suite", "standard", "--out", "a-file/runs"], "--out a-file/runs: a-file is a file"),
        (["try", "--out", "a-file"], "--out a-file: is a file; expected a folder"),
        (["up", "--out", "a-file"], "--out a-file: is a file; expected a folder"),
        (
            ["run", "black-friday", "--from", "runs/x"],
            "scenario 'black-friday' and --from runs/x exclude each other",
        ),
        (["run", "--from", "runs/x"], "there is no run 'runs/x'"),
        (["run", "--invariants", "mine.sql"], "--invariants mine.sql: no such file"),
        (["run", "--objective", "latency <= 5"], "there is no key figure 'latency'; nearest: "),
        (["run", "--objective", "duplicate_rate = 0"], "cannot be read; expected e.g."),
        (["run", "--objective", "order_sync_p95 < 30s"], "nearest: order_sync_latency_p95"),
        (
            ["run", "--objective", "order_sync_latency_p95 < 5%"],
            "cannot be given in '%'; expected ms, s, min or h",
        ),
        (["run", "--objective", "duplicate_rate < 5"], "is a share between 0 and 1, got 5; write 5% or 0.05"),
        (["load", "peak-season", "--objective", "order_sync_p95 < 30s"], "nearest: order_sync_latency_p95"),
        (["load", "peak-season", "--invariants", "mine.py:x"], "--invariants mine.py: no such file"),
        (["run", "--invariants", "a-file"], "--invariants a-file: expected a .sql file, or FILE.py:FUNCTION"),
        (["run", "--suite", "standard", "--objective", "latency <= 5"], "there is no key figure 'latency'"),
        (["judge", "runs/x"], "there is no run 'runs/x'"),
        (["judge", "."], ". is no run: it has no folder 'history'"),
        (["report", "runs/x"], "there is no run 'runs/x'"),
        (["explain", "runs/x", "web-1"], "there is no run 'runs/x'"),
        (["list", "falts"], "unknown kind 'falts'; did you mean 'faults'"),
        (["try", "--middleware", "naiv"], "unknown middleware 'naiv'"),
        (["up", "blak-friday"], "unknown scenario 'blak-friday'; did you mean 'black-friday'"),
        (["up", "--no-sut", "--middleware", "naive"], "--no-sut and naive exclude each other"),
        (["up", "--config", "nowhere.toml"], "nowhere.toml: no such file"),
        (["chaos", "status"], "nothing runs below runs; start one with: peakproof up"),
        (["chaos", "status", "--run", "x"], "--run x: there is no such run (running below runs: none)"),
        (
            ["chaos", "inject", "erp", "outage", "--for", "soon"],
            "--for 'soon': must be a time above 0 like 60s",
        ),
        (["chaos", "inject", "erp", "latency", "--set", "2"], "--set '2': must be KEY=VALUE, e.g. seconds=2"),
        (["chaos", "inject", "erp", "outage", "--match", "JPY"], "--match 'JPY': must be KEY=VALUE"),
        (["chaos", "heal"], "name the injections to heal, or say --all"),
        (["chaos", "heal", "a", "--all"], "name the injections to heal, or say --all"),
    ],
)
def test_a_mistake_is_one_line_on_stderr_and_exit_code_2(arguments: list[str], said: str) -> None:
    Path("a-file").touch()
    result = peakproof(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert said in line
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["rn"], ["run", "--sed", "1"], ["run", "--seed", "one"], ["run", "--seed", "-1"], ["judge"]],
)
def test_what_the_parser_refuses_is_exit_code_2_too(arguments: list[str]) -> None:
    result = peakproof(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_toml_with_a_mistake_is_named_by_the_default_run(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text("[sut]\ncommand = 'python3 x.py'\nflows = ['cancl']\n")
    result = peakproof("run")
    assert result.exit_code == 2
    assert "peakproof.toml: sut.flows: unknown flow 'cancl'; did you mean 'cancel'" in result.stderr


def test_a_middleware_that_serves_nothing_of_the_scenario_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text("[sut]\ncommand = 'python3 x.py'\nflows = ['cancel']\n")
    (tmp_path / "mine.yaml").write_text("name: mine\nflows: [stock-sync]\n")
    result = peakproof("run", "mine.yaml")
    assert result.exit_code == 2
    assert "nothing to judge: the scenario exercises stock-sync" in result.stderr


def test_a_trace_that_cannot_be_read_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("order_id,sku\n")
    (tmp_path / "mine.yaml").write_text("name: mine\nworkload: { trace: orders.csv }\n")
    result = peakproof("run", "mine.yaml")
    assert result.exit_code == 2
    assert "orders.csv:1: lacks the column 'placed_at'" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_an_order_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = empty_run(tmp_path / "runs" / "one")
    effect = {
        "effect_id": "e",
        "at_ns": 1,
        "system": "web",
        "kind": "order_placed",
        "order_ref": "web-000012",
    }
    (folder / "history" / "effects-x.jsonl").write_text(json.dumps(effect) + "\n")
    result = peakproof("explain", "one", "web-00012")
    assert result.exit_code == 2
    said = "order 'web-00012' is not among the 1 order of runs/one; did you mean web-000012?"
    assert said in result.stderr


def test_a_run_is_found_by_its_id_and_a_near_one_is_offered(tmp_path: Path) -> None:
    empty_run(tmp_path / "runs" / "20261127-black-friday-1")
    assert peakproof("judge", "20261127-black-friday-1").exit_code == 3
    said = "there is no run 'runs/20261127-black-friday-2'; did you mean runs/20261127-black-friday-1?"
    for command in ("judge", "contracts export"):
        assert said in peakproof(*command.split(), "runs/20261127-black-friday-2").stderr


def test_a_damaged_run_json_is_named(tmp_path: Path) -> None:
    (empty_run(tmp_path / "one") / "run.json").write_text("{")
    for command in (["judge", "one"], ["explain", "one", "x"], ["contracts", "export", "one"]):
        result = peakproof(*command)
        assert result.exit_code == 2
        assert "run.json is damaged" in result.stderr


@pytest.mark.parametrize("how_many", [["quiet-day"], ["--suite", "standard"]], ids=["one", "a suite"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"-- claim: every order is booked\nSELECT 1", "mine.sql: the header has no '-- flow:' line"),
        (b"-- claim: caf\xe9\nSELECT 1", "mine.sql:1: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        (HEADER + b"SELCT 1", "mine.sql: the query failed: Parser Error: syntax error at or near"),
        (
            HEADER + b"SELECT * FROM efects",
            "mine.sql: the query failed: Catalog Error: Table with name efects",
        ),
    ],
    ids=["header", "latin-1", "no SQL", "no such table"],
)
def test_an_invariant_that_cannot_be_read_is_named_before_anything_starts(
    runner: type[FakeRunner], tmp_path: Path, content: bytes, said: str, how_many: list[str]
) -> None:
    (tmp_path / "mine.sql").write_bytes(content)
    result = peakproof("run", *how_many, "--invariants", "mine.sql")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"error: {said}")
    assert runner.made == []
    assert not Path("runs").exists()


LATE = """
def late(history):
    \"\"\"Nothing is late.

    flow: any
    class: timeliness
    severity: minor
    remedy: Be quick.
    \"\"\"
    print("asked")
    for row in history.rows("SELECT effect_id FROM effects"):
        raise RuntimeError("no idea")
    return []
"""


def own_toml(tmp_path: Path, judge: str) -> None:
    (tmp_path / "mine.py").write_text(LATE)
    (tmp_path / "peakproof.toml").write_text(
        f"[sut]\ncommand = 'python3 x.py'\nflows = ['order-to-erp']\n[judge]\n{judge}\n"
    )


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        ("objectives = ['order_sync_p95 < 30s']", "nearest: order_sync_latency_p95"),
        ("objectives = ['fast']", "peakproof.toml: judge.objectives.0: objective 'fast' cannot be read"),
        (
            "invariants = ['mine.py:lat']",
            "peakproof.toml: judge.invariants.0: mine.py: there is no function 'lat'",
        ),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["run", "--suite", "standard"], ["load", "peak-season"]])
def test_what_the_toml_wants_judged_is_read_before_anything_starts(
    runner: type[FakeRunner], tmp_path: Path, command: list[str], judge: str, said: str
) -> None:
    own_toml(tmp_path, judge)
    result = peakproof(*command)
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]
    assert runner.made == []


def test_the_tomls_objectives_and_invariants_judge_the_run_and_the_command_lines_come_on_top(
    runner: type[FakeRunner], tmp_path: Path
) -> None:
    own_toml(tmp_path, "objectives = ['order_sync_latency_p95 < 30s']\ninvariants = ['mine.py:late']")
    result = peakproof("run", "--json", "--objective", "manual_touch_rate <= 1%")
    document = json.loads(result.stdout)
    assert [one["objective"] for one in document["objectives"]] == [
        "order_sync_latency_p95 < 30 s",
        "manual_touch_rate <= 1%",
    ]
    assert result.exit_code == 1, "figures that nothing was measured of have not met their objectives"
    assert "objective missed: order_sync_latency_p95 < 30 s, but nothing was measured" in document["reasons"]
    assert next(one["status"] for one in document["invariants"] if one["id"] == "late") == "not exercised"


def test_judge_takes_a_toml_and_functions_and_one_that_raises_is_no_pass(tmp_path: Path) -> None:
    own_toml(tmp_path, "objectives = ['exception_volume <= 0']")
    folder = empty_run(tmp_path / "runs" / "one")
    effect = {"effect_id": "e1", "at_ns": 1, "system": "erp", "kind": "item_known", "sku": "mug"}
    (folder / "history" / "effects-1.jsonl").write_text(json.dumps(effect) + "\n")
    result = peakproof("judge", "one", "--json", "--config", "peakproof.toml", "--invariants", "mine.py:late")
    document = json.loads(result.stdout)
    assert result.exit_code == 3
    assert [one["met"] for one in document["objectives"]] == [True]
    assert (
        "late could not be examined: late raised RuntimeError at mine.py:12: no idea" in document["reasons"]
    )
    assert "Traceback" not in result.stderr


# Running


def test_black_friday_is_run_on_the_reference_and_it_is_said(runner: type[FakeRunner]) -> None:
    result = peakproof("run")
    (made,) = runner.made
    assert made["scenario"].name == "black-friday"
    assert made["sut"].name == "reference"
    assert (made["seed"], made["out"]) == (1, Path("runs"))
    assert "system under test: the reference middleware (there is no ./peakproof.toml)" in result.stderr
    assert "scenario black-friday, 45 s of workload, seed 1" in result.stderr


def test_a_run_of_nothing_is_inconclusive(runner: type[FakeRunner], tmp_path: Path) -> None:
    result = peakproof("run")
    assert result.exit_code == 3
    assert "INCONCLUSIVE" in result.stdout
    names = {path.name for path in (tmp_path / "runs" / "one").iterdir()}
    assert {"verdict.json", "junit.xml", "report.html"} <= names


def test_json_is_exactly_one_document(runner: type[FakeRunner]) -> None:
    result = peakproof("run", "--json")
    document = json.loads(result.stdout)
    assert document["schema"] == "peakproof/verdict/1"
    assert document["verdict"] == "inconclusive"
    assert result.exit_code == 3


def test_progress_is_a_line_a_phase_on_stderr(runner: type[FakeRunner]) -> None:
    lines = [line for line in peakproof("run").stderr.splitlines() if re.match(r" +\d+ s  ", line)]
    assert lines == [
        "    1 s  workload: 3 of 137 orders, 4 pending; faults: erp-outage",
        "    2 s  settle: 5 of 137 orders, 0 pending",
    ]


@pytest.fixture
def closed_pipe() -> Iterator[TextIO]:
    """Something to write to that nobody reads any more."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as file:
        yield file


def test_progress_that_nobody_reads_any_more_falls_silent(closed_pipe: TextIO) -> None:
    progress = console.ProgressConsole(file=closed_pipe)
    progress.print("1 s  workload")
    progress.print("2 s  workload")
    assert progress.quiet


def test_a_run_goes_on_and_is_judged_when_nobody_reads_its_progress(
    runner: type[FakeRunner], closed_pipe: TextIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "err", console.ProgressConsole(file=closed_pipe))
    result = peakproof("run")
    assert "INCONCLUSIVE" in result.stdout
    assert (tmp_path / "runs" / "one" / "verdict.json").is_file()


def test_a_result_that_nobody_reads_is_exit_code_3(
    closed_pipe: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    @guard.guarded
    def show() -> None:
        console.stdout().print("PASS")

    monkeypatch.setattr(sys, "stdout", closed_pipe)
    with pytest.raises(SystemExit) as left:
        show()
    assert left.value.code == 3


def test_options_reach_the_run(runner: type[FakeRunner]) -> None:
    peakproof(
        "run",
        "quiet-day",
        "--seed",
        "7",
        "--duration",
        "5",
        "--set",
        "settle.max_s=60",
        "--set",
        "workload.profile=black-friday",
        "--out",
        "elsewhere",
        "--middleware",
        "naive",
    )
    (made,) = runner.made
    assert made["scenario"].duration_s == 5
    assert made["scenario"].settle.max_s == 60
    assert made["scenario"].workload.profile == "black-friday"
    assert (made["seed"], made["out"]) == (7, Path("elsewhere"))
    assert made["sut"].name == "reference with defect naive"


def test_faults_that_a_small_middleware_never_meets_are_left_out_and_it_is_said(
    runner: type[FakeRunner], tmp_path: Path
) -> None:
    (tmp_path / "peakproof.toml").write_text("[sut]\ncommand = 'python3 x.py'\nflows = ['order-to-erp']\n")
    result = peakproof("run")
    (made,) = runner.made
    assert [entry.id for entry in made["scenario"].kept] == [
        "erp-outage",
        "erp-throttled",
        "booking-reply-lost",
    ]
    assert "left out, for these flows never meet them: capture-reply-lost" in result.stderr


def test_a_run_is_run_again_from_its_folder(runner: type[FakeRunner], tmp_path: Path) -> None:
    from peakproof.scenarios.scenario import Scenario

    stored = Scenario.load("quiet-day").with_duration(9).document()
    folder = empty_run(tmp_path / "runs" / "old")
    (folder / "run.json").write_text(json.dumps({"scenario": stored, "seed": 12}))
    peakproof("run", "--from", "runs/old")
    peakproof("run", "--from", "old", "--seed", "13")
    assert [(made["scenario"].duration_s, made["seed"]) for made in runner.made] == [(9.0, 12), (9.0, 13)]


def test_a_run_that_fails_is_exit_code_3_with_the_last_log_lines(runner: type[FakeRunner]) -> None:
    runner.failure = SutDied(
        "the system under test ended with exit code 1", Path("runs/one"), ["one", "two [x]"]
    )
    result = peakproof("run")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.splitlines()[-4:] == [
        "error: the system under test ended with exit code 1",
        "  | one",
        "  | two [x]",
        "recorded in runs/one",
    ]


def test_a_run_that_cannot_be_made_is_exit_code_3(runner: type[FakeRunner]) -> None:
    runner.failure = RunError("no free folder below runs")
    result = peakproof("run")
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1] == "error: no free folder below runs"


# Our own faults


def test_our_own_fault_is_exit_code_70_and_one_line(
    runner: type[FakeRunner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PEAKPROOF_DEBUG", raising=False)
    runner.failure = ZeroDivisionError("a bug\nof ours")
    result = peakproof("run")
    assert result.exit_code == 70
    assert "Traceback" not in result.stderr
    line = result.stderr.splitlines()[-1]
    assert line.startswith(
        "error: peakproof itself failed: ZeroDivisionError: a bug of ours; the details were written to runs/one/"
    )
    details = Path(line.rpartition(" ")[2]).read_text()
    assert "Traceback" in details


def test_a_developer_gets_the_traceback(runner: type[FakeRunner], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEAKPROOF_DEBUG", "1")
    runner.failure = ZeroDivisionError("a bug")
    assert isinstance(peakproof("run").exception, ZeroDivisionError)


def test_an_interruption_is_no_verdict(runner: type[FakeRunner]) -> None:
    runner.failure = KeyboardInterrupt()  # type: ignore[assignment]  # what Ctrl-C raises while nobody listens
    result = peakproof("run")
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1] == "error: interrupted"


# Looking


@pytest.mark.parametrize("kind", sorted(CATALOGUES))
def test_every_catalogue_is_listed_in_words_and_as_json(kind: str) -> None:
    words, document = peakproof("list", kind), peakproof("list", kind, "--json")
    assert (words.exit_code, document.exit_code) == (0, 0)
    entries = json.loads(document.stdout)
    assert entries
    for entry in entries:
        assert entry["name"] in words.stdout
        assert entry["summary"]


def test_a_report_is_written_and_named(tmp_path: Path) -> None:
    empty_run(tmp_path / "one")
    result = peakproof("report", "one")
    assert result.stdout.splitlines() == ["one/junit.xml", "one/report.html", "one/summary.md"]
    assert result.exit_code == 0
    assert peakproof("report", "one").exit_code == 0


def test_a_verdict_that_cannot_be_read_is_to_be_made_again(tmp_path: Path) -> None:
    (empty_run(tmp_path / "one") / "verdict.json").write_text("{")
    result = peakproof("report", "one")
    assert result.exit_code == 2
    assert "make it again: peakproof judge one" in result.stderr


def test_two_runs_are_compared_where_they_are_a_pair(tmp_path: Path) -> None:
    quiet = Scenario.load("quiet-day")
    for name, scenario in (("one", quiet), ("two", quiet), ("longer", quiet.with_duration(99))):
        facts = {"id": name, "scenario": scenario.document(), "seed": 1}
        folder = empty_run(tmp_path / name)
        (folder / "run.json").write_text(json.dumps(facts))
        if name == "one":
            peakproof("judge", name)
        judged = (tmp_path / "one" / "verdict.json").read_text("utf-8")
        (folder / "verdict.json").write_text(judged)
    result = peakproof("compare", "one", "two", "--again", "one", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["reasons"][0] == "run one is inconclusive"
    assert "INCONCLUSIVE: run one is inconclusive" in peakproof("compare", "one", "two").stdout
    result = peakproof("compare", "one", "longer")
    assert result.exit_code == 2
    assert "one and longer are no pair: they differ in duration_s" in result.stderr


def test_an_order_is_explained(tmp_path: Path) -> None:
    folder = empty_run(tmp_path / "one")
    effect = {
        "effect_id": "e",
        "at_ns": 1,
        "system": "web",
        "kind": "order_placed",
        "order_ref": "web-000012",
    }
    (folder / "history" / "effects-x.jsonl").write_text(json.dumps(effect) + "\n")
    assert "order_placed" in peakproof("explain", "one", "web-000012").stdout
    (moment,) = json.loads(peakproof("explain", "one", "web-000012", "--json").stdout)
    assert (moment["system"], moment["mark"]) == ("web", None)


def test_a_verdict_that_cannot_be_read_is_named_with_the_way_out(tmp_path: Path) -> None:
    folder = empty_run(tmp_path / "one")
    (folder / "verdict.json").write_text('{"schema": "peakproof/verdict/9"}')
    result = peakproof("report", "one")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "make it again: peakproof judge one" in result.stderr


def test_github_gets_the_summary_of_a_run_that_is_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_run(tmp_path / "one")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    peakproof("judge", "one")
    assert (tmp_path / "summary").read_text("utf-8").startswith("## ❔ run: INCONCLUSIVE")


def test_init_writes_what_it_names() -> None:
    result = peakproof("init", "--command", "python3 middleware.py", "--ci", "github")
    assert result.stdout.splitlines() == [
        "peakproof.toml",
        "peakproof-webhooks.md",
        ".github/workflows/peakproof.yml",
    ]
    assert all(Path(name).is_file() for name in result.stdout.splitlines())
    again = peakproof("init", "--command", "python3 middleware.py")
    assert (again.exit_code, again.stdout) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say how your middleware is started, --command, or where it already runs, --url"),
        (["--command", "x", "--url", "http://x"], "exclude each other"),
        (["--command", "x", "--ci", "jenkins"], "unknown CI 'jenkins'"),
    ],
)
def test_init_says_what_it_needs(arguments: list[str], said: str) -> None:
    result = peakproof("init", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert not Path("peakproof.toml").exists()


def test_the_version_is_shown() -> None:
    result = peakproof("--version")
    assert (result.exit_code, result.stdout) == (0, "peakproof 0.1.0\n")


@pytest.mark.parametrize(
    "start",
    [[str(ROOT / "cli.py")], ["-m", "peakproof"], ["-m", "peakproof.cli"]],
    ids=["file", "package", "module"],
)
def test_the_command_starts_in_every_way(start: list[str]) -> None:
    for arguments, code in ((["--version"], 0), (["run", "x"], 2)):
        done = subprocess.run(
            [sys.executable, *start, *arguments], check=False, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


def test_the_rate_is_that_of_the_last_seconds_of_buying() -> None:
    shown = Shown()
    told = [
        shown._rate(Progress(phase, at_s, orders, 137, 0, []))
        for phase, at_s, orders in [
            ("workload", 1.0, 3),
            ("workload", 1.5, 4),
            ("workload", 6.5, 14),
            ("settle", 7, 14),
        ]
    ]
    assert told == ["", "2.0/s, ", "2.0/s, ", ""]
