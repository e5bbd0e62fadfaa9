"""``peakproof run``: one scenario."""

import functools
from pathlib import Path
from typing import Annotated

import typer

from ..scenarios.errors import UsageError
from .console import say, say_live
from .given import apart, check_out, check_plan, judged_by, overrides_of, scenario_of, sut_for
from .options import (
    ConfigOption,
    InvariantsOption,
    JsonOption,
    MiddlewareOption,
    ObjectiveOption,
    OutOption,
    ProcessesOption,
    SetOption,
    TrustOption,
)
from .suite import run_suite
from .verdict import run_and_judge


def run(
    scenarios: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SCENARIO]…",
            help="Names of the library or .yaml files; black-friday unless said. Several make a suite.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            metavar="standard|full",
            help="All scenarios of a suite, one verdict over all.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    middleware: MiddlewareOption = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, help="Same seed, same orders and faults; 1 unless said.", show_default=False
        ),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration",
            help="Seconds of workload; arrivals and faults keep their shape.",
            show_default=False,
        ),
    ] = None,
    overrides: SetOption = None,
    processes: ProcessesOption = False,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            "--drift",
            metavar="SYSTEM.OPERATION:CHANGE:FIELD=TO",
            help="Let a system serve another version, e.g. erp.create_sales_order:rename:sales_order_id=id; repeatable.",
            show_default=False,
        ),
    ] = None,
    from_run: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Scenario, seed and middleware of an earlier run.",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only",
            metavar="ORDER",
            help="With --from: replay this order alone, with the faults that it felt.",
            show_default=False,
        ),
    ] = None,
    invariants: InvariantsOption = None,
    objectives: ObjectiveOption = None,
    trust: TrustOption = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve a live view of the run on a port of its own.")
    ] = False,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Run a scenario, or a suite of them, against a middleware and judge what happened."""
    from ..scenarios.runner import Runner

    overrides = apart(overrides, processes)
    check_out(out)
    named = scenarios or []
    if trust and from_run is None:
        raise UsageError("--trust needs --from RUN: the run whose own configuration is to be used")
    if watch and (suite is not None or len(named) > 1):
        raise UsageError("--watch shows one run, and a suite has several: choose one scenario")
    if suite is not None or len(named) > 1:
        if drift:
            raise UsageError("--drift is for one scenario, not for a suite of them")
        run_suite(
            suite,
            named,
            from_run,
            config,
            middleware,
            seed,
            duration,
            overrides,
            invariants,
            objectives,
            out,
            as_json,
        )
    wanted, from_seed = scenario_of(named[0] if named else None, from_run, only)
    if duration is not None:
        wanted = wanted.with_duration(duration)
    wanted = wanted.with_overrides(overrides_of(overrides or []))
    if drift:
        from ..contracts.drift import drifting

        wanted = drifting(wanted, drift)
    choice = sut_for(config, middleware, wanted, from_run, trust=trust)
    wanted, left_out = wanted.fit_for(choice.sut)
    judged = judged_by(invariants, objectives, choice.judge, wanted.objectives)
    chosen_seed = next(one for one in (seed, from_seed, 1) if one is not None)
    check_plan(wanted, chosen_seed)
    say(f"scenario {wanted.name}, {wanted.duration_s:g} s of workload, seed {chosen_seed}")
    if left_out:
        say(f"left out, for these flows never meet them: {', '.join(left_out)}")
    make = functools.partial(
        Runner,
        wanted,
        choice.sut,
        seed=chosen_seed,
        out=out,
        origin=choice.origin,
        judged_by=judged.recorded,
        on_live=say_live if watch else None,
        on_news=say,
    )
    run_and_judge(make, out, judged, as_json)
