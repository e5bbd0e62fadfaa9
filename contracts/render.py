"""What came of a check of contracts, on a terminal."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .compare import Comparison
from .result import Outcome, Verification


def show_comparison(found: Comparison, console: Console) -> None:
    """A table with a row for each break, and the sentence that sums it up."""
    if found.breaks:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("operation", "where", "what changed", "who is broken"):
            table.add_column(heading, overflow="fold")
        for one in found.breaks:
            table.add_row(*map(escape, (one.operation, one.where, one.why, one.who)))
        console.print(table)
        number = len(found.breaks)
        said = "1 difference breaks" if number == 1 else f"{number} differences break"
        console.print(f"[bold red]FAIL[/]: {said} somebody, of {found.operations} looked at")
    else:
        console.print(f"[bold green]PASS[/]: nobody is broken, of {found.operations} looked at")


def show_verification(found: Verification, console: Console) -> None:
    """A row for each pact, every mismatch of each failed interaction, and the sentence that sums it up."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("consumer", "provider", "interactions", "failed", "pact"):
        table.add_column(
            heading, overflow="fold", justify="right" if heading in ("interactions", "failed") else "left"
        )
    for pact, outcomes in found.by_pact():
        failed = sum(not one.verified for one in outcomes)
        told = f"[bold red]{failed}[/]" if failed else "[green]0[/]"
        table.add_row(
            escape(pact.consumer), escape(pact.provider), str(len(outcomes)), told, escape(pact.source)
        )
    console.print(table)
    for one in found.failed:
        console.print(f"[bold red]✗[/] {escape(_about(one))}")
        for mismatch in one.mismatches:
            console.print(f"    {escape(mismatch.sentence)}", soft_wrap=True)
    added = sum(one.credentials_added for one in found.outcomes)
    if added:
        console.print(f"without Authorization in the pact: {_counted(added)}; one that holds was put in")
    counted, failed = _counted(len(found.outcomes)), len(found.failed)
    if failed:
        console.print(f"[bold red]FAIL[/]: {failed} of {counted} not as agreed")
    else:
        console.print(f"[bold green]PASS[/]: {counted} as agreed")


def _counted(number: int) -> str:
    return "1 interaction" if number == 1 else f"{number} interactions"


def _about(one: Outcome) -> str:
    return f"{one.pact.consumer} → {one.pact.provider}: {one.interaction.title}"
