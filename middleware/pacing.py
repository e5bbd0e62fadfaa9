"""How many calls may be under way to one system, and when the next may start."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from .breaker import CircuitBreaker
from .policies import PacingPolicy

CAREFUL = 2
CAREFUL_S = 10.0
"""How long after a refusal no more than ``CAREFUL`` calls are under way at once."""


class Pace:
    """The turnstile before one system: Retry-After holds for all callers, and a failing system is left alone.

    After a refusal calls go through one by one. A system that has lately refused gets no more than two at once, so
    that hardly any are on their way when it refuses again; otherwise each success lets one more through, up to
    ``widest``.
    """

    def __init__(
        self,
        policy: PacingPolicy,
        *,
        widest: int = 16,
        breaker: CircuitBreaker | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.breaker = breaker or CircuitBreaker()
        self._policy = policy
        self._widest = widest
        self._window = widest
        self._under_way = 0
        self._closed_until = 0.0
        self._careful_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._now = now
        self.on_pause: Callable[[float], None] = lambda pause_s: None
        """Hears how long the system wants to be left alone."""

    def now(self) -> float:
        return self._now() if self._now is not None else asyncio.get_running_loop().time()

    @property
    def calm(self) -> bool:
        """A call would start at once, and nobody waits: the moment for calls that can wait."""
        return not self._waiting and self._opens_in_s() <= 0 and self._under_way < self._window

    @property
    def shut(self) -> bool:
        """No call may start just now."""
        return self._opens_in_s() > 0

    async def enter(self) -> None:
        """Wait for a turn, first come first served; every ``enter`` has its ``leave``."""
        if not self._waiting and self._may_start():
            self._under_way += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """The call is over."""
        self._under_way -= 1
        self._admit()

    def answered(self, status: int, retry_after_s: float | None) -> None:
        """Learn from an answer; comes before ``leave``."""
        if status >= 500:
            self.breaker.failed(self.now())
        else:
            self.breaker.succeeded()
        if status in (429, 503):
            pause_s = self._policy.pause_s(retry_after_s)
            if pause_s > 0:
                self.pause(pause_s)
                self.on_pause(pause_s)
        elif status < 500:
            widest = CAREFUL if self.now() < self._careful_until else self._widest
            self._window = min(self._window + 1, widest)

    def pause(self, pause_s: float) -> None:
        """Start no call before so many seconds have passed, and go on carefully."""
        self._closed_until = max(self._closed_until, self.now() + pause_s)
        self._careful_until = self._closed_until + CAREFUL_S
        self._window = 1

    def failed(self) -> None:
        """Learn that no answer came; comes before ``leave``."""
        self.breaker.failed(self.now())
        if not self.breaker.closed:
            self._window = 1

    def _opens_in_s(self) -> float:
        opens = self._closed_until
        if not self.breaker.closed:
            opens = max(opens, self.breaker.open_until)
        return opens - self.now()

    def _may_start(self) -> bool:
        widest = self._window if self.breaker.closed else 1
        return self._under_way < widest and self._opens_in_s() <= 0

    def _admit(self) -> None:
        while self._waiting and self._may_start():
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)
        wait_s = self._opens_in_s()
        if self._waiting and wait_s > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait_s + 0.001, self._open)

    def _open(self) -> None:
        self._timer = None
        self._admit()
