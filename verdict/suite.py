"""The verdict on a suite: what several runs of one system under test come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .result import EXIT_CODES, Outcome, Verdict

SCHEMA = "peakproof/suite/1"

PartOutcome = Outcome | Literal["not exercised"]


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a suite: its scenario, the folder that it left, and its verdict."""

    scenario: str
    folder: Path
    verdict: Verdict

    @property
    def outcome(self) -> PartOutcome:
        """The verdict; but one that is only missing because nothing of the scenario concerns this system under test counts
        neither for it nor against it."""
        return self.verdict.verdict if self.verdict.is_exercised else "not exercised"


@dataclass(frozen=True, slots=True)
class SuiteVerdict:
    """All runs of a suite in their order; ``missing`` are the scenarios that it did not get to."""

    suite: str
    seed: int
    parts: tuple[Part, ...]
    missing: tuple[str, ...] = ()

    @property
    def verdict(self) -> Outcome:
        """Any fail fails; then anything inconclusive or missing is inconclusive; the rest passes, if something was exercised."""
        found = {part.outcome for part in self.parts} - {"not exercised"}
        if "fail" in found:
            return "fail"
        return "inconclusive" if self.missing or found != {"pass"} else "pass"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def reasons(self) -> tuple[str, ...]:
        said = [
            f"{part.scenario}: {reason}"
            for part in self.parts
            if part.outcome in ("fail", "inconclusive")
            for reason in part.verdict.reasons
        ]
        if self.verdict == "inconclusive" and not said and not self.missing:
            said = ["no scenario was exercised by the system under test"]
        return (*said, *(f"{name}: was not run" for name in self.missing))

    def document(self) -> dict[str, Any]:
        """The content of ``suite.json``; each run is the document of its own ``verdict.json``."""
        return {
            "schema": SCHEMA,
            "suite": self.suite,
            "seed": self.seed,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "runs": [part.verdict.document() for part in self.parts],
            "not_exercised": [part.scenario for part in self.parts if part.outcome == "not exercised"],
            "missing": list(self.missing),
        }


def worst_first(parts: Sequence[Part]) -> list[Part]:
    """Failed ones before inconclusive ones before those that were not exercised and those that passed."""
    order: dict[PartOutcome, int] = {"fail": 0, "inconclusive": 1, "not exercised": 2, "pass": 3}
    return sorted(parts, key=lambda part: order[part.outcome])
