"""The rules of the house, kept by tests: what ships, who may import whom, and clean lint, format and types."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINKS = ROOT / ".links" / "peakproof"

FLOORS = {
    "history": 0,
    "chaos": 0,
    "simulators": 1,
    "verdict": 2,
    "loadtests": 2,
    "middleware": 2,
    "scenarios": 3,
    "contracts": 4,
    "commands": 5,
    "cli": 6,
    "__main__": 7,
}
"""As DESIGN.md draws them: a room may import rooms of lower floors; those of its own floor are strangers."""

STRANGERS = {"middleware"}
"""Rooms that know no other room: the reference middleware knows only HTTP, like everybody's."""

OUTSIDE_OF_A_LEDGER = {
    "aiohttp",
    "asyncio",
    "fastapi",
    "random",
    "secrets",
    "starlette",
    "threading",
    "time",
    "uuid",
    "uvicorn",
}
"""Frameworks, clocks and chance: a ledger gets what it needs as arguments."""


# Imports go down only


def imported_rooms(source: str, module: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and room of every import inside the package; ``module`` is where the source stands, e.g. chaos, gate."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                above = module[: len(module) - node.level]
                path = (*above, *(node.module or "").split(".")) if node.module else above
                names = [path] if path else [(alias.name,) for alias in node.names]
            elif (node.module or "").partition(".")[0] == "peakproof":
                rest = tuple((node.module or "").split(".")[1:])
                names = [rest] if rest else [(alias.name,) for alias in node.names]
            else:
                continue
            yield from ((node.lineno, name[0]) for name in names if name and name[0])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first, _, below = alias.name.partition(".")
                if first == "peakproof" and below:
                    yield node.lineno, below.partition(".")[0]


def wrong_imports(source: str, module: tuple[str, ...]) -> list[str]:
    """Every import that goes up or sideways, as ``chaos/gate.py:3 imports simulators``."""
    room = module[0]
    wrong = []
    for line, other in imported_rooms(source, module):
        if other == room or other not in FLOORS:
            continue
        if FLOORS[other] >= FLOORS[room] or room in STRANGERS:
            wrong.append(f"{'/'.join(module)}.py:{line} imports {other}")
    return wrong


def sources() -> Iterator[tuple[Path, tuple[str, ...]]]:
    for room in FLOORS:
        folder = ROOT / room
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{room}.py"]
        for path in files:
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield path, parts


def test_imports_go_down_only() -> None:
    found = [line for path, module in sources() for line in wrong_imports(path.read_text("utf-8"), module)]
    assert found == []


def test_every_room_is_looked_at() -> None:
    assert {module[0] for _, module in sources()} == set(FLOORS)
    assert len(list(sources())) > 50


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        pytest.param(("history", "reader"), "from ..verdict.judge import judge", id="up"),
        pytest.param(("verdict", "judge"), "from ..loadtests import plan", id="sideways"),
        pytest.param(
            ("simulators", "kit", "face"), "from ...scenarios.scenario import Scenario", id="from deep below"
        ),
        pytest.param(("chaos", "gate"), "import peakproof.simulators.estate", id="absolute"),
        pytest.param(("chaos", "gate"), "from peakproof import scenarios", id="from the package"),
        pytest.param(("chaos", "gate"), "from .. import scenarios", id="relative, from the package"),
        pytest.param(
            ("chaos", "gate"), "def f():\n    from ..simulators import estate", id="inside a function"
        ),
        pytest.param(("middleware", "app"), "from ..history.clock import Clock", id="a stranger"),
        pytest.param(("contracts", "provider"), "from ..cli import app", id="the command"),
    ],
)
def test_a_planted_wrong_import_is_found(module: tuple[str, ...], planted: str) -> None:
    assert len(wrong_imports(planted, module)) == 1


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        pytest.param(("scenarios", "runner"), "from ..verdict.judge import judge", id="down"),
        pytest.param(("chaos", "gate"), "from .fault import Call", id="own room"),
        pytest.param(
            ("chaos", "faults", "outage"), "from ..fault import Call", id="own room, from a folder of it"
        ),
        pytest.param(("history", "reader"), "import json", id="a library"),
        pytest.param(("scenarios", "runner"), "from .. import __version__", id="the version"),
    ],
)
def test_a_right_import_is_left_alone(module: tuple[str, ...], allowed: str) -> None:
    assert wrong_imports(allowed, module) == []


def ledger_imports(source: str) -> list[str]:
    """What a ledger must not know of, among its imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        found += [name for name in names if name.partition(".")[0] in OUTSIDE_OF_A_LEDGER]
    return found


def test_no_ledger_knows_a_framework_a_clock_or_chance() -> None:
    ledgers = [*sorted((ROOT / "simulators").glob("*/ledger.py"))]
    assert len(ledgers) >= 6
    assert {str(path): ledger_imports(path.read_text("utf-8")) for path in ledgers} == {
        str(path): [] for path in ledgers
    }


def test_a_clock_planted_in_a_ledger_is_found() -> None:
    assert ledger_imports("from time import monotonic\nimport random, json") == ["time", "random"]


def test_nobody_imports_locust_into_the_command() -> None:
    """gevent's patching in this process hangs later process pools."""
    code = "import sys, peakproof.cli, peakproof.scenarios.runner; sys.exit('locust' in sys.modules or 'gevent' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_judging_a_stored_run_loads_no_estate() -> None:
    """Half of the command's time on a small run went into importing servers that it never starts."""
    code = (
        "import sys, peakproof.cli, peakproof.scenarios.judge_config, peakproof.scenarios.reports\n"
        "sys.exit(', '.join({'aiohttp', 'fastapi', 'uvicorn', 'peakproof.simulators'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# What ships


def shipped_parts() -> list[str]:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    parts: list[str] = build["wheel"]["only-include"]
    assert set(parts) <= set(build["sdist"]["only-include"])
    return parts


def test_the_links_name_what_the_wheel_holds() -> None:
    assert sorted(link.name for link in LINKS.iterdir()) == sorted(shipped_parts())
    for link in LINKS.iterdir():
        assert link.is_symlink()
        assert link.resolve() == ROOT / link.name


def test_the_wheel_holds_every_file_of_its_parts(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("peakproof/")}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *shipped_parts()],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert packed == {f"peakproof/{name}" for name in listed if (ROOT / name).exists()}


NOT_PACKED = {".ci", ".gitignore", ".links", "pyproject.toml"}
"""What only a clone needs; hatch packs pyproject.toml by itself."""


def test_the_source_archive_holds_all_that_a_reader_needs() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    tracked = {name.partition("/")[0] for name in listed.stdout.splitlines()}
    assert set(build["sdist"]["only-include"]) == tracked - NOT_PACKED


# Lint, format, types


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(["ruff", "check", "."], id="ruff check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff format"),
        pytest.param(["mypy"], id="mypy"),
    ],
)
def test_the_code_is_clean(check: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
