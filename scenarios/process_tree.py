"""The whole process tree of the system under test: whatever it started, in sessions of its own or with its parent long gone.

A process group is not enough: `honcho`, `foreman` and daemons put their children into groups of their own, and a child whose
parent has ended belongs to init. Every process that is started below the system under test inherits a mark in its
environment, which only this run has; by that it is found.
"""

import os
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

MARK = "PEAKPROOF_TREE"
"""The environment variable that every process of a tree inherits."""
ROUNDS = 5
"""So often a tree is looked through for one signal: what forks while it is looked at is found the next time."""


class ProcessTree:
    """The processes that carry one mark, and those below them that have cleaned their environment."""

    def __init__(self, mark: str | None = None) -> None:
        self.mark = mark or secrets.token_hex(16)

    @property
    def environment(self) -> dict[str, str]:
        """What its first process is to be started with."""
        return {MARK: self.mark}

    def processes(self) -> list[psutil.Process]:
        """All that live, zombies left out."""
        found: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            if process.pid == os.getpid() or process.pid in found:
                continue
            with suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.mark:
                    below = process.children(recursive=True)
                    found |= {one.pid: one for one in (process, *below)}
        return [one for one in found.values() if _lives(one)]

    def signal(self, number: signal.Signals) -> None:
        """Send it to every process, and to those that come about meanwhile."""
        sent: set[int] = set()
        for _ in range(ROUNDS):
            new = [one for one in self.processes() if one.pid not in sent]
            if not new:
                return
            for process in new:
                sent.add(process.pid)
                with suppress(psutil.Error, OSError):
                    process.send_signal(number)

    def end(self, grace_s: float, sleep: Callable[[float], None] = time.sleep) -> list[str]:
        """SIGTERM, and after a grace SIGKILL to those that are deaf to it; returns what survived all that, in words."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # one that is paused would not hear it
        deadline_s = time.monotonic() + grace_s
        while time.monotonic() < deadline_s and self.processes():
            sleep(0.05)
        return self.kill(sleep)

    def kill(self, sleep: Callable[[float], None] = time.sleep) -> list[str]:
        """SIGKILL; returns what survived it, in words."""
        for _ in range(ROUNDS):
            self.signal(signal.SIGKILL)
            if not self.processes():
                return []
            sleep(0.05)
        return [_named(one) for one in self.processes()]


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error, OSError):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _named(process: psutil.Process) -> str:
    with suppress(psutil.Error, OSError):
        return f"process {process.pid} ({' '.join(process.cmdline())[:80]})"
    return f"process {process.pid}"
