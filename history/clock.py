"""The clock of a run: nanoseconds since the Unix epoch that never step back."""

import time
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Wall time, anchored once and carried on by the monotonic clock, so that differences can be trusted."""

    def __init__(self, ahead_ns: int = 0) -> None:
        """``ahead_ns``: how far another host's clock is ahead of ours, to tell that host's time."""
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        self._offset_ns = wall - (before + after) // 2 + ahead_ns
        self.uncertainty_ns = after - before
        """How long reading both clocks took: the anchor is no better than this."""

    def __call__(self) -> int:
        return time.monotonic_ns() + self._offset_ns


@lru_cache(maxsize=4)
def _second(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"


@lru_cache(maxsize=64)
def rfc3339(at_ns: int) -> str:
    """UTC with microseconds and a zone, e.g. ``2026-11-27T09:30:00.000123Z``."""
    return f"{_second(at_ns // 1_000_000_000)}.{at_ns // 1000 % 1_000_000:06d}Z"


def from_rfc3339(stamp: str) -> int:
    """Nanoseconds since the epoch of a time with a zone. ValueError where it has none or is no time."""
    when = datetime.fromisoformat(stamp)
    if when.tzinfo is None:
        raise ValueError(f"{stamp!r} has no time zone; write e.g. 2026-11-27T09:30:00Z")
    return round((when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000) * 1000
