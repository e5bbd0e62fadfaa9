"""What a page shows beyond the verdict, taken from the run's record: plots, stories, manners, faults, facts, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...history.reader import History
from ...history.records import HISTORY_VERSION
from ..result import Verdict
from .agreements import Agreement, agreements_of
from .chart import Chart, Tick, drawn, numbers, seconds, time_ticks
from .manners import Manners, manners_of
from .sequence import Story, stories_of
from .series import Band, bands_of, clock_of, plots_of

STORIES_TOLD = 12
"""The page tells the whole story of so many orders, the worst first."""
COUNTED = ("calls", "effects", "deliveries")


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One injection as the fault log has it."""

    band: Band
    bars: tuple[tuple[float, float], ...]
    """Left edge and width of each window, in percent of the run."""
    ticks: tuple[tuple[float, float], ...]
    """Where it fired: percent of the run, and how strongly from 0 to 1."""
    active: str
    felt_by: str
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Exhibits:
    """Empty where there is no record to read."""

    charts: tuple[Chart, ...] = ()
    faults: tuple[FaultLine, ...] = ()
    across: tuple[Tick, ...] = ()
    stories: Mapping[str, Story] = field(default_factory=dict)
    manners: tuple[Manners, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    agreements: tuple[Agreement, ...] = ()
    """What checks of contracts came to that were stored with the run."""
    missing: tuple[str, ...] = ()
    """What this page cannot show, or what was changed since the verdict, in sentences."""

    @property
    def numbers(self) -> dict[str, Any]:
        """The plots for the page's script."""
        return numbers(self.charts, [line.band for line in self.faults])


def without_record(why: str) -> Exhibits:
    """The page of a run whose record cannot be read: the stored verdict alone."""
    return Exhibits(
        missing=(f"The record of this run cannot be read, so there are no plots and no timelines: {why}",)
    )


def exhibits_of(history: History, verdict: Verdict) -> Exhibits:
    """Everything that the record gives."""
    clock = clock_of(history)
    agreements, unreadable = agreements_of(history.folder)
    missing = (*_missing(history, verdict), *unreadable)
    facts = tuple(_facts(history.run))
    if clock is None:
        return Exhibits(
            facts=facts,
            agreements=tuple(agreements),
            missing=(*missing, "The record is empty: nothing happened that could be drawn."),
        )
    bands = bands_of(history, clock)
    return Exhibits(
        charts=tuple(drawn(plot, bands) for plot in plots_of(history, clock)),
        faults=tuple(_fault_lines(history, bands, clock.end_s)),
        across=time_ticks(clock),
        stories=stories_of(history, verdict, STORIES_TOLD),
        manners=tuple(manners_of(history)),
        facts=facts,
        agreements=tuple(agreements),
        missing=missing,
    )


def _missing(history: History, verdict: Verdict) -> list[str]:
    said = []
    run = history.run
    if not run:
        said.append("There is no run.json: what was run, with which seed and which faults is not known.")
    elif not run.get("finished_at"):
        said.append("The run was cut off: everything below ends where its record ends.")
    version = run.get("history_version")
    if version is not None and version != HISTORY_VERSION:
        said.append(
            f"The record was made by another version of peakproof (history version {version}; this one reads {HISTORY_VERSION}): "
            "what it does not know is left out."
        )
    counts = history.rows(
        "SELECT (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM effects) AS effects, "
        "(SELECT count(*) FROM deliveries) AS deliveries"
    )[0]
    for kind in COUNTED:
        judged = verdict.counts.get(kind)
        if judged is not None and judged != counts[kind]:
            said.append(
                f"The record was changed after it was judged: the verdict is about {judged:,} {kind}, "
                f"now there are {counts[kind]:,}. Judge it again: peakproof judge {history.folder}"
            )
    lost = [one for one in _named(verdict) if one not in verdict.evidence]
    if lost:
        said.append(
            f"Of the rows that findings name as evidence {len(lost):,} are not in the record, e.g. {lost[0]}."
        )
    if history.unreadable_lines:
        where = ", ".join(f"{count:,} of {table}" for table, count in sorted(history.unreadable.items()))
        said.append(
            f"{history.unreadable_lines:,} lines of the record cannot be read and are not shown: {where}."
        )
    return said


def _named(verdict: Verdict) -> list[str]:
    """The rows of the record that prove the worst findings; the judge has put them into words where the record has them."""
    shown = [finding for _, finding in verdict.worst[:STORIES_TOLD]]
    return list(
        dict.fromkeys(one for finding in shown for one in finding.evidence if not one.startswith("state: "))
    )


def _fault_lines(history: History, bands: list[Band], end_s: float) -> list[FaultLine]:
    felt = history.rows(
        """
        WITH felt AS (
            SELECT injection, concat_ws(' ', system, operation) AS place, count(*) AS times
            FROM   faults WHERE mark = 'fired' GROUP BY ALL
        ), most AS (
            SELECT * FROM felt QUALIFY row_number() OVER (PARTITION BY injection ORDER BY times DESC, place) <= 3
        )
        SELECT injection, string_agg(format('{} ({})', place, times), ', ' ORDER BY times DESC, place) AS places
        FROM   most GROUP BY injection
        """
    )
    places = {row["injection"]: row["places"] for row in felt}
    by_hand = {
        row["injection"] for row in history.rows("SELECT DISTINCT injection FROM faults WHERE by_hand")
    }
    found = []
    for band in bands:
        most = max(band.fired, default=0) or 1
        found.append(
            FaultLine(
                band,
                tuple(
                    (100 * start / end_s, max(100 * (end - start) / end_s, 0.3))
                    for start, end in band.windows
                ),
                tuple(
                    (100 * (step + 0.5) / len(band.fired), 0.35 + 0.65 * times / most)
                    for step, times in enumerate(band.fired)
                    if times
                ),
                ", ".join(f"{seconds(start)} to {seconds(end)}" for start, end in band.windows)
                or "never armed",
                places.get(band.injection, "nobody"),
                band.injection in by_hand,
            )
        )
    return found


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What run.json says, in the order in which people ask; whatever is not there or of another shape is left out."""
    sut, versions, machine = _mapping(run, "sut"), _mapping(run, "versions"), _mapping(run, "machine")
    scenario, systems = _mapping(run, "scenario"), _mapping(run, "systems")
    command = sut.get("command")
    facts = {
        "run": run.get("id"),
        "scenario": scenario.get("name"),
        "about": scenario.get("description"),
        "seed": run.get("seed"),
        "system under test": sut.get("name"),
        "its command": " ".join(map(str, command)) if isinstance(command, list) else command,
        "its address": sut.get("url"),
        "started": run.get("started_at"),
        "finished": run.get("finished_at"),
        "shoppers bought for": _with_unit(run.get("workload_s"), "s"),
        "time scale": run.get("time_scale"),
        "settled": run.get("settle_reason"),
        "systems": ", ".join(f"{name} ({_mapping(systems, name).get('kind', '?')})" for name in systems),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "machine": ", ".join(
            f"{value} {'cores' if name == 'cpus' else ''}".strip() for name, value in machine.items()
        ),
        "history version": run.get("history_version"),
        "clock known to": _with_unit(run.get("clock_uncertainty_ns"), "ns"),
    }
    return [(name, str(value)) for name, value in facts.items() if value not in (None, "")]


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _with_unit(value: Any, unit: str) -> str | None:
    return None if value is None else f"{value:g} {unit}" if isinstance(value, int | float) else str(value)
