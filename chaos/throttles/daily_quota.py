"""So many calls a day; when they are used up, everything waits for the hour at which a new day begins."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

from ..checks import at_least
from ..errors import ChaosError
from ..fault import Call, Decision, Figures
from ..meter import SECOND_NS, cut, whole_ns
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class DailyQuota:
    """Days begin at ``resets_at`` by UTC; ``day_s`` makes shorter ones, for runs that last no day."""

    waits: ClassVar[bool] = False

    limit: int
    resets_at: str = "00:00"
    day_s: float = 86_400.0
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _starts_ns: int = field(init=False, repr=False, compare=False)
    _used: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Number of the day and calls on it, by bucket."""

    def __post_init__(self) -> None:
        at_least(1, limit=self.limit)
        time = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", self.resets_at)
        if time is None:
            raise ChaosError(f"resets_at must be a time of day like '07:00', got {self.resets_at!r}")
        if not 1e-9 <= self.day_s < float("inf"):
            raise ChaosError(f"day_s must be above 0, got {self.day_s}")
        checked(self.scope)
        self._starts_ns = (int(time[1]) * 60 + int(time[2])) * 60 * SECOND_NS

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        day, used = self._today(bucket, now_ns)
        if used < cut(self.limit, self.factor):
            self._used[bucket] = (day, used + 1)
            return Decision(bucket)
        rule = f"{cut(self.limit, self.factor)} calls a day"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        day, used = self._today(bucket_of(call, self.scope), now_ns)
        day_ns, limit = whole_ns(self.day_s), cut(self.limit, self.factor)
        reset_ns = self._starts_ns + (day + 1) * day_ns - now_ns
        return Figures(
            limit=limit,
            left=max(0, limit - used),
            window_ns=day_ns,
            reset_ns=reset_ns,
            wait_ns=reset_ns if used >= limit else 0,
        )

    def _today(self, bucket: str, now_ns: int) -> tuple[int, int]:
        """Number of the day and calls on it."""
        today = (now_ns - self._starts_ns) // whole_ns(self.day_s)
        day, used = self._used.get(bucket, (today, 0))
        return (day, used) if day >= today else (today, 0)
