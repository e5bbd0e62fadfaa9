"""What a search for the highest rate that holds comes to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .render.wording import counted
from .result import EXIT_CODES, ObjectiveResult, Outcome, Verdict

SCHEMA = "peakproof/limit/1"

StepOutcome = Literal["held", "broke", "limited", "unknown"]
"""``limited``: the generator or the estate could do no more, so nothing is known of the middleware. ``unknown``: the run
proved nothing for another reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rate that was tried: the folder that its run left, and its verdict."""

    per_min: float
    folder: Path
    verdict: Verdict

    @property
    def rate(self) -> str:
        return f"{self.per_min:,.6g}/min"

    @property
    def broken(self) -> tuple[str, ...]:
        """What this rate broke: invariants, objectives, and the system under test itself."""
        verdict = self.verdict
        invariants = tuple(
            result
            for result in verdict.invariants
            if result.status == "violated" and not (result.class_ == "timeliness" and self.limited_by)
        )
        said = [f"{one.id}: {counted(one.findings_count, 'finding')}" for one in invariants]
        if not self.limited_by:
            said += [self._missed(one) for one in verdict.objectives if one.met is False]
            if "sut" in verdict.validity.at_limit and not said:
                validity = verdict.validity
                said += (validity.reasons_about("settling", "sut") or validity.reasons)[:1]
        return tuple(said)

    def _missed(self, one: ObjectiveResult) -> str:
        it_was = "not known" if one.value is None else f"{one.value:.4g}"
        return one.aborted or f"{one.objective}, but it was {it_was}"

    @property
    def limited_by(self) -> tuple[str, ...]:
        """Who of peakproof's own could do no more."""
        return self.verdict.validity.not_the_sut

    @property
    def outcome(self) -> StepOutcome:
        if self.broken:
            return "broke"
        if self.limited_by:
            return "limited"
        return "held" if self.verdict.verdict == "pass" else "unknown"

    @property
    def reason(self) -> str:
        """Why it did not hold; empty where it did."""
        match self.outcome:
            case "held":
                return ""
            case "broke":
                return "; ".join(self.broken)
            case "limited":
                validity = self.verdict.validity
                return "; ".join(validity.reasons_about(*self.limited_by) or validity.reasons)
            case _:
                return "; ".join(self.verdict.reasons[:3])

    def document(self) -> dict[str, Any]:
        """The rate, what came of it, and the document of its own run."""
        return {
            "per_min": self.per_min,
            "outcome": self.outcome,
            "broken": list(self.broken),
            "limited_by": list(self.limited_by),
            "reason": self.reason,
            "run": self.folder.name,
            "verdict": self.verdict.document(),
        }


@dataclass(frozen=True, slots=True)
class Limit:
    """All rates that were tried, in their order."""

    profile: str
    seed: int
    search: dict[str, Any]
    """How it was searched."""
    steps: tuple[Step, ...] = ()
    complete: bool = True
    """It went on until there was nothing left to try."""

    @property
    def held(self) -> Step | None:
        """The highest rate that held, below the lowest that did not."""
        bound = self.bound
        below = (
            one
            for one in self.steps
            if one.outcome == "held" and (bound is None or one.per_min < bound.per_min)
        )
        return max(below, key=lambda one: one.per_min, default=None)

    @property
    def bound(self) -> Step | None:
        """The lowest rate that did not hold, whoever was the reason."""
        above = (one for one in self.steps if one.outcome in ("broke", "limited"))
        return min(above, key=lambda one: one.per_min, default=None)

    @property
    def broke(self) -> Step | None:
        """The lowest rate that broke something of the middleware's."""
        broken = (one for one in self.steps if one.outcome == "broke")
        return min(broken, key=lambda one: one.per_min, default=None)

    @property
    def verdict(self) -> Outcome:
        """A limit that was found passes; where nothing held at all it fails; all else is inconclusive."""
        bound = self.bound
        if not self.complete or bound is None or bound.outcome == "limited":
            return "inconclusive"
        return "fail" if self.held is None else "pass"

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it comes to: what held, what broke and by what, and what this proves."""
        held, bound, broke = self.held, self.bound, self.broke
        said = [f"Highest rate that held: {held.rate}." if held else "No rate held that was tried."]
        if broke is not None:
            said.append(f"Lowest rate that broke: {broke.rate}: {broke.reason}.")
        if bound is not None and bound.outcome == "limited":
            said.append(f"At {bound.rate} it was not the middleware that could do no more: {bound.reason}.")
        if not self.complete:
            last = self.steps[-1] if self.steps else None
            why = f": {last.rate}: {last.reason}" if last is not None and last.outcome == "unknown" else ""
            said.append(f"The search did not come to its end{why}.")
        return tuple(said)

    def document(self) -> dict[str, Any]:
        """The content of ``limit.json``."""

        def rate(step: Step | None) -> float | None:
            return None if step is None else step.per_min

        return {
            "schema": SCHEMA,
            "profile": self.profile,
            "seed": self.seed,
            "verdict": self.verdict,
            "sentences": list(self.sentences),
            "highest_held_per_min": rate(self.held),
            "lowest_broke_per_min": rate(self.broke),
            "broken": list(self.broke.broken) if self.broke else [],
            "limited_by": list(self.bound.limited_by)
            if self.bound and self.bound.outcome == "limited"
            else [],
            "complete": self.complete,
            "search": self.search,
            "steps": [one.document() for one in self.steps],
        }
