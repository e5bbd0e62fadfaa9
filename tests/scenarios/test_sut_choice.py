"""Which system under test is meant, and how a later run means the same."""

import json
from pathlib import Path

import pytest

from peakproof.scenarios.errors import ConfigError, UsageError
from peakproof.scenarios.sut_choice import chosen, of_run

OWN = """
[sut]
command = "python3 app.py"
flows = ["order-to-ship", "cancel"]
api_key = "sixteen-or-more-characters"
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str = OWN) -> Path:
    path = Path("peakproof.toml")
    path.write_text(text)
    return path


def test_without_a_word_it_is_the_file_here_else_the_reference(tmp_path: Path) -> None:
    choice = chosen(None, None)
    assert choice.sentence == "the reference middleware (there is no ./peakproof.toml)"
    assert choice.origin == {"middleware": "reference", "config": None}
    written()
    choice = chosen(None, None)
    assert choice.sut.flows == ("order-to-ship", "cancel")
    assert choice.sentence == f"{tmp_path.name}, as peakproof.toml says"
    assert choice.origin == {"middleware": None, "config": str(tmp_path / "peakproof.toml")}


def test_a_url_takes_the_place_of_the_command() -> None:
    choice = chosen(written(), "http://127.0.0.1:8000")
    sut = choice.sut
    assert (sut.url, sut.command, sut.flows) == ("http://127.0.0.1:8000", None, ("order-to-ship", "cancel"))
    assert choice.sentence == "http://127.0.0.1:8000, otherwise as peakproof.toml says"


@pytest.mark.parametrize(
    ("config", "middleware", "said"),
    [
        (None, "naiv", "unknown middleware 'naiv'; did you mean 'naive'"),
        (None, "ftp://x", "must be a URL like http://127.0.0.1:8000"),
        (None, "http://", "must be a URL like http://127.0.0.1:8000"),
        (None, "http://127.0.0.1:8000", "needs a peakproof.toml that says which flows it serves"),
        ("peakproof.toml", "naive", "--config peakproof.toml and --middleware naive exclude each other"),
    ],
)
def test_a_middleware_that_there_is_not_is_named(config: str | None, middleware: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        chosen(Path(config) if config else None, middleware)


def test_a_url_needs_the_key_that_is_used_there() -> None:
    written(OWN.replace("api_key", "# api_key"))
    with pytest.raises(UsageError) as refused:
        chosen(None, "http://127.0.0.1:8000")
    assert str(refused.value).startswith("--middleware http://127.0.0.1:8000: sut.api_key: is missing;")


# Of an earlier run


def stored(**origin: str | None) -> Path:
    folder = Path("runs/one")
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"sut": {"origin": origin}}))
    return folder


def test_a_defect_is_meant_again() -> None:
    choice = of_run(stored(middleware="naive", config=None))
    assert choice.sut.name == "reference with defect naive"
    assert choice.sentence == "the reference with defect naive, like runs/one"
    assert choice.origin == {"middleware": "naive", "config": None}


def test_the_reference_is_meant_again_although_there_is_a_file_here() -> None:
    written()
    assert of_run(stored(middleware="reference", config=None)).sut.name == "reference"


def test_the_file_here_is_the_users_own() -> None:
    choice = of_run(stored(middleware=None, config=str(written().resolve())))
    assert choice.sut.flows == ("order-to-ship", "cancel")
    assert choice.sentence.endswith(", as peakproof.toml says, like runs/one")


def test_a_run_of_another_place_is_made_again_with_the_file_here() -> None:
    written()
    choice = of_run(stored(middleware=None, config="/ci/peakproof.toml"))
    assert choice.config == Path("peakproof.toml")
    assert choice.sentence.endswith(", runs/one was made with /ci/peakproof.toml")


def test_a_file_that_a_run_names_is_read_on_trust_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = str(written().resolve())
    folder = stored(middleware=None, config=own).resolve()
    monkeypatch.chdir("/")
    with pytest.raises(UsageError) as refused:
        of_run(folder)
    assert str(refused.value) == (
        f"{folder} was made with {own}: what a stored run names is not started; name it with --config, or say --trust"
    )
    assert of_run(folder, trust=True).sut.flows == ("order-to-ship", "cancel")


def test_an_address_that_a_run_names_is_called_on_trust_alone() -> None:
    folder = stored(middleware="http://192.0.2.1:80", config=str(written().resolve()))
    with pytest.raises(UsageError, match=r"made with the middleware at http://192\.0\.2\.1:80: an address"):
        of_run(folder)
    assert of_run(folder, trust=True).middleware == "http://192.0.2.1:80"


def test_a_file_that_is_gone_is_named() -> None:
    with pytest.raises(ConfigError, match=r"gone/peakproof.toml: no such file"):
        of_run(stored(middleware=None, config="/gone/peakproof.toml"), trust=True)


def test_a_run_that_does_not_say_means_what_is_here() -> None:
    folder = Path("runs/one")
    folder.mkdir(parents=True)
    assert of_run(folder).sut.name == "reference"
    (folder / "run.json").write_text(json.dumps({"sut": "mine"}))
    assert of_run(folder).sut.name == "reference"
