"""A threshold of the user's own on a key figure, e.g. ``order_sync_latency_p95 <= 5``."""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Self

from .errors import ObjectiveError
from .result import KpiValue, ObjectiveResult

_FORM = re.compile(r"\s*([a-z0-9_]+)\s*(<=|>=|<|>)\s*([0-9.]+)\s*$")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class Objective:
    """What must be true of a key figure, in the figure's own unit."""

    kpi: str
    sign: str
    threshold: float

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Read an objective. ObjectiveError where it has another form."""
        match = _FORM.match(text)
        try:
            if match is not None:
                return cls(match[1], match[2], float(match[3]))
        except ValueError:
            pass
        raise ObjectiveError(
            f"objective {text!r} cannot be read; expected e.g. 'order_sync_latency_p95 <= 5'"
        )

    def check_name(self, names: Iterable[str]) -> None:
        """ObjectiveError where no key figure has that name."""
        known = sorted(names)
        if self.kpi not in known:
            near = ", ".join(get_close_matches(self.kpi, known, n=3)) or ", ".join(known)
            raise ObjectiveError(
                f"objective {str(self)!r}: there is no key figure {self.kpi!r}; nearest: {near}"
            )

    def check(self, kpis: Iterable[KpiValue]) -> ObjectiveResult:
        """Compare. ObjectiveError where no key figure has that name."""
        by_name = {kpi.name: kpi for kpi in kpis}
        self.check_name(by_name)
        kpi = by_name[self.kpi]
        met = None if kpi.value is None else _COMPARE[self.sign](kpi.value, self.threshold)
        return ObjectiveResult(str(self), self.kpi, kpi.value, met)

    def __str__(self) -> str:
        return f"{self.kpi} {self.sign} {self.threshold:g}"
