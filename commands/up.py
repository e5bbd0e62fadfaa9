"""``peakproof up``: an estate that stands until Ctrl-C."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .console import echo_document, say, stdout
from .given import apart, check_out, check_plan, overrides_of, sut_beside
from .guard import Desk
from .options import ConfigOption, JsonOption, OutOption, ProcessesOption, SeedOption, SetOption
from .progress import Watched


def up(
    scenario: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO]",
            help="Whose estate to stand up: a name of the library or a .yaml file; black-friday unless said.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    middleware: Annotated[
        str | None,
        typer.Option(
            "--middleware",
            metavar="reference|DEFECT|URL",
            help="What to start beside it. Unless said: what ./peakproof.toml says, else nothing.",
            show_default=False,
        ),
    ] = None,
    no_sut: Annotated[
        bool, typer.Option("--no-sut", help="Start nothing beside it, whatever peakproof.toml says.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live/--no-live", help="Serve the live view, a page on a port of its own.")
    ] = True,
    seed: SeedOption = 1,
    overrides: SetOption = None,
    processes: ProcessesOption = False,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Keep the estate running until Ctrl-C, with addresses and credentials, to call it and to break it by hand."""
    from dataclasses import asdict

    from ..scenarios.control import render
    from ..scenarios.scenario import Scenario
    from ..scenarios.up import Ready, Up

    overrides = apart(overrides, processes)
    check_out(out)
    wanted = Scenario.load(scenario or "black-friday").with_overrides(overrides_of(overrides or []))
    choice = sut_beside(config, middleware, no_sut, wanted)
    check_plan(wanted, seed)

    def show(ready: Ready) -> None:
        if as_json:
            document = {"schema": "peakproof/up/1", **asdict(ready), "folder": str(ready.folder)}
            echo_document(document)
        else:
            render.show_ready(ready, wanted.name, wanted.time_scale, stdout())
        sys.stdout.flush()

    runner = Up(
        wanted,
        choice.sut if choice else None,
        seed=seed,
        on_ready=show,
        out=out,
        on_progress=Watched(),
        origin=choice.origin if choice else None,
        live=live,
        on_news=say,
    )
    with Desk.of(runner, out):
        folder = runner.run()
    say(f"recorded in {folder}; judge it with: peakproof judge {folder}")
    if runner.death is not None:
        raise runner.death
