"""Several scenarios, one after another, against one system under test: one verdict and one page over all."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..verdict.report import write_suite
from ..verdict.suite import Part, SuiteVerdict
from .config import SutConfig
from .errors import RunError, SutNotReady, UsageError, unknown
from .reports import judge_run
from .run_record import new_folder
from .runner import Progress, Runner
from .scenario import Scenario
from .wishes import Wishes

SUITES = {
    "standard": "what CI should run: the ten scenarios that every middleware must hold, in a few minutes",
    "full": "every scenario of the library",
}
NOT_JUDGED = frozenset({"first-contact"})
"""Scenarios that are no trial."""


def scenarios_of(suite: str) -> list[Scenario]:
    """The scenarios of a suite, calm ones first. UsageError for an unknown suite."""
    if suite not in SUITES:
        raise UsageError(unknown("suite", suite, SUITES))
    library = [Scenario.load(name) for name in Scenario.names() if name not in NOT_JUDGED]
    chosen = [one for one in library if suite == "full" or suite in one.suites]
    return sorted(chosen, key=lambda one: (bool(one.schedule), one.name))


class SuiteRunner:
    """Runs every scenario with the same seed and judges each at once; ``folder`` holds them all.

    A run that could not be made is inconclusive, and the next one is tried; a system under test that never gets
    ready, and an interruption by the user, end the suite.
    """

    def __init__(
        self,
        name: str,
        scenarios: Sequence[Scenario],
        sut: SutConfig,
        *,
        seed: int,
        out: Path,
        origin: Mapping[str, str | None] | None = None,
        invariants: Sequence[str] = (),
        objectives: Sequence[str] = (),
        on_start: Callable[[Scenario], None] = lambda scenario: None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        on_judged: Callable[[Part], None] = lambda part: None,
    ) -> None:
        self.name = name
        self.scenarios = list(scenarios)
        self.sut = sut
        self.seed = seed
        self.out = out
        self.folder = out
        self._origin = origin
        self._invariants = invariants
        self._objectives = objectives
        self._on_start = on_start
        self._on_progress = on_progress
        self._on_judged = on_judged

    def run(self) -> SuiteVerdict:
        """Blocks until the last run is judged; leaves ``suite.json``, ``junit.xml`` and ``report.html``."""
        self.folder = new_folder(self.out, f"suite-{self.name}", self.seed)
        parts: list[Part] = []
        for scenario in self.scenarios:
            self._on_start(scenario)
            part, goes_on = self._part(scenario)
            parts.append(part)
            self._on_judged(part)
            if not goes_on:
                break
        missing = tuple(one.name for one in self.scenarios[len(parts) :])
        suite = SuiteVerdict(self.name, self.seed, tuple(parts), missing)
        write_suite(suite, self.folder)
        return suite

    def _part(self, scenario: Scenario) -> tuple[Part, bool]:
        """One run, judged; and whether the suite goes on after it."""
        fit, _ = scenario.fit_for(self.sut)
        runner = Runner(
            fit,
            self.sut,
            seed=self.seed,
            out=self.folder,
            on_progress=self._on_progress,
            origin=self._origin,
            judged_by=Wishes(list(self._invariants), list(self._objectives)).recorded,
        )
        goes_on = True
        try:
            folder = runner.run()
        except RunError as error:
            if error.folder is None:
                raise
            folder, goes_on = error.folder, not isinstance(error, SutNotReady)
        verdict = judge_run(folder, invariants=self._invariants, objectives=self._objectives)
        return Part(scenario.name, folder, verdict), goes_on and not runner.interrupted
