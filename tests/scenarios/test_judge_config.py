"""The [judge] table of peakproof.toml: what it says, where it is taken from, and a line for every mistake."""

import json
from pathlib import Path

import pytest

from peakproof.scenarios.errors import ConfigError
from peakproof.scenarios.judge_config import JudgeConfig, judged_like
from peakproof.scenarios.sut_choice import chosen, of_run

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


def run_of(config: str | None) -> Path:
    folder = Path("runs/one")
    folder.mkdir(parents=True)
    origin = {"middleware": None, "config": config}
    (folder / "run.json").write_text(json.dumps({"sut": {"origin": origin}}))
    return folder


def test_a_stored_run_is_judged_by_the_file_that_it_was_made_with(tmp_path: Path) -> None:
    theirs = written(SUT + JUDGE, "theirs")
    folder = run_of(str(theirs.resolve()))
    config, complaint = judged_like(folder, None)
    assert (config.objectives, complaint) == (("order_sync_latency_p95 < 30s",), None)
    assert config.files[0] == str(tmp_path / "theirs" / "mine.sql")
    assert of_run(folder).judge.objectives == config.objectives
    other = written("[judge]\nobjectives = ['order_age_p50 < 1h']\n", "other")
    assert judged_like(folder, other)[0].objectives == ("order_age_p50 < 1h",), (
        "one that is named comes first"
    )


def test_where_that_file_is_gone_it_is_the_one_here_or_a_complaint() -> None:
    folder = run_of("/nowhere/peakproof.toml")
    config, complaint = judged_like(folder, None)
    assert config.objectives == ()
    assert complaint == (
        "/nowhere/peakproof.toml is gone: judged without the objectives and invariants that it names"
    )
    written(SUT + JUDGE)
    config, complaint = judged_like(folder, None)
    assert (config.objectives, complaint) == (("order_sync_latency_p95 < 30s",), None)


def test_a_run_of_the_reference_needs_no_file() -> None:
    written(SUT + JUDGE)
    config, complaint = judged_like(run_of(None), None)
    assert (config.objectives, complaint) == ((), None)
