"""The files made from a verdict, beside the run: ``junit.xml`` and ``report.html``. They can be made again at any time."""

from pathlib import Path

from ..history.reader import History
from .render import html, junit
from .result import Verdict
from .timeline import Moment, order_timeline

STORIES_TOLD = 20
"""The report tells the whole story of so many orders, the worst first."""
MOST_MOMENTS = 500
"""So much of each story."""


def write_reports(verdict: Verdict, run_folder: Path, history: History | None = None) -> tuple[Path, Path]:
    """Write ``junit.xml`` and ``report.html`` into the run's folder, each whole or not at all; returns their paths.

    ``history`` is the run's where it is open already; it is read again only where it is not and something was found.
    """
    stories = _stories(verdict, run_folder) if history is None else _told(verdict, history)
    return (
        written(run_folder / "junit.xml", junit.render(verdict)),
        written(run_folder / "report.html", html.render(verdict, run_folder, stories)),
    )


def written(path: Path, text: str) -> Path:
    """Write a file whole or not at all; returns its path."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, "utf-8")
    draft.replace(path)
    return path


def _stories(verdict: Verdict, run_folder: Path) -> dict[str, list[Moment]]:
    if not verdict.worst:
        return {}
    with History.of_run(run_folder) as history:
        return _told(verdict, history)


def _told(verdict: Verdict, history: History) -> dict[str, list[Moment]]:
    subjects = list(dict.fromkeys(finding.about for _, finding in verdict.worst))[:STORIES_TOLD]
    stories = {subject: order_timeline(history, subject)[:MOST_MOMENTS] for subject in subjects}
    return {subject: story for subject, story in stories.items() if story}
