"""Who exceeds the limit is shut out for a while, and whoever calls again too early begins that while anew."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..checks import at_least
from ..errors import ChaosError
from ..fault import Call, Decision, Figures
from ..meter import cut, whole_ns
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class PenaltyBox:
    """``limit`` calls from the first one in ``window_s``; the next is refused and starts the penalty."""

    waits: ClassVar[bool] = False

    limit: int
    window_s: float
    penalty_s: float
    restarts: bool = True
    """A call during the penalty starts it anew."""
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _counted: dict[str, tuple[int, int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """End of the window and calls in it, by bucket."""
    _shut_until_ns: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at_least(1, limit=self.limit)
        for name in ("window_s", "penalty_s"):
            if not 1e-9 <= getattr(self, name) < float("inf"):
                raise ChaosError(f"{name} must be above 0, got {getattr(self, name)}")
        checked(self.scope)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        is_shut = now_ns < self._shut_until_ns.get(bucket, now_ns)
        end_ns, count = self._window(bucket, now_ns)
        if not is_shut and count < cut(self.limit, self.factor):
            self._counted[bucket] = (end_ns, count + 1)
            return Decision(bucket)
        if not is_shut or self.restarts:
            self._shut_until_ns[bucket] = now_ns + whole_ns(self.penalty_s)
        self._counted.pop(bucket, None)
        rule = f"{cut(self.limit, self.factor)} calls in {self.window_s:g} s"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        bucket = bucket_of(call, self.scope)
        end_ns, count = self._window(bucket, now_ns)
        limit = cut(self.limit, self.factor)
        shut_ns = max(0, self._shut_until_ns.get(bucket, now_ns) - now_ns)
        return Figures(
            limit=limit,
            left=0 if shut_ns else max(0, limit - count),
            window_ns=whole_ns(self.window_s),
            reset_ns=shut_ns or end_ns - now_ns,
            wait_ns=shut_ns,
        )

    def _window(self, bucket: str, now_ns: int) -> tuple[int, int]:
        """End and calls of the window that it is now."""
        fresh = (now_ns + whole_ns(self.window_s), 0)
        end_ns, count = self._counted.get(bucket, fresh)
        return (end_ns, count) if now_ns < end_ns else fresh
