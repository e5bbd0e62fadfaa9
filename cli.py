"""The ``peakproof`` command: reads what the user wants, calls it, shows what came of it, and sets the exit code.

Exit codes: 0 pass, 1 fail, 2 wrong usage, 3 inconclusive, 70 our own fault. Data goes to stdout, progress to stderr.
"""

if not __package__:  # started as `python cli.py`: run this file as the module it is
    import runpy

    runpy.run_module("peakproof.cli", run_name="__main__", alter_sys=True)
    raise SystemExit

import functools
import json
import os
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn, ParamSpec, Self, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from . import __version__
from .contracts.commands import contracts
from .scenarios.errors import RunError, SutFailed, UsageError, unknown
from .scenarios.run_folder import run_folder

# Everything else is imported inside the commands: `--help` and a typing mistake are answered at once.
if TYPE_CHECKING:
    from .loadtests.search import Search
    from .scenarios.config import SutConfig
    from .scenarios.control.client import Remote
    from .scenarios.judge_config import JudgeConfig
    from .scenarios.runner import Progress, Runner
    from .scenarios.scenario import Scenario
    from .scenarios.spread import Spread
    from .scenarios.sut_choice import SutChoice
    from .verdict.limit import Step
    from .verdict.result import Verdict
    from .verdict.suite import Part

PASS, FAIL, USAGE, INCONCLUSIVE, OUR_FAULT = 0, 1, 2, 3, 70
PLAIN_PROGRESS_S = 5.0
RATE_OVER_S = 5.0
LOG_LINES_SHOWN = 8

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    name="peakproof",
    help="Stands a realistic retail estate around your middleware, sends it a peak season full of faults, "
    "and proves what really happened.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _Progress(Console):
    """What is said meanwhile. When nobody reads it any more it falls silent, and the work goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class _Result(Console):
    """What a command is asked for: without a reader there is no point in going on."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


err = _Progress(stderr=True, highlight=False)


class _Desk:
    """Where the details of a failure of our own are written."""

    folder: Path | None = None


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Every way that a command can fail, with its line and its exit code; no traceback for a user's mistake."""

    @functools.wraps(command)
    def run_guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UsageError as error:
            raise _stop(error, error.exit_code) from None
        except RunError as error:
            raise _stop(error, error.exit_code) from None
        except KeyboardInterrupt:
            raise _stop("interrupted", INCONCLUSIVE) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(INCONCLUSIVE) from None
        except Exception as error:
            if _debugging():
                raise
            code = _known(error)
            if code is not None:
                raise _stop(error, code) from None
            raise _stop(_our_fault(error), OUR_FAULT) from None

    return run_guarded


def _stop(error: object, code: int) -> SystemExit:
    said = error.message if isinstance(error, SutFailed) else error
    err.print(f"[bold red]error:[/] {escape(str(said))}", soft_wrap=True)
    if isinstance(error, SutFailed):
        _show_last_words(error)
    if isinstance(error, RunError) and error.folder is not None:
        err.print(f"recorded in {error.folder}", markup=False, soft_wrap=True)
    return SystemExit(code)


def _show_last_words(failure: SutFailed) -> None:
    for line in failure.log[-LOG_LINES_SHOWN:]:
        err.print(f"  | {line}", markup=False, soft_wrap=True)
    log = failure.folder / "sut.log" if failure.folder is not None else None
    if log is not None and log.is_file():
        wrote = "all that it wrote is" if failure.log else "it wrote nothing"
        err.print(f"{wrote} in {log}" if failure.log else wrote, markup=False, soft_wrap=True)


def _known(error: Exception) -> int | None:
    """The exit code of an error that a lower room raised about what the user gave it; None for our own fault."""
    from .chaos.errors import ChaosError
    from .loadtests.profile import ProfileError
    from .loadtests.trace import TraceError
    from .simulators.estate import EstateError
    from .verdict.errors import VerdictError

    if isinstance(error, ChaosError | ProfileError | TraceError | VerdictError):
        return USAGE
    return INCONCLUSIVE if isinstance(error, EstateError) else None


def _our_fault(error: Exception) -> str:
    details = "".join(traceback.format_exception(error))
    where = "nowhere, for even that failed"
    for folder in (_Desk.folder, Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            path = folder / f"peakproof-error-{os.getpid()}.txt"
            path.write_text(details, "utf-8")
        except OSError:
            continue
        where = str(path)
        break
    said = " ".join(str(error).split())[:200]
    return f"peakproof itself failed: {type(error).__name__}: {said}; the details were written to {where}"


def _debugging() -> bool:
    return os.environ.get("PEAKPROOF_DEBUG") == "1"


# Options that several commands share

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The peakproof.toml of your middleware.", show_default=False)
]
MiddlewareOption = Annotated[
    str | None,
    typer.Option(
        "--middleware",
        metavar="reference|DEFECT|URL",
        help="The reference, the reference with a planted defect, or where yours already runs. "
        "Unless said: ./peakproof.toml, else the reference.",
        show_default=False,
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same orders and faults.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one key of the scenario, e.g. settle.max_s=60; repeatable.",
        show_default=False,
    ),
]
InvariantsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--invariants",
        metavar="FILE.sql|FILE.py:FUNCTION",
        help="An invariant of your own; repeatable.",
        show_default=False,
    ),
]
ObjectiveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        metavar="TEXT",
        help="A threshold on a key figure, e.g. 'order_sync_latency_p95 < 30s'; repeatable.",
        show_default=False,
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the run's own folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Exactly one JSON document on stdout.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id below runs/.")]


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


@app.command()
@guarded
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
    watch: Annotated[
        bool, typer.Option("--watch", help="Serve a live view of the run on a port of its own.")
    ] = False,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Run a scenario, or a suite of them, against a middleware and judge what happened."""
    from .scenarios.runner import Runner

    _check_out(out)
    named = scenarios or []
    if watch and (suite is not None or len(named) > 1):
        raise UsageError("--watch shows one run, and a suite has several: choose one scenario")
    if suite is not None or len(named) > 1:
        if drift:
            raise UsageError("--drift is for one scenario, not for a suite of them")
        _run_suite(
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
    wanted, from_seed = _scenario(named[0] if named else None, from_run, only)
    if duration is not None:
        wanted = wanted.with_duration(duration)
    wanted = wanted.with_overrides(_overrides(overrides or []))
    if drift:
        from .contracts.drift import drifting

        wanted = drifting(wanted, drift)
    choice = _sut(config, middleware, wanted, from_run)
    wanted, left_out = wanted.fit_for(choice.sut)
    judged = _judged_by(invariants, objectives, choice.judge, wanted.objectives)
    chosen_seed = next(one for one in (seed, from_seed, 1) if one is not None)
    _check_plan(wanted, chosen_seed)
    _say(f"scenario {wanted.name}, {wanted.duration_s:g} s of workload, seed {chosen_seed}")
    if left_out:
        _say(f"left out, for these flows never meet them: {', '.join(left_out)}")
    make = functools.partial(
        Runner,
        wanted,
        choice.sut,
        seed=chosen_seed,
        out=out,
        origin=choice.origin,
        on_live=_say_live if watch else None,
    )
    _run_and_judge(make, out, judged, as_json)


def _run_and_judge(make: "Callable[..., Runner]", out: Path, judged: "_JudgedBy", as_json: bool) -> NoReturn:
    """Run, judge, show, and exit; ``make`` makes the runner of what is to see its progress."""
    with _Shown() as shown:
        runner = make(on_progress=shown)
        try:
            folder = runner.run()
        except RunError as error:
            if as_json and error.folder is not None:
                _echo_why_not(error.folder)
            raise
        finally:
            _Desk.folder = runner.folder if runner.folder != out else None
    from .scenarios.reports import judge_run  # the database that judges is not loaded while the estate works

    if runner.death is not None:
        _say(f"{runner.death.message}, so the run ends here")
    _say("judging")
    verdict = judge_run(folder, invariants=judged.invariants, objectives=judged.objectives)
    _show(verdict, folder, as_json)
    _to_pull_request(folder)
    for complaint in runner.complaints:
        _say(f"your middleware's own word could not be read: {complaint}")
    if runner.death is not None:
        _say(f"{runner.death.message}; its last lines:" if runner.death.log else runner.death.message)
        _show_last_words(runner.death)
    raise SystemExit(verdict.exit_code)


def _run_suite(
    suite: str | None,
    named: list[str],
    from_run: Path | None,
    config: Path | None,
    middleware: str | None,
    seed: int | None,
    duration: float | None,
    overrides: list[str] | None,
    invariants: list[str] | None,
    objectives: list[str] | None,
    out: Path,
    as_json: bool,
) -> NoReturn:
    """Run several scenarios, show each verdict as it comes and one over all, and exit."""
    from .scenarios.scenario import Scenario
    from .scenarios.suite import SuiteRunner, scenarios_of

    if suite is not None and named:
        raise UsageError(f"--suite {suite} and scenario {named[0]!r} exclude each other: choose one")
    if from_run is not None:
        raise UsageError(
            f"--from {from_run} repeats one run; leave out {'--suite' if suite else 'the scenarios'}"
        )
    wanted = [Scenario.load(name) for name in named] if suite is None else scenarios_of(suite)
    if duration is not None:
        wanted = [one.with_duration(duration) for one in wanted]
    wanted = [one.with_overrides(_overrides(overrides or [])) for one in wanted]
    choice = _sut(config, middleware, wanted[0])
    judged = _judged_by(
        invariants, objectives, choice.judge, [text for one in wanted for text in one.objectives]
    )
    chosen_seed = 1 if seed is None else seed
    wanted = _possible(wanted, choice.sut, named=suite is None)
    for one in wanted:
        choice.sut.check(one.estate.standing)
        _check_plan(one, chosen_seed)
    with _Shown() as shown:
        runner = SuiteRunner(
            suite or "chosen",
            wanted,
            choice.sut,
            seed=chosen_seed,
            out=out,
            origin=choice.origin,
            invariants=judged.invariants,
            objectives=judged.objectives,
            on_start=lambda one: _say(
                f"scenario {one.name}, {one.duration_s:g} s of workload, seed {chosen_seed}"
            ),
            on_progress=shown,
            on_judged=_say_part,
        )
        try:
            verdict = runner.run()
        finally:
            _Desk.folder = runner.folder if runner.folder != out else None
    if as_json:
        typer.echo(json.dumps(verdict.document(), indent=1, ensure_ascii=False))
    else:
        from .verdict.render.suite import render

        render(verdict, _stdout())
    _say(f"recorded in {runner.folder}; read {runner.folder / 'report.html'}")
    _to_pull_request(runner.folder)
    raise SystemExit(verdict.exit_code)


def _possible(wanted: list["Scenario"], sut: "SutConfig", *, named: bool) -> list["Scenario"]:
    """Those that can be run with this system under test. Of a suite the others are left out, and it is said why;
    UsageError where the user named them."""
    possible = []
    for one in wanted:
        why = one.impossible_with(sut)
        if why is None:
            possible.append(one)
        elif named:
            raise UsageError(f"scenario {one.name}: {why}")
        else:
            _say(f"left out: {one.name}: {why}")
    return possible


def _say_part(part: "Part") -> None:
    from .verdict.render.suite import line

    err.print(line(part), soft_wrap=True)


def _echo_why_not(folder: Path) -> None:
    """A run that could not be made is a document too: inconclusive, with the reason."""
    from .scenarios.reports import judge_run
    from .verdict.render import json as as_document

    typer.echo(as_document.render(judge_run(folder)))


def _part(option: str, text: str | None) -> float | None:
    """A part of a whole: 0.1 or 10%."""
    if text is None:
        return None
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is no part of a whole; expected one like 0.1 or 10%") from None


WORKERS_OWN = ("profile", "seed", "worker", "wait", "out", "as_json")
"""What ``load`` may be told of a worker; its master says all else."""


@app.command()
@guarded
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
    from .loadtests.profile import Profile
    from .scenarios.abort import check_watched
    from .scenarios.control.wish import seconds
    from .scenarios.load import LoadRunner, loaded, peak_of
    from .scenarios.spread import WAIT_S, check_peak, enlist, spread_of

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
    _check_out(out)
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
        if spread is not None and not spread.is_here:
            raise UsageError(
                f"--master {master}: profile {profile} is many runs, and workers enlist for one; use --workers here"
            )
        _find_limit(
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
    wanted = wanted.with_overrides(_overrides(overrides or []))
    if spread is not None:
        wanted = spread.opened(wanted)
    choice = _sut(config, middleware, wanted)
    wanted, _ = wanted.fit_for(choice.sut)
    judged = _judged_by(invariants, objectives, choice.judge, wanted.objectives)
    orders = len(wanted.plan(seed).orders)
    part = "" if window is None else f", {window} of it"
    _say(
        f"profile {profile}{part}: {orders:,} orders in {wanted.duration_s:g} s, {peak} at the peak, seed {seed}"
    )
    if ui is not None:
        _say(f"Locust's page: http://127.0.0.1:{ui}")
    make = functools.partial(
        LoadRunner,
        wanted,
        choice.sut,
        seed=seed,
        out=out,
        origin=choice.origin,
        ui_port=ui,
        spread=spread,
        on_news=_say,
        abort_on=abort_on or [],
    )
    _run_and_judge(make, out, judged, as_json)


def _find_limit(
    profile: str,
    window: str | None,
    search: "Search",
    scenario: str | None,
    config: Path | None,
    middleware: str | None,
    seed: int,
    overrides: list[str] | None,
    invariants: list[str] | None,
    objectives: list[str],
    ui: int | None,
    spread: "Spread | None",
    out: Path,
    as_json: bool,
) -> NoReturn:
    """Run one rate after another, show each verdict as it comes and what they come to, and exit."""
    from .scenarios.abort import those_to_watch
    from .scenarios.limit import LimitRunner
    from .scenarios.load import LoadRunner, loaded

    wishes = _overrides(overrides or [])

    def at(per_min: float) -> "Scenario":
        return loaded(profile, per_min, search.lasts_s(per_min), scenario, window).with_overrides(wishes)

    first = at(search.start_per_min)
    choice = _sut(config, middleware, first)
    named = [*first.objectives, *choice.judge.objectives, *objectives]
    unless_named = {} if named else {"objectives": search.objectives}
    first = first.model_copy(update=unless_named)
    judged = _judged_by(invariants, objectives, choice.judge, first.objectives)
    must_hold = [*first.objectives, *judged.objectives]
    first.plan(seed)
    _say(f"profile {profile}: from {search.start_per_min:g}/min on, until a rate breaks; seed {seed}")
    _say(f"what must hold: {'; '.join(must_hold)}, and every invariant")
    with _Shown() as shown:
        runner = LimitRunner(
            profile,
            search,
            lambda per_min: at(per_min).model_copy(update=unless_named).fit_for(choice.sut)[0],
            functools.partial(
                LoadRunner,
                sut=choice.sut,
                seed=seed,
                origin=choice.origin,
                ui_port=ui,
                spread=spread,
                abort_on=those_to_watch(must_hold),
            ),
            seed=seed,
            out=out,
            invariants=judged.invariants,
            objectives=judged.objectives,
            on_start=lambda per_min, one: _say(f"{per_min:,.6g}/min for {one.duration_s:g} s"),
            on_progress=shown,
            on_judged=_say_step,
        )
        try:
            limit = runner.run()
        finally:
            _Desk.folder = runner.folder if runner.folder != out else None
    if as_json:
        typer.echo(json.dumps(limit.document(), indent=1, ensure_ascii=False))
    else:
        from .verdict.render.limit import render

        render(limit, _stdout())
    _say(f"recorded in {runner.folder}; read {runner.folder / 'report.html'}")
    _to_pull_request(runner.folder)
    raise SystemExit(limit.exit_code)


def _say_step(step: "Step") -> None:
    from .verdict.render.limit import line

    err.print(line(step), soft_wrap=True)


@app.command("try")
@guarded
def try_(
    config: ConfigOption = None,
    middleware: MiddlewareOption = None,
    seed: SeedOption = 1,
    overrides: SetOption = None,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """First contact: one order, no faults; ticks every hop it sees and names the first that is missing."""
    from .scenarios.first_contact import FirstContact, Hop
    from .scenarios.scenario import Scenario

    _check_out(out)
    scenario = Scenario.load("first-contact").with_overrides(_overrides(overrides or []))
    choice = _sut(config, middleware, scenario)

    def tick(hop: Hop) -> None:
        if not as_json:
            typer.secho("✓ ", fg="green", nl=False)
            typer.echo(hop.sentence)

    contact = FirstContact(scenario, choice.sut, seed=seed, out=out, on_tick=tick).run()
    missing = contact.missing
    if as_json:
        hops = [
            {"sentence": hop.sentence, "seen": hop.seen, "expected": hop.expected, "instead": hop.instead}
            for hop in contact.hops
        ]
        document = {
            "schema": "peakproof/try/1",
            "folder": str(contact.folder),
            "complete": missing is None,
            "hops": hops,
        }
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
    elif missing is not None:
        typer.secho("✗ ", fg="red", nl=False)
        typer.echo(f"missing: {missing.sentence}")
        typer.echo("  expected: " + (missing.expected or "").replace("\n", "\n            "))
        if missing.instead:
            typer.echo(f"  instead:  {missing.instead}")
    else:
        typer.echo(f"All {len(contact.hops)} hops seen.")
    log = contact.folder / "sut.log"
    _say(
        f"recorded in {contact.folder}" + (f", the log of your middleware in {log}" if log.is_file() else "")
    )
    if not as_json:
        given = {"--config": config, "--middleware": middleware}
        options = [f"{part}" for name, value in given.items() if value is not None for part in (name, value)]
        options += [part for override in overrides or [] for part in ("--set", override)]
        is_own = choice.config is not None or middleware is not None
        typer.echo(f"Next: {_after_first_contact(missing is None, is_own, shlex.join(options))}")
    raise SystemExit(PASS if missing is None else FAIL)


def _after_first_contact(complete: bool, is_own: bool, options: str) -> str:
    """What the user types next, with the options that named the middleware."""
    again = f"peakproof try {options}".rstrip()
    if not is_own:
        return "describe your own middleware in peakproof.toml (README and examples/ show how), then peakproof try"
    if not complete:
        return f"see to it that your middleware does that, then {again}"
    return f"peakproof run quiet-day {options}".rstrip() + " (no faults yet), then peakproof run"


@app.command()
@guarded
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
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Keep the estate running until Ctrl-C, with addresses and credentials, to call it and to break it by hand."""
    from dataclasses import asdict

    from .scenarios.control import render
    from .scenarios.scenario import Scenario
    from .scenarios.up import Ready, Up

    _check_out(out)
    wanted = Scenario.load(scenario or "black-friday").with_overrides(_overrides(overrides or []))
    choice = _sut_beside(config, middleware, no_sut, wanted)
    _check_plan(wanted, seed)

    def show(ready: Ready) -> None:
        if as_json:
            document = {"schema": "peakproof/up/1", **asdict(ready), "folder": str(ready.folder)}
            typer.echo(json.dumps(document, indent=1))
        else:
            render.show_ready(ready, wanted.name, wanted.time_scale, _stdout())
        sys.stdout.flush()

    runner = Up(
        wanted,
        choice.sut if choice else None,
        seed=seed,
        on_ready=show,
        out=out,
        on_progress=_Watched(),
        origin=choice.origin if choice else None,
        live=live,
    )
    try:
        folder = runner.run()
    finally:
        _Desk.folder = runner.folder if runner.folder != out else None
    _say(f"recorded in {folder}; judge it with: peakproof judge {folder}")
    if runner.death is not None:
        raise runner.death


# Faults by hand

chaos = typer.Typer(
    help="Break a running estate or run from a second terminal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(chaos, name="chaos")


def _out_of(context: typer.Context) -> Path:
    return Path(context.params.get("out") or "runs")


def _named_before(context: typer.Context) -> tuple[str | None, str | None]:
    """System and fault; behind an option that still lacks its value, the parser has left them where they were."""
    system, fault = context.params.get("system"), context.params.get("fault")
    if system is None:
        system, fault, *_ = [*context.args, None, None]
    return system, fault


def _offer_systems(ctx: typer.Context, incomplete: str) -> list[str]:
    from .scenarios.control import completion

    return [name for name in completion.systems(_out_of(ctx)) if name.startswith(incomplete)]


def _offer_faults(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from .scenarios.control import completion

    system, _ = _named_before(ctx)
    return [entry for entry in completion.faults(system) if entry[0].startswith(incomplete)]


def _offer_operations(ctx: typer.Context, incomplete: str) -> list[str]:
    from .scenarios.control import completion

    names = completion.operations(_out_of(ctx), *_named_before(ctx))
    return [name for name in names if name.startswith(incomplete)]


def _offer_settings(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from .scenarios.control import completion

    _, fault = _named_before(ctx)
    return [one for one in completion.settings(fault) if one[0].startswith(incomplete)]


def _offer_injections(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from .scenarios.control import completion

    return [one for one in completion.injections(_out_of(ctx)) if one[0].startswith(incomplete)]


RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="RUN", help="Which run; the newest that is running unless said.", show_default=False
    ),
]
BelowOption = Annotated[Path, typer.Option("--out", help="Folder that holds the run's own folder.")]


def _remote(out: Path, run: str | None) -> "Remote":
    from .scenarios.control import beacon
    from .scenarios.control.client import Remote

    return Remote(beacon.find(out, run))


@chaos.command("list")
@guarded
def chaos_list(as_json: JsonOption = False) -> None:
    """Every fault, with a line and an example each."""
    from dataclasses import asdict

    from .chaos.registry import FAULTS
    from .scenarios.control import render
    from .scenarios.control.examples import example

    entries = FAULTS.entries()
    if as_json:
        document = [asdict(entry) | {"example": example(entry)} for entry in entries]
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        render.show_faults(entries, _stdout())


@chaos.command("inject")
@guarded
def chaos_inject(
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM",
            help="A system of the estate, '*' for all, or 'sut', your middleware.",
            autocompletion=_offer_systems,
        ),
    ],
    fault: Annotated[
        str,
        typer.Argument(metavar="FAULT", help="See: peakproof chaos list.", autocompletion=_offer_faults),
    ],
    operation: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="OPERATION",
            help="Only this operation, topic or rule.",
            show_default=False,
            autocompletion=_offer_operations,
        ),
    ] = None,
    lasts: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            help="Heals by itself after 60s, 1.5m, 200ms; until healed unless said.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", help="This share of what matches, e.g. 0.2.", show_default=False)
    ] = None,
    order_ref: Annotated[
        str | None, typer.Option("--order", metavar="REF", help="Only this order.", show_default=False)
    ] = None,
    sku: Annotated[str | None, typer.Option("--sku", help="Only this SKU.", show_default=False)] = None,
    client: Annotated[
        str | None,
        typer.Option("--client", metavar="ID", help="Only calls of this client.", show_default=False),
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            metavar="PATH=VALUE",
            help="Only where the JSON body says so, e.g. currency=JPY or lines.sku=22086; repeatable.",
            show_default=False,
        ),
    ] = None,
    nth: Annotated[
        int | None, typer.Option("--nth", help="Only the n-th attempt of each.", show_default=False)
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", help="Let so many pass first.", show_default=False)
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", help="Every n-th match only.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="At most so many times.", show_default=False)
    ] = None,
    ramp: Annotated[
        str | None,
        typer.Option(
            "--ramp", metavar="TIME", help="The rate grows from 0 over so long.", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Of its own dice; the run's unless said.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the fault; repeatable.",
            show_default=False,
            autocompletion=_offer_settings,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would match, and inject nothing.")
    ] = False,
    run: RunOption = None,
    out: BelowOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Put a fault in, now."""
    from .scenarios.control import render
    from .scenarios.control.wish import Wish

    more = {
        "probability": rate,
        "order_ref": order_ref,
        "sku": sku,
        "client": client,
        "match": _overrides(match or [], "--match", "currency=JPY"),
        "nth": nth,
        "after": after,
        "every": every,
        "limit": limit,
        "seed": seed,
        "set": _overrides(settings or [], "--set", "seconds=2"),
    }
    entry = Wish(system, fault, operation, lasts, ramp, more).entry()
    remote = _remote(out, run)
    answer = remote.rehearse(entry) if dry_run else remote.inject(entry)
    if as_json:
        typer.echo(json.dumps(answer, indent=1, ensure_ascii=False))
    elif dry_run:
        render.show_rehearsal(answer, _stdout())
    else:
        render.show_injected(answer, _stdout())


@chaos.command("status")
@guarded
def chaos_status(run: RunOption = None, out: BelowOption = Path("runs"), as_json: JsonOption = False) -> None:
    """What acts, what is to come and what has healed."""
    from .scenarios.control import render

    status = _remote(out, run).status()
    if as_json:
        typer.echo(json.dumps(status, indent=1, ensure_ascii=False))
    else:
        render.show_status(status, _stdout())


@chaos.command("heal")
@guarded
def chaos_heal(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="See: peakproof chaos status.", autocompletion=_offer_injections
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All that act just now; what is to come still comes.")
    ] = False,
    run: RunOption = None,
    out: BelowOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Heal faults before their time."""
    from .scenarios.control import render

    if bool(ids) == all_:
        raise UsageError("name the injections to heal, or say --all; see: peakproof chaos status")
    remote = _remote(out, run)
    healed = remote.heal_all() if all_ else [remote.heal(one)["id"] for one in ids or []]
    if as_json:
        typer.echo(json.dumps({"healed": healed}, indent=1))
    elif healed:
        render.show_healed(healed, _stdout())
    else:
        _say("nothing acts just now")


for command in contracts.registered_commands:
    assert command.callback is not None
    command.callback = guarded(command.callback)
app.add_typer(contracts, name="contracts")


@app.command()
@guarded
def judge(
    run: RunArgument,
    invariants: InvariantsOption = None,
    objectives: ObjectiveOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a stored run again; writes verdict.json, junit.xml and report.html."""
    from .scenarios.reports import judge_run

    folder = run_folder(run)
    judged = _judged_like(folder, config, invariants, objectives)
    verdict = judge_run(folder, invariants=judged.invariants, objectives=judged.objectives)
    _show(verdict, folder, as_json)
    _to_pull_request(folder)
    raise SystemExit(verdict.exit_code)


@app.command()
@guarded
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
    from .scenarios.reports import judge_run
    from .verdict.report import write_reports

    folder = run_folder(run)
    if (folder / "verdict.json").is_file():
        write_reports(_stored_verdict(folder, run), folder)
    else:
        judged = _judged_like(folder, None, None, None)
        judge_run(folder, invariants=judged.invariants, objectives=judged.objectives)
    for name in ("junit.xml", "report.html", "summary.md"):
        typer.echo(folder / name)
    if otlp is not None:
        from .history.reader import History
        from .verdict.otlp import export

        with History.of_run(folder) as history:
            _say(f"{export(history, otlp):,} calls were sent to {otlp}")


@app.command()
@guarded
def explain(
    run: RunArgument,
    order: Annotated[str, typer.Argument(metavar="ORDER", help="An order reference, e.g. web-000123.")],
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of one order: its calls, effects and deliveries, and the faults that they felt."""
    from dataclasses import asdict

    from .history.reader import History
    from .verdict.render.terminal import render_timeline
    from .verdict.timeline import order_timeline

    folder = run_folder(run)
    with History.of_run(folder) as history:
        moments = order_timeline(history, order)
    if not moments:
        _check_order(folder, order)
    judged = (folder / "verdict.json").is_file()
    found = _stored_verdict(folder, run).about(order) if judged else ()
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
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    render_timeline(moments, _stdout(), found)
    if not judged:
        _say(f"not judged yet, so no step is marked: peakproof judge {run}")


@app.command()
@guarded
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Your repository.", show_default=False)
    ] = Path(),
    command: Annotated[
        str | None,
        typer.Option("--command", help="How your middleware is started.", show_default=False),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where it already runs.", show_default=False)
    ] = None,
    flows: Annotated[
        list[str] | None,
        typer.Option(
            "--flow", metavar="FLOW", help="A flow that it serves; repeatable.", show_default="order-to-erp"
        ),
    ] = None,
    ready: Annotated[str, typer.Option("--ready", help="Answers 2xx when it can work.")] = "/health",
    webhooks: Annotated[
        str, typer.Option("--webhooks", metavar="PATH|none", help="Where it takes webhooks.")
    ] = "/webhooks",
    exceptions_url: Annotated[
        str | None,
        typer.Option("--exceptions-url", help="Lists the orders that it gave up on.", show_default=False),
    ] = None,
    pending_url: Annotated[
        str | None,
        typer.Option("--pending-url", help="Says how much it still works on.", show_default=False),
    ] = None,
    ci: Annotated[
        str, typer.Option("--ci", metavar="github|gitlab|both|none", help="Which CI files to write.")
    ] = "both",
    package: Annotated[str, typer.Option("--package", help="What CI gives to pip install.")] = "peakproof",
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write a commented peakproof.toml, CI files for GitHub and GitLab, and the checklist of a webhook handler.

    On a terminal it asks; with --command or --url it does not.
    """
    from .scenarios.starting import CI, GITLAB, Wishes, asked, ci_of, files_of, ports_of, written

    if command is not None and url is not None:
        raise UsageError(f"--command {command!r} and --url {url} exclude each other: choose one")
    if command is None and url is None:
        if not sys.stdin.isatty():
            raise UsageError("say how your middleware is started, --command, or where it already runs, --url")
        wishes = asked(
            lambda question, suggested: str(typer.prompt(question, default=suggested, err=True)), package
        )
    else:
        wishes = Wishes(
            command=command,
            url=url,
            flows=tuple(flows or ["order-to-erp"]),
            ready=ready,
            webhooks=None if webhooks == "none" else webhooks,
            exceptions_url=exceptions_url,
            pending_url=pending_url,
            ci=ci_of(ci),
            package=package,
        )
    paths = written(files_of(wishes), folder, force=force)
    for path in paths:
        typer.echo(path)
    if "gitlab" in wishes.ci and folder / GITLAB not in paths:
        _say(f"{folder / GITLAB} is there already; add to it:  include: [{{local: {CI['gitlab']}}}]")
    _say(f"next: {'' if folder == Path() else f'cd {folder} && '}peakproof try{ports_of(wishes)}")


@app.command()
@guarded
def selfcheck(
    defects: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DEFECT]...", help="Only these, or 'reference'; otherwise all.", show_default=False
        ),
    ] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Runs at a time.")] = 2,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Prove the oracle: every planted defect is caught by the invariants that should, the reference by none."""
    from .scenarios.selfcheck import Selfcheck, attempts, trials

    _check_out(out)
    wanted = trials(defects or [])
    _say(f"{len(wanted)} short runs, {at_once} at a time")
    outcomes = []
    for outcome in attempts(wanted, out / "selfcheck", at_once=at_once):
        outcomes.append(outcome)
        trial, mark = outcome.trial, "✓" if outcome.good else "✗"
        complaint = f": {outcome.complaint}" if outcome.complaint else ""
        _say(f"{mark} {trial.middleware} in {trial.scenario}: {outcome.verdict}{complaint}")
    checked = Selfcheck(tuple(sorted(outcomes, key=lambda one: wanted.index(one.trial))))
    if as_json:
        typer.echo(json.dumps(checked.document(), indent=1, ensure_ascii=False))
    else:
        width = max((len(name) for name in checked.scores), default=0)
        for name, (caught, planted) in checked.scores.items():
            typer.echo(f"{'✓' if caught == planted else '✗'} {name:<{width}}  {caught} of {planted} caught")
        good = sum(outcome.good for outcome in checked.outcomes)
        typer.echo(
            f"{good} of {len(checked.outcomes)} runs as they should be; mutation score {checked.score:.0%}"
        )
    raise SystemExit(0 if checked.passed else 1)


@app.command()
@guarded
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

    from .scenarios.scenario import Scenario
    from .verdict.comparison import Comparison
    from .verdict.result import EXIT_CODES

    folders = [run_folder(run) for run in (before, after, *(again or []))]
    first, second, *more = (_stored_verdict(folder, str(folder)) for folder in folders)
    found = Comparison.of(first, second, more)
    wanted, *others = (Scenario.of_run(folder)[0].document() for folder in folders)
    for folder, other in zip(folders[1:], others, strict=True):
        differing = [key for key in wanted if wanted[key] != other[key]]
        if differing:
            raise UsageError(f"{folders[0]} and {folder} are no pair: they differ in {', '.join(differing)}")
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1, ensure_ascii=False))
    else:
        table = Table("key figure", found.before, found.after, "noise", "unit", "")
        for one in found.changes:
            if not one.whole and one.tendency not in ("worse", "better"):
                continue
            values = (one.before[0], one.after, one.noise)
            shown = ("?" if value is None else f"{value:.4g}" for value in values)
            table.add_row(one.name, *shown, escape(one.unit), one.tendency)
        console = _stdout()
        console.print(table)
        console.print(
            f"{found.verdict.upper()}: {'; '.join(found.reasons) or 'nothing got worse'}", markup=False
        )
    raise SystemExit(EXIT_CODES[found.verdict])


@app.command("list")
@guarded
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="scenarios, suites, faults, throttles, plans, invariants, kpis, defects, flows, profiles or states.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """List everything of one kind, with a sentence each."""
    if kind not in CATALOGUES:
        raise UsageError(unknown("kind", kind, CATALOGUES))
    entries = CATALOGUES[kind]()
    if as_json:
        typer.echo(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        typer.echo(f"{entry['name']:<{width}}  {entry['summary']}")
        for setting in entry.get("settings", ()):
            given = "needed" if setting["required"] else f"default {setting['default']}"
            typer.echo(f"{'':<{width}}    {setting['name']}: {setting['expected']}, {given}")


def _scenarios() -> list[dict[str, Any]]:
    from .scenarios.scenario import Scenario

    found = [Scenario.load(name) for name in Scenario.names()]
    return [{"name": one.name, "summary": " ".join(one.description.split())} for one in found]


def _chaos(which: str) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from .chaos.registry import FAULTS, THROTTLES

    entries = (FAULTS if which == "faults" else THROTTLES).entries()
    return [asdict(entry) for entry in entries]


def _plans() -> list[dict[str, Any]]:
    from .chaos.plan import Plan

    return [Plan.load(name).described(name) for name in Plan.names()]


def _invariants() -> list[dict[str, Any]]:
    from .verdict import wire
    from .verdict.invariant import catalogue

    listed = [
        {
            "name": one.id,
            "summary": one.claim,
            "flows": list(one.flows),
            "class": one.class_,
            "severity": one.severity,
        }
        for one in catalogue()
    ]
    return [*listed, wire.described()]


def _kpis() -> list[dict[str, Any]]:
    from .verdict.kpi import catalogue

    return [
        {"name": name, "summary": one.definition, "unit": one.unit}
        for one in catalogue()
        for name in one.names
    ]


def _defects() -> list[dict[str, Any]]:
    from .scenarios.config import defects

    return [{"name": name, "summary": summary} for name, summary in defects().items()]


def _flows() -> list[dict[str, Any]]:
    from .scenarios.flows import FLOWS

    return [{"name": name, "summary": summary} for name, summary in FLOWS.items()]


def _suites() -> list[dict[str, Any]]:
    from .scenarios.suite import SUITES, scenarios_of

    return [
        {"name": name, "summary": summary, "scenarios": [one.name for one in scenarios_of(name)]}
        for name, summary in SUITES.items()
    ]


def _profiles() -> list[dict[str, Any]]:
    from .loadtests.profile import Profile

    return [{"name": name, "summary": Profile.shipped(name).summary} for name in Profile.names()]


def _states() -> list[dict[str, Any]]:
    from .contracts.state import catalogue

    return [one.document() for one in catalogue()]


CATALOGUES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "scenarios": _scenarios,
    "suites": _suites,
    "faults": functools.partial(_chaos, "faults"),
    "throttles": functools.partial(_chaos, "throttles"),
    "plans": _plans,
    "invariants": _invariants,
    "kpis": _kpis,
    "defects": _defects,
    "flows": _flows,
    "profiles": _profiles,
    "states": _states,
}


# What the user gave


def _scenario(name: str | None, from_run: Path | None, only: str | None) -> "tuple[Scenario, int | None]":
    from .scenarios.scenario import Scenario

    if from_run is None:
        if only is not None:
            raise UsageError(f"--only {only} needs --from RUN: the run in which something befell that order")
        return Scenario.load("black-friday" if name is None else name), None
    if name is not None:
        raise UsageError(f"scenario {name!r} and --from {from_run} exclude each other: choose one")
    folder = run_folder(str(from_run))
    scenario, seed = Scenario.of_run(folder)
    if only is None:
        return scenario, seed
    from .scenarios.reports import bought_in, injections_felt_by

    _check_order(folder, only)
    return scenario.replaying(only, seed, injections_felt_by(only, folder), bought_in(only, folder)), seed


def _sut(
    config: Path | None, middleware: str | None, scenario: "Scenario", from_run: Path | None = None
) -> "SutChoice":
    """The system under test, fit for this scenario; says on stderr which it is."""
    from .scenarios.flows import judged_flows
    from .scenarios.sut_choice import chosen, of_run

    if from_run is not None and config is None and middleware is None:
        choice = of_run(run_folder(str(from_run)))
    else:
        choice = chosen(config, middleware)
    choice.sut.check(scenario.estate.standing)
    flows = judged_flows(scenario.flows, choice.sut.flows)
    _say(f"system under test: {choice.sentence}")
    _say(f"judged flows: {', '.join(flows)}")
    return choice


def _sut_beside(
    config: Path | None, middleware: str | None, no_sut: bool, scenario: "Scenario"
) -> "SutChoice | None":
    """What is started beside a standing estate: only what the user named, here or in ./peakproof.toml."""
    from .scenarios.config import FILE

    named = config or middleware
    if no_sut:
        if named is not None:
            raise UsageError(f"--no-sut and {named} exclude each other: choose one")
        return None
    return _sut(config, middleware, scenario) if named or Path(FILE).is_file() else None


def _check_plan(scenario: "Scenario", seed: int) -> None:
    """Files of the user's own are read before anything is started."""
    workload = scenario.workload
    if (
        workload.trace != "shipped"
        or workload.profile.endswith(".toml")
        or workload.orders
        or workload.peak_per_min
    ):
        scenario.plan(seed)


def _check_out(out: Path) -> None:
    for folder in (out, *out.parents):
        if folder.exists():
            if not folder.is_dir():
                raise UsageError(
                    f"--out {out}: {'' if folder == out else f'{folder} '}is a file; expected a folder"
                )
            return


def _overrides(given: list[str], option: str = "--set", like: str = "settle.max_s=60") -> dict[str, Any]:
    from .scenarios.yaml_document import YamlError, read_yaml

    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} {text!r}: must be KEY=VALUE, e.g. {like}")
        try:
            found[key.strip()] = read_yaml(value).value if value.strip() else ""
        except YamlError:
            found[key.strip()] = value
    return found


class _JudgedBy(NamedTuple):
    """What the user wants judged besides: of the command line and of peakproof.toml."""

    invariants: list[str]
    objectives: list[str]


def _judged_by(
    invariants: list[str] | None,
    objectives: list[str] | None,
    config: "JudgeConfig",
    of_scenario: Sequence[str] = (),
) -> _JudgedBy:
    """They and the scenario's objectives are read before anything is started."""
    own = [*config.files, *(invariants or [])]
    wanted = [*config.objectives, *(objectives or [])]
    if own:
        from .verdict.errors import VerdictError
        from .verdict.own import split

        for name in invariants or []:
            try:
                split(name)
            except VerdictError as error:
                raise UsageError(f"--invariants {error}") from None
    if own or wanted or of_scenario:
        from .verdict.judge import check_wishes

        check_wishes(own, [*of_scenario, *wanted])
    return _JudgedBy(own, wanted)


def _judged_like(
    folder: Path, config: Path | None, invariants: list[str] | None, objectives: list[str] | None
) -> _JudgedBy:
    """What a stored run is judged by: as it was, and as the command line says."""
    from .scenarios.sut_choice import judged_like

    of_config, complaint = judged_like(folder, config)
    if complaint is not None:
        _say(complaint)
    return _judged_by(invariants, objectives, of_config)


def _stored_verdict(folder: Path, run: str) -> "Verdict":
    from .verdict.judge import read_verdict

    path = folder / "verdict.json"
    try:
        return read_verdict(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path}: cannot be read: {why}; make it again: peakproof judge {run}") from None


def _check_order(folder: Path, order: str) -> None:
    from .scenarios.reports import orders_of
    from .verdict.render.wording import counted

    known = orders_of(folder)
    if order not in known:
        near = get_close_matches(order, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"order {order!r} is not among the {counted(len(known), 'order')} of {folder}{hint}")


# What the user sees


def _say(text: str) -> None:
    err.print(text, markup=False, soft_wrap=True, style="dim")


def _say_live(url: str | None) -> None:
    _say(f"live view: {url}" if url else "there is no live view: its process could not serve it")


def _stdout() -> Console:
    """On a terminal as wide as it is; in a file wide enough that no line is cut."""
    return _Result(highlight=False) if sys.stdout.isatty() else _Result(highlight=False, width=140)


def _show(verdict: "Verdict", folder: Path, as_json: bool) -> None:
    from .verdict.render import json as as_document
    from .verdict.render import terminal

    if as_json:
        typer.echo(as_document.render(verdict))
    else:
        terminal.render(verdict, _stdout(), folder)
        for sentence in verdict.forensics.sentences:
            _stdout().print(sentence, style="dim", markup=False, soft_wrap=True)
    _say(f"recorded in {folder}; read {folder / 'report.html'}")


def _to_pull_request(folder: Path) -> None:
    """Where GitHub shows a summary of each step, it shows ours."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if not target:
        return
    try:
        text = (folder / "summary.md").read_text("utf-8")
        with Path(target).open("a", encoding="utf-8") as summary:
            summary.write(f"{text}\n")
    except OSError as error:
        _say(f"GITHUB_STEP_SUMMARY: {target} cannot be written: {error.strerror}")


class _Watched:
    """What happens to a standing estate: a line for each fault that comes or goes, and for the end."""

    def __init__(self) -> None:
        self._active: list[str] = []
        self._interrupted = False

    def __call__(self, progress: "Progress") -> None:
        at = f"{progress.elapsed_s:5.0f} s  "
        for name in progress.faults:
            if name not in self._active:
                err.print(f"{at}[bold red]●[/] {escape(name)} acts", soft_wrap=True)
        for name in self._active:
            if name not in progress.faults:
                err.print(f"{at}[green]✓[/] {escape(name)} is healed", soft_wrap=True)
        self._active = progress.faults
        if progress.interrupted and not self._interrupted:
            self._interrupted = True
            _say("stopping: faults are healed and what is under way may settle; Ctrl-C again stops at once")


class _Shown:
    """A run's progress: a bar on a terminal, else a line every few seconds."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._phase = ""
        self._next_s = 0.0
        self._interrupted = False
        self._lately: list[tuple[float, int]] = []
        """When how many orders had been placed, over the last seconds."""

    def __enter__(self) -> Self:
        if err.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.fields[phase]:<9}"),
                BarColumn(30),
                MofNCompleteColumn(),
                TextColumn("orders"),
                TextColumn("{task.fields[elapsed_s]:4.0f} s "),
                TextColumn("{task.fields[rest]}", markup=False),
                console=err,
                transient=True,
            )
            self._task = self._bar.add_task("run", total=None, phase="start", elapsed_s=0.0, rest="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: "Progress") -> None:
        from .verdict.render.wording import counted

        if progress.interrupted and not self._interrupted:
            self._interrupted = True
            _say(
                "interrupted: faults are healed and what is under way may settle; Ctrl-C again stops at once"
            )
        rest = f"{self._rate(progress)}{progress.pending} pending"
        if progress.faults:
            rest += f"; faults: {', '.join(progress.faults)}"
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=progress.orders_placed,
                total=progress.orders_total,
                phase=progress.phase,
                elapsed_s=progress.elapsed_s,
                rest=rest,
            )
            return
        now_s = time.monotonic()
        if now_s >= self._next_s or progress.phase != self._phase:
            self._next_s, self._phase = now_s + PLAIN_PROGRESS_S, progress.phase
            orders = f"{progress.orders_placed} of {counted(progress.orders_total, 'order')}"
            err.print(
                f"{progress.elapsed_s:5.0f} s  {progress.phase}: {orders}, {rest}",
                markup=False,
                soft_wrap=True,
            )

    def _rate(self, progress: "Progress") -> str:
        """Orders a second over the last seconds, while shoppers buy."""
        if progress.phase != "workload":
            self._lately = []
            return ""
        now_s = progress.elapsed_s
        self._lately = [one for one in self._lately if one[0] >= now_s - RATE_OVER_S]
        self._lately.append((now_s, progress.orders_placed))
        since_s, before = self._lately[0]
        return f"{(progress.orders_placed - before) / (now_s - since_s):.1f}/s, " if now_s > since_s else ""


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
