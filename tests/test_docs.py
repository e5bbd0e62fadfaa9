"""The printed documents in docs/ are what the code prints today."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from peakproof.chaos.registry import FAULTS
from peakproof.commands.catalogue import CATALOGUES
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.starting import CI, Wishes, files_of
from peakproof.scenarios.suite import scenarios_of
from peakproof.verdict.invariant import Invariant, catalogue
from peakproof.verdict.judge import check_wishes

from .verdict.histories import accepted, at, effect, history_of

DOCS = Path(__file__).resolve().parents[1] / "docs"


def printer(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def essence(document: dict[str, Any]) -> object:
    """What an API says, whatever the wording of the libraries that print it: operations, statuses, fields."""
    fields = {
        name: sorted(schema.get("properties", ()))
        for name, schema in document["components"].get("schemas", {}).items()
    }
    operations = {
        (path, method): (described["operationId"], sorted(described["responses"]))
        for path, methods in document.get("paths", {}).items()
        for method, described in methods.items()
    }
    messages = {
        name: sorted(message["payload"]["properties"]["data"].get("properties", ()))
        for name, message in document["components"].get("messages", {}).items()
    }
    return fields, operations, messages


def test_the_api_documents_are_current() -> None:
    apis = printer("print_apis")
    for name, document in apis.documents():
        stored = json.loads((DOCS / name).read_text("utf-8"))
        assert essence(stored) == essence(document), f"docs/{name} is stale: run python docs/print_apis.py"


def test_every_operation_that_the_flows_page_names_exists() -> None:
    text = (DOCS / "flows.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
    known = {
        described["operationId"]
        for path in (DOCS / "openapi").glob("*.json")
        for methods in json.loads(path.read_text("utf-8"))["paths"].values()
        for described in methods.values()
    }
    no_operations = {
        "too_late",
        "valid_from",
        "ship_by",
        "exceptions_url",
        "order_ref",
        "pending_url",
        "strict_references",
    }
    assert named - no_operations <= known
    assert len(named & known) > 10


def test_the_page_of_faults_is_current_and_has_them_all() -> None:
    printed = printer("print_faults").document()
    stored = (DOCS / "faults.md").read_text("utf-8")
    assert stored == printed, "docs/faults.md is stale: run python docs/print_faults.py > docs/faults.md"
    assert re.findall(r"^\| \[`([a-z-]+)`\]", stored, re.MULTILINE) == re.findall(
        r"^### ([a-z-]+)$", stored, re.MULTILINE
    )
    assert set(re.findall(r"^### ([a-z-]+)$", stored, re.MULTILINE)) == set(FAULTS.names())


def test_the_page_of_throttles_is_current() -> None:
    printed = printer("print_throttles").document()
    stored = (DOCS / "throttles.md").read_text("utf-8")
    assert stored == printed, (
        "docs/throttles.md is stale: run python docs/print_throttles.py > docs/throttles.md"
    )


def test_the_readme_names_every_kind_that_can_be_listed_and_the_size_of_the_standard_suite() -> None:
    text = (DOCS.parent / "README.md").read_text("utf-8")
    (kinds,) = re.findall(r"`peakproof list ([\w|]+\|[\w|]+)`", text)
    assert sorted(kinds.split("|")) == sorted(CATALOGUES)
    assert "`peakproof run --suite standard` runs the ten scenarios" in text
    assert len(scenarios_of("standard")) == 10


def test_the_page_of_profiles_is_current() -> None:
    printed = printer("print_profiles").document()
    stored = (DOCS / "profiles.md").read_text("utf-8")
    assert stored == printed, (
        "docs/profiles.md is stale: run python docs/print_profiles.py > docs/profiles.md"
    )


def test_the_page_of_growing_is_what_was_measured() -> None:
    printed = printer("print_scaling").document()
    stored = (DOCS / "scaling.md").read_text("utf-8")
    assert stored == printed, "docs/scaling.md is stale: run python docs/print_scaling.py > docs/scaling.md"


def test_the_page_of_invariants_is_current() -> None:
    printed = printer("print_invariants").document()
    stored = (DOCS / "invariants.md").read_text("utf-8")
    assert stored == printed, (
        "docs/invariants.md is stale: run python docs/print_invariants.py > docs/invariants.md"
    )


def test_the_page_of_states_is_current() -> None:
    page = printer("print_states")
    stored = (DOCS / "states.md").read_text("utf-8")
    assert stored == page.document(), (
        "docs/states.md is stale: run python docs/print_states.py > docs/states.md"
    )
    assert {one.kind for one in page.catalogue()} == set(page.KINDS)


def test_the_pages_of_the_registries_are_current() -> None:
    pages = printer("print_catalogue")
    for name in pages.PAGES:
        stored = (DOCS / name).read_text("utf-8")
        assert stored == pages.document(name), f"docs/{name} is stale: run python docs/print_catalogue.py"


def test_every_shipped_invariant_says_what_usually_breaks_it() -> None:
    assert [one.id for one in catalogue() if not one.cause] == []


def blocks(name: str, language: str) -> list[str]:
    """The fenced code of one language on a page."""
    text = (DOCS / name).read_text("utf-8")
    return [block.strip("\n") for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)]


@pytest.mark.parametrize(
    ("language", "example"),
    [
        ("python", "python_order_to_erp/middleware.py"),
        ("js", "node_order_to_erp/middleware.mjs"),
        ("java", "java_order_to_erp/Middleware.java"),
    ],
)
def test_the_snippets_are_those_of_the_examples_that_the_tests_run(language: str, example: str) -> None:
    (snippet,) = blocks("connect.md", language)
    assert snippet in (DOCS.parent / "examples" / example).read_text("utf-8")


def test_the_ci_recipes_are_what_init_writes() -> None:
    files = files_of(Wishes(command="python3 middleware.py", url=None, flows=("order-to-erp",)))
    assert blocks("ci.md", "yaml") == [files[name].strip("\n") for name in CI.values()]


def test_the_scenario_and_the_invariant_that_the_documentation_writes_are_taken(tmp_path: Path) -> None:
    (scenario,) = blocks("extend.md", "yaml")
    (tmp_path / "mine.yaml").write_text(scenario)
    assert Scenario.load(str(tmp_path / "mine.yaml")).name == "erp-down-at-noon"
    (sql,) = blocks("own-invariants.md", "sql")
    (tmp_path / "mine.sql").write_text(sql)
    mine = Invariant.of_file(tmp_path / "mine.sql")
    quick, slow = effect("web", "order_acknowledged", order_ref="A"), at(30, accepted("B"))
    late = at(45, effect("web", "order_acknowledged", order_ref="B"))
    with history_of([accepted("A"), quick, slow, late]) as history:
        result = mine.ask(history)
    assert [(one.subject, one.finding) for one in result.findings] == [("B", "acknowledged after 15 s")]


def test_the_function_and_its_test_that_the_documentation_writes_do_what_it_says(tmp_path: Path) -> None:
    function, test = blocks("own-invariants.md", "python")
    (tmp_path / "names.py").write_text(function)
    check_wishes([f"{tmp_path / 'names.py'}:names_in_one_form"])
    written: dict[str, Any] = {}
    exec(f"{function}\n{test}", written)  # noqa: S102  it is ours
    written["test_letters_and_accents_are_not_taken_apart"]()
    (toml,) = blocks("own-invariants.md", "toml")
    objectives = tomllib.loads(toml)["judge"]["objectives"]
    check_wishes(objectives=objectives)


def test_no_link_of_the_documentation_leads_nowhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=DOCS.parent, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "invariants" / "index.html").is_file()
