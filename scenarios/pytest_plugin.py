"""A fixture for pytest: ``peakproof.run("black-friday")`` in a test of your own. Does nothing until it is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class RunResult:
    """How a run came out; its text tells a failing assertion all that there is to say."""

    verdict: str
    folder: Path
    findings: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"

    def __repr__(self) -> str:
        lines = [f"{self.verdict}, recorded in {self.folder}", *self.reasons, *self.findings]
        return "\n  ".join(lines)


class Peakproof:
    """Runs scenarios against the system under test that ./peakproof.toml describes, else against the reference."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def run(
        self,
        scenario: str = "black-friday",
        *,
        seed: int = 1,
        duration_s: float | None = None,
        middleware: str | None = None,
        config: Path | None = None,
        overrides: dict[str, Any] | None = None,
        out: Path | None = None,
    ) -> RunResult:
        """One run, judged. Raises UsageError and RunError, each with one line that says what to do."""
        from ..verdict.judge import check_wishes
        from .flows import judged_flows
        from .reports import judge_run
        from .runner import Runner
        from .scenario import Scenario
        from .sut_choice import chosen
        from .toml_document import FILE
        from .wishes import Wishes

        own = self._root / FILE
        if config is None and middleware is None and own.is_file():
            config = own
        wanted = Scenario.load(scenario)
        if duration_s is not None:
            wanted = wanted.with_duration(duration_s)
        if overrides:
            wanted = wanted.with_overrides(overrides, source="overrides")
        choice = chosen(config, middleware)
        choice.sut.check(wanted.estate.standing)
        check_wishes(choice.judge.files, choice.judge.objectives)
        judged_flows(wanted.flows, choice.sut.flows)
        wanted, _ = wanted.fit_for(choice.sut)
        wishes = Wishes(choice.judge.files, list(choice.judge.objectives))
        runner = Runner(
            wanted,
            choice.sut,
            seed=seed,
            out=out or self._root / "runs",
            origin=choice.origin,
            judged_by=wishes.recorded,
        )
        folder = runner.run()
        verdict = judge_run(folder, invariants=choice.judge.files, objectives=choice.judge.objectives)
        return RunResult(
            verdict.verdict,
            folder,
            tuple(f"{result.id}: {finding.subject}: {finding.finding}" for result, finding in verdict.worst),
            verdict.reasons,
        )


@pytest.fixture
def peakproof(request: pytest.FixtureRequest) -> Peakproof:
    """Runs scenarios: ``assert peakproof.run("quiet-day").passed``."""
    return Peakproof(request.config.rootpath)
