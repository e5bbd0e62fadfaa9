"""A part of a profile's time: ``13:00+1h``, ``26s+2m``, or ``peak+1h``, its busiest hour."""

import re
from dataclasses import dataclass, replace
from math import isclose
from typing import Self

from .profile import Profile

UNITS_S = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
TIME = r"\d+(?:\.\d+)?[smhd]"
FORM = re.compile(
    rf"\s*(?:(?P<peak>peak)|(?P<clock>\d{{1,2}}:\d\d(?::\d\d)?)|(?P<after>{TIME}|0))\s*\+\s*(?P<length>{TIME})\s*"
)
EXPECTED = "must be START+LENGTH like 13:00+1h, 26s+2m or peak+1h"


@dataclass(frozen=True, slots=True)
class Window:
    """Where it begins and how long it is, in the profile's own time."""

    start_s: float | None
    """None: where most orders come in so long."""
    length_s: float

    @classmethod
    def of(cls, text: str) -> Self:
        """ValueError with what was expected."""
        found = FORM.fullmatch(text)
        if found is None or not (length_s := _seconds(found["length"])):
            raise ValueError(f"{EXPECTED}, got {text!r}")
        if found["peak"]:
            return cls(None, length_s)
        if found["clock"]:
            hours, minutes, seconds = (*map(int, found["clock"].split(":")), 0)[:3]
            if minutes > 59 or seconds > 59:
                raise ValueError(f"{EXPECTED}, got {text!r}")
            return cls(float(hours * 3_600 + minutes * 60 + seconds), length_s)
        return cls(_seconds(found["after"]), length_s)

    def of_profile(self, profile: Profile) -> Profile:
        """That part of it, as a profile whose peak is still the whole's. ValueError where it has no such part, or no orders in it."""
        if self.length_s > profile.span_s:
            raise ValueError(
                f"is {_said(self.length_s)} long, and {profile.name} lasts {_said(profile.span_s)}"
            )
        start_s = busiest_start_s(profile, self.length_s) if self.start_s is None else self.start_s
        stop_s = start_s + self.length_s
        if stop_s > profile.span_s and not isclose(stop_s, profile.span_s):
            raise ValueError(f"ends after {_said(stop_s)}, and {profile.name} lasts {_said(profile.span_s)}")
        stop_s = min(stop_s, profile.span_s)
        if profile.share(start_s, stop_s) <= 0:
            raise ValueError(
                f"has no orders: {profile.name} has none from {_said(start_s)} to {_said(stop_s)}"
            )
        inside = [(at_s - start_s, rate) for at_s, rate in profile.points if start_s < at_s < stop_s]
        points = ((0.0, profile.rate(start_s)), *inside, (stop_s - start_s, profile.rate_before(stop_s)))
        return replace(profile, points=points, highest=profile.peak)


def busiest_start_s(profile: Profile, length_s: float) -> float:
    """Where most orders come in so long a time, of all that begin or end where the curve bends; the earliest of equals."""
    latest_s = profile.span_s - length_s
    bends = [at_s for at_s, _ in profile.points]
    starts = sorted({min(max(at_s - back_s, 0.0), latest_s) for at_s in bends for back_s in (0.0, length_s)})
    return max(starts, key=lambda start_s: round(profile.share(start_s, start_s + length_s), 9))


def _seconds(text: str) -> float:
    return 0.0 if text == "0" else float(text[:-1]) * UNITS_S[text[-1]]


def _said(seconds: float) -> str:
    """The largest unit in which it is a short number."""
    for unit, unit_s in sorted(UNITS_S.items(), key=lambda one: -one[1]):
        if seconds >= unit_s:
            return f"{seconds / unit_s:.4g}{unit}"
    return f"{seconds:g}s"
