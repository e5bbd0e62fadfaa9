"""``peakproof contracts``: what the user may ask of this room. The command line puts its guard around each command."""

import json
import sys
from typing import Annotated

import typer

# Everything else is imported inside the commands: `--help` and a typing mistake are answered at once.

contracts = typer.Typer(
    help="Check contracts: what changed, and whether consumers and systems still agree.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Exactly one JSON document on stdout.")]


@contracts.command("compare")
def compare_(
    old: Annotated[str, typer.Argument(metavar="OLD", help="An OpenAPI document or a pact: a file or URL.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="An OpenAPI document: a file or URL.")],
    as_json: JsonOption = False,
) -> None:
    """Say which differences between two OpenAPI documents, or a pact and one, break whom; exit code 1 if any."""
    from .compare import compare

    found = compare(old, new)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1, ensure_ascii=False))
    else:
        from rich.console import Console

        from .render import show_comparison

        console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=140)
        show_comparison(found, console)
    raise SystemExit(found.exit_code)
