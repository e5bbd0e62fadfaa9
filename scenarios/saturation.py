"""Who was at the limit in a run under load: the estate's own loop, its processor, the generator's, and the SUT's."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil

import psutil

LOOK_S = 0.2
MEGABYTE = 1_000_000


@dataclass(slots=True)
class Saturation:
    """What was seen so far; every share is one of a single processor, so a process of many threads can pass 1."""

    lags_s: list[float] = field(default_factory=list)
    """How much later than it meant to the estate's loop came back from each sleep."""
    estate: list[float] = field(default_factory=list)
    generator: list[float] = field(default_factory=list)
    sut: list[float] = field(default_factory=list)
    sut_bytes: list[int] = field(default_factory=list)
    """Resident memory of the SUT's processes."""

    def facts(self) -> dict[str, object]:
        """As run.json says it; null where there are no samples."""
        return {
            "estate": {"loop_lag_p99_s": at_share(self.lags_s, 0.99), "cpu_p95": at_share(self.estate, 0.95)},
            "generator": {"cpu_p95": at_share(self.generator, 0.95)},
            "sut": {
                "cpu_p95": at_share(self.sut, 0.95),
                "rss_max_mb": round(max(self.sut_bytes) / MEGABYTE, 1) if self.sut_bytes else None,
            },
        }

    async def keep_looking(
        self, generator_cpu_s: Callable[[], float], sut_pid: Callable[[], int | None]
    ) -> None:
        """Look every fifth of a second until cancelled."""
        loop = asyncio.get_running_loop()
        before_s, before = loop.time(), (time.process_time(), generator_cpu_s(), *used_by(sut_pid()))
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = loop.time()
            now = (time.process_time(), generator_cpu_s(), *used_by(sut_pid()))
            passed_s = now_s - before_s
            self.lags_s.append(max(0.0, passed_s - LOOK_S))
            self.estate.append((now[0] - before[0]) / passed_s)
            self.generator.append((now[1] - before[1]) / passed_s)
            if now[3]:
                self.sut.append(max(0.0, now[2] - before[2]) / passed_s)
                self.sut_bytes.append(now[3])
            before_s, before = now_s, now


def at_share(samples: Sequence[float], share: float) -> float | None:
    """The smallest sample that so large a part of them does not pass."""
    if not samples:
        return None
    return round(sorted(samples)[max(0, ceil(share * len(samples)) - 1)], 4)


def used_by(pid: int | None) -> tuple[float, int]:
    """Processor seconds and resident bytes of a process and those that it started; zeros where it is gone."""
    seconds, resident = 0.0, 0
    try:
        first = psutil.Process(pid) if pid is not None else None
        for process in (first, *first.children(recursive=True)) if first is not None else ():
            times = process.cpu_times()
            seconds += times.user + times.system
            resident += process.memory_info().rss
    except psutil.Error:
        pass  # it ended while we looked
    return seconds, resident
