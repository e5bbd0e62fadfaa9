"""Whether memory grows beyond the orders' own state: a steady rate of small orders for long, and who holds how much.

The memory of each process is looked at from outside, every two seconds; the line through the second half of the workload says
by how much it grows with each order. What the systems keep of an order, documents above all, must grow: it is weighed in the
estate's own process (``weighed``), half-way and at the end, and what is left is growth that nobody wants. Stored first answers expire:
a run that is shorter than their lifetime, which is a quarter of an hour here, sees them grow too, on both sides.
"""

import json
import os
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import time_ns

import psutil

from ...history.reader import History
from .steady import run_steadily

LOOK_S = 2.0
START_S = 3.0
"""Passes between the estate's standing and the workload's beginning, more or less."""
FEWEST = 8
"""Looks that a line can be drawn through."""
ESTATE, GENERATOR, MIDDLEWARE = "estate", "generator", "middleware"
PROCESSES = (ESTATE, GENERATOR, MIDDLEWARE)
GENERATORS = "peakproof.loadtests.generator"
PLACED = "SELECT placed_ns FROM accepted_orders WHERE NOT before_run ORDER BY placed_ns"
WORKLOAD = "SELECT at_ns FROM workload WHERE kind = 'phase' AND detail = 'workload'"


@dataclass(frozen=True, slots=True)
class Look:
    """The memory of every process at one moment, in bytes; one that was not there is left out."""

    at_ns: int
    held: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Growth:
    """How the memory of one process went."""

    process: str
    first_mb: float
    """As the workload began."""
    half_mb: float
    last_mb: float
    per_order: float
    """Bytes for each further order of the second half, by the straight line with the least squares."""
    error: float
    """Standard error of that."""


@dataclass(frozen=True, slots=True)
class Soak:
    """How a long run went."""

    per_s: float
    seconds: float
    middleware: str
    orders: int
    verdict: str
    reasons: tuple[str, ...]
    growths: list[Growth]
    state_per_order: float | None
    """Bytes by which what the estate's systems keep grew with each order of the second half; None where it was not weighed
    at both its ends."""
    load_before: float
    processors: int

    @property
    def beyond(self) -> float | None:
        """Bytes an order by which the estate grows beyond what its systems keep."""
        (estate,) = (growth for growth in self.growths if growth.process == ESTATE)
        return None if self.state_per_order is None else estate.per_order - self.state_per_order


def measure_soak(per_s: float, seconds: float, middleware: str) -> Soak:
    """Run so many orders of three lines a second for so long. RuntimeError where there is no verdict, or too little to see."""
    load_before = os.getloadavg()[0]
    looks: list[Look] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "weights.jsonl"
        program = [sys.executable, "-m", f"{__package__}.weighed", str(weights), f"{seconds / 2 + START_S:g}"]
        with looking(looks) as look_at:
            run = run_steadily(folder, per_s, seconds, middleware, program=program, on_start=look_at)
        weighed = [json.loads(line) for line in weights.read_bytes().splitlines()] if weights.exists() else []
        with History.of_run(run.folder) as history:
            placed = [row["placed_ns"] for row in history.rows(PLACED)]
            start_ns = history.one(WORKLOAD)
    return Soak(
        per_s=per_s,
        seconds=seconds,
        middleware=middleware,
        orders=len(placed),
        verdict=run.document["verdict"],
        reasons=tuple(run.document["reasons"]),
        growths=[growth_of(process, looks, placed, start_ns, seconds) for process in PROCESSES],
        state_per_order=state_per_order(weighed, placed),
        load_before=load_before,
        processors=os.cpu_count() or 1,
    )


def state_per_order(weighed: Sequence[Mapping[str, int]], placed: Sequence[int]) -> float | None:
    """By what was weighed twice; None where it was not, or where no order came between."""
    if len(weighed) != 2:
        return None
    half, end = weighed
    orders = bisect_right(placed, end["at_ns"]) - bisect_right(placed, half["at_ns"])
    return (end["bytes"] - half["bytes"]) / orders if orders else None


def growth_of(
    process: str, looks: Sequence[Look], placed: Sequence[int], start_ns: int, seconds: float
) -> Growth:
    """The figures of one process from what was seen of it during the workload; ``placed`` are the orders' times, sorted.

    RuntimeError where it was seen too seldom.
    """
    end_ns, half_ns = start_ns + round(seconds * 1e9), start_ns + round(seconds * 5e8)
    seen = [(look.at_ns, look.held[process]) for look in looks if process in look.held]
    during = [(at_ns, held) for at_ns, held in seen if start_ns <= at_ns <= end_ns]
    later = [(bisect_right(placed, at_ns), held) for at_ns, held in during if at_ns >= half_ns]
    if len(later) < FEWEST or later[0][0] == later[-1][0]:
        raise RuntimeError(
            f"{process}: its memory was seen {len(later)} times in the second half: nothing to measure, "
            f"take --seconds {2 * FEWEST * LOOK_S + 10:g} or more"
        )
    per_order, error = fitted(later)
    return Growth(
        process, during[0][1] / 1e6, later[0][1] / 1e6, later[-1][1] / 1e6, per_order=per_order, error=error
    )


def fitted(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The slope of the straight line with the least squares through three points or more, and its standard error."""
    many = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / many, sum(y for _, y in points) / many
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    off = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points)
    return slope, sqrt(off / (many - 2) / spread)


@contextmanager
def looking(looks: list[Look]) -> Iterator["Looker"]:
    """Somebody who, once told whom to look at, keeps looking to the end of the block."""
    looker = Looker(looks)
    try:
        yield looker
    finally:
        looker.ended.set()


class Looker:
    """Looks at a process and those that it started, in a thread of its own."""

    def __init__(self, looks: list[Look]) -> None:
        self._looks = looks
        self.ended = Event()

    def __call__(self, pid: int) -> None:
        Thread(target=self._keep_looking, args=(psutil.Process(pid),), daemon=True).start()

    def _keep_looking(self, estate: psutil.Process) -> None:
        while not self.ended.wait(LOOK_S):
            try:
                self._looks.append(look_at(estate))
            except psutil.Error:
                return


def look_at(estate: psutil.Process) -> Look:
    """psutil.Error where the estate has ended."""
    held = {ESTATE: held_by(estate)}
    itself = estate.cmdline()
    for child in estate.children(recursive=True):
        try:
            if child.cmdline() == itself:
                continue  # the fork that weighs
            process = GENERATOR if any(GENERATORS in word for word in child.cmdline()) else MIDDLEWARE
            held[process] = held.get(process, 0) + held_by(child)
        except psutil.Error:
            pass  # it ended while we looked
    return Look(time_ns(), held)


def held_by(process: psutil.Process) -> int:
    """Resident bytes: those that are its own alone would jump while a fork of it lives."""
    return int(process.memory_info().rss)


def table(soak: Soak) -> str:
    """The soak for a reader, the verdict last."""
    rows = [
        f"{one.process:<12}{one.first_mb:>12.1f}{one.half_mb:>12.1f}{one.last_mb:>12.1f}"
        f"{one.per_order:>18,.0f}{one.error:>10,.0f}"
        for one in soak.growths
    ]
    head = f"{'':<12}{'MB at first':>12}{'half-way':>12}{'at last':>12}{'bytes an order':>18}{'+-':>10}"
    reasons = f" ({'; '.join(soak.reasons)})" if soak.reasons else ""
    estate = next(one for one in soak.growths if one.process == ESTATE)
    ran = (
        f"{soak.orders} orders of 3 lines at {soak.per_s:g} a second for {soak.seconds:g} s, "
        f"middleware {soak.middleware}, verdict {soak.verdict}{reasons}"
    )
    told = (
        f"memory beyond the orders' own state: {soak.beyond:,.0f} bytes an order "
        f"(the estate grew by {estate.per_order:,.0f}, its systems keep {soak.state_per_order:,.0f})"
        if soak.beyond is not None
        else "memory beyond the orders' own state: not known, for that state was not weighed half-way and at the end"
    )
    machine = f"on {soak.processors} processors that {soak.load_before:.1f} processes wanted before it began"
    return "\n".join([head, *rows, ran, machine, told])
