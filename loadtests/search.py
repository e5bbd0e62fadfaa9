"""How the highest rate that holds is looked for: steps up until one breaks, then between the two, always in the middle."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any, Self

from .naming import unknown


@dataclass(frozen=True, slots=True)
class Search:
    """Where to begin, how far to go at once, and when to be content. ValueError for what cannot be."""

    start_per_min: float = 120.0
    """The first rate that is tried: orders a minute at the profile's peak."""
    step_factor: float = 2.0
    """While all holds, the next rate is so many times the last; while nothing does, so many times less."""
    step_s: float = 30.0
    """So long each rate is kept up."""
    step_orders: int = 50
    """A slow rate is kept up until about so many orders are in: figures need samples."""
    resolution: float = 0.1
    """The end: what broke is above what held by no more than this part of itself."""
    least_per_min: float = 15.0
    """Where not even this holds, the search ends."""
    objectives: tuple[str, ...] = ("order_sync_latency_p95 <= 5",)
    """What must hold where the user names no objective."""

    def __post_init__(self) -> None:
        for name in ("start_per_min", "step_s", "step_orders", "least_per_min"):
            _check(name, getattr(self, name), 0.0, None, "a number above 0")
        _check("step_factor", self.step_factor, 1.0, None, "a number above 1")
        _check("resolution", self.resolution, 0.0, 1.0, "a number between 0 and 1")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """As a profile's file says it. ValueError with one line."""
        known = [one.name for one in fields(cls)]
        for key in given:
            if key not in known:
                raise ValueError(unknown("key", key, known))
        objectives = given.get("objectives", cls().objectives)
        are_texts = isinstance(objectives, list | tuple) and all(isinstance(one, str) for one in objectives)
        if not are_texts or not objectives:
            raise ValueError(f"objectives must be a list of texts, got {objectives!r}")
        return cls(**{**given, "objectives": tuple(objectives)})

    def changed(
        self,
        *,
        start_per_min: float | None = None,
        step_s: float | None = None,
        step_factor: float | None = None,
        resolution: float | None = None,
    ) -> Self:
        """The same with what somebody wishes otherwise; None is no wish. ValueError."""
        return replace(
            self,
            start_per_min=self.start_per_min if start_per_min is None else start_per_min,
            step_s=self.step_s if step_s is None else step_s,
            step_factor=self.step_factor if step_factor is None else step_factor,
            resolution=self.resolution if resolution is None else resolution,
        )

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "objectives": list(self.objectives)}

    def lasts_s(self, per_min: float) -> float:
        """How long this rate is kept up."""
        return max(self.step_s, self.step_orders * 60 / per_min)

    def next_per_min(self, held: float | None, broke: float | None) -> float | None:
        """The rate to try next; None when the search is over.

        ``held`` is the highest rate that held so far, ``broke`` the lowest that did not; None where there is none.
        """
        if held is None and broke is None:
            return self.start_per_min
        if broke is None:
            return rounded((held or 0.0) * self.step_factor)
        if held is None:
            slower = rounded(max(broke / self.step_factor, self.least_per_min))
            return slower if slower < broke else None
        middle = rounded((held + broke) / 2)
        return middle if broke - held > self.resolution * broke and held < middle < broke else None


def rounded(per_min: float) -> float:
    """Three digits are enough for a rate that people talk about."""
    return float(f"{per_min:.3g}")


def _check(name: str, value: Any, above: float, below: float | None, expected: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not is_number or not value > above or (below is not None and not value < below):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
