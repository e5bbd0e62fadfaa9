"""Whether a middleware keeps up: a steady rate of small orders through the whole estate, by the command, without faults.

``MOST_BEHIND_S`` says what counts as keeping up, ``MOST_LATE_S`` what counts as sent on time.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ...history.reader import History
from .steady import run_steadily

MOST_LATE_S = 0.05
"""So late may the generator send 1 in 100 orders."""
FEWEST = 8
"""Orders in which quarters can be told apart."""
MOST_BEHIND_S = 1.0
"""Of a middleware that is too slow, each order waits longer than the one before; so much more is no trend."""
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
LATE = """\
SELECT quantile_cont((at_ns - due_ns) / 1e9, 0.5) AS p50_s, quantile_cont((at_ns - due_ns) / 1e9, 0.99) AS p99_s,
       max((at_ns - due_ns) / 1e9) AS max_s
FROM   workload
WHERE  kind = 'order'
"""


@dataclass(frozen=True, slots=True)
class Late:
    """How late the generator sent orders, each counted from when it was due."""

    p50_s: float
    p99_s: float
    max_s: float


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
    late: Late
    unsent: int
    """Orders that were due and never sent."""
    estate_busy: float | None
    generator_busy: float | None
    middleware_busy: float | None
    """Shares of one processor, as 19 of 20 looks in a run had them."""
    systems_busy: Mapping[str, float]
    """The same of each system in a process of its own; empty where they share one."""
    load_before: float
    """Processes that wanted the machine's processors in the minute before."""
    processors: int

    @property
    def keeps_up(self) -> bool:
        """It lost nothing, and its orders did not wait longer and longer."""
        return self.verdict == "pass" and max(self.posted.behind_s, self.shipped.behind_s) <= MOST_BEHIND_S

    @property
    def on_time(self) -> bool:
        """Every order was sent, and no more than 1 in 100 too late."""
        return not self.unsent and self.late.p99_s <= MOST_LATE_S


def measure_keeping_up(
    per_s: float, seconds: float, middleware: str = "reference", *, processes: bool = False
) -> KeepingUp:
    """Run ``per_s`` orders of three lines a second for so many seconds, with ``processes`` each system in one of its own.

    RuntimeError where there is no verdict.
    """
    options = ["--processes"] if processes else []
    load_before = os.getloadavg()[0]
    with TemporaryDirectory() as name:
        run = run_steadily(Path(name), per_s, seconds, middleware, options=options)
        with History.of_run(run.folder) as history:
            posted, shipped = (
                [(row["placed_ns"], row["waited_s"]) for row in history.rows(WAITS.format(step=step))]
                for step in (POSTED, SHIPPED)
            )
            last_change_ns = history.one("SELECT max(at_ns) FROM sut_calls WHERE changes")
            (published,) = history.rows(PUBLISHED)
            (late,) = history.rows(LATE)
    first_ns, last_ns = posted[0][0], posted[-1][0]
    return KeepingUp(
        wanted_per_s=per_s,
        placed_per_s=(len(posted) - 1) / ((last_ns - first_ns) / 1e9),
        orders=len(posted),
        calls=run.document["counts"]["calls"],
        verdict=run.document["verdict"],
        reasons=tuple(run.document["reasons"]),
        availability_changes=published["changes"],
        availability_calls=published["calls"],
        posted=waits_of(posted),
        shipped=waits_of(shipped),
        done_s=(last_change_ns - last_ns) / 1e9,
        late=Late(**late),
        unsent=run.record["unsent"],
        estate_busy=run.record["load"]["estate"]["cpu_p95"],
        generator_busy=run.record["load"]["generator"]["cpu_p95"],
        middleware_busy=run.record["load"]["sut"]["cpu_p95"],
        systems_busy={name: one["cpu_p95"] for name, one in run.record["load"].get("systems", {}).items()},
        load_before=load_before,
        processors=os.cpu_count() or 1,
    )


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
