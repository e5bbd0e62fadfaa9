"""So many calls in each window of time; a new window starts with a clean slate."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..checks import at_least
from ..errors import ChaosError
from ..fault import Call, Decision, Figures
from ..meter import cut, whole_ns
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class FixedWindow:
    """Windows follow one another by the clock (``starts: clock``), or start with the first call after one has ended.

    Its weakness is the vendor's own: twice the limit passes within one window's time, around the edge of two.
    """

    waits: ClassVar[bool] = False

    limit: int
    window_s: float
    starts: Literal["clock", "first-call"] = "clock"
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _window_ns: int = field(init=False, repr=False, compare=False)
    _counted: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Start of the window and calls in it, by bucket."""

    def __post_init__(self) -> None:
        at_least(1, limit=self.limit)
        if not 1e-9 <= self.window_s < float("inf"):
            raise ChaosError(f"window_s must be above 0, got {self.window_s}")
        if self.starts not in ("clock", "first-call"):
            raise ChaosError(f"starts must be clock or first-call, got {self.starts!r}")
        checked(self.scope)
        self._window_ns = whole_ns(self.window_s)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        start_ns, count = self._window(bucket, now_ns)
        if count < cut(self.limit, self.factor):
            self._counted[bucket] = (start_ns, count + 1)
            return Decision(bucket)
        rule = f"{cut(self.limit, self.factor)} calls in {self.window_s:g} s"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        start_ns, count = self._window(bucket_of(call, self.scope), now_ns)
        limit, reset_ns = cut(self.limit, self.factor), start_ns + self._window_ns - now_ns
        return Figures(
            limit=limit,
            left=max(0, limit - count),
            window_ns=self._window_ns,
            reset_ns=reset_ns,
            wait_ns=reset_ns if count >= limit else 0,
        )

    def _window(self, bucket: str, now_ns: int) -> tuple[int, int]:
        """Start and calls of the window that it is now."""
        clock_ns = now_ns - now_ns % self._window_ns if self.starts == "clock" else now_ns
        start_ns, count = self._counted.get(bucket, (clock_ns, 0))
        return (start_ns, count) if now_ns < start_ns + self._window_ns else (clock_ns, 0)
