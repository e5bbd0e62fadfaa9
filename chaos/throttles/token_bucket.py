"""A bucket of tokens that fills at a steady rate: bursts pass, a lasting excess is refused with an honest wait."""

from dataclasses import dataclass, field
from math import ceil, floor
from typing import Literal

from ..errors import ChaosError
from ..fault import Call, Decision
from ..problem import refusal

SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class TokenBucket:
    """Each call takes a token; an empty bucket refuses with 429 and the seconds until the next token.

    It keeps one integer a bucket, the time at which the bucket will be full again (the generic cell rate algorithm,
    ITU-T I.371), so decisions are exact and a cut by ``factor`` scales rate and burst alike, though never below
    one call. A caller that waits ``Retry-After`` alone gets its token; several who wait for the same one share
    the luck. Headers as in draft-ietf-httpapi-ratelimit-headers.
    """

    rate_per_s: float
    burst: int = 1
    scope: Literal["client", "operation", "system"] = "client"
    factor: float = field(default=1.0, init=False)
    _full_at_ns: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.rate_per_s < float("inf"):
            raise ChaosError(f"rate_per_s must be above 0, got {self.rate_per_s}")
        if self.burst < 1:
            raise ChaosError(f"burst must be at least 1, got {self.burst}")
        if self.scope not in ("client", "operation", "system"):
            raise ChaosError(f"scope must be client, operation or system, got {self.scope!r}")

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = self._bucket(call)
        token_ns = round(SECOND_NS / (self.rate_per_s * self.factor))
        depth_ns = max(token_ns, round(self.burst * SECOND_NS / self.rate_per_s))
        full_at_ns = max(now_ns, self._full_at_ns.get(bucket, now_ns)) + token_ns
        short_ns = full_at_ns - now_ns - depth_ns
        if short_ns <= 0:
            self._full_at_ns[bucket] = full_at_ns
            return Decision(bucket)
        return self._refuse(bucket, ceil(short_ns / SECOND_NS))

    def _bucket(self, call: Call) -> str:
        if self.scope == "system":
            return call.system
        return f"{call.system}/{call.operation if self.scope == 'operation' else call.client or 'anonymous'}"

    def _refuse(self, bucket: str, wait_s: int) -> Decision:
        quota = max(1, floor(self.burst * self.factor))
        window_s = max(1, ceil(quota / (self.rate_per_s * self.factor)))
        reply = refusal(
            "throttled",
            "Too many requests",
            429,
            f"{bucket} allows {self.rate_per_s * self.factor:g} calls a second; try again in {wait_s} s",
            refused_by="throttle",
            headers=(
                ("retry-after", str(wait_s)),
                ("ratelimit", f'"{self.scope}";r=0;t={wait_s}'),
                ("ratelimit-policy", f'"{self.scope}";q={quota};w={window_s}'),
            ),
        )
        reply.retry_after_s = float(wait_s)
        reply.bucket = bucket
        return Decision(bucket, reply)
