"""The ``peakproof`` command: every command of it, joined. What each does is in ``commands/``.

Exit codes: 0 pass, 1 fail, 2 wrong usage, 3 inconclusive, 70 our own fault. Data goes to stdout, progress to stderr.
"""

if not __package__:  # started as `python cli.py`: run this file as the module it is
    import runpy

    runpy.run_module("peakproof.cli", run_name="__main__", alter_sys=True)
    raise SystemExit

from typing import Annotated

import typer

from . import __version__
from .commands.catalogue import list_
from .commands.chaos import chaos
from .commands.first_contact import try_
from .commands.guard import guarded
from .commands.init import init
from .commands.load import load
from .commands.run import run
from .commands.selfcheck import selfcheck
from .commands.stored import compare, explain, judge, report
from .commands.up import up
from .contracts.commands import contracts

app = typer.Typer(
    name="peakproof",
    help="Stands a realistic retail estate around your middleware, sends it a peak season full of faults, "
    "and proves what really happened.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"peakproof {__version__}")
        raise typer.Exit


@app.callback()
def _peakproof(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


for command in (run, load, try_, up, judge, report, explain, init, selfcheck, compare, list_):
    app.command(command.__name__.removesuffix("_"))(guarded(command))
for name, group in (("chaos", chaos), ("contracts", contracts)):
    for registered in group.registered_commands:
        assert registered.callback is not None
        registered.callback = guarded(registered.callback)
    app.add_typer(group, name=name)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
