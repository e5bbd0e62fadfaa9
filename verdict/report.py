"""The files that show a verdict to people and to CI, beside the run that it is about."""

from pathlib import Path

import duckdb

from ..history.reader import History
from .render import html, junit, markdown
from .render.exhibits import Exhibits, exhibits_of, without_record
from .result import Verdict


def write_reports(verdict: Verdict, run_folder: Path, history: History | None = None) -> tuple[Path, Path]:
    """Write ``junit.xml``, ``report.html`` and ``summary.md`` into the run's folder, each whole or not at all.

    ``history`` is the run's where it is open already; else it is read again. Where it cannot be read, the page says so
    and shows the verdict alone. Returns the paths of the first two.
    """
    exhibits = _read(verdict, run_folder) if history is None else _shown(verdict, history)
    written(run_folder / "summary.md", markdown.render(verdict, run_folder))
    return (
        written(run_folder / "junit.xml", junit.render(verdict)),
        written(run_folder / "report.html", html.render(verdict, run_folder, exhibits)),
    )


def written(path: Path, text: str) -> Path:
    """Write a file whole or not at all; returns its path."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
    return path


def _read(verdict: Verdict, run_folder: Path) -> Exhibits:
    try:
        history = History.of_run(run_folder)
    except (OSError, ValueError, duckdb.Error) as problem:
        return without_record(str(problem).splitlines()[0])
    with history:
        return _shown(verdict, history)


def _shown(verdict: Verdict, history: History) -> Exhibits:
    """A record that was tampered with may hold what no query can reckon with: that costs the plots, not the verdict."""
    try:
        return exhibits_of(history, verdict)
    except duckdb.Error as problem:
        return without_record(str(problem).splitlines()[0])
