"""How the rate of orders moves over time: a curve from a TOML file, relative to an ordinary day, over any duration."""

import tomllib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from itertools import accumulate, pairwise
from math import isfinite, sqrt
from pathlib import Path
from typing import Any, NoReturn

from .buying import Buying
from .naming import unknown
from .search import Search

HOURS = 24
DAY_S = 86_400
SHAPES = {
    "hourly_percent": ("day_multiple", "hourly_percent"),
    "steps": ("ordinary", "step_s", "steps"),
    "curve": ("curve",),
}
"""The three ways to write a curve down, by their main key, with all the keys of each."""
KEYS = ("summary", "sources", "buying", "search", *(key for keys in SHAPES.values() for key in keys))


class ProfileError(ValueError):
    """A profile that cannot be; its text is one line: file, key, value, and what was expected."""


@dataclass(frozen=True)
class Profile:
    """A rate curve, and what its shoppers buy."""

    name: str
    summary: str
    points: tuple[tuple[float, float], ...]
    """Nominal seconds from its start, and the rate of orders then, as a multiple of an ordinary day's mean rate.
    Straight lines between them; where a time stands twice, the rate jumps."""
    buying: Buying = field(default_factory=Buying)
    sources: tuple[str, ...] = ()
    search: Search | None = None
    """Under load it is not run once, but again and again at other rates, to find the highest that holds."""
    highest: float | None = None
    """Of a part of a longer profile: the peak of the whole, so that parts can be compared."""

    @classmethod
    def shipped(cls, name: str) -> "Profile":
        """A profile that comes with the package, by name. Raises ``ProfileError``."""
        if name not in cls.names():
            raise ProfileError(unknown("profile", name, cls.names()))
        file = files(__package__).joinpath("profiles", f"{name}.toml")
        return _Reader(f"{name}.toml").read(name, file.read_bytes())

    @classmethod
    def from_path(cls, path: Path | str) -> "Profile":
        """A profile of the user's own. Raises ``ProfileError``."""
        try:
            text = Path(path).read_bytes()
        except OSError as failure:
            raise ProfileError(f"{path}: cannot be read: {failure.strerror}") from None
        return _Reader(str(path)).read(Path(path).stem, text)

    @classmethod
    def named(cls, name_or_path: str) -> "Profile":
        """A shipped one by its name, or a file that ends in ``.toml``. Raises ``ProfileError``."""
        return cls.from_path(name_or_path) if name_or_path.endswith(".toml") else cls.shipped(name_or_path)

    @staticmethod
    def names() -> list[str]:
        """All shipped profiles, sorted."""
        folder = files(__package__).joinpath("profiles")
        return sorted(
            one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")
        )

    @property
    def span_s(self) -> float:
        """Nominal seconds that it lasts; a run compresses them into its own duration."""
        return self.points[-1][0]

    @property
    def peak(self) -> float:
        """Its highest rate, as a multiple of an ordinary day's mean; of a part the whole's."""
        return self.highest if self.highest is not None else max(rate for _, rate in self.points)

    @property
    def mean(self) -> float:
        """Its mean rate, as a multiple of an ordinary day's mean."""
        return self._areas[-1] / self.span_s

    def rate(self, at_s: float) -> float:
        """The rate at a nominal second, from 0 up to ``span_s``; where it jumps, what it jumps to."""
        number = min(bisect_right(self._times, at_s), len(self.points) - 1)
        (start_s, first), (stop_s, last) = self.points[number - 1], self.points[number]
        return last if stop_s == start_s else first + (last - first) * (at_s - start_s) / (stop_s - start_s)

    def rate_before(self, at_s: float) -> float:
        """The rate at a nominal second above 0; where it jumps, what it jumps from."""
        number = min(bisect_left(self._times, at_s), len(self.points) - 1)
        return self._rate_before(number, at_s)

    def share(self, from_s: float, to_s: float) -> float:
        """The part of all orders that comes between two nominal seconds."""
        return (self._area(to_s) - self._area(from_s)) / self._areas[-1]

    def moment(self, share: float) -> float:
        """When this share (from 0 up to 1) of the orders is in, as a fraction of the time."""
        wanted = min(max(share, 0.0), 1.0) * self._areas[-1]
        number = bisect_right(self._areas, wanted)
        if number == len(self._areas):  # the last of them: where the curve has come down to nothing
            number = next(n for n, area in enumerate(self._areas) if area == self._areas[-1])
        (start_s, first), (stop_s, last) = self.points[number - 1], self.points[number]
        left = max(0.0, wanted - self._areas[number - 1])
        rise = (last - first) / (stop_s - start_s)
        # The area under a line from `first` on: first * x + rise / 2 * x * x = left, solved so that nothing cancels.
        root = sqrt(max(0.0, first * first + 2 * rise * left))
        passed_s = 2 * left / (first + root) if first + root > 0 else 0.0
        return min(start_s + passed_s, stop_s) / self.span_s

    @cached_property
    def _times(self) -> list[float]:
        return [at_s for at_s, _ in self.points]

    @cached_property
    def _areas(self) -> list[float]:
        """What has come in by each point, in seconds of an ordinary day."""
        pieces = ((b_s - a_s) * (a + b) / 2 for (a_s, a), (b_s, b) in pairwise(self.points))
        return list(accumulate(pieces, initial=0.0))

    def _area(self, at_s: float) -> float:
        number = min(bisect_right(self._times, at_s), len(self.points) - 1)
        start_s, first = self.points[number - 1]
        return self._areas[number - 1] + (at_s - start_s) * (first + self._rate_before(number, at_s)) / 2

    def _rate_before(self, number: int, at_s: float) -> float:
        (start_s, first), (stop_s, last) = self.points[number - 1], self.points[number]
        return first if stop_s == start_s else first + (last - first) * (at_s - start_s) / (stop_s - start_s)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one file; whatever is wrong with it is said with its name in front."""

    source: str

    def read(self, name: str, text: bytes) -> Profile:
        try:
            given = tomllib.loads(text.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
            self._wrong(f"is not TOML: {failure}")
        for key in given:
            if key not in KEYS:
                self._wrong(unknown("key", key, KEYS))
        if "summary" not in given:
            self._wrong("lacks summary")
        if not isinstance(given["summary"], str):
            self._wrong(f"summary must be a text, got {given['summary']!r}")
        sources = given.get("sources", [])
        if not isinstance(sources, list) or not all(isinstance(one, str) for one in sources):
            self._wrong(f"sources must be a list of texts, got {sources!r}")
        points = self._points(given)
        if not any(rate > 0 for _, rate in points):
            self._wrong("has no orders at all: expected a rate above 0 somewhere")
        wanted, searched = self._table(given, "buying"), self._table(given, "search")
        try:
            buying = Buying.of(wanted)
        except ValueError as error:
            self._wrong(f"buying: {error}")
        try:
            search = Search.of(searched) if "search" in given else None
        except ValueError as error:
            self._wrong(f"search: {error}")
        return Profile(name, given["summary"], points, buying, tuple(sources), search)

    def _table(self, given: Mapping[str, Any], key: str) -> dict[str, Any]:
        wanted = given.get(key, {})
        if not isinstance(wanted, dict):
            self._wrong(f"{key} must be a table of keys, got {wanted!r}")
        return wanted

    def _points(self, given: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
        shapes = [main for main, keys in SHAPES.items() if any(key in given for key in keys)]
        if len(shapes) != 1:
            found = " and ".join(shapes) or "none of them"
            self._wrong(f"must have one of {', '.join(SHAPES)}, got {found}")
        for key in SHAPES[shapes[0]]:
            if key not in given:
                self._wrong(f"lacks {key}")
        match shapes[0]:
            case "hourly_percent":
                return self._hourly(given["day_multiple"], given["hourly_percent"])
            case "steps":
                return self._steps(given["step_s"], given["ordinary"], given["steps"])
            case _:
                return self._curve(given["curve"])

    def _hourly(self, day_multiple: Any, percents: Any) -> tuple[tuple[float, float], ...]:
        self._check_above_0("day_multiple", day_multiple)
        if not isinstance(percents, list) or len(percents) != HOURS:
            count = f"{len(percents)} of them" if isinstance(percents, list) else repr(percents)
            self._wrong(f"hourly_percent must be {HOURS} numbers, got {count}")
        for hour, percent in enumerate(percents):
            if not _is_number(percent) or percent < 0:
                self._wrong(f"hourly_percent of hour {hour} must be a number from 0 up, got {percent!r}")
        total = sum(percents)
        if abs(total - 100) > 0.5:
            self._wrong(f"hourly_percent must add up to 100, got {total:g}")
        return _stairs([percent / total * HOURS * day_multiple for percent in percents], DAY_S / HOURS)

    def _steps(self, step_s: Any, ordinary: Any, steps: Any) -> tuple[tuple[float, float], ...]:
        self._check_above_0("step_s", step_s)
        self._check_above_0("ordinary", ordinary)
        if not isinstance(steps, list) or not steps:
            self._wrong(f"steps must be one number or more, got {steps!r}")
        for number, step in enumerate(steps, 1):
            if not _is_number(step) or step < 0:
                self._wrong(f"step {number} of steps must be a number from 0 up, got {step!r}")
        return _stairs([step / ordinary for step in steps], step_s)

    def _curve(self, curve: Any) -> tuple[tuple[float, float], ...]:
        if not isinstance(curve, list) or len(curve) < 2:
            self._wrong(f"curve must be two points [second, rate] or more, got {curve!r}")
        points: list[tuple[float, float]] = []
        for number, point in enumerate(curve, 1):
            if not isinstance(point, list) or len(point) != 2 or not all(map(_is_number, point)):
                self._wrong(f"point {number} of curve must be [second, rate], got {point!r}")
            at_s, rate = point
            if rate < 0:
                self._wrong(f"point {number} of curve must have a rate from 0 up, got {rate!r}")
            if number == 1 and at_s != 0:
                self._wrong(f"point 1 of curve must be at second 0, got {at_s!r}")
            if points and at_s < points[-1][0]:
                self._wrong(f"point {number} of curve must not come before the one before it, got {at_s!r}")
            points.append((float(at_s), float(rate)))
        if points[-1][0] == 0:
            self._wrong("curve must last longer than 0 seconds")
        return tuple(points)

    def _check_above_0(self, key: str, value: Any) -> None:
        if not _is_number(value) or not value > 0:
            self._wrong(f"{key} must be a number above 0, got {value!r}")

    def _wrong(self, text: str) -> NoReturn:
        raise ProfileError(f"{self.source}: {text}") from None


def _stairs(rates: list[float], step_s: float) -> tuple[tuple[float, float], ...]:
    """Flat pieces of the same length, with jumps between them."""
    return tuple((number * step_s, rate) for step, rate in enumerate(rates) for number in (step, step + 1))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
