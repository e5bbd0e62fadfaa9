"""The highest rate that a middleware holds: one run under load after another, each judged, until the limit is closed in."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..loadtests.search import Search
from ..verdict.limit import Limit, Step
from ..verdict.report import write_limit
from .errors import RunError
from .reports import judge_run
from .run_record import new_folder
from .runner import Progress, Runner
from .scenario import Scenario


def searched(
    search: Search,
    tried: Callable[[float], Step | None],
    *,
    profile: str,
    seed: int,
    settings: Mapping[str, Any] | None = None,
) -> Limit:
    """Try one rate after another; ``tried`` runs one, and returns None where it is not to be known (an interruption).

    Ends early with a rate of which nothing can be said; one at which the generator or the estate was the limit is
    taken as a bound all the same, for below it something can be found out.
    """
    steps: list[Step] = []
    while True:
        so_far = Limit(profile, seed, dict(settings or search.document()), tuple(steps))
        held, bound = so_far.held, so_far.bound
        per_min = search.next_per_min(held.per_min if held else None, bound.per_min if bound else None)
        if per_min is None:
            return so_far
        try:
            step = tried(per_min)
        except KeyboardInterrupt:  # while a run is judged; one under way ends by itself
            step = None
        if step is not None:
            steps.append(step)
        if step is None or step.outcome == "unknown":
            return Limit(profile, seed, so_far.search, tuple(steps), complete=False)


class LimitRunner:
    """Runs a profile at one rate after another with the same seed; ``folder`` holds all runs, and what they come to.

    ``make`` makes the runner of one of them: its scenario, and the ``out`` and ``on_progress`` that it is to have.
    """

    def __init__(
        self,
        profile: str,
        search: Search,
        scenario_at: Callable[[float], Scenario],
        make: Callable[..., Runner],
        *,
        seed: int,
        out: Path,
        invariants: Sequence[str] = (),
        objectives: Sequence[str] = (),
        on_start: Callable[[float, Scenario], None] = lambda per_min, scenario: None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_judged: Callable[[Step], None] = lambda step: None,
    ) -> None:
        self.folder = out
        self._profile = profile
        self._search = search
        self._scenario_at = scenario_at
        self._make = make
        self._seed = seed
        self._out = out
        self._invariants = invariants
        self._objectives = objectives
        self._on_start = on_start
        self._on_progress = on_progress
        self._on_judged = on_judged

    def run(self) -> Limit:
        """Blocks until the limit is closed in; leaves ``limit.json``, ``junit.xml``, ``summary.md`` and ``report.html``."""
        self.folder = new_folder(self._out, "limit", self._seed)
        limit = searched(self._search, self._try, profile=self._profile, seed=self._seed)
        write_limit(limit, self.folder)
        return limit

    def _try(self, per_min: float) -> Step | None:
        scenario = self._scenario_at(per_min)
        self._on_start(per_min, scenario)
        runner = self._make(scenario, out=self.folder, on_progress=self._on_progress)
        try:
            folder = runner.run()
        except RunError as error:
            if error.folder is None:
                raise
            folder = error.folder
        verdict = judge_run(folder, invariants=self._invariants, objectives=self._objectives)
        step = Step(per_min, folder, verdict)
        self._on_judged(step)
        return None if runner.interrupted else step
