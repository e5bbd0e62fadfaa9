"""Judging a run: ask every invariant that concerns it, take the key figures, and say what it all comes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ..history.reader import History
from . import injections, kpi, own, validity, wire
from .causes import in_causal_order
from .errors import HOW_TO_ASK
from .forensics import examine
from .objective import Objective
from .result import (
    InvariantResult,
    KpiValue,
    ObjectiveResult,
    Outcome,
    RunFacts,
    Validity,
    Verdict,
)
from .timeline import describe
from .written import written

DESCRIBED_FINDINGS = 50
"""The evidence of so many primary findings of each invariant is put into words."""


def judge(
    run_folder: Path,
    *,
    extra: Iterable[str] = (),
    objectives: Iterable[str] = (),
    threads: int | None = None,
) -> Verdict:
    """Judge a stored run and write its ``verdict.json``.

    ``extra`` are the user's own invariants, ``mine.sql`` or ``mine.py:function``; ``objectives`` come on top of those in
    run.json. Raises what ``History.of_run`` raises, and VerdictError for an invariant or an objective that cannot be read.
    """
    with History.of_run(run_folder, threads=threads) as history:
        verdict = judge_history(history, extra=extra, objectives=objectives)
    write_verdict(verdict, run_folder)
    return verdict


def judge_history(history: History, *, extra: Iterable[str] = (), objectives: Iterable[str] = ()) -> Verdict:
    """Judge what is in a history, and write nothing. A damaged record is asked nothing: whatever it said would not count."""
    if history.damage:
        return _of_damaged(history)
    texts = dict.fromkeys((*(history.run.get("objectives") or ()), *objectives))
    wanted = [Objective.of_text(text) for text in texts]
    flows = [flow for (flow,) in history.connection.execute("SELECT flow FROM judged_flows").fetchall()]
    asked = [*own.ask_all(history, flows, extra), wire.ask(history)]
    left_out = own.left_out(history.run, asked)
    results = in_causal_order(history, asked, DESCRIBED_FINDINGS)
    figures, met = _measured(history, results, wanted)
    aborted_on = history.run.get("aborted_on")  # what came in by then may still look well
    why = history.run.get("ended_early")
    met = [replace(one, met=False, aborted=why) if one.objective == aborted_on else one for one in met]
    injected = injections.of_run(history)
    checked = validity.check(history, injected)
    outcome, reasons = conclude(results, checked, met)
    if outcome == "fail" and (pending := history.run.get("pending")):
        reasons = (
            *reasons,
            f"the middleware said at the end that {pending} were still pending (pending_url)",
        )
    if left_out and not checked.void:
        named = ", ".join(one.id for one in left_out)
        reasons = (*reasons, f"not asked, for they are the run's own: {named} ({HOW_TO_ASK})")
    return Verdict(
        run=_facts(history, flows),
        verdict=outcome,
        reasons=reasons,
        validity=checked,
        invariants=(*results, *left_out),
        kpis=tuple(figures),
        objectives=tuple(met),
        faults=injected,
        counts=_counts(history),
        evidence=describe(history, _named(results)),
        forensics=examine(history),
    )


def _of_damaged(history: History) -> Verdict:
    checked = validity.check(history, ())
    outcome, reasons = conclude((), checked, ())
    return Verdict(
        run=_facts(history, ()),
        verdict=outcome,
        reasons=reasons,
        validity=checked,
        invariants=(),
        kpis=(),
        objectives=(),
        faults=(),
        counts={},
    )


def _measured(
    history: History, results: Sequence[InvariantResult], wanted: Sequence[Objective]
) -> tuple[list[KpiValue], list[ObjectiveResult]]:
    """Every key figure by name, and what became of the objectives in the user's order. ObjectiveError."""
    known = kpi.catalogue()
    units = kpi.units(known)
    for one in wanted:
        one.check_figure(units)
    kpi.note_invariants(history, results)
    figures: dict[str, KpiValue] = {}
    for after in (None, kpi.OBJECTIVES):
        kpi.note_objectives(history, [one.check(figures.values()) for one in wanted if one.kpi in figures])
        figures |= {
            figure.name: figure for one in known if one.after == after for figure in one.take(history)
        }
    return [figures[name] for name in units], [one.check(figures.values()) for one in wanted]


def check_wishes(extra: Iterable[str] = (), objectives: Iterable[str] = ()) -> None:
    """VerdictError for an invariant or an objective that ``judge`` could not ask, before there is anything to judge."""
    own.check(extra)
    units = kpi.units(kpi.catalogue())
    for text in objectives:
        Objective.of_text(text).check_figure(units)


def write_verdict(verdict: Verdict, run_folder: Path) -> Path:
    """Write ``verdict.json`` into a run's folder, whole or not at all; returns its path."""
    path = run_folder / "verdict.json"
    return written(path, msgspec.json.format(msgspec.json.encode(verdict.document()), indent=1).decode())


def read_verdict(run_folder: Path) -> Verdict:
    """The stored verdict of a run. FileNotFoundError where it was not judged yet; ValueError, and what ``of_document`` raises,
    where it is damaged: every value is of its type."""
    made = Verdict.of_document(msgspec.json.decode((run_folder / "verdict.json").read_bytes()))
    return msgspec.convert(msgspec.to_builtins(made), Verdict)


def conclude(
    results: Sequence[InvariantResult], checked: Validity, objectives: Sequence[ObjectiveResult]
) -> tuple[Outcome, tuple[str, ...]]:
    """The one merge rule: any finding fails; then anything that is not known is inconclusive; the rest passes.

    Of a run that is void nothing counts but that. An objective is a wish of the user's own: a figure that cannot be said
    has not met it. Where the generator or the estate was the limit, the figure is theirs, so that a missed objective
    proves nothing.
    """
    if checked.void:
        return "inconclusive", checked.reasons
    broken = [f"{r.id}: {r.findings_count} of {r.examined}" for r in results if r.status == "violated"]
    missed = [f"objective missed: {one.objective}, but {one.said}" for one in objectives if not one.met]
    doubts = list(checked.reasons)
    doubts += [f"{r.id} could not be examined: {r.reason}" for r in results if r.status == "unknown"]
    doubts += [
        f"{r.id}: {r.indeterminate} of {r.examined} cannot be told"
        for r in results
        if r.status == "indeterminate"
    ]
    if all(r.status == "not exercised" for r in results if r.id != wire.ID):
        doubts.append("no invariant had anything to examine")
    if broken or (missed and not checked.not_the_sut):
        return "fail", (*broken, *missed, *doubts)
    return ("inconclusive", (*doubts, *missed)) if doubts else ("pass", ())


def _named(results: Iterable[InvariantResult]) -> list[str]:
    """The evidence of the first findings of each invariant, each id once."""
    return list(
        dict.fromkeys(
            one
            for result in results
            for finding in result.findings[:DESCRIBED_FINDINGS]
            for one in finding.evidence
        )
    )


def _facts(history: History, flows: Sequence[str]) -> RunFacts:
    run = history.run
    sut, scenario = run.get("sut") or {}, run.get("scenario") or {}
    return RunFacts(
        id=str(run.get("id") or history.folder.name),
        scenario=scenario.get("name") if isinstance(scenario, Mapping) else str(scenario),
        seed=run.get("seed"),
        sut=sut.get("name") if isinstance(sut, Mapping) else str(sut),
        started_at=run.get("started_at"),
        duration_s=run.get("duration_s"),
        flows=tuple(flows),
    )


def _counts(history: History) -> dict[str, int]:
    row = history.rows(
        "SELECT (SELECT count(*) FROM accepted_orders WHERE NOT before_run) AS orders, (SELECT count(*) FROM calls) AS calls, "
        "(SELECT count(*) FROM effects) AS effects, (SELECT count(*) FROM deliveries) AS deliveries"
    )[0]
    return {name: int(count) for name, count in row.items()} | {"unreadable_lines": history.unreadable_lines}


__all__ = [
    "KpiValue",
    "Verdict",
    "conclude",
    "judge",
    "judge_history",
    "read_verdict",
    "write_verdict",
]
