"""What can be done with stored runs: judge, report, explain, compare."""

from typing import Annotated

import typer
from rich.markup import escape

from ..scenarios.errors import UsageError
from ..scenarios.run_folder import run_folder
from .console import echo_document, say, stdout, to_pull_request
from .given import check_order, judged_as_before, stored_verdict
from .options import ConfigOption, InvariantsOption, JsonOption, ObjectiveOption, RunArgument, TrustOption
from .verdict import show_verdict


def judge(
    run: RunArgument,
    invariants: InvariantsOption = None,
    objectives: ObjectiveOption = None,
    config: ConfigOption = None,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a stored run again; writes verdict.json, junit.xml and report.html."""
    from ..scenarios.reports import judge_run

    folder = run_folder(run)
    judged = judged_as_before(folder, config, invariants, objectives, trust=trust)
    verdict = judge_run(folder, invariants=judged.invariants, objectives=judged.objectives)
    show_verdict(verdict, folder, as_json)
    to_pull_request(folder)
    raise SystemExit(verdict.exit_code)


def report(
    run: RunArgument,
    otlp: Annotated[
        str | None,
        typer.Option(
            "--otlp",
            metavar="URL",
            help="Also send the run's calls as OpenTelemetry traces, e.g. to http://localhost:4318.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write report.html, junit.xml and summary.md of a stored run, and say where they are."""
    from ..scenarios.reports import judge_run
    from ..verdict.report import write_reports

    folder = run_folder(run)
    if (folder / "verdict.json").is_file():
        write_reports(stored_verdict(folder, run), folder)
    else:
        judged = judged_as_before(folder, None, None, None, trust=False)
        judge_run(folder, invariants=judged.invariants, objectives=judged.objectives)
    for name in ("junit.xml", "report.html", "summary.md"):
        typer.echo(folder / name)
    if otlp is not None:
        from ..history.reader import History
        from ..verdict.otlp import export

        with History.of_run(folder) as history:
            say(f"{export(history, otlp):,} calls were sent to {otlp}")


def explain(
    run: RunArgument,
    order: Annotated[str, typer.Argument(metavar="ORDER", help="An order reference, e.g. web-000123.")],
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of one order: its calls, effects and deliveries, and the faults that they felt."""
    from dataclasses import asdict

    from ..history.reader import History
    from ..verdict.render.terminal import render_timeline
    from ..verdict.timeline import order_timeline

    folder = run_folder(run)
    with History.of_run(folder) as history:
        moments = order_timeline(history, order)
    if not moments:
        check_order(folder, order)
    judged = (folder / "verdict.json").is_file()
    found = stored_verdict(folder, run).about(order) if judged else ()
    if as_json:
        proof = {one for _, finding in found for one in finding.evidence}
        guilty = {finding.guilty for _, finding in found[:1]}
        told = [
            {
                **asdict(moment),
                "mark": "guilty" if moment.id in guilty else "evidence" if moment.id in proof else None,
            }
            for moment in moments
        ]
        echo_document(told)
        return
    render_timeline(moments, stdout(), found)
    if not judged:
        say(f"not judged yet, so no step is marked: peakproof judge {run}")


def compare(
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier run: its folder, or its id.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The later run, of the same scenario and seed.")],
    again: Annotated[
        list[str] | None,
        typer.Option(
            "--again",
            metavar="A2",
            help="A repetition of A: says how much is noise; repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two runs: which key figures got worse by more than A differs from its own repetitions."""
    from rich.table import Table

    from ..scenarios.scenario import Scenario
    from ..verdict.comparison import Comparison
    from ..verdict.result import EXIT_CODES

    folders = [run_folder(run) for run in (before, after, *(again or []))]
    first, second, *more = (stored_verdict(folder, str(folder)) for folder in folders)
    found = Comparison.of(first, second, more)
    wanted, *others = (Scenario.of_run(folder)[0].document() for folder in folders)
    for folder, other in zip(folders[1:], others, strict=True):
        differing = [key for key in wanted if wanted[key] != other[key]]
        if differing:
            raise UsageError(f"{folders[0]} and {folder} are no pair: they differ in {', '.join(differing)}")
    if as_json:
        echo_document(found.document())
    else:
        table = Table("key figure", found.before, found.after, "noise", "unit", "")
        for one in found.changes:
            if not one.whole and one.tendency not in ("worse", "better"):
                continue
            values = (one.before[0], one.after, one.noise)
            shown = ("?" if value is None else f"{value:.4g}" for value in values)
            table.add_row(one.name, *shown, escape(one.unit), one.tendency)
        console = stdout()
        console.print(table)
        console.print(
            f"{found.verdict.upper()}: {'; '.join(found.reasons) or 'nothing got worse'}", markup=False
        )
    raise SystemExit(EXIT_CODES[found.verdict])
