"""``peakproof load`` with a search: one rate after another, until one breaks."""

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .console import err, say
from .given import judged_by, overrides_of, sut_for
from .guard import Desk
from .progress import Shown
from .verdict import end_with

if TYPE_CHECKING:
    from ..loadtests.search import Search
    from ..scenarios.scenario import Scenario
    from ..scenarios.spread import Spread


def find_limit(
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
    from ..scenarios.abort import those_to_watch
    from ..scenarios.limit import LimitRunner
    from ..scenarios.load import LoadRunner, loaded
    from ..verdict.render.limit import line, render

    wishes = overrides_of(overrides or [])

    if spread is not None:
        spread = dataclasses.replace(spread, more_to_come=True)

    def at(per_min: float) -> "Scenario":
        wanted = loaded(profile, per_min, search.lasts_s(per_min), scenario, window).with_overrides(wishes)
        return wanted if spread is None else spread.opened(wanted)

    first = at(search.start_per_min)
    choice = sut_for(config, middleware, first)
    named = [*first.objectives, *choice.judge.objectives, *objectives]
    unless_named = {} if named else {"objectives": search.objectives}
    first = first.model_copy(update=unless_named)
    judged = judged_by(invariants, objectives, choice.judge, first.objectives)
    must_hold = [*first.objectives, *judged.objectives]
    first.plan(seed)
    say(f"profile {profile}: from {search.start_per_min:g}/min on, until a rate breaks; seed {seed}")
    say(f"what must hold: {'; '.join(must_hold)}, and every invariant")
    with Shown() as shown:
        runner = LimitRunner(
            profile,
            search,
            lambda per_min: at(per_min).model_copy(update=unless_named).fit_for(choice.sut)[0],
            functools.partial(
                LoadRunner,
                sut=choice.sut,
                seed=seed,
                origin=choice.origin,
                judged_by=judged.recorded,
                ui_port=ui,
                spread=spread,
                on_news=say,
                abort_on=those_to_watch(must_hold, first.estate.standing, apart=first.estate.processes),
            ),
            seed=seed,
            out=out,
            invariants=judged.invariants,
            objectives=judged.objectives,
            on_start=lambda per_min, one: say(f"{per_min:,.6g}/min for {one.duration_s:g} s"),
            on_progress=shown,
            on_judged=lambda step: err.print(line(step), soft_wrap=True),
        )
        with Desk.of(runner, out):
            limit = runner.run()
    end_with(limit, render, runner.folder, as_json)
