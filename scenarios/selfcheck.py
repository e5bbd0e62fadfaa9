"""The oracle is tried: every planted defect must be caught by the invariants that should, and honest work by none."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UsageError, unknown

SCHEMA = "peakproof/selfcheck/1"
REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Trial:
    """One short run of the reference middleware, whole or with a defect."""

    middleware: str
    scenario: str
    seconds: int
    found_by: tuple[str, ...] = ()
    """The invariants that must find it; none for honest work."""
    may_come_first: tuple[str, ...] = ()
    """Others that it may break on the way, at a step before."""

    def arguments(self, out: Path) -> list[str]:
        """What to give to the command ``peakproof``."""
        options = ("--middleware", self.middleware, "--duration", f"{self.seconds}", "--out", str(out))
        return ["run", self.scenario, "--json", *options]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial."""

    trial: Trial
    verdict: str
    """As in verdict.json; ``none`` where there was no run."""
    violated: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """Invariants that should have found the defect and did not."""
        return tuple(name for name in self.trial.found_by if name not in self.violated)

    @property
    def misled_by(self) -> str | None:
        """What a reader is told first, the earliest broken step, where the defect does not account for it."""
        first = self.violated[0] if self.violated else None
        return None if first in (None, *self.trial.found_by, *self.trial.may_come_first) else first

    @property
    def good(self) -> bool:
        """The defect was caught and named first; honest work was not blamed; who does nothing did not pass."""
        if not self.trial.found_by:
            return self.verdict == "pass"
        return self.verdict == "fail" and not self.missed and self.misled_by is None

    @property
    def complaint(self) -> str:
        """What is not as it should be; empty where all is."""
        if self.good:
            return ""
        if not self.trial.found_by:
            return ", ".join(self.violated) or "; ".join(self.reasons)
        said = [f"{', '.join(self.missed)} missed it"] if self.missed else []
        said += [f"{self.misled_by} came first, which it does not account for"] if self.misled_by else []
        return "; ".join(said or self.reasons)

    def document(self) -> dict[str, Any]:
        return {
            "middleware": self.trial.middleware,
            "scenario": self.trial.scenario,
            "verdict": self.verdict,
            "found_by": list(self.trial.found_by),
            "missed": list(self.missed),
            "misled_by": self.misled_by,
            "violated": list(self.violated),
            "reasons": list(self.reasons),
            "good": self.good,
        }


@dataclass(frozen=True, slots=True)
class Selfcheck:
    """What all trials come to."""

    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        return bool(self.outcomes) and all(outcome.good for outcome in self.outcomes)

    @property
    def scores(self) -> dict[str, tuple[int, int]]:
        """For each invariant: the defects that it caught, of those that it should catch."""
        names = sorted({name for outcome in self.outcomes for name in outcome.trial.found_by})
        return {name: self._score(name) for name in names}

    def _score(self, invariant: str) -> tuple[int, int]:
        asked = [outcome for outcome in self.outcomes if invariant in outcome.trial.found_by]
        return sum(invariant in outcome.violated for outcome in asked), len(asked)

    @property
    def score(self) -> float:
        """The share of defects that were caught by all that should catch them, one of those first."""
        planted = [outcome for outcome in self.outcomes if outcome.trial.found_by]
        return sum(outcome.good for outcome in planted) / len(planted) if planted else 0.0

    def document(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "mutation_score": round(self.score, 4),
            "invariants": {
                name: {"caught": caught, "planted": planted}
                for name, (caught, planted) in self.scores.items()
            },
            "trials": [outcome.document() for outcome in self.outcomes],
        }


def trials(only: Sequence[str] = ()) -> list[Trial]:
    """Every defect in the scenario that shows it, who does nothing, every decoy, and the reference in all these scenarios.

    ``only`` names some of them. UsageError for an unknown one.
    """
    from ..middleware.decoys import DECOYS
    from ..middleware.defects import DEFECTS, DO_NOTHING

    planted = [
        Trial(name, one.shown_in, one.seconds, one.found_by, one.may_come_first)
        for name, one in DEFECTS.items()
    ]
    planted.append(
        Trial(DO_NOTHING, "black-friday", 5, ("no_order_lost",), ("acknowledged_webhook_has_its_effect",))
    )
    seconds: dict[str, int] = {}
    for trial in planted:
        seconds[trial.scenario] = max(trial.seconds, seconds.get(trial.scenario, 0))
    odd = [Trial(name, one.shown_in, one.seconds) for name, one in DECOYS.items()]
    every = [*planted, *odd, *(Trial(REFERENCE, scenario, most) for scenario, most in seconds.items())]
    known = list(dict.fromkeys(trial.middleware for trial in every))
    for name in only:
        if name not in known:
            raise UsageError(unknown("middleware", name, known))
    return [trial for trial in every if not only or trial.middleware in only]


def attempt(trial: Trial, out: Path) -> Outcome:
    """Make the run in a process of its own and read its verdict."""
    done = subprocess.run(
        [sys.executable, "-m", "peakproof", *trial.arguments(out / trial.middleware)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    try:
        return outcome_of(trial, json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        return Outcome(trial, "none", (), (f"exit code {done.returncode}: {last}",))


def outcome_of(trial: Trial, verdict: dict[str, Any]) -> Outcome:
    """What a ``verdict.json`` says about a trial."""
    violated = tuple(one["id"] for one in verdict["invariants"] if one["status"] == "violated")
    return Outcome(trial, verdict["verdict"], violated, tuple(verdict["reasons"]))


def attempts(
    wanted: Iterable[Trial],
    out: Path,
    *,
    at_once: int = 2,
    make: Callable[[Trial, Path], Outcome] = attempt,
) -> Iterator[Outcome]:
    """Make the runs, so many at once, and hand each outcome on as it comes."""
    with ThreadPoolExecutor(at_once) as pool:
        runs = [pool.submit(make, trial, out) for trial in wanted]
        try:
            for run in as_completed(runs):
                yield run.result()
        finally:
            for run in runs:
                run.cancel()
