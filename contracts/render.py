"""What came of a check of contracts, on a terminal."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .compare import Comparison


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
