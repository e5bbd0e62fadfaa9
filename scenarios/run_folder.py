"""Finds a stored run as the user names it."""

import json
from difflib import get_close_matches
from pathlib import Path

from .errors import UsageError


def run_folder(given: str) -> Path:
    """A run by its folder, or by its id below runs/. UsageError where there is none, or its run.json is damaged."""
    for folder in (Path(given), Path("runs") / given):
        if (folder / "history").is_dir():
            _check_run_json(folder / "run.json")
            return folder
    if Path(given).is_dir():
        raise UsageError(f"{given} is no run: it has no folder 'history'; expected e.g. runs/<id>")
    known = sorted(path.parent.name for path in Path("runs").glob("*/history"))
    near = get_close_matches(Path(given).name, known, n=2) or known[-1:]
    hint = f"; did you mean {' or '.join(f'runs/{name}' for name in near)}?" if near else ""
    raise UsageError(f"there is no run {given!r}{hint}")


def _check_run_json(path: Path) -> None:
    """What a killed run left behind is whole or not there; anything else is damage."""
    try:
        if not isinstance(json.loads(path.read_text("utf-8")), dict):
            raise UsageError(
                f"{path} is damaged: it holds no table of keys; expected what the runner wrote there"
            )
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}; expected what the runner wrote there") from None
