"""So many calls within any stretch of time: each call counts until the window has passed over it."""

from collections import deque
from dataclasses import dataclass, field
from typing import ClassVar

from ..checks import at_least
from ..errors import ChaosError
from ..fault import Call, Decision, Figures
from ..meter import cut, whole_ns
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class SlidingWindow:
    """Exact: it keeps the time of every call in the window, ``limit`` of them for each bucket at most."""

    waits: ClassVar[bool] = False

    limit: int
    window_s: float
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _window_ns: int = field(init=False, repr=False, compare=False)
    _times_ns: dict[str, deque[int]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at_least(1, limit=self.limit)
        if not 1e-9 <= self.window_s < float("inf"):
            raise ChaosError(f"window_s must be above 0, got {self.window_s}")
        checked(self.scope)
        self._window_ns = whole_ns(self.window_s)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        times_ns = self._in_window(bucket, now_ns)
        if len(times_ns) < cut(self.limit, self.factor):
            times_ns.append(now_ns)
            return Decision(bucket)
        rule = f"{cut(self.limit, self.factor)} calls in any {self.window_s:g} s"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        times_ns = self._in_window(bucket_of(call, self.scope), now_ns)
        limit, count = cut(self.limit, self.factor), len(times_ns)
        return Figures(
            limit=limit,
            left=max(0, limit - count),
            window_ns=self._window_ns,
            reset_ns=times_ns[-1] + self._window_ns - now_ns if times_ns else 0,
            wait_ns=times_ns[count - limit] + self._window_ns - now_ns if count >= limit else 0,
        )

    def _in_window(self, bucket: str, now_ns: int) -> deque[int]:
        times_ns = self._times_ns.setdefault(bucket, deque())
        while times_ns and times_ns[0] <= now_ns - self._window_ns:
            times_ns.popleft()
        return times_ns
