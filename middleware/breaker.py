"""A circuit breaker: a system that fails again and again is left alone, then asked with one call at a time."""

from dataclasses import dataclass


@dataclass(slots=True)
class CircuitBreaker:
    """Closed, open until ``open_until``, or half-open: then one probe decides. Times are monotonic seconds."""

    threshold: int = 5
    """Failures in a row that open it."""
    first_pause_s: float = 0.25
    longest_pause_s: float = 0.5
    failures: int = 0
    open_until: float = 0.0
    pause_s: float = 0.0

    @property
    def closed(self) -> bool:
        return self.failures < self.threshold

    def succeeded(self) -> None:
        """The system has answered."""
        self.failures = 0
        self.pause_s = 0.0

    def failed(self, now: float) -> None:
        """The system has not answered, or with a 5xx; each failed probe doubles the pause."""
        self.failures += 1
        if not self.closed and now >= self.open_until:
            self.pause_s = min(self.pause_s * 2 or self.first_pause_s, self.longest_pause_s)
            self.open_until = now + self.pause_s
