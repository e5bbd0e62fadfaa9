"""How long ``peakproof judge`` takes over a history of many calls, its process included."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from .season import write_season


@dataclass(frozen=True, slots=True)
class JudgingCost:
    """What one judgement took."""

    calls: int
    orders: int
    history_mb: float
    seconds: float
    peak_memory_mb: float
    verdict: str


def measure_judging(calls: int) -> JudgingCost:
    """Write a history with so many calls and judge it by the command. RuntimeError where the command fails."""
    with TemporaryDirectory() as folder:
        run = Path(folder) / "bench"
        season = write_season(run, calls)
        begun = perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "peakproof", "judge", str(run), "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )
        seconds = perf_counter() - begun
    try:
        verdict = json.loads(done.stdout)["verdict"]
    except (ValueError, KeyError):
        raise RuntimeError(f"peakproof judge failed: {done.stderr.strip()[-400:]}") from None
    peak_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return JudgingCost(season.calls, season.orders, season.megabytes, seconds, peak_kb / 1e3, verdict)
