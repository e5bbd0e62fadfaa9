"""The files made from a verdict, beside the run: ``junit.xml`` and ``report.html``. They can be made again at any time."""

from pathlib import Path

import duckdb

from ..history.reader import History
from .render import html, junit
from .render.exhibits import Exhibits, exhibits_of, without_record
from .result import Verdict


def write_reports(verdict: Verdict, run_folder: Path, history: History | None = None) -> tuple[Path, Path]:
    """Write ``junit.xml`` and ``report.html`` into the run's folder, each whole or not at all; returns their paths.

    ``history`` is the run's where it is open already; else it is read again. Where it cannot be read, the page says so
    and shows the verdict alone.
    """
    exhibits = _read(verdict, run_folder) if history is None else _shown(verdict, history)
    return (
        written(run_folder / "junit.xml", junit.render(verdict)),
        written(run_folder / "report.html", html.render(verdict, run_folder, exhibits)),
    )


def written(path: Path, text: str) -> Path:
    """Write a file whole or not at all; returns its path."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, "utf-8")
    draft.replace(path)
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
