"""What every process of the generator does: says how it goes on its standard output, and keeps many connections."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import gevent
import msgspec

STATUS_S = 0.1
FLUSH_S = 0.05


def keep(every_s: float, act: Callable[[], object]) -> NoReturn:
    """Do it again and again, at once for the first time."""
    while True:
        act()
        gevent.sleep(every_s)


def say(message: msgspec.Struct) -> None:
    """One line on standard output; whoever no longer listens is not missed."""
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
        sys.stdout.buffer.flush()


def lift_the_limit_of_open_files() -> None:
    """Every request under way has a connection of its own."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
