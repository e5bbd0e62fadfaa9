"""Rates in exact whole numbers: the meter of buckets that fill and drain steadily, and limits that are cut."""

from fractions import Fraction
from math import floor, gcd
from typing import NamedTuple

from .fault import Figures

SECOND_NS = 1_000_000_000


def whole_ns(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * SECOND_NS)


def cut(limit: int, factor: float) -> int:
    """What a cut leaves of a limit: rounded down, never less than one."""
    return limit if factor == 1 else max(1, floor(limit * Fraction(str(factor))))


class Rate(NamedTuple):
    """A rate in ticks, which are so small that a nanosecond and a call are both whole numbers of them."""

    ns_ticks: int
    call_ticks: int

    @classmethod
    def of(cls, rate_per_s: float, factor: float) -> "Rate":
        """Of a rate as it is written: 0.0167 is 167 in 10,000 seconds, not the nearest binary fraction."""
        exact = Fraction(str(rate_per_s)) * Fraction(str(factor))
        ns_ticks, call_ticks = exact.numerator, exact.denominator * SECOND_NS
        common = gcd(ns_ticks, call_ticks)
        return cls(ns_ticks // common, call_ticks // common)


class Meter:
    """Buckets that hold ``size`` and fill at ``rate_per_s`` (the generic cell rate algorithm, ITU-T I.371).

    A bucket is one integer, the tick at which it will be full again, so nothing drifts however long it runs. A cut by
    ``factor`` scales rate and size alike, though a full bucket always has room for one call, whatever it costs.
    """

    __slots__ = ("_factor", "_full_at", "_rate", "_rate_per_s", "_size", "_size_ticks")

    def __init__(self, rate_per_s: float, size: int) -> None:
        self._rate_per_s = rate_per_s
        self._size = size
        self._full_at: dict[str, int] = {}
        """Tick by bucket."""
        self._rate = Rate.of(rate_per_s, 1.0)
        self._cut(1.0)

    def _cut(self, factor: float) -> None:
        rate = Rate.of(self._rate_per_s, factor)
        if self._full_at:  # what is owed stays owed: in time, rounded up to a tick
            old = self._rate.ns_ticks
            self._full_at = {
                bucket: -(-tick * rate.ns_ticks // old) for bucket, tick in self._full_at.items()
            }
        self._factor = factor
        self._rate = rate
        self._size_ticks = max(rate.call_ticks, floor(self._size * Fraction(str(factor)) * rate.call_ticks))

    def take(self, bucket: str, now_ns: int, cost: int = 1, factor: float = 1.0) -> int:
        """Take ``cost`` if it is there, else nothing. Nanoseconds until it will be there, rounded up; 0: it was."""
        short, full_at = self._after(bucket, now_ns, cost, factor)
        if short <= 0:
            self._full_at[bucket] = full_at
            return 0
        return -(-short // self._rate.ns_ticks)

    def wait_ns(self, bucket: str, now_ns: int, cost: int = 1, factor: float = 1.0) -> int:
        """As ``take``, with nothing taken."""
        short, _ = self._after(bucket, now_ns, cost, factor)
        return -(-max(0, short) // self._rate.ns_ticks)

    def _after(self, bucket: str, now_ns: int, cost: int, factor: float) -> tuple[int, int]:
        """If ``cost`` were taken: the ticks that it is too early, and when the bucket would be full again."""
        if factor != self._factor:
            self._cut(factor)
        ns_ticks, call_ticks = self._rate
        now = now_ns * ns_ticks
        taken = cost * call_ticks
        full_at = self._full_at.get(bucket, now)
        full_at = max(now, full_at) + taken
        size = self._size_ticks
        return full_at - now - max(size, taken), full_at

    def give_back(self, bucket: str, cost: int) -> None:
        """Return a part of what was taken."""
        self._full_at[bucket] -= cost * self._rate.call_ticks

    def figures(self, bucket: str, now_ns: int, cost: int = 1, factor: float = 1.0) -> Figures:
        """Where a bucket stands for a call of this cost, with nothing taken."""
        wait_ns = self.wait_ns(bucket, now_ns, cost, factor)  # first: it makes the cut
        return Figures(
            limit=self.size(),
            left=self.left(bucket, now_ns),
            window_ns=self.window_ns(),
            reset_ns=self.full_in_ns(bucket, now_ns),
            wait_ns=wait_ns,
        )

    def size(self) -> int:
        """Of a bucket, as the cut leaves it."""
        return max(1, self._size_ticks // self._rate.call_ticks)

    def left(self, bucket: str, now_ns: int) -> int:
        """What is whole and there in a bucket."""
        ns_ticks, call_ticks = self._rate
        owed = max(0, self._full_at.get(bucket, 0) - now_ns * ns_ticks)
        return max(0, (self._size_ticks - owed) // call_ticks)

    def full_in_ns(self, bucket: str, now_ns: int) -> int:
        """Until a bucket is full, if nobody takes."""
        ns_ticks = self._rate.ns_ticks
        return max(0, -(-(self._full_at.get(bucket, 0) - now_ns * ns_ticks) // ns_ticks))

    def window_ns(self) -> int:
        """The time in which an empty bucket fills, rounded up."""
        return self.span_ns(self.size())

    def span_ns(self, calls: int) -> int:
        """The time in which so many calls are restored, rounded up."""
        ns_ticks, call_ticks = self._rate
        return -(-calls * call_ticks // ns_ticks)
