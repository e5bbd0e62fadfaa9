"""A threshold of the user's own on a key figure, e.g. ``order_sync_latency_p95 < 30s`` or ``manual_touch_rate <= 1%``."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

from .errors import ObjectiveError
from .result import KpiValue, ObjectiveResult

_FORM = re.compile(
    r"\s*(?P<kpi>[a-z0-9_]+)\s*(?:\[\s*(?P<part>[^\]]*?)\s*\])?\s*(?P<sign><=|>=|<|>)"
    r"\s*(?P<threshold>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(?P<unit>%|[A-Za-z][A-Za-z ]*?)?\s*$"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}

_SCALES: Mapping[str, Mapping[str, float]] = {
    "s": {
        **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
        **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
        **dict.fromkeys(("min", "minute", "minutes"), 60.0),
        **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    },
    "ratio": {"%": 0.01, "percent": 0.01, "ratio": 1.0},
}
"""By a figure's unit: what a threshold may be given in, and how much of the figure's unit that is."""
_USUAL = {"s": "ms, s, min or h", "ratio": "%, or a ratio such as 0.05"}

DIGITS = 9
"""A threshold is rounded to so many decimals of the figure's unit, so that 57 % is 0.57."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What must be true of a key figure, or of one channel's or other part of it: ``order_sync_latency_p95[web] < 30s``."""

    kpi: str
    part: str | None
    """The channel, reason, injection, … that it is about; null for the whole figure."""
    sign: str
    threshold: float
    unit: str | None
    """What the threshold is given in; the figure's own unit unless said."""

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read an objective. ObjectiveError where it has another form."""
        match = _FORM.match(text)
        if match is None or match["part"] == "":
            raise ObjectiveError(
                f"objective {text!r} cannot be read; expected e.g. 'order_sync_latency_p95 <= 5s' or 'manual_touch_rate[web] < 1%'"
            )
        return cls(match["kpi"], match["part"], match["sign"], float(match["threshold"]), match["unit"])

    def check_figure(self, units: Mapping[str, str]) -> None:
        """``units`` are those of all figures, by name. ObjectiveError where there is no such figure, or it is in others."""
        if self.kpi not in units:
            near = ", ".join(get_close_matches(self.kpi, units, n=3)) or ", ".join(sorted(units))
            raise ObjectiveError(
                f"objective {str(self)!r}: there is no key figure {self.kpi!r}; nearest: {near}"
            )
        self.scaled(units[self.kpi])

    def check(self, kpis: Iterable[KpiValue]) -> ObjectiveResult:
        """Compare. ObjectiveError where no key figure has that name, or it is measured in other units."""
        by_name = {kpi.name: kpi for kpi in kpis}
        self.check_figure({name: kpi.unit for name, kpi in by_name.items()})
        kpi = by_name[self.kpi]
        threshold = self.scaled(kpi.unit)

        def met(value: float) -> bool:
            return _COMPARE[self.sign](value, threshold)

        if self.part is None:
            value, reason = kpi.value, None if kpi.value is not None else _why_not(kpi, kpi.count)
        else:
            value, reason = _of_part(kpi, self.part, by_name.values())
        return ObjectiveResult(
            str(self),
            self.kpi,
            value,
            None if value is None else met(value),
            {name: met(one) for name, (one, _) in kpi.by_channel.items() if one is not None}
            if self.part is None
            else {},
            reason,
            kpi.unit,
        )

    def scaled(self, unit: str) -> float:
        """The threshold in the figure's unit. ObjectiveError."""
        scale = _SCALES.get(unit, dict.fromkeys((unit, unit.removesuffix("s")), 1.0)).get(self.unit or unit)
        if scale is None:
            raise ObjectiveError(
                f"objective {str(self)!r}: {self.kpi} cannot be given in {self.unit!r}; expected {_USUAL.get(unit, unit)}"
            )
        if unit == "ratio" and self.unit is None and self.threshold > 1:
            raise ObjectiveError(
                f"objective {str(self)!r}: {self.kpi} is a share between 0 and 1, got {self.threshold:g}; "
                f"write {self.threshold:g}% or {self.threshold / 100:g}"
            )
        return round(self.threshold * scale, DIGITS)

    def __str__(self) -> str:
        part = "" if self.part is None else f"[{self.part}]"
        unit = "" if self.unit is None else "%" if self.unit == "%" else f" {self.unit}"
        return f"{self.kpi}{part} {self.sign} {self.threshold:.12g}{unit}"


def _of_part(kpi: KpiValue, part: str, kpis: Iterable[KpiValue]) -> tuple[float | None, str | None]:
    """A part's value, or why there is none. Of a count, what never came is none of it and not unknown."""
    found = kpi.of(part)
    if found is not None:
        return found[0], None if found[0] is not None else _why_not(kpi, found[1])
    channels = {channel for one in kpis for channel in one.by_channel}
    if kpi.measure == "total" and kpi.reason is None and (kpi.parts or part in channels):
        return 0.0, None
    known = sorted({*kpi.by_channel, *(name for split in kpi.parts.values() for name in split)})
    return None, f"it is not measured of {part!r}, but of {', '.join(known) or 'nothing'}"


def _why_not(kpi: KpiValue, count: int) -> str:
    if kpi.reason:
        return kpi.reason
    if not count:
        return "nothing was measured"
    return "that never came" if kpi.measure == "longest" else f"there were too few samples ({count})"
