"""What ``peakproof init`` writes: files that peakproof, TOML and YAML read again, whatever was typed."""

import shlex
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.starting import CHECKLIST, CI, GITLAB, Wishes, asked, files_of, written

STARTED = Wishes(command="python3 middleware.py", url=None, flows=("order-to-erp",))
RUNNING = Wishes(
    command=None, url="http://127.0.0.1:8000", flows=("order-to-erp", "stock-sync"), webhooks=None
)


def test_what_it_writes_is_what_peakproof_reads(tmp_path: Path) -> None:
    written(files_of(STARTED), tmp_path)
    config = SutConfig.load(tmp_path / "peakproof.toml")
    assert (config.command, config.flows) == (("python3", "middleware.py"), ("order-to-erp",))
    assert config.webhooks == {"order.placed": "/webhooks"}
    assert {"PORT", "WEBHOOK_SECRET", "ERP_URL", "ERP_KEY"} <= set(config.env)
    assert "WMS_URL" not in config.env, "a system that this flow never calls"


def test_one_that_already_runs_gets_a_key_a_secret_and_fixed_ports(tmp_path: Path) -> None:
    files = files_of(RUNNING)
    written(files, tmp_path)
    config = SutConfig.load(tmp_path / "peakproof.toml")
    assert (config.url, config.webhooks, config.env) == ("http://127.0.0.1:8000", {}, {})
    assert config.api_key
    assert config.webhook_secret
    (step,) = [one["run"] for one in steps_of(files[CI["github"]]) if "peakproof run" in one.get("run", "")]
    assert "--set estate.systems.erp.port=81" in step


def steps_of(workflow: str) -> list[dict[str, str]]:
    steps: list[dict[str, str]] = yaml.safe_load(workflow)["jobs"]["peakproof"]["steps"]
    return steps


@pytest.mark.parametrize(
    "package", ["peakproof", "peakproof[otel]==1.0 ; a: b # 'c'", "git+https://x/y.git@main"]
)
def test_ci_installs_runs_and_keeps_the_reports(package: str) -> None:
    files = files_of(replace(STARTED, package=package))
    install, run = (one["run"] for one in steps_of(files[CI["github"]]) if "run" in one)
    assert shlex.split(install) == ["python", "-m", "pip", "install", package]
    assert run == "peakproof run --suite standard --out runs"
    job = yaml.safe_load(files[CI["gitlab"]])["peakproof"]
    assert job["script"] == [install, run]
    assert "runs/**/report.html" in job["artifacts"]["paths"]


def test_nothing_that_is_typed_breaks_the_toml() -> None:
    command = 'run "a b" \\ \t\x7f # ]\nx = "1"'
    read = tomllib.loads(files_of(replace(STARTED, command=command))["peakproof.toml"])
    assert read["sut"]["command"] == command


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (replace(STARTED, flows=("order-to-shop",)), "unknown flow 'order-to-shop'; did you mean"),
        (replace(STARTED, ready="health"), "peakproof.toml: sut.ready: must be a path like '/health'"),
        (replace(RUNNING, url="http://"), "peakproof.toml: sut.url: must be a URL"),
        (replace(STARTED, command="a 'b"), "peakproof.toml: sut.command: No closing quotation"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(wishes: Wishes, said: str) -> None:
    with pytest.raises(UsageError) as error:
        files_of(wishes)
    assert said in str(error.value)


def test_no_file_is_written_over_unless_asked(tmp_path: Path) -> None:
    (tmp_path / CHECKLIST).write_text("mine")
    with pytest.raises(UsageError, match="exists already; --force writes over"):
        written(files_of(STARTED), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKLIST]
    written(files_of(STARTED), tmp_path, force=True)
    assert (tmp_path / CHECKLIST).read_text() != "mine"


def test_gitlabs_own_file_is_made_but_never_touched(tmp_path: Path) -> None:
    files = files_of(STARTED)
    assert tmp_path / GITLAB in written(files, tmp_path)
    assert yaml.safe_load((tmp_path / GITLAB).read_text()) == {"include": [{"local": CI["gitlab"]}]}
    (tmp_path / GITLAB).write_text("mine")
    assert tmp_path / GITLAB not in written(files, tmp_path, force=True)
    assert (tmp_path / GITLAB).read_text() == "mine"


def test_asking_comes_to_the_same() -> None:
    answers = {"How is it started": "http://x:1", "Which flows": "cancel, stock-sync", "Which CI": "gitlab"}

    def ask(question: str, suggested: str) -> str:
        return next((said for start, said in answers.items() if question.startswith(start)), suggested)

    wishes = asked(ask)
    assert (wishes.url, wishes.command, wishes.flows) == ("http://x:1", None, ("cancel", "stock-sync"))
    assert (wishes.webhooks, wishes.exceptions_url, wishes.ci) == ("/webhooks", None, ("gitlab",))
