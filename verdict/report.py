"""The files that show a verdict to people and to CI: of one run, of a suite, of a search for the limit."""

from pathlib import Path
from typing import Any

import duckdb
import msgspec

from ..history.reader import History
from .limit import Limit
from .render import html, junit, markdown
from .render import limit as of_limit
from .render import suite as of_suite
from .render.exhibits import Exhibits, exhibits_of, without_record
from .result import Verdict
from .suite import SuiteVerdict
from .written import written


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


def write_suite(suite: SuiteVerdict, folder: Path) -> Path:
    """Write ``suite.json``, ``junit.xml``, ``summary.md`` and ``report.html`` into a suite's folder; returns the page's path."""
    written(folder / "suite.json", _indented(suite.document()))
    written(folder / "junit.xml", junit.render(*(part.verdict for part in suite.parts)))
    written(folder / "summary.md", markdown.render_suite(suite))
    return written(folder / "report.html", of_suite.page(suite, folder))


def write_limit(limit: Limit, folder: Path) -> Path:
    """Write ``limit.json``, ``junit.xml``, ``summary.md`` and ``report.html`` into a search's folder; returns the page's path."""
    written(folder / "limit.json", _indented(limit.document()))
    written(folder / "junit.xml", of_limit.junit(limit))
    written(folder / "summary.md", of_limit.summary(limit))
    return written(folder / "report.html", of_limit.page(limit, folder))


def _indented(document: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode()


def _read(verdict: Verdict, run_folder: Path) -> Exhibits:
    try:
        history = History.of_run(run_folder)
    except (OSError, ValueError, duckdb.Error) as problem:
        return without_record(str(problem).splitlines()[0])
    with history:
        return _shown(verdict, history)


def _shown(verdict: Verdict, history: History) -> Exhibits:
    """A record that was tampered with may hold what no query can reckon with: that costs the plots, not the verdict."""
    if history.damage:
        return without_record(f"it is damaged: {'; '.join(history.damage)}")
    try:
        return exhibits_of(history, verdict)
    except duckdb.Error as problem:
        return without_record(str(problem).splitlines()[0])
