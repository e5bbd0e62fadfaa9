"""Runs that several journeys look at: each is made once in a session."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from peakproof.middleware.defects import DO_NOTHING

from .command import Done, ended, peakproof, started

AT_ONCE = 2
"""Runs with a defect share the machine: whatever else that does, it does not make them pass."""

LOUD = ("naive", "ignores-retry-after", "drops-on-5xx", "forgets-the-rest", "new-keys")
"""Defects that show where much goes wrong."""
QUIET = ("parks-everything", "mistranslates", "hasty", "asks-twice")
"""Defects that need no fault to show."""
RUNS = {
    **dict.fromkeys(LOUD, ("black-friday", 15)),
    **dict.fromkeys(QUIET, ("quiet-day", 8)),
    "any-version": ("black-friday", 10),
    "ack-before-durable": ("middleware-restart", 12),
    "logs-secrets+token-storm+all-standard+own-orders-only+urgent-last": ("quiet-day", 8),
    "any-time": ("forged-webhooks", 5),
    "webhooks-only": ("missed-webhooks", 8),
    "parks-silently": ("poison-order", 8),
    DO_NOTHING: ("black-friday", 5),
}
"""Scenario and seconds of the run with each defect, or with several at once; `peakproof selfcheck` runs all of them."""


@pytest.fixture(scope="session")
def reference_run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A short Black Friday with the reference."""
    return peakproof(tmp_path_factory.mktemp("reference"), "run", "--json", "--duration", "20")


class DefectRuns:
    """A short run with each defect, two at a time; the one that is asked for first comes first."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._pool = pool
        self._runs: dict[str, Future[Done]] = {}
        self._processes: list[subprocess.Popen[str]] = []

    def of(self, defect: str) -> Done:
        if not self._runs:
            for name in sorted(RUNS, key=lambda name: name != defect):
                self._runs[name] = self._pool.submit(self._run, name)
        return self._runs[defect].result()

    def _run(self, defect: str) -> Done:
        cwd = self._folder / defect
        cwd.mkdir()
        scenario, duration_s = RUNS[defect]
        options = ("--middleware", defect, "--duration", f"{duration_s}", "--out", "elsewhere")
        arguments = ("run", scenario, "--json", *options)
        process = started(cwd, *arguments)
        self._processes.append(process)
        return ended(process, cwd, *arguments)

    def close(self) -> None:
        """What nobody asked for in the end is ended."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
        self._pool.shutdown()


@pytest.fixture(scope="session")
def defect_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DefectRuns]:
    runs = DefectRuns(tmp_path_factory.mktemp("defects"), ThreadPoolExecutor(AT_ONCE))
    yield runs
    runs.close()
