"""What an estate means to do much later, e.g. to let an authorisation expire: one timer for all of it.

A timer of the event loop takes half a kilobyte for as long as it waits, and of these there is one for each order.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from heapq import heappop, heappush


class Agenda:
    """Actions by time, those of one moment in the order in which they came; each is called by the loop as its own timer would."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._noted: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._timer: TimerHandle | None = None

    def note(self, delay_s: float, action: Callable[[], None]) -> None:
        """To be done in so many real seconds."""
        self._count += 1
        heappush(self._noted, (self._loop.time() + delay_s, self._count, action))
        if self._noted[0][1] == self._count:
            self._wait()

    def _wait(self) -> None:
        """For the first of them."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._noted[0][0], self._ring) if self._noted else None

    def _ring(self) -> None:
        while self._noted and self._noted[0][0] <= self._loop.time():
            self._loop.call_soon(heappop(self._noted)[2])
        self._wait()
