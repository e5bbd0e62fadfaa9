"""Finds a stored run as the user names it."""

from difflib import get_close_matches
from pathlib import Path

from ..history.facts import run_facts
from .errors import UsageError


def run_folder(given: str) -> Path:
    """A run by its folder, or by its id below runs/. UsageError where there is none, or its run.json is damaged."""
    for folder in (Path(given), Path("runs") / given):
        if (folder / "history").is_dir():
            try:
                run_facts(folder)
            except ValueError as error:
                raise UsageError(str(error)) from None
            return folder
    if Path(given).is_dir():
        raise UsageError(f"{given} is no run: it has no folder 'history'; expected e.g. runs/<id>")
    known = sorted(path.parent.name for path in Path("runs").glob("*/history"))
    near = get_close_matches(Path(given).name, known, n=2) or known[-1:]
    hint = f"; did you mean {' or '.join(f'runs/{name}' for name in near)}?" if near else ""
    raise UsageError(f"there is no run {given!r}{hint}")
