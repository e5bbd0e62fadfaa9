"""The live view as a run sees it: a process beside it that is started, names its address, and ends with the run."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

READY_S = 90.0
"""Slow machines take a while to import what judges."""
END_S = 5.0


class LiveView:
    """One view of one run: ``start`` at once, ``url`` when its control port is open, ``stop`` at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns at once; the process waits for the run's control port."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "peakproof.scenarios.live",
            str(self._folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def url(self) -> str | None:
        """Where the page is; None where the process could not serve it."""
        assert self._process is not None and self._process.stdout is not None, "start() comes first"
        with suppress(TimeoutError):
            line = await asyncio.wait_for(self._process.stdout.readline(), READY_S)
            return line.decode().strip() or None
        return None

    async def stop(self) -> None:
        """Its stdin ends, and so does it; one that does not is killed."""
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
