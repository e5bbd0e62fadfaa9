"""The fixture for users' own tests: there without a word, silent until used, and telling when a run failed."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from peakproof.scenarios.pytest_plugin import Peakproof, RunResult


class FakeRunner:
    """Leaves an empty history behind."""

    made: dict[str, Any]

    def __init__(self, scenario: Any, sut: Any, *, seed: int, out: Path, origin: Any, judged_by: Any) -> None:
        type(self).made = {"scenario": scenario, "sut": sut, "seed": seed}
        self._out = out

    def run(self) -> Path:
        (self._out / "one" / "history").mkdir(parents=True)
        return self._out / "one"


def test_a_run_is_made_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peakproof.scenarios.runner.Runner", FakeRunner)
    result = Peakproof(tmp_path).run("quiet-day", seed=3, duration_s=5, overrides={"settle.max_s": 60})
    assert not result.passed
    assert result.verdict == "inconclusive"
    assert result.folder == tmp_path / "runs" / "one"
    assert (FakeRunner.made["scenario"].duration_s, FakeRunner.made["scenario"].settle.max_s) == (5, 60)
    assert (FakeRunner.made["seed"], FakeRunner.made["sut"].name) == (3, "reference")


def test_the_projects_own_toml_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peakproof.scenarios.runner.Runner", FakeRunner)
    (tmp_path / "peakproof.toml").write_text("[sut]\ncommand = 'python3 x.py'\nflows = ['order-to-erp']\n")
    Peakproof(tmp_path).run()
    assert FakeRunner.made["sut"].command == ("python3", "x.py")
    assert [entry.id for entry in FakeRunner.made["scenario"].schedule][:1] == ["erp-outage"]


def test_what_the_projects_own_toml_wants_judged_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peakproof.scenarios.runner.Runner", FakeRunner)
    toml = "[sut]\ncommand = 'python3 x.py'\nflows = ['order-to-erp']\n[judge]\nobjectives = ['order_age_p50 < 1min']\n"
    (tmp_path / "peakproof.toml").write_text(toml)
    result = Peakproof(tmp_path).run()
    assert result.verdict == "fail"
    assert result.reasons[0] == "objective missed: order_age_p50 < 1 min, but nothing was measured"


def test_a_result_tells_what_was_found() -> None:
    result = RunResult(
        "fail", Path("runs/one"), ("no_order_lost: web-000001: never seen",), ("no_order_lost: 1 of 9",)
    )
    assert repr(result).splitlines() == [
        "fail, recorded in runs/one",
        "  no_order_lost: 1 of 9",
        "  no_order_lost: web-000001: never seen",
    ]
    assert RunResult("pass", Path("runs/one"), (), ()).passed


def test_it_is_there_in_any_session_and_imports_nothing_until_used(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import sys\n"
        "def test_mine(peakproof):\n"
        "    assert callable(peakproof.run)\n"
        "    assert not {'duckdb', 'fastapi', 'locust', 'aiohttp'} & set(sys.modules)\n"
    )
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "__init__.py").write_text("")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",
        *(
            []
            if entry_points(group="pytest11", name="peakproof")
            else ["-p", "peakproof.scenarios.pytest_plugin"]
        ),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
