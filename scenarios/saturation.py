"""Who was at the limit in a run under load: the estate's own loop, its processor and queues, the generator's, and the SUT's."""

import asyncio
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import psutil

from ..history.records import LoadSecond
from ..simulators.standing import Use

LOOK_S = 0.2
MEGABYTE = 1_000_000
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Queues:
    """What waits in the estate at one moment."""

    pending: int = 0
    """All that it still means to do soon."""
    deliveries: int = 0
    """Deliveries among it."""
    connections: int | None = None
    """Connections that it has yet to accept; None where the operating system does not say."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one system was seen to use that has a process of its own."""

    cpu: float
    lag_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment; every share is one of a single processor, so a process of many threads can pass 1."""

    lag_s: float = 0.0
    """How much later than it meant to the estate's loop came back from its sleep."""
    estate: float = 0.0
    """Of all its processes."""
    generator: float = 0.0
    sut: float | None = None
    """None where the SUT is not there, or was not started by us."""
    sut_bytes: int | None = None
    """Resident memory of the SUT's processes."""
    machine: float = 0.0
    """Of all its processors together, whoever used them; 1 is all of them."""
    queues: Queues = field(default_factory=Queues)
    systems: Mapping[str, Share] = field(default_factory=dict)
    """Of those that have processes of their own."""

    @property
    def worst_lag_s(self) -> float:
        """Of all loops of the estate."""
        return max((self.lag_s, *(share.lag_s for share in self.systems.values())))


SHARES = ("lag_s", "estate", "generator", "sut", "machine")
NUMBERS = ("sut_bytes", "pending", "deliveries", "connections")


class Saturation:
    """What was seen so far: the bare figures, for a run of hours has many looks."""

    def __init__(self, looks: Iterable[Look] = ()) -> None:
        self._seen = {name: array("d") for name in SHARES} | {name: array("q") for name in NUMBERS}
        self._lags_s: dict[str, array[float]] = {}
        """By system that has a process of its own, as what they used."""
        self._cpus: dict[str, array[float]] = {}
        for look in looks:
            self.add(look)

    def add(self, look: Look) -> None:
        """One more look; what was not seen in it counts nowhere."""
        for whole, names in ((look, (*SHARES, NUMBERS[0])), (look.queues, NUMBERS[1:])):
            for name in names:
                value = getattr(whole, name)
                if value is not None:
                    self._seen[name].append(value)
        for name, share in look.systems.items():
            self._lags_s.setdefault(name, array("d")).append(share.lag_s)
            self._cpus.setdefault(name, array("d")).append(share.cpu)

    def facts(self) -> dict[str, dict[str, Any]]:
        """As run.json says it; null where there are no samples. The estate's lag is that of its slowest process; where it is
        a system's of its own, that is named."""
        seen = self._seen
        systems = {
            name: {
                "loop_lag_p99_s": at_share(self._lags_s[name], 0.99),
                "cpu_p95": at_share(self._cpus[name], 0.95),
            }
            for name in self._lags_s
        }
        lags_s = {name: one["loop_lag_p99_s"] or 0.0 for name, one in systems.items()}
        slowest = max(lags_s, key=lambda name: lags_s[name], default=None)
        lag_s = at_share(seen["lag_s"], 0.99)
        if slowest is not None and lag_s is not None:
            slowest, lag_s = (slowest, lags_s[slowest]) if lags_s[slowest] >= lag_s else (None, lag_s)
        found: dict[str, dict[str, Any]] = {
            "estate": {
                "loop_lag_p99_s": lag_s,
                "cpu_p95": at_share(seen["estate"], 0.95),
                "pending_p95": at_share(seen["pending"], 0.95),
                "pending_max": max(seen["pending"], default=None),
                "deliveries_waiting_p95": at_share(seen["deliveries"], 0.95),
                "deliveries_waiting_max": max(seen["deliveries"], default=None),
                "connections_waiting_max": max(seen["connections"], default=None),
            },
            "machine": {"cpu_p95": at_share(seen["machine"], 0.95)},
            "generator": {"cpu_p95": at_share(seen["generator"], 0.95)},
            "sut": {
                "cpu_p95": at_share(seen["sut"], 0.95),
                "rss_max_mb": round(max(seen["sut_bytes"]) / MEGABYTE, 1) if seen["sut_bytes"] else None,
            },
        }
        if systems:
            found["estate"]["slowest"] = slowest
            found["systems"] = systems
        return found

    async def keep_looking(
        self,
        generator_cpu_s: Callable[[], float],
        sut_pid: Callable[[], int | None],
        queues: Callable[[], Queues] = Queues,
        on_look: Callable[[Look], None] = lambda look: None,
        uses: Callable[[], Mapping[str, Use]] = dict,
    ) -> None:
        """Look every fifth of a second until cancelled."""
        loop = asyncio.get_running_loop()
        psutil.cpu_percent()  # from here on
        sut = Family()
        before_s, used = loop.time(), uses()
        before = (time.process_time(), generator_cpu_s(), *sut.used(sut_pid()))
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = loop.time()
            now = (time.process_time(), generator_cpu_s(), *sut.used(sut_pid()))
            passed_s = now_s - before_s
            using = uses()
            systems = {
                name: Share((use.cpu_s - used[name].cpu_s) / passed_s, max(use.lags_s, default=0.0))
                for name, use in using.items()
            }
            look = Look(
                lag_s=max(0.0, passed_s - LOOK_S),
                estate=(now[0] - before[0]) / passed_s + sum(share.cpu for share in systems.values()),
                generator=(now[1] - before[1]) / passed_s,
                sut=max(0.0, now[2] - before[2]) / passed_s if now[3] else None,
                sut_bytes=now[3] or None,
                machine=psutil.cpu_percent() / 100,
                queues=queues(),
                systems=systems,
            )
            self.add(look)
            on_look(look)
            before_s, before, used = now_s, now, using


class Seconds:
    """Puts what was seen into rows, one for each second since ``start_ns``; a loop that stood still leaves none out.

    ``due`` says how much of each kind of act was due between two moments.
    """

    def __init__(
        self, start_ns: int, due: Callable[[int, int], Mapping[str, int]], write: Callable[[LoadSecond], None]
    ) -> None:
        self._next_ns = start_ns
        self._due = due
        self._write = write
        self._looks: list[Look] = []

    def note(self, look: Look, now_ns: int) -> None:
        """One more look; where a second is over, its row is written."""
        self._looks.append(look)
        if now_ns < self._next_ns + SECOND_NS:
            return
        while now_ns >= self._next_ns + SECOND_NS:
            self._write(self._row())
            self._next_ns += SECOND_NS
        self._looks = []

    def _row(self) -> LoadSecond:
        looks, last = self._looks, self._looks[-1]
        due = self._due(self._next_ns, self._next_ns + SECOND_NS)
        suts = [look.sut for look in looks if look.sut is not None]
        return LoadSecond(
            at_ns=self._next_ns,
            orders_due=due.get("order", 0),
            cancellations_due=due.get("cancellation_request", 0),
            returns_due=due.get("return_request", 0),
            loop_lag_s=round(max(look.worst_lag_s for look in looks), 4),
            machine_cpu=_mean([look.machine for look in looks]),
            estate_cpu=_mean([look.estate for look in looks]),
            generator_cpu=_mean([look.generator for look in looks]),
            sut_cpu=_mean(suts) if suts else None,
            sut_rss_mb=round(last.sut_bytes / MEGABYTE, 1) if last.sut_bytes else None,
            pending=last.queues.pending,
            deliveries_waiting=last.queues.deliveries,
            connections_waiting=last.queues.connections,
        )


def _mean(samples: Sequence[float]) -> float:
    return round(sum(samples) / len(samples), 3)


def at_share(samples: Sequence[float], share: float) -> float | None:
    """The smallest sample that so large a part of them does not pass."""
    if not samples:
        return None
    return round(sorted(samples)[max(0, ceil(share * len(samples)) - 1)], 4)


class Family:
    """A process and those that it started.

    Who they are is asked at every fifth look only: it asks every process of the machine, and meanwhile the estate answers
    nobody (measured: a look took 1.7 ms, and takes 0.35 ms).
    """

    ASKED_EVERY = 5

    def __init__(self) -> None:
        self._pid: int | None = None
        self._members: list[psutil.Process] = []
        self._looks = 0

    def used(self, pid: int | None) -> tuple[float, int]:
        """Processor seconds and resident bytes of ``pid`` and its own so far; zeros where it is gone."""
        if pid != self._pid or self._looks % self.ASKED_EVERY == 0:
            self._pid, self._looks, self._members = pid, 0, _members(pid)
        self._looks += 1
        seconds, resident = 0.0, 0
        for process in self._members:
            try:
                times = process.cpu_times()
                resident += process.memory_info().rss
                seconds += times.user + times.system
            except psutil.Error:
                pass  # it ended while we looked
        return seconds, resident


def _members(pid: int | None) -> list[psutil.Process]:
    if pid is None:
        return []
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []
