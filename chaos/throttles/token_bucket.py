"""A bucket of tokens that fills at a steady rate: bursts pass, a lasting excess is refused with an honest wait."""

from dataclasses import dataclass, field
from typing import ClassVar

from ..checks import above, at_least
from ..fault import Call, Decision, Figures
from ..meter import Meter
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class TokenBucket:
    """Each call takes a token; an empty bucket refuses with 429 and the seconds until the next token.

    A caller that waits ``Retry-After`` alone gets its token; several who wait for the same one share the luck.
    """

    waits: ClassVar[bool] = False

    rate_per_s: float
    burst: int = 1
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _meter: Meter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        above(0, rate_per_s=self.rate_per_s)
        at_least(1, burst=self.burst)
        checked(self.scope)
        self._meter = Meter(self.rate_per_s, self.burst)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        if not self._meter.take(bucket, now_ns, factor=self.factor):
            return Decision(bucket)
        rule = f"{self.rate_per_s * self.factor:g} calls a second"
        return throttled(bucket, self.scope, rule, self.figures(call, now_ns))

    def figures(self, call: Call, now_ns: int) -> Figures:
        return self._meter.figures(bucket_of(call, self.scope), now_ns, factor=self.factor)
