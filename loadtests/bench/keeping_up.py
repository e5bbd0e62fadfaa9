"""Whether a middleware keeps up: a steady rate of small orders through the whole estate, by the command, without faults.

Everything is switched on and shares the machine: the estate with its history, the middleware in a process of its own, and
the shoppers. ``MOST_BEHIND_S`` says what counts as keeping up.
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from ...history.reader import History
from ..trace import Trace
from ..trace.trace import COLUMNS, TraceLine

LINES = 3
FEWEST = 8
"""Orders in which quarters can be told apart."""
MOST_BEHIND_S = 1.0
"""Of a middleware that is too slow, each order waits longer than the one before; so much more is no trend."""
STEADY = f"summary = 'The same rate all day'\nday_multiple = 1.0\nhourly_percent = {[100 / 24] * 24}\n"
SCENARIO = """\
name: keeping-up
title: Keeping up
description: A steady rate of small orders, and no faults.
duration_s: {seconds}
time_scale: 0.01
workload: {{ trace: {folder}/orders.csv, profile: {folder}/steady.toml, shares: {{ web: 0.6, bazaar: 0.4 }} }}
settle: {{ quiet_s: 3, max_s: 120 }}
"""
POSTED = "e.kind = 'sales_order_posted'"
SHIPPED = "e.kind = 'shipment_recorded' AND e.status = 'shipped'"
"""The channel has been told of the last shipment; before that the order was booked, picked and packed."""
WAITS = """\
SELECT o.placed_ns AS placed_ns, (min(e.at_ns) - o.placed_ns) / 1e9 AS waited_s
FROM   accepted_orders AS o
LEFT   JOIN effects AS e ON e.order_ref = o.order_ref AND {step}
WHERE  NOT o.before_run
GROUP  BY o.order_ref, o.placed_ns
ORDER  BY o.placed_ns
"""
PUBLISHED = """\
SELECT (SELECT count(*) FROM effects WHERE kind = 'availability_computed' AND actor IS NULL) AS changes,
       (SELECT count(*) FROM sut_calls WHERE operation LIKE 'publish_availability%') AS calls
"""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long orders waited for one step, from being placed."""

    p50_s: float
    p95_s: float
    behind_s: float
    """How much longer the median order of the last quarter waited than that of the first."""
    left_s: float
    """From the last order being placed to the last one taking the step."""
    never: int
    """Orders that never took it: cancelled before, or unfillable; or lost, as the verdict then says."""


@dataclass(frozen=True, slots=True)
class KeepingUp:
    """How a run at one rate went."""

    wanted_per_s: float
    placed_per_s: float
    orders: int
    calls: int
    """Of everybody, at all systems."""
    verdict: str
    reasons: tuple[str, ...]
    posted: Waits
    """In the ERP."""
    shipped: Waits
    """The channel has been told of the last shipment."""
    done_s: float
    """From the last order being placed to the middleware's last change anywhere: billed, returned, refunded."""
    availability_changes: int
    availability_calls: int
    """So many calls told both channels of them."""
    load_before: float
    """Processes that wanted the machine's processors in the minute before."""
    processors: int

    @property
    def keeps_up(self) -> bool:
        """It lost nothing, and its orders did not wait longer and longer."""
        return self.verdict == "pass" and max(self.posted.behind_s, self.shipped.behind_s) <= MOST_BEHIND_S


def measure_keeping_up(per_s: float, seconds: float, middleware: str = "reference") -> KeepingUp:
    """Run ``per_s`` orders of three lines a second for so many seconds. RuntimeError where there is no verdict."""
    load_before = os.getloadavg()[0]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "steady.toml").write_text(STEADY, "utf-8")
        (folder / "keeping-up.yaml").write_text(SCENARIO.format(seconds=seconds, folder=folder), "utf-8")
        write_orders(folder / "orders.csv", round(per_s * seconds))
        scenario, options = str(folder / "keeping-up.yaml"), ("--middleware", middleware)
        done = subprocess.run(
            [sys.executable, "-m", "peakproof", "run", scenario, *options, "--json", "--out", name],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            document = json.loads(done.stdout)
            (run,) = (found.parent for found in folder.glob("*/run.json"))
        except (ValueError, OSError):
            raise RuntimeError(f"peakproof run failed: {done.stderr.strip()[-400:]}") from None
        with History.of_run(run) as history:
            posted, shipped = (
                [(row["placed_ns"], row["waited_s"]) for row in history.rows(WAITS.format(step=step))]
                for step in (POSTED, SHIPPED)
            )
            last_change_ns = history.one("SELECT max(at_ns) FROM sut_calls WHERE changes")
            (published,) = history.rows(PUBLISHED)
    first_ns, last_ns = posted[0][0], posted[-1][0]
    return KeepingUp(
        wanted_per_s=per_s,
        placed_per_s=(len(posted) - 1) / ((last_ns - first_ns) / 1e9),
        orders=len(posted),
        calls=document["counts"]["calls"],
        verdict=document["verdict"],
        reasons=tuple(document["reasons"]),
        availability_changes=published["changes"],
        availability_calls=published["calls"],
        posted=waits_of(posted),
        shipped=waits_of(shipped),
        done_s=(last_change_ns - last_ns) / 1e9,
        load_before=load_before,
        processors=os.cpu_count() or 1,
    )


def write_orders(path: Path, number: int) -> None:
    """A trace of so many orders of three lines: three neighbours of a real basket each, evenly over one day."""
    with path.open("w", encoding="utf-8", newline="") as text:
        rows = csv.writer(text)
        rows.writerow(COLUMNS)
        for order, lines in zip(range(number), _baskets(), strict=False):
            minute = order * 24 * 60 // number
            placed_at = f"2011-11-17T{minute // 60:02d}:{minute % 60:02d}"
            for line in lines:
                goods = (line.sku, line.quantity, line.unit_price, "GBP")
                rows.writerow((f"S{order:06d}", placed_at, *goods, "", "GB", "order", "item"))


def _baskets() -> Iterator[tuple[TraceLine, ...]]:
    """Again and again, for there are about a thousand different ones."""
    baskets = [
        order.lines[first : first + LINES]
        for order in Trace.shipped().orders
        for first in range(0, len(order.lines) - LINES + 1, LINES)
    ]
    return cycle(baskets)


def waits_of(orders: list[tuple[int, float | None]]) -> Waits:
    """The figures of orders as (placed in ns, wait in s or None), by time. RuntimeError for too few."""
    taken = [(at_ns, wait_s) for at_ns, wait_s in orders if wait_s is not None]
    if len(taken) < FEWEST:
        raise RuntimeError(f"only {len(taken)} of {len(orders)} orders got so far: nothing to measure")
    waits = sorted(wait_s for _, wait_s in taken)
    quarter = len(taken) // 4
    last_ns = orders[-1][0]
    return Waits(
        p50_s=waits[len(waits) // 2],
        p95_s=waits[len(waits) * 95 // 100],
        behind_s=_median(taken[-quarter:]) - _median(taken[:quarter]),
        left_s=max((at_ns - last_ns) / 1e9 + wait_s for at_ns, wait_s in taken),
        never=len(orders) - len(taken),
    )


def _median(orders: list[tuple[int, float]]) -> float:
    return sorted(wait_s for _, wait_s in orders)[len(orders) // 2]
