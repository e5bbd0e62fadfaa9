"""The verdict on a suite: what several runs of one system under test come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .result import EXIT_CODES, Outcome, Verdict

SCHEMA = "peakproof/suite/1"


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a suite: its scenario, the folder that it left, and its verdict."""

    scenario: str
    folder: Path
    verdict: Verdict

    @property
    def is_idle(self) -> bool:
        """None of its faults can strike this middleware: it counts for nothing in a suite, neither as passed nor against it."""
        return self.verdict.verdict == "inconclusive" and set(self.verdict.validity.about) == {"scenario"}


@dataclass(frozen=True, slots=True)
class SuiteVerdict:
    """All runs of a suite in their order; ``missing`` are the scenarios that it did not get to."""

    suite: str
    seed: int
    parts: tuple[Part, ...]
    missing: tuple[str, ...] = ()

    @property
    def verdict(self) -> Outcome:
        """Any fail fails; then anything inconclusive or missing is inconclusive; the rest passes. What was not exercised is left out."""
        found = {part.verdict.verdict for part in self.parts if not part.is_idle}
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
            if part.verdict.verdict != "pass"
            for reason in part.verdict.reasons
        ]
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
            "missing": list(self.missing),
        }


def worst_first(parts: Sequence[Part]) -> list[Part]:
    """Failed ones before inconclusive ones before those that passed."""
    order: dict[Outcome, int] = {"fail": 0, "inconclusive": 1, "pass": 2}
    return sorted(parts, key=lambda part: order[part.verdict.verdict])
