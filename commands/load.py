"""``peakproof load``: a profile at one rate."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from ..scenarios.errors import UsageError
from .console import say
from .given import apart, check_out, judged_by, overrides_of, sut_for
from .limit import find_limit
from .options import (
    ConfigOption,
    InvariantsOption,
    JsonOption,
    MiddlewareOption,
    ObjectiveOption,
    OutOption,
    ProcessesOption,
    SeedOption,
    SetOption,
)
from .verdict import run_and_judge

WORKERS_OWN = ("profile", "seed", "worker", "wait", "out", "as_json")
"""What ``load`` may be told of a worker; its master says all else."""


def load(
    context: typer.Context,
    profile: Annotated[
        str,
        typer.Argument(metavar="PROFILE", help="See: peakproof list profiles; or the path of a .toml file."),
    ],
    peak: Annotated[
        str | None,
        typer.Option(
            "--peak",
            metavar="RATE",
            help="Orders at the profile's peak: 600/min, 10/s; 300/min unless said. A search begins there.",
            show_default=False,
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            metavar="TIME",
            help="The profile's time is compressed into 90s, 3m; 60s unless said. Of a search: each rate's.",
            show_default=False,
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="START+LENGTH",
            help="Only a part of the profile, in real time unless --duration says otherwise: 13:00+1h, 26s+2m, peak+1h.",
            show_default=False,
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            help="Whose estate and faults: a name of the library or a .yaml file; no faults unless said.",
            show_default=False,
        ),
    ] = None,
    invariants: InvariantsOption = None,
    objectives: ObjectiveOption = None,
    config: ConfigOption = None,
    middleware: MiddlewareOption = None,
    seed: SeedOption = 1,
    overrides: SetOption = None,
    processes: ProcessesOption = False,
    abort_on: Annotated[
        list[str] | None,
        typer.Option(
            "--abort-on",
            metavar="TEXT",
            help="An objective that also ends the run once it can no longer be met; repeatable.",
            show_default=False,
        ),
    ] = None,
    step_factor: Annotated[
        float | None,
        typer.Option(
            "--step-factor",
            metavar="TIMES",
            help="Of a search (find-the-limit): the next rate while all holds; 2 unless said.",
            show_default=False,
        ),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(
            "--resolution",
            metavar="PART",
            help="Of a search: how near what held and what broke must come; 0.1 or 10% unless said.",
            show_default=False,
        ),
    ] = None,
    ui: Annotated[
        int | None,
        typer.Option("--ui", metavar="PORT", help="Serve Locust's web page there.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Spread the load over N processes of this machine; with --master, over N that come.",
            show_default=False,
        ),
    ] = None,
    master: Annotated[
        str | None,
        typer.Option(
            "--master",
            metavar="HOST:PORT",
            help="Wait for the --workers of other machines at this address of ours.",
            show_default=False,
        ),
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker",
            metavar="HOST:PORT",
            help="Be a worker of that master: it says all but PROFILE and --seed.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            "--wait",
            metavar="TIME",
            help="How long a master waits for workers, and a worker for its master; 60s unless said.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Put a load profile on a middleware with open arrivals, judge what happened, and say how fast it was."""
    from ..loadtests.profile import Profile
    from ..scenarios.abort import check_watched
    from ..scenarios.control.wish import seconds
    from ..scenarios.load import LoadRunner, loaded, peak_of
    from ..scenarios.spread import WAIT_S, check_peak, enlist, spread_of

    wait_s = seconds("--wait", wait)
    if worker is not None:
        for parameter in context.command.params:
            source = context.get_parameter_source(parameter.name or "")
            if source is not None and source.name == "COMMANDLINE" and parameter.name not in WORKERS_OWN:
                raise UsageError(
                    f"--worker {worker}: a worker has no {parameter.opts[0]}; leave it to the master"
                )
        raise SystemExit(enlist(profile, seed, worker, wait_s or WAIT_S))
    spread = spread_of(workers, master, wait_s)
    overrides = apart(overrides, processes)
    check_out(out)
    check_watched(abort_on or [])
    objectives = list(dict.fromkeys([*(objectives or []), *(abort_on or [])]))
    if (search := Profile.named(profile).search) is not None:
        try:
            search = search.changed(
                start_per_min=None if peak is None else peak_of(peak),
                step_s=seconds("--duration", duration),
                step_factor=step_factor,
                resolution=_part("--resolution", resolution),
            )
        except ValueError as error:
            raise UsageError(f"{profile}: {error}") from None
        find_limit(
            profile,
            window,
            search,
            scenario,
            config,
            middleware,
            seed,
            overrides,
            invariants,
            objectives,
            ui,
            spread,
            out,
            as_json,
        )
    for option, unwanted in (("--step-factor", step_factor), ("--resolution", resolution)):
        if unwanted is not None:
            raise UsageError(f"{option} {unwanted}: profile {profile} is run once; only a search has steps")
    peak = peak or "300/min"
    check_peak(peak, peak_of(peak), workers)
    wanted = loaded(profile, peak_of(peak), seconds("--duration", duration), scenario, window)
    wanted = wanted.with_overrides(overrides_of(overrides or []))
    if spread is not None:
        wanted = spread.opened(wanted)
    choice = sut_for(config, middleware, wanted)
    wanted, _ = wanted.fit_for(choice.sut)
    judged = judged_by(invariants, objectives, choice.judge, wanted.objectives)
    orders = len(wanted.plan(seed).orders)
    part = "" if window is None else f", {window} of it"
    say(
        f"profile {profile}{part}: {orders:,} orders in {wanted.duration_s:g} s, {peak} at the peak, seed {seed}"
    )
    if ui is not None:
        say(f"Locust's page: http://127.0.0.1:{ui}")
    make = functools.partial(
        LoadRunner,
        wanted,
        choice.sut,
        seed=seed,
        out=out,
        origin=choice.origin,
        judged_by=judged.recorded,
        ui_port=ui,
        spread=spread,
        on_news=say,
        abort_on=abort_on or [],
    )
    run_and_judge(make, out, judged, as_json)


def _part(option: str, text: str | None) -> float | None:
    """A part of a whole: 0.1 or 10%."""
    if text is None:
        return None
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is no part of a whole; expected one like 0.1 or 10%") from None
