"""The verdict as one self-contained HTML page; nothing that came over the wire is ever taken for HTML."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ... import __version__
from ...history.printable import printable
from ..result import ObjectiveResult, Outcome, Verdict
from .exhibits import Exhibits
from .figures import NOT_SAID, FigureRow, channels_of, figure_rows, percentiles_of, side_by_side, three_digits
from .manners import Manners
from .script import scripts, style
from .sentences import explanation
from .wording import BANNERS, MARKS, commands, counted, evidence_lines

CARDS_SHOWN = 5
"""So many findings of each invariant stand on a card of their own."""
FINDINGS_SHOWN = 40
"""So many more stand in a table."""
EVIDENCE_SHOWN = 20

OUTCOME_MARKS: dict[Outcome, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?"}

templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters["printable"] = lambda value: printable(str(value))
templates.filters["lines"] = lambda value: "\n".join(map(printable, str(value).split("\n")))


@dataclass(frozen=True, slots=True)
class Goal:
    """One objective on a figure."""

    words: str
    mark: str
    tone: str
    """``met`` or ``missed``."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure at a glance."""

    name: str
    value: str
    known: bool
    percentiles: str
    goals: tuple[Goal, ...]

    @property
    def tone(self) -> str:
        """The worst of its objectives; empty where it has none."""
        return next((tone for tone in ("missed", "met") if any(g.tone == tone for g in self.goals)), "")


def render(verdict: Verdict, folder: Path, exhibits: Exhibits | None = None) -> str:
    """The page on the run in ``folder``; ``exhibits`` are what its record shows, nothing where there is none."""
    shown = exhibits or Exhibits()
    broken = [result for result in verdict.invariants if result.findings]
    by_class = sorted(verdict.invariants, key=lambda result: (result.class_, result.step, result.id))
    numbers = {about: place for place, about in enumerate(shown.stories, 1)}
    told: set[str] = set()

    def claimed(about: str) -> bool:
        """Whether this is the first to ask: a story is told once."""
        if about in told:
            return False
        told.add(about)
        return True

    return templates.get_template("report.html").render(
        verdict=verdict,
        exhibits=shown,
        scripts=scripts() if shown.charts else (),
        library_style=style(),
        version=__version__,
        title=verdict.run.scenario or "Run",
        chips=_chips(verdict),
        sentences=explanation(verdict),
        counts={name: count for name, count in verdict.counts.items() if count or name != "unreadable_lines"},
        banner=BANNERS[verdict.verdict],
        mark=OUTCOME_MARKS[verdict.verdict],
        marks=MARKS,
        tiles=tiles_of(verdict),
        figures=figure_rows(verdict),
        percentiles=percentiles_of(verdict),
        channels=channels_of(verdict),
        classes=[
            (name, list(results)) for name, results in groupby(by_class, key=lambda result: result.class_)
        ],
        broken=broken,
        first=next(
            (finding for result in broken for finding in result.primary if finding.about in shown.stories),
            None,
        ),
        claimed=claimed,
        story_number=numbers.__getitem__,
        logged={line.band.injection: line for line in shown.faults},
        wrongs=_wrongs,
        duration=lambda value: "" if value is None else f"{three_digits(value)} s",
        commands=lambda finding: commands(folder, finding),
        evidence=lambda finding: evidence_lines(verdict, finding, EVIDENCE_SHOWN),
        again=f"peakproof run --from {shlex.quote(printable(str(folder)))}",
        cards=CARDS_SHOWN,
        most=FINDINGS_SHOWN,
    )


def tiles_of(verdict: Verdict) -> list[Tile]:
    """Every key figure with the objectives on it; those with objectives first."""
    names = {kpi.name: kpi for kpi in verdict.kpis}
    tiles = [
        _tile(
            row,
            [one for one in verdict.objectives if one.kpi in names and _is_of(one.kpi, row)],
            percentiles_of(verdict),
        )
        for row in figure_rows(verdict)
    ]
    return sorted(tiles, key=lambda tile: not tile.goals)


def _tile(row: FigureRow, objectives: Sequence[ObjectiveResult], percentiles: str) -> Tile:
    known = any(character.isdigit() for character in row.overall) and not row.overall.startswith("too few")
    several = " · " in row.overall
    note = f"{percentiles}; {NOT_SAID} too few samples" if NOT_SAID in row.overall else percentiles
    return Tile(row.name, row.overall, known, note if several else "", tuple(map(_goal, objectives)))


def _is_of(kpi: str, row: FigureRow) -> bool:
    """Whether a figure, or a percentile of it, stands in this row."""
    name = row.name.replace(" ", "_")
    return kpi == name or kpi.rpartition("_p")[0] == name


def _goal(objective: ObjectiveResult) -> Goal:
    if objective.value is None:
        return Goal(f"{objective.objective}: missed, {objective.said}", "✗", "missed")
    value = side_by_side([objective.value], objective.unit)
    if objective.met:
        return Goal(f"{objective.objective}: {value}", "✓", "met")
    return Goal(f"{objective.objective}: missed, {value}", "✗", "missed")


def _wrongs(manners: Manners) -> list[str]:
    """What an operation's repetitions show that a careful middleware never does."""
    said = []
    if manners.key_changed:
        said.append(f"{counted(manners.key_changed, 'repetition')} under another key")
    if manners.after_refusal:
        said.append(f"{counted(manners.after_refusal, 'repetition')} of what was refused for good")
    if manners.unanswered and not manners.keyed:
        said.append("no key, though replies got lost")
    return said


def _chips(verdict: Verdict) -> list[str]:
    run = verdict.run
    facts = [
        run.sut or "no system under test named",
        None if run.seed is None else f"seed {run.seed}",
        f"{run.duration_s:.0f} s" if run.duration_s else None,
        run.started_at[:19].replace("T", " ") + " UTC" if run.started_at else None,
        f"flows: {', '.join(run.flows)}" if run.flows else None,
        run.id,
    ]
    return [fact for fact in facts if fact]
