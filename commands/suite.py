"""``peakproof run`` with several scenarios: each verdict as it comes, and one over all."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..scenarios.errors import UsageError
from .console import err, say
from .given import check_plan, judged_by, overrides_of, sut_for
from .guard import Desk
from .progress import Shown
from .verdict import end_with

if TYPE_CHECKING:
    from ..scenarios.config import SutConfig
    from ..scenarios.scenario import Scenario


def run_suite(
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
    from ..scenarios.scenario import Scenario
    from ..scenarios.suite import SuiteRunner, scenarios_of
    from ..verdict.render.suite import line, render

    if suite is not None and named:
        raise UsageError(f"--suite {suite} and scenario {named[0]!r} exclude each other: choose one")
    if from_run is not None:
        raise UsageError(
            f"--from {from_run} repeats one run; leave out {'--suite' if suite else 'the scenarios'}"
        )
    wanted = [Scenario.load(name) for name in named] if suite is None else scenarios_of(suite)
    if duration is not None:
        wanted = [one.with_duration(duration) for one in wanted]
    wanted = [one.with_overrides(overrides_of(overrides or [])) for one in wanted]
    choice = sut_for(config, middleware, wanted[0])
    judged = judged_by(
        invariants, objectives, choice.judge, [text for one in wanted for text in one.objectives]
    )
    chosen_seed = 1 if seed is None else seed
    wanted = _possible(wanted, choice.sut, named=suite is None)
    for one in wanted:
        choice.sut.check(one.estate.standing)
        check_plan(one, chosen_seed)
    with Shown() as shown:
        runner = SuiteRunner(
            suite or "chosen",
            wanted,
            choice.sut,
            seed=chosen_seed,
            out=out,
            origin=choice.origin,
            invariants=judged.invariants,
            objectives=judged.objectives,
            on_start=lambda one: say(
                f"scenario {one.name}, {one.duration_s:g} s of workload, seed {chosen_seed}"
            ),
            on_progress=shown,
            on_judged=lambda part: err.print(line(part), soft_wrap=True),
        )
        with Desk.of(runner, out):
            verdict = runner.run()
    end_with(verdict, render, runner.folder, as_json)


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
            say(f"left out: {one.name}: {why}")
    return possible
