"""The [judge] table of peakproof.toml: what it says, where it is taken from, and a line for every mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from peakproof.scenarios.errors import ConfigError
from peakproof.scenarios.judge_config import JudgeConfig, wishes_of
from peakproof.scenarios.sut_choice import chosen

SUT = "[sut]\ncommand = 'python3 app.py'\nflows = ['order-to-erp']\n"
JUDGE = "[judge]\nobjectives = ['order_sync_latency_p95 < 30s']\ninvariants = ['mine.sql', 'deep/mine.py:check']\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str, folder: str = ".") -> Path:
    place = Path(folder)
    (place / "deep").mkdir(parents=True, exist_ok=True)
    (place / "mine.sql").touch()
    (place / "deep" / "mine.py").write_text("def check(history): ...\n")
    (place / "peakproof.toml").write_text(text)
    return place / "peakproof.toml"


def test_objectives_and_invariants_are_read_and_found_beside_the_file() -> None:
    config = JudgeConfig.load(written(SUT + JUDGE, "theirs"))
    assert config.objectives == ("order_sync_latency_p95 < 30s",)
    assert config.files == ["theirs/mine.sql", "theirs/deep/mine.py:check"]


def test_without_the_table_nothing_is_judged_besides() -> None:
    config = JudgeConfig.load(written(SUT))
    assert (config.objectives, config.files) == ((), [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[judge]\nobjective = []\n", "judge.objective: unknown key 'objective'; did you mean 'objectives'"),
        ("[judge]\nobjectives = 'fast'\n", "judge.objectives: must be a list"),
        ("[judge]\nobjectives = [5]\n", "judge.objectives.0: must be a text, got 5"),
        ("[judge]\nobjectives = ['x < 1', 'fast']\n", "judge.objectives.1: objective 'fast' cannot be read"),
        ("[judge]\ninvariants = ['nowhere.sql']\n", "judge.invariants.0: nowhere.sql: no such file"),
        ("[judge]\ninvariants = ['mine.sql', 'a.txt']\n", "judge.invariants.1: a.txt: expected a .sql file"),
        ("[judge]\ninvariants = ['deep/mine.py:chek']\n", "no function 'chek'; it has check"),
        ("judge = 3\n", "judge: must be a table of keys, got 3"),
        ("[jugde]\n", "unknown key 'jugde'; did you mean 'judge'"),
    ],
)
def test_a_mistake_is_one_line_with_the_file_and_the_key(text: str, said: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError) as raised:
        JudgeConfig.load(path)
    assert said in str(raised.value)
    assert str(raised.value).startswith("peakproof.toml: ")
    assert "\n" not in str(raised.value)


def test_whoever_is_chosen_by_the_file_is_judged_as_it_says() -> None:
    path = written(SUT + JUDGE)
    assert chosen(path, None).judge.files == ["mine.sql", "deep/mine.py:check"]
    running = written(SUT + "api_key = 'sixteen-or-more-characters'\n" + JUDGE)
    assert chosen(running, "http://127.0.0.1:8000").judge.objectives == ("order_sync_latency_p95 < 30s",)
    assert chosen(None, "reference").judge.objectives == (), "the reference has no file"


def run_of(config: str | None, **told: Any) -> Path:
    folder = Path("runs/one")
    folder.mkdir(parents=True)
    origin = {"middleware": None, "config": config}
    (folder / "run.json").write_text(json.dumps({"sut": {"origin": origin}, **told}))
    return folder


MADE_WITH = {"invariants": ["/theirs/mine.sql", "/theirs/m.py:f"], "objectives": ["order_age_p50 < 1h"]}


def test_of_a_stored_run_the_objectives_are_taken_and_the_invariants_are_not_looked_for() -> None:
    wanted, notes = wishes_of(run_of("/theirs/peakproof.toml", judged_by=MADE_WITH), None, trust=False)
    assert wanted == ([], ["order_age_p50 < 1h"])
    assert notes == [
        (
            "judged without the run's own invariants (/theirs/mine.sql, /theirs/m.py:f): "
            "name them with --config or --invariants, or say --trust"
        )
    ]


def test_who_trusts_a_run_has_its_invariants_asked_but_those_that_are_gone() -> None:
    mine = written(SUT + JUDGE).parent.resolve() / "mine.sql"
    made_with = {"invariants": [str(mine), "/theirs/m.py:f"], "objectives": []}
    wanted, notes = wishes_of(run_of(None, judged_by=made_with), None, trust=True)
    assert wanted == ([str(mine)], [])
    assert notes == ["/theirs/m.py:f is gone: judged without this invariant"]


def test_a_file_that_the_user_names_says_it_all() -> None:
    other = written("[judge]\nobjectives = ['order_age_p50 < 2h']\n", "other")
    folder = run_of("/theirs/peakproof.toml", judged_by=MADE_WITH)
    assert wishes_of(folder, other, trust=False) == (([], ["order_age_p50 < 2h"]), [])


def test_an_earlier_versions_run_names_a_file_that_is_read_on_trust_alone(tmp_path: Path) -> None:
    theirs = written(SUT + JUDGE, "theirs")
    folder = run_of(str(theirs.resolve()))
    wanted, notes = wishes_of(folder, None, trust=False)
    assert wanted == ([], [])
    assert notes == [
        (
            f"the run was made with {theirs.resolve()}: judged without the objectives and invariants that it names; "
            "give --config, or say --trust"
        )
    ]
    wanted, notes = wishes_of(folder, None, trust=True)
    assert (wanted.objectives, notes) == (["order_sync_latency_p95 < 30s"], [])
    assert wanted.invariants[0] == str(tmp_path / "theirs" / "mine.sql")


def test_one_whose_file_is_gone_has_a_note() -> None:
    wanted, notes = wishes_of(run_of("/nowhere/peakproof.toml"), None, trust=True)
    assert wanted == ([], [])
    assert notes == [
        "/nowhere/peakproof.toml is gone: judged without the objectives and invariants that it names"
    ]


def test_a_run_of_the_reference_needs_no_file() -> None:
    written(SUT + JUDGE)
    assert wishes_of(run_of(None), None, trust=False) == (([], []), [])
