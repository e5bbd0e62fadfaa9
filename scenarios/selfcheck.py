"""The oracle is tried: every planted defect must be found with its cause first, and no correct oddity may be blamed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .errors import UsageError, unknown

SCHEMA = "peakproof/selfcheck/2"
REFERENCE = "reference"
RESULTS = "outcomes.jsonl"
"""What a selfcheck has tried so far, an outcome a line: ``--resume`` goes on from there."""
SUFFERED = frozenset({"generator", "estate", "workload"})
"""What a reason against a run is about where a busy machine was to blame: such a run is repeated alone."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One short run of the reference middleware, whole or with a defect or an oddity."""

    middleware: str
    scenario: str
    seconds: int
    found_by: tuple[str, ...] = ()
    """The invariants that must find it; none for honest work."""
    cause: str | None = None
    """The invariant whose finding a reader must be told of first; null for honest work."""

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
    """The first is the one whose finding a reader is told of first."""
    reasons: tuple[str, ...]
    about: tuple[str, ...] = ()
    """What the reasons against the run itself are about."""

    @property
    def missed(self) -> tuple[str, ...]:
        """Invariants that should have found the defect and did not."""
        return tuple(name for name in self.trial.found_by if name not in self.violated)

    @property
    def misled_by(self) -> str | None:
        """What a reader is told first where that is not the declared cause."""
        first = self.violated[0] if self.violated else None
        return None if first in (None, self.trial.cause) else first

    @property
    def good(self) -> bool:
        """The defect was found and its cause named first; honest work was not blamed."""
        if not self.trial.found_by:
            return self.verdict == "pass"
        return self.verdict == "fail" and not self.missed and self.misled_by is None

    @property
    def suffered(self) -> bool:
        """The machine was too busy for it: nothing but that is held against the run."""
        return self.verdict == "inconclusive" and bool(self.about) and SUFFERED.issuperset(self.about)

    @property
    def complaint(self) -> str:
        """What is not as it should be; empty where all is."""
        if self.good:
            return ""
        if not self.trial.found_by:
            return ", ".join(self.violated) or "; ".join(self.reasons)
        said = [f"{', '.join(self.missed)} missed it"] if self.missed else []
        said += [f"{self.misled_by} came first; the cause is {self.trial.cause}"] if self.misled_by else []
        return "; ".join(said or self.reasons)

    def document(self) -> dict[str, Any]:
        return {
            "middleware": self.trial.middleware,
            "scenario": self.trial.scenario,
            "seconds": self.trial.seconds,
            "found_by": list(self.trial.found_by),
            "cause": self.trial.cause,
            "verdict": self.verdict,
            "missed": list(self.missed),
            "misled_by": self.misled_by,
            "violated": list(self.violated),
            "reasons": list(self.reasons),
            "about": list(self.about),
            "good": self.good,
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> Self:
        """The outcome that made a document. KeyError where it is none."""
        trial = Trial(
            document["middleware"],
            document["scenario"],
            document["seconds"],
            tuple(document["found_by"]),
            document["cause"],
        )
        listed = (tuple(document[name]) for name in ("violated", "reasons", "about"))
        return cls(trial, document["verdict"], *listed)


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
        """The share of defects that were found by all that should find them, with the cause first."""
        planted = [outcome for outcome in self.outcomes if outcome.trial.found_by]
        return sum(outcome.good for outcome in planted) / len(planted) if planted else 0.0

    @property
    def false_alarms(self) -> int:
        """Runs of honest work that did not pass."""
        return sum(not outcome.good for outcome in self.outcomes if not outcome.trial.found_by)

    def document(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "mutation_score": round(self.score, 4),
            "false_alarms": self.false_alarms,
            "invariants": {
                name: {"caught": caught, "planted": planted}
                for name, (caught, planted) in self.scores.items()
            },
            "trials": [outcome.document() for outcome in self.outcomes],
        }


def trials(only: Sequence[str] = (), *, full: bool = False) -> list[Trial]:
    """Every defect in the scenario that it declares, every oddity in the four that could blame it most, and the reference
    in all of these; with ``full`` the reference and every oddity in every scenario of the library.

    ``only`` names some of them. UsageError for an unknown one.
    """
    from ..middleware.decoys import DECOYS
    from ..middleware.defects import DEFECTS, DO_NOTHING
    from .scenario import Scenario

    if full:
        honest = {name: one.seconds for name, one in DECOYS.items()} | {REFERENCE: FULL_S}
        every = [
            Trial(name, scenario, max(seconds, FULL_S))
            for scenario in Scenario.names()
            if scenario not in LEFT_OUT
            for name, seconds in honest.items()
        ]
    else:
        planted = [
            Trial(name, one.shown_in, one.seconds, one.found_by, one.cause) for name, one in DEFECTS.items()
        ]
        planted.append(Trial(DO_NOTHING, "black-friday", 5, ("no_order_lost",), "no_order_lost"))
        odd = [
            Trial(name, scenario, one.seconds) for name, one in DECOYS.items() for scenario in one.scenarios
        ]
        seconds: dict[str, int] = {}
        for trial in (*planted, *odd):
            seconds[trial.scenario] = max(trial.seconds, seconds.get(trial.scenario, 0))
        every = [*planted, *odd, *(Trial(REFERENCE, scenario, most) for scenario, most in seconds.items())]
    known = list(dict.fromkeys(trial.middleware for trial in every))
    for name in only:
        if name not in known:
            raise UsageError(unknown("middleware", name, known))
    return [trial for trial in every if not only or trial.middleware in only]


FULL_S = 8
"""So many seconds of each scenario's workload a full check plays, unless an oddity asks for more."""
LEFT_OUT = frozenset({"first-contact", "campaign-300"})
"""One order without a fault, and a campaign of minutes: neither could blame anybody for more than the others do."""


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
    about = tuple(verdict.get("validity", {}).get("about", ()))
    return Outcome(trial, verdict["verdict"], violated, tuple(verdict["reasons"]), about)


def attempts(
    wanted: Iterable[Trial],
    out: Path,
    *,
    at_once: int = 2,
    make: Callable[[Trial, Path], Outcome] = attempt,
) -> Iterator[Outcome]:
    """Make the runs, so many at once, and hand each outcome on as it comes; what a busy machine spoilt is repeated alone."""
    spoilt: list[Trial] = []
    with ThreadPoolExecutor(at_once) as pool:
        runs = [pool.submit(make, trial, out) for trial in wanted]
        try:
            for run in as_completed(runs):
                outcome = run.result()
                if outcome.suffered and at_once > 1:
                    spoilt.append(outcome.trial)
                else:
                    yield outcome
        finally:
            for run in runs:
                run.cancel()
    for trial in spoilt:
        yield make(trial, out)


class Results:
    """The outcomes of a selfcheck in a file, so that one that was interrupted can go on."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESULTS

    def of(self, wanted: Sequence[Trial]) -> list[Outcome]:
        """What came of those that have been tried already; a line that was cut off counts for nothing."""
        if not self._path.exists():
            return []
        found: dict[Trial, Outcome] = {}
        for line in self._path.read_text("utf-8").splitlines():
            try:
                outcome = Outcome.of_document(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue
            found[outcome.trial] = outcome
        return [found[trial] for trial in wanted if trial in found]

    def begin_anew(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("")

    def add(self, outcome: Outcome) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(outcome.document()) + "\n")
