"""Calls above the rate wait in a queue and go on one by one; when the queue is full, the rest is refused."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..checks import above, at_least
from ..fault import Call, Decision, Figures
from ..meter import SECOND_NS, Meter, cut
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class QueueThenRefuse:
    """The leaky bucket as a queue: ``burst`` calls go on at once, ``queue`` more are slow, then comes 429.

    A call keeps its place in the queue even if its caller has hung up, as in a real gateway.
    """

    waits: ClassVar[bool] = True

    rate_per_s: float
    queue: int
    burst: int = 1
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _meter: Meter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        above(0, rate_per_s=self.rate_per_s)
        at_least(1, queue=self.queue)
        at_least(1, burst=self.burst)
        checked(self.scope)
        self._meter = Meter(self.rate_per_s, self.burst + self.queue)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        if self._meter.take(bucket, now_ns, factor=self.factor):
            rule = f"{self.rate_per_s * self.factor:g} calls a second and {self.queue} in a queue"
            return throttled(bucket, self.scope, rule, self.figures(call, now_ns))
        at_once_ns = self._meter.span_ns(cut(self.burst, self.factor))
        owed_ns = self._meter.full_in_ns(bucket, now_ns)
        return Decision(bucket, wait_s=max(0, owed_ns - at_once_ns) / SECOND_NS)

    def figures(self, call: Call, now_ns: int) -> Figures:
        return self._meter.figures(bucket_of(call, self.scope), now_ns, factor=self.factor)
