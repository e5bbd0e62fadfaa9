"""Code of the user's own may look for so long and no longer."""

import ctypes
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

STOPS = 40
STOP_EVERY_S = 0.05
"""So often, and so far apart, somebody whose time is over is told so before it is left behind."""


class TookTooLong(Exception):
    """The time was over before the work was."""


class _Stop(SystemExit):
    """Raised in the midst of the work; a handler of errors does not take it for one."""


def within(limit_s: float, work: Callable[[], T], interrupt: Callable[[], None]) -> T:
    """What ``work`` returns or raises; TookTooLong once ``limit_s`` is over.

    It works in a thread, which can be stopped between two steps of Python, on every platform and whoever asks. ``interrupt``
    ends what it has others do meanwhile. Who makes no step any more, in a sleep without end say, is left behind asleep: it
    is stopped when it wakes, and keeps nobody from ending.
    """
    worker = _Worker(work)
    worker.start()
    try:
        worker.join(limit_s)
        in_time = not worker.is_alive()
    finally:
        worker.stop(interrupt)
    if not in_time:
        raise TookTooLong
    if worker.error is not None:
        raise worker.error
    (result,) = worker.result
    return result


class _Worker(threading.Thread, Generic[T]):
    """One piece of work, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__(name="own invariant", daemon=True)
        self.result: list[T] = []
        self.error: BaseException | None = None
        self._work = work
        self._ending = threading.Lock()
        self._over = False

    def run(self) -> None:
        try:
            try:
                self.result.append(self._work())
            except BaseException as error:  # noqa: BLE001  handed on to whoever asked
                self.error = error
            with self._ending:
                self._over = True
        except _Stop:
            pass  # told once more while it was ending

    def stop(self, interrupt: Callable[[], None]) -> None:
        """Return when it has ended, or is not to be woken."""
        for turn in range(STOPS):
            if not self.is_alive():
                return
            if turn % 2 == 0:
                interrupt()
            else:
                self._raise_stop()
            self.join(STOP_EVERY_S)

    def _raise_stop(self) -> None:
        with self._ending:
            if not self._over and self.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.ident), ctypes.py_object(_Stop)
                )
