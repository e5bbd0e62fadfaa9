"""A suite on a terminal and as one page over all its runs."""

from collections import Counter
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ... import __version__
from ...history.printable import printable
from ..result import InvariantResult, Outcome
from ..suite import Part, PartOutcome, SuiteVerdict, worst_first
from .html import templates
from .terminal import BANNER_STYLE, explained
from .wording import MARKS as STATUS_MARKS
from .wording import commands, counted

MARKS: dict[PartOutcome, str] = {"pass": "✓", "fail": "✗", "inconclusive": "?", "not exercised": "·"}
_TONES: dict[PartOutcome, str] = {
    "pass": "holds",
    "fail": "violated",
    "inconclusive": "indeterminate",
    "not exercised": "not-exercised",
}
_WORDS: dict[PartOutcome, str] = {
    "fail": "failed",
    "inconclusive": "proved nothing",
    "not exercised": "did not concern it",
    "pass": "passed",
}
_STYLES: dict[PartOutcome, str] = {
    "pass": BANNER_STYLE["pass"],
    "fail": BANNER_STYLE["fail"],
    "inconclusive": BANNER_STYLE["inconclusive"],
    "not exercised": "dim",
}
BANNERS: dict[Outcome, str] = {
    "pass": "PASS: every scenario holds",
    "fail": "FAIL: the middleware broke what it must keep",
    "inconclusive": "INCONCLUSIVE: not every scenario proves something",
}
FINDINGS_SHOWN = 3
REASONS_SHOWN = 12


def line(part: Part) -> Text:
    """One scenario as soon as it is judged."""
    outcome = part.outcome
    text = Text(f"{MARKS[outcome]} {part.scenario}  {outcome}", style=_STYLES[outcome])
    text.append(f"  {_said(part)}", style="default")
    return text


def render(suite: SuiteVerdict, console: Console) -> None:
    """Print the table of scenarios, the worst findings of those that failed, and the banner."""
    console.print(_table(suite))
    shown = 0
    for part in worst_first(suite.parts):
        for result, finding in part.verdict.worst[:1]:
            if shown < FINDINGS_SHOWN:
                console.print(Text(f"{part.scenario}:", style="bold"))
                console.print(explained(part.verdict, result, finding))
                for command in commands(part.folder, finding):
                    console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
                console.print()
            shown += 1
    text = Text(BANNERS[suite.verdict], style=BANNER_STYLE[suite.verdict])
    for reason in suite.reasons[:REASONS_SHOWN]:
        text.append(f"\n- {printable(reason)}", style="default")
    if len(suite.reasons) > REASONS_SHOWN:
        text.append(f"\n- and {counted(len(suite.reasons) - REASONS_SHOWN, 'more reason')}", style="default")
    console.print(Panel(text, border_style=BANNER_STYLE[suite.verdict], expand=False))


def page(suite: SuiteVerdict, folder: Path) -> str:
    """One self-contained page; its links lead to the reports of the runs below ``folder``."""
    return templates.get_template("suite.html").render(
        suite=suite,
        version=__version__,
        scripts=(),
        chips=_chips(suite),
        banner=BANNERS[suite.verdict],
        marks=MARKS,
        tones=_TONES,
        statuses=STATUS_MARKS,
        sentences=_sentences(suite),
        rows=_rows(suite),
        link=lambda part: quote((part.folder.relative_to(folder) / "report.html").as_posix()),
        worst=[(part, *one) for part in worst_first(suite.parts) for one in part.verdict.worst[:3]],
        commands=commands,
    )


def _chips(suite: SuiteVerdict) -> list[str]:
    suts = dict.fromkeys(part.verdict.run.sut for part in suite.parts if part.verdict.run.sut)
    return [*suts, f"seed {suite.seed}", counted(len(suite.parts) + len(suite.missing), "scenario")]


def _sentences(suite: SuiteVerdict) -> list[str]:
    """What came of it, under what pressure, and where to start."""
    outcomes = Counter(part.outcome for part in suite.parts)
    total = counted(len(suite.parts) + len(suite.missing), "scenario")
    said = [f"{outcomes[outcome]} {words}" for outcome, words in _WORDS.items() if outcomes[outcome]]
    if suite.missing:
        said.append(f"{len(suite.missing)} {'was' if len(suite.missing) == 1 else 'were'} not run")
    sums: Counter[str] = Counter()
    for part in suite.parts:
        sums.update(part.verdict.counts)
    fired = sum(fault.fired for part in suite.parts for fault in part.verdict.faults)
    met = f"{counted(sums['orders'], 'order')}, {counted(sums['calls'], 'call')} and {counted(fired, 'strike')} of faults"
    sentences = [f"Of {total} {', '.join(said)}.", f"Together they saw {met}."]
    for part in worst_first(suite.parts):
        if part.verdict.worst:
            result, finding = part.verdict.worst[0]
            start = f"Start with {part.scenario}: {finding.subject} ({finding.finding}): {finding.remedy or result.remedy}"
            return [*sentences, printable(start)]
    return sentences


def _rows(suite: SuiteVerdict) -> list[tuple[str, list[InvariantResult | None]]]:
    """Each invariant with what became of it in every scenario, in the order of the flow; null where it was not asked."""
    found = [{result.id: result for result in part.verdict.invariants} for part in suite.parts]
    steps = {result.id: (result.step, result.id) for results in found for result in results.values()}
    return [(id_, [results.get(id_) for results in found]) for id_ in sorted(steps, key=steps.__getitem__)]


def _table(suite: SuiteVerdict) -> Table:
    table = Table(header_style="bold")
    table.add_column("")
    table.add_column("scenario", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("orders", justify="right")
    table.add_column("calls", justify="right")
    table.add_column("faults fired", justify="right")
    table.add_column("findings", justify="right")
    for part in suite.parts:
        verdict, outcome = part.verdict, part.outcome
        style = _STYLES[outcome]
        findings = sum(result.findings_count for result in verdict.invariants)
        table.add_row(
            Text(MARKS[outcome], style=style),
            part.scenario,
            Text(outcome, style=style),
            f"{verdict.counts.get('orders', 0):,}",
            f"{verdict.counts.get('calls', 0):,}",
            f"{sum(bool(fault.fired) for fault in verdict.faults)} of {len(verdict.faults)}",
            Text(f"{findings:,}" if findings else "", style=style),
        )
    for name in suite.missing:
        table.add_row("·", name, Text("not run", style="dim"))
    return table


def _said(part: Part) -> str:
    verdict = part.verdict
    facts = [
        counted(verdict.counts.get("orders", 0), "order"),
        counted(verdict.counts.get("calls", 0), "call"),
    ]
    if verdict.run.duration_s:
        facts.append(f"{verdict.run.duration_s:.0f} s")
    if verdict.verdict != "pass" and verdict.reasons:
        more = f" and {len(verdict.reasons) - 1} more" if len(verdict.reasons) > 1 else ""
        facts.append(printable(verdict.reasons[0]) + more)
    return ", ".join(facts)
