"""What the user types to inject a fault, as an entry of a schedule; the running process checks it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError

TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|)\s*")
UNITS_S = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Wish:
    """One injection as the command line has it; what is left out is not said."""

    system: str
    fault: str
    operation: str | None = None
    lasts: str | None = None
    ramp: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of an entry of a schedule, as they are called there; None is left out."""

    def entry(self) -> dict[str, Any]:
        """UsageError for a time that is none."""
        times = {"for": seconds("--for", self.lasts), "ramp_s": seconds("--ramp", self.ramp)}
        on = self.system if self.operation is None else f"{self.system}.{self.operation}"
        given = {name: value for name, value in {**times, **self.more}.items() if value not in (None, {})}
        return {"fault": self.fault, "on": on, **given}


def seconds(option: str, text: str | None) -> float | None:
    """``60s``, ``1.5m``, ``200ms``, ``1h`` or bare seconds. UsageError."""
    if text is None:
        return None
    found = TIME.fullmatch(text)
    if found is None or not float(found[1]):
        raise UsageError(f"{option} {text!r}: must be a time above 0 like 60s, 1.5m or 200ms")
    return float(found[1]) * UNITS_S[found[2]]
