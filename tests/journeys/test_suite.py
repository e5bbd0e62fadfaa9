"""A suite as CI runs it: one verdict, one page and one JUnit file over several runs."""

import json
from pathlib import Path

from .command import peakproof


def test_several_scenarios_make_one_verdict_and_one_page(tmp_path: Path) -> None:
    done = peakproof(
        tmp_path,
        "run",
        "quiet-day",
        "duplicate-webhooks",
        "--duration",
        "4",
        "--set",
        "workload.orders=20",
        "--json",
    )
    document = done.document
    assert document["schema"] == "peakproof/suite/1"
    assert [run["run"]["scenario"] for run in document["runs"]] == ["quiet-day", "duplicate-webhooks"]
    assert done.code == {"pass": 0, "fail": 1, "inconclusive": 3}[document["verdict"]]
    assert not any(run["verdict"] == "fail" for run in document["runs"]), document["reasons"]
    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "suite.json").read_text("utf-8")) == document
    assert len(list(folder.glob("*/verdict.json"))) == 2
    page = (folder / "report.html").read_text("utf-8")
    for run in folder.glob("*/report.html"):
        assert f'href="{run.relative_to(folder).as_posix()}"' in page


def test_a_suite_and_a_scenario_exclude_each_other(tmp_path: Path) -> None:
    done = peakproof(tmp_path, "run", "quiet-day", "--suite", "standard")
    assert (done.code, done.stderr.count("\n")) == (2, 1)
    assert "exclude each other" in done.stderr
