"""Two runs side by side: which key figures got worse by more than the first run differs from itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from .errors import VerdictError
from .result import Outcome, Verdict

SCHEMA = "peakproof/compare/1"

Tendency = Literal["worse", "better", "within noise", "not told"]


@dataclass(frozen=True, slots=True)
class Change:
    """One key figure before and after."""

    name: str
    unit: str
    better: str
    """``lower`` or ``higher``."""
    before: tuple[float | None, ...]
    """Of the first run, and of its repetitions."""
    after: float | None
    whole: bool = True
    """A whole figure; else a part of one (``exception_volume[timeout]``), which is told and decides nothing."""

    @property
    def noise(self) -> float | None:
        """How far the repetitions of the first run lie apart; null where there are none to say it."""
        told = [value for value in self.before if value is not None]
        return max(told) - min(told) if len(told) > 1 and len(told) == len(self.before) else None

    @property
    def tendency(self) -> Tendency:
        """``worse`` or ``better`` only beyond all repetitions, by more than they differ from each other."""
        noise, told = self.noise, [value for value in self.before if value is not None]
        if noise is None or self.after is None:
            return "not told"
        if self.after > max(told) + noise:
            return "worse" if self.better == "lower" else "better"
        if self.after < min(told) - noise:
            return "better" if self.better == "lower" else "worse"
        return "within noise"

    def document(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "better": self.better,
            "before": self.before[0],
            "after": self.after,
            "noise": self.noise,
            "tendency": self.tendency,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of every key figure, and what that comes to."""

    before: str
    after: str
    verdict: Outcome
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, before: Verdict, after: Verdict, again: Sequence[Verdict]) -> Self:
        """Compare a run with an earlier one and its repetitions ``again``.

        VerdictError for runs that are no pair: of another scenario or seed. ``fail`` where a figure got worse;
        else ``inconclusive`` where nothing says how much noise there is, or a run proved nothing.
        """
        for other in (after, *again):
            _check_pair(before, other)
        first, later, *repeated = (_values(one) for one in (before, after, *again))
        figures = {kpi.name: kpi for kpi in after.kpis}
        changes = tuple(
            Change(
                kpi.name if part is None else f"{kpi.name}[{part}]",
                kpi.unit,
                kpi.better,
                (first[kpi.name, part], *(one.get((kpi.name, part)) for one in repeated)),
                later.get((kpi.name, part)),
                whole=part is None,
            )
            for kpi in before.kpis
            if kpi.name in figures
            for part in (None, *(part for name, part in first if name == kpi.name and part is not None))
        )
        worse = [f"{one.name} got worse" for one in changes if one.whole and one.tendency == "worse"]
        doubts = [
            f"run {one.run.id} is inconclusive"
            for one in (before, after, *again)
            if one.verdict == "inconclusive"
        ]
        if not again:
            doubts.append(
                f"nothing says how much noise there is: repeat {before.run.id} and give it with --again"
            )
        verdict: Outcome = "fail" if worse else "inconclusive" if doubts else "pass"
        return cls(before.run.id, after.run.id, verdict, (*worse, *doubts), changes)

    def document(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "before": self.before,
            "after": self.after,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "kpis": {one.name: one.document() for one in self.changes},
        }


def _values(verdict: Verdict) -> dict[tuple[str, str | None], float | None]:
    """Every figure's value, by name, and that of its parts besides channels, by name and part."""
    values: dict[tuple[str, str | None], float | None] = {}
    for kpi in verdict.kpis:
        values[kpi.name, None] = kpi.value
        values |= {
            (kpi.name, part): value for split in kpi.parts.values() for part, (value, _) in split.items()
        }
    return values


def _check_pair(one: Verdict, other: Verdict) -> None:
    for what, mine, yours in (
        ("scenario", one.run.scenario, other.run.scenario),
        ("seed", one.run.seed, other.run.seed),
    ):
        if mine != yours:
            raise VerdictError(
                f"runs {one.run.id} and {other.run.id} are no pair: their {what} is {mine!r} and {yours!r}; "
                "compare runs of the same scenario and seed"
            )
