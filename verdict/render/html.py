"""The verdict as one self-contained HTML page; nothing that came over the wire is ever taken for HTML."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..result import Verdict
from ..timeline import Moment
from .figures import channels_of, figure_rows, percentiles_of, three_digits
from .wording import BANNERS, MARKS, commands, evidence_lines, printable

FINDINGS_SHOWN = 50
EVIDENCE_SHOWN = 20

templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters["printable"] = lambda value: printable(str(value))


def render(verdict: Verdict, folder: Path, timelines: Mapping[str, Sequence[Moment]] | None = None) -> str:
    """The page on the run in ``folder``; ``timelines`` are the stories of some orders, shown beneath their findings."""
    return templates.get_template("report.html").render(
        verdict=verdict,
        facts=_facts(verdict),
        counts={name: count for name, count in verdict.counts.items() if count or name != "unreadable_lines"},
        timelines=timelines or {},
        banner=BANNERS[verdict.verdict],
        marks=MARKS,
        figures=figure_rows(verdict),
        percentiles=percentiles_of(verdict),
        channels=channels_of(verdict),
        number=three_digits,
        commands=lambda finding: commands(folder, finding),
        evidence=lambda finding: evidence_lines(verdict, finding, EVIDENCE_SHOWN),
        most=FINDINGS_SHOWN,
    )


def _facts(verdict: Verdict) -> str:
    run = verdict.run
    facts = [
        run.id,
        None if run.seed is None else f"seed {run.seed}",
        run.sut or "no system under test named",
        f"{run.duration_s:.0f} s" if run.duration_s else None,
        run.started_at[:19].replace("T", " ") + " UTC" if run.started_at else None,
        f"flows: {', '.join(run.flows)}",
    ]
    return " · ".join(fact for fact in facts if fact)
