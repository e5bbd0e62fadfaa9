"""The event loop that estates run on."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest that this system has."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


@contextmanager
def signals_restored() -> Iterator[None]:
    """Afterwards Ctrl-C and SIGTERM do what they did before: a loop of uvloop leaves its own handlers behind, which are deaf."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        with suppress(ValueError):  # outside the main thread nobody has handlers
            for number, handler in before.items():
                signal.signal(number, handler)
