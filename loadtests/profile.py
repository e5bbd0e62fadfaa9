"""How the rate of orders moves over a day: 24 hourly shares from a TOML file, as a curve over any duration."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from itertools import accumulate
from math import isfinite
from pathlib import Path
from typing import Any

HOURS = 24
KEYS = ("summary", "day_multiple", "hourly_percent")


class ProfileError(ValueError):
    """A profile that cannot be; its text is one line: file, key, value, and what was expected."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One day's rate curve."""

    name: str
    summary: str
    day_multiple: float
    """Orders of such a day over those of the mean day."""
    hourly_shares: tuple[float, ...]
    """24 shares of the day's orders; they add up to 1."""

    @classmethod
    def shipped(cls, name: str) -> "Profile":
        """A profile that comes with the package, by name. Raises ``ProfileError``."""
        if name not in cls.names():
            near = get_close_matches(name, cls.names(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ProfileError(f"unknown profile {name!r}{hint} (valid: {', '.join(cls.names())})")
        file = files(__package__).joinpath("profiles", f"{name}.toml")
        return cls._parse(name, f"{name}.toml", file.read_bytes())

    @classmethod
    def from_path(cls, path: Path | str) -> "Profile":
        """A profile of the user's own. Raises ``ProfileError``."""
        try:
            text = Path(path).read_bytes()
        except OSError as failure:
            raise ProfileError(f"{path}: cannot be read: {failure.strerror}") from None
        return cls._parse(Path(path).stem, str(path), text)

    @staticmethod
    def names() -> list[str]:
        """All shipped profiles, sorted."""
        folder = files(__package__).joinpath("profiles")
        return sorted(
            one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")
        )

    @classmethod
    def _parse(cls, name: str, source: str, text: bytes) -> "Profile":
        try:
            given = tomllib.loads(text.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
            raise ProfileError(f"{source}: is not TOML: {failure}") from None
        for key in given:
            if key not in KEYS:
                near = get_close_matches(key, KEYS, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ProfileError(f"{source}: unknown key {key!r}{hint} (valid: {', '.join(KEYS)})")
        for key in KEYS:
            if key not in given:
                raise ProfileError(f"{source}: lacks {key}")
        if not isinstance(given["summary"], str):
            raise ProfileError(f"{source}: summary must be a text, got {given['summary']!r}")
        if not _is_number(given["day_multiple"]) or not given["day_multiple"] > 0:
            raise ProfileError(
                f"{source}: day_multiple must be a number above 0, got {given['day_multiple']!r}"
            )
        percents = given["hourly_percent"]
        if not isinstance(percents, list) or len(percents) != HOURS:
            count = f"{len(percents)} of them" if isinstance(percents, list) else repr(percents)
            raise ProfileError(f"{source}: hourly_percent must be {HOURS} numbers, got {count}")
        for hour, percent in enumerate(percents):
            if not _is_number(percent) or percent < 0:
                raise ProfileError(
                    f"{source}: hourly_percent of hour {hour} must be a number from 0 up, got {percent!r}"
                )
        total = sum(percents)
        if abs(total - 100) > 0.5:
            raise ProfileError(f"{source}: hourly_percent must add up to 100, got {total:g}")
        shares = tuple(percent / total for percent in percents)
        return cls(name, given["summary"], float(given["day_multiple"]), shares)

    def moment(self, share: float) -> float:
        """When this share (from 0 up to 1) of the day's orders is in, as a fraction of the day."""
        before = 0.0
        for hour, (own, after) in enumerate(
            zip(self.hourly_shares, accumulate(self.hourly_shares), strict=True)
        ):
            if own > 0 and share < after:
                return (hour + max(0.0, share - before) / own) / HOURS
            before = after
        return max(hour + 1 for hour, own in enumerate(self.hourly_shares) if own > 0) / HOURS

    def peak_s(self, duration_s: float) -> tuple[float, float]:
        """Start and end of the top hour when the day is compressed into ``duration_s``."""
        top = self.hourly_shares.index(max(self.hourly_shares))
        return top * duration_s / HOURS, (top + 1) * duration_s / HOURS

    @property
    def peak_over_mean_day(self) -> float:
        """The top hour's rate over the rate of the mean day (17.5 on Black Friday)."""
        return max(self.hourly_shares) * HOURS * self.day_multiple


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
