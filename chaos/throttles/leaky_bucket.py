"""A bucket that every call fills by one drop and that leaks at a steady rate; what would spill over is refused."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..checks import above, at_least
from ..fault import Call, Decision, Figures
from ..meter import Meter
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class LeakyBucket:
    """The bucket as a meter: nobody waits in it. It decides as a token bucket does, and tells how full it is, not how empty.

    ``Retry-After`` is the time until one drop more has room.
    """

    waits: ClassVar[bool] = False

    leak_per_s: float
    size: int = 40
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _meter: Meter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        above(0, leak_per_s=self.leak_per_s)
        at_least(1, size=self.size)
        checked(self.scope)
        self._meter = Meter(self.leak_per_s, self.size)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        if not self._meter.take(bucket, now_ns, factor=self.factor):
            return Decision(bucket)
        rule = f"{self.leak_per_s * self.factor:g} calls a second"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        return self._meter.figures(bucket_of(call, self.scope), now_ns, factor=self.factor)
