"""A search for the highest rate that holds: on a terminal, as one page over all its runs, for CI and for pull requests."""

import io
from pathlib import Path
from urllib.parse import quote

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ... import __version__
from ...history.printable import printable
from ..limit import Limit, Step, StepOutcome
from ..result import Outcome
from .figures import three_digits
from .html import templates
from .markdown import SIGNS, plain
from .suite import MARKS
from .terminal import BANNER_STYLE

OUTCOMES: dict[StepOutcome, Outcome] = {
    "held": "pass",
    "broke": "fail",
    "limited": "inconclusive",
    "unknown": "inconclusive",
}
"""The verdict whose mark and colour a step has."""
_TONES: dict[Outcome, str] = {"pass": "holds", "fail": "violated", "inconclusive": "indeterminate"}
BANNERS: dict[Outcome, str] = {
    "pass": "PASS: the limit was found",
    "fail": "FAIL: not even the lowest rate holds",
    "inconclusive": "INCONCLUSIVE: the middleware's own limit was not found",
}


def line(step: Step) -> Text:
    """One rate as soon as it is judged."""
    outcome = OUTCOMES[step.outcome]
    text = Text(f"{MARKS[outcome]} {step.rate}  {step.outcome}", style=BANNER_STYLE[outcome])
    text.append(f"  {figures(step)}{printable(f'  {step.reason}' if step.reason else '')}", style="default")
    return text


def render(limit: Limit, console: Console) -> None:
    """Print the table of rates, slow ones first, and what it comes to."""
    table = Table(header_style="bold")
    for name in ("", "rate", "outcome"):
        table.add_column(name, no_wrap=True)
    table.add_column("orders", justify="right")
    table.add_column("objectives")
    table.add_column("why")
    for step in by_rate(limit):
        outcome = OUTCOMES[step.outcome]
        style = BANNER_STYLE[outcome]
        table.add_row(
            Text(MARKS[outcome], style=style),
            step.rate,
            Text(step.outcome, style=style),
            f"{step.verdict.counts.get('orders', 0):,}",
            figures(step),
            Text(printable(step.reason)),
        )
    console.print(table)
    text = Text(BANNERS[limit.verdict], style=BANNER_STYLE[limit.verdict])
    for sentence in limit.sentences:
        text.append(f"\n- {printable(sentence)}", style="default")
    console.print(Panel(text, border_style=BANNER_STYLE[limit.verdict], expand=False))


def page(limit: Limit, folder: Path) -> str:
    """One self-contained page; its links lead to the reports of the runs below ``folder``."""
    suts = dict.fromkeys(step.verdict.run.sut for step in limit.steps if step.verdict.run.sut)
    return templates.get_template("limit.html").render(
        limit=limit,
        version=__version__,
        scripts=(),
        chips=[*suts, limit.profile, f"seed {limit.seed}"],
        banner=BANNERS[limit.verdict],
        marks=MARKS,
        tones=_TONES,
        outcomes=OUTCOMES,
        steps=by_rate(limit),
        figures=figures,
        link=lambda step: quote((step.folder.relative_to(folder) / "report.html").as_posix()),
    )


def summary(limit: Limit) -> str:
    """For a pull request: what it comes to, and a line a rate."""
    lines = [
        f"## {SIGNS[limit.verdict]} {plain(limit.profile)}: {plain(BANNERS[limit.verdict])}",
        "",
        *(f"{plain(sentence)}  " for sentence in limit.sentences),
        "",
        "| rate | outcome | orders | objectives | why |",
        "| ---: | --- | ---: | --- | --- |",
    ]
    lines += [
        f"| {step.rate} | {SIGNS[OUTCOMES[step.outcome]]} {step.outcome} | {step.verdict.counts.get('orders', 0):,} | "
        f"{plain(figures(step))} | {plain(step.reason)} |"
        for step in by_rate(limit)
    ]
    return "\n".join([*lines, ""])


def junit(limit: Limit) -> str:
    """One case for the whole, and one a rate; a rate that does not hold is what was sought, so it counts as skipped."""
    suite = TestSuite(f"peakproof {limit.profile} seed {limit.seed}")
    whole = TestCase("the highest rate that holds", "peakproof.limit")
    said = printable(" ".join(limit.sentences))
    if limit.verdict != "pass":
        whole.result = [(Failure if limit.verdict == "fail" else Error)(said)]
    suite.add_testcase(whole)
    for step in by_rate(limit):
        case = TestCase(step.rate, "peakproof.limit")
        if step.outcome != "held":
            case.result = [Skipped(printable(f"{step.outcome}: {step.reason}"))]
        suite.add_testcase(case)
    document = JUnitXml("peakproof")
    document.add_testsuite(suite)
    text = io.BytesIO()
    document.write(text)
    return text.getvalue().decode()


def by_rate(limit: Limit) -> list[Step]:
    return sorted(limit.steps, key=lambda step: step.per_min)


def figures(step: Step) -> str:
    """What the key figures of the objectives were."""
    return ", ".join(
        f"{one.kpi} {'?' if one.value is None else three_digits(one.value)}"
        for one in step.verdict.objectives
    )
