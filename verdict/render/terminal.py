"""The verdict on a terminal: the table of invariants, the key figures, the worst findings explained, the banner."""

from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...history.printable import printable
from ..result import Finding, InvariantResult, Outcome, Status, Verdict
from ..timeline import Moment
from .figures import NOT_SAID, channels_of, figure_rows, percentiles_of, side_by_side
from .wording import BANNERS, GUILTY, MARKS, NOTHING_DONE, commands, counted, evidence_lines

FINDINGS_SHOWN = 3
EVIDENCE_SHOWN = 8
REASONS_SHOWN = 12
WIDE = 110
"""Columns from which on there is room for the figures of each channel."""

PARTS_SHOWN = 3
"""Of the reasons, of the injections, … that a figure is split by, the greatest ones."""

Found = tuple[InvariantResult, Finding]

_STATUS_STYLE: dict[Status, str] = {
    "holds": "green",
    "violated": "bold red",
    "not exercised": "dim",
    "indeterminate": "yellow",
    "unknown": "yellow",
}
_MOMENT_STYLE = {
    "call": "cyan",
    "effect": "green",
    "delivery": "blue",
    "fault": "bold red",
    "shopper": "magenta",
}
BANNER_STYLE: dict[Outcome, str] = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}


def render(verdict: Verdict, console: Console, folder: Path, *, findings: int = FINDINGS_SHOWN) -> None:
    """Print the verdict on the run in ``folder``, with its ``findings`` worst findings explained."""
    console.print(Text(_title(verdict), style="bold"), soft_wrap=True)
    console.print(_invariants(verdict))
    console.print(_figures(verdict, by_channel=console.width >= WIDE))
    if verdict.faults:
        console.print(_faults(verdict))
    for result, finding in verdict.worst[:findings]:
        console.print(explained(verdict, result, finding))
        for command in commands(folder, finding):
            console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
        console.print()
    console.print(_banner(verdict))


def render_timeline(moments: Sequence[Moment], console: Console, found: Sequence[Found] = ()) -> None:
    """Print the story of an order, a line a moment, and what ``found`` says about it: the guilty step is marked.

    ``found`` are findings about this order with the invariants that they break, the first in the flow first.
    """
    proof = {one for _, finding in found for one in finding.evidence}
    guilty = {finding.guilty for _, finding in found[:1]}
    width = max((len(moment.system) for moment in moments), default=0)
    for moment in moments:
        mark = "✗" if moment.id in guilty else "◆" if moment.id in proof else " "
        line = Text(f"{mark} {printable(moment.line(width))}", style=_MOMENT_STYLE.get(moment.what, ""))
        if moment.id in guilty:
            line.append("  ← the guilty step")
            line.stylize("bold red")
        console.print(line, soft_wrap=True)
    for place, (result, finding) in enumerate(found):
        console.print()
        console.print(
            Text(f"✗ {printable(finding.finding)}  ({result.id})", style="bold red"), soft_wrap=True
        )
        if finding.consequence_of:
            console.print(Text(f"  follows from {finding.consequence_of}"), soft_wrap=True)
            continue
        if place == 0 and finding.omission:
            console.print(Text(f"  {NOTHING_DONE}"), soft_wrap=True)
        console.print(Text(f"  should be: {result.claim}"), soft_wrap=True)
        console.print(Text(f"  remedy:    {printable(finding.remedy or result.remedy)}"), soft_wrap=True)
    if proof:
        console.print(Text("\n✗ the guilty step, ◆ other evidence", style="dim"))


def _title(verdict: Verdict) -> str:
    run = verdict.run
    about = [
        f"seed {run.seed}" if run.seed is not None else None,
        run.sut,
        f"{run.duration_s:.0f} s" if run.duration_s else None,
    ]
    return " · ".join(printable(part) for part in (run.scenario or "run", *about, run.id) if part)


def _invariants(verdict: Verdict) -> Table:
    table = Table(expand=False, header_style="bold")
    table.add_column("")
    table.add_column("invariant", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("examined", justify="right")
    table.add_column("findings", justify="right")
    by_class = sorted(verdict.invariants, key=lambda result: (result.class_, result.step, result.id))
    for class_, results in groupby(by_class, key=lambda result: result.class_):
        table.add_section()
        table.add_row("", Text(class_, style="bold"))
        for result in results:
            style = _STATUS_STYLE[result.status]
            table.add_row(
                Text(MARKS[result.status], style=style),
                result.id.replace("_", " "),
                Text(result.status, style=style),
                f"{result.examined:,}",
                Text(f"{result.findings_count:,}" if result.findings_count else "", style=style),
            )
    return table


def _figures(verdict: Verdict, *, by_channel: bool) -> Table:
    table = Table(header_style="bold")
    channels = channels_of(verdict) if by_channel else []
    table.add_column("key figure")
    table.add_column(f"all ({percentiles_of(verdict)})" if percentiles_of(verdict) else "all", no_wrap=True)
    for channel in channels:
        table.add_column(Text(printable(channel)), no_wrap=True)
    for row in figure_rows(verdict):
        table.add_row(row.name, row.overall, *row.by_channel[: len(channels)])
        for dimension, parts in groupby(row.parts, key=lambda part: part[0]):
            for _, name, value in islice(parts, PARTS_SHOWN):
                table.add_row(Text(f"  {dimension} {printable(name)}", style="dim"), Text(value, style="dim"))
        if NOT_SAID in row.overall:
            table.caption = Text(f"{NOT_SAID} too few samples to say it", justify="left")
    for objective in verdict.objectives:
        mark: Status = "holds" if objective.met else "violated"
        table.add_row(
            Text(printable(f"{MARKS[mark]} {objective.objective}"), style=_STATUS_STYLE[mark]),
            Text("not said" if objective.value is None else side_by_side([objective.value], objective.unit)),
        )
    return table


def _faults(verdict: Verdict) -> Table:
    table = Table(header_style="bold")
    for column in ("injection", "fault", "where"):
        table.add_column(column)
    table.add_column("fired", justify="right")
    for fault in verdict.faults:
        style = "" if fault.fired else "dim" if fault.left_out else "yellow"
        table.add_row(fault.id, fault.fault, fault.where, printable(fault.outcome), style=style)
    return table


def explained(verdict: Verdict, result: InvariantResult, finding: Finding) -> Panel:
    """One finding in a frame: what it is, the rows that prove it, what follows from it, and the remedy."""
    text = Text()
    text.append(f"{printable(finding.subject)}: {printable(finding.finding)}\n", style="bold")
    text.append(f"{result.claim}\n\n")
    for line in evidence_lines(verdict, finding, EVIDENCE_SHOWN):
        text.append(f"{line}\n", style="bold red" if line.startswith(GUILTY) else "dim")
    later = verdict.consequences_of(result, finding)
    if later:
        text.append("\nFollows from it:\n")
        for other, consequence in later[:6]:
            text.append(f"  {other.id.replace('_', ' ')}: {printable(consequence.finding)}\n")
    if result.findings_count > 1:
        text.append(f"\n{result.findings_count - 1:,} more like it.\n")
    text.append("\nRemedy: ", style="bold")
    text.append(printable(finding.remedy or result.remedy))
    title = Text(
        f"{MARKS[result.status]} {result.id.replace('_', ' ')} · {result.severity}", style="bold red"
    )
    return Panel(text, title=title, title_align="left", border_style="red", expand=False)


def _banner(verdict: Verdict) -> Panel:
    counts = verdict.counts
    text = Text(BANNERS[verdict.verdict], style=BANNER_STYLE[verdict.verdict])
    judged = [
        counted(counts.get("orders", 0), "order"),
        counted(counts.get("calls", 0), "call"),
        counted(counts.get("effects", 0), "effect"),
        f"{counts.get('deliveries', 0):,} {'delivery' if counts.get('deliveries') == 1 else 'deliveries'}",
    ]
    text.append(f"\n{', '.join(judged)} judged", style="default")
    broken = sum(result.status == "violated" for result in verdict.invariants)
    shown = max(REASONS_SHOWN, broken)  # what was violated is never folded away
    for reason in verdict.reasons[:shown]:
        text.append(f"\n- {printable(reason)}", style="default")
    if len(verdict.reasons) > shown:
        text.append(f"\n- and {counted(len(verdict.reasons) - shown, 'more reason')}", style="default")
    return Panel(text, border_style=BANNER_STYLE[verdict.verdict], expand=False)
