"""The verdict as Markdown for a pull request; nothing that came over the wire is ever taken for Markdown or HTML."""

import re
from collections.abc import Sequence
from pathlib import Path

from ...history.printable import printable
from ..result import ObjectiveResult, Verdict
from ..suite import PartOutcome, SuiteVerdict, worst_first
from .figures import side_by_side
from .sentences import explanation
from .wording import BANNERS, MARKS, commands, counted, evidence_lines

FINDINGS_SHOWN = 3
EVIDENCE_SHOWN = 8
INVARIANTS_SHOWN = 60

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$@]|:(?=//))")
"""What means something in the middle of a line, where every text from outside stands."""
SIGNS: dict[PartOutcome, str] = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "not exercised": "⚪"}


def render(verdict: Verdict, folder: Path) -> str:
    """The summary of one run."""
    return "\n".join(
        [
            f"## {SIGNS[verdict.verdict]} {plain(verdict.run.scenario or 'run')}: {plain(BANNERS[verdict.verdict])}",
            "",
            *(f"{plain(sentence)}  " for sentence in explanation(verdict)),
            "",
            *_broken(verdict),
            *_objectives(verdict.objectives),
            *_findings(verdict, folder, FINDINGS_SHOWN),
            plain(_facts(verdict)),
            "",
        ]
    )


def render_suite(suite: SuiteVerdict) -> str:
    """The summary of a suite: a line a scenario, then the worst findings."""
    lines = [
        f"## {SIGNS[suite.verdict]} suite {plain(suite.suite)}: {suite.verdict}",
        "",
        "| scenario | verdict | orders | calls | findings | first reason |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for part in suite.parts:
        verdict = part.verdict
        findings = sum(result.findings_count for result in verdict.invariants)
        reason = plain(verdict.reasons[0]) if part.outcome != "pass" and verdict.reasons else ""
        lines.append(
            f"| {plain(part.scenario)} | {SIGNS[part.outcome]} {part.outcome} | {verdict.counts.get('orders', 0):,} | "
            f"{verdict.counts.get('calls', 0):,} | {findings:,} | {reason} |"
        )
    lines += [f"| {plain(name)} | not run | | | | |" for name in suite.missing]
    lines.append("")
    broken = [part for part in worst_first(suite.parts) if part.verdict.worst]
    for part in broken[:FINDINGS_SHOWN]:
        lines += [f"### {plain(part.scenario)}", "", *_findings(part.verdict, part.folder, 1)]
    return "\n".join(lines)


def plain(text: str) -> str:
    """The text as it is, whatever Markdown or HTML it holds."""
    escaped = _SPECIAL.sub(r"\\\1", printable(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _broken(verdict: Verdict) -> list[str]:
    doubtful = [
        result for result in verdict.invariants if result.status in ("violated", "indeterminate", "unknown")
    ]
    if not doubtful:
        return []
    lines = ["| invariant | status | findings | examined |", "| --- | --- | ---: | ---: |"]
    lines += [
        f"| {plain(result.claim)} | {MARKS[result.status]} {result.status} | {result.findings_count:,} | {result.examined:,} |"
        for result in doubtful[:INVARIANTS_SHOWN]
    ]
    return [*lines, ""]


def _objectives(objectives: Sequence[ObjectiveResult]) -> list[str]:
    if not objectives:
        return []
    lines = ["| objective | value | |", "| --- | ---: | --- |"]
    for one in objectives:
        said = "✓ met" if one.met else "✗ missed"
        value = plain(one.said) if one.value is None else side_by_side([one.value], one.unit)
        lines.append(f"| {plain(one.objective)} | {value} | {said} |")
    return [*lines, ""]


def _findings(verdict: Verdict, folder: Path, most: int) -> list[str]:
    lines: list[str] = []
    for result, finding in verdict.worst[:most]:
        lines += [
            f"**{plain(finding.subject)}: {plain(finding.finding)}**",
            "",
            f"{plain(result.claim)}  ",
            f"Remedy: {plain(finding.remedy or result.remedy)}",
            "",
            *_code([*evidence_lines(verdict, finding, EVIDENCE_SHOWN), "", *commands(folder, finding)]),
            "",
        ]
    found = sum(result.findings_count for result in verdict.invariants)
    shown = min(most, len(verdict.worst))
    if found > shown and shown:
        lines += [f"{counted(found - shown, 'more finding')} in report.html.", ""]
    return lines


def _code(lines: Sequence[str]) -> list[str]:
    """A block of code whose fence no line of it can close."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _facts(verdict: Verdict) -> str:
    run = verdict.run
    facts = [
        run.sut,
        None if run.seed is None else f"seed {run.seed}",
        f"{run.duration_s:.0f} s" if run.duration_s else None,
        f"{verdict.counts.get('orders', 0):,} orders",
        f"{verdict.counts.get('calls', 0):,} calls",
        run.id,
    ]
    return " · ".join(fact for fact in facts if fact)
