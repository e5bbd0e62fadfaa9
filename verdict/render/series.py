"""A run over time: what the plots of the page show, counted in equal steps of time by SQL over the history."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from ...history.reader import History
from ..timeline import start_of

MOST_STEPS = 120
"""A plot has at most so many steps, however long the run: the page stays small, and the verdict never looks at it."""
COARSER = 3
"""A percentile needs more orders than a count: its steps are so many times longer."""
WHOLE_RUN = 0.8
"""An injection active for longer than this share of the time that shoppers bought is no band: it would shade it all."""

STATUSES = ("done (2xx)", "throttled (429)", "refused (other 4xx)", "failed (5xx)", "no reply")


@dataclass(frozen=True, slots=True)
class Clock:
    """The axis of time that all plots of a run share: seconds since its first record, in equal steps."""

    start_ns: int
    step_ns: int
    steps: int

    @property
    def step_s(self) -> float:
        return self.step_ns / 1e9

    @property
    def end_s(self) -> float:
        return self.steps * self.step_s

    def at_s(self, at_ns: int) -> float:
        """Seconds since the first record."""
        return (at_ns - self.start_ns) / 1e9

    def coarser(self) -> "Clock":
        return Clock(self.start_ns, self.step_ns * COARSER, math.ceil(self.steps / COARSER))


@dataclass(frozen=True, slots=True)
class Line:
    """One value a step; null where there is nothing to say."""

    name: str
    values: tuple[float | None, ...]
    look: int
    """Its colour, dash or texture: the same for the same thing in every plot."""


@dataclass(frozen=True, slots=True)
class Plot:
    """Some lines over one clock."""

    id: str
    title: str
    unit: str
    says: str
    """What is counted, in one sentence."""
    clock: Clock
    lines: tuple[Line, ...]
    kind: Literal["lines", "stack"] = "lines"


@dataclass(frozen=True, slots=True)
class Band:
    """When one injection was active, and in which steps it fired."""

    letter: str
    """Short name inside the plots."""
    injection: str
    fault: str
    where: str
    windows: tuple[tuple[float, float], ...]
    """Seconds since the first record."""
    fired: tuple[int, ...]
    """How often it fired in each step of the clock."""
    whole_run: bool
    """Active nearly all the time: not shaded in the plots."""


def clock_of(history: History) -> Clock | None:
    """From the first record of the run to the last; null where nothing happened at all."""
    start_ns = start_of(history)
    end_ns = history.one(
        "SELECT max(at_ns) FROM (SELECT max(at_ns) AS at_ns FROM effects WHERE actor IS DISTINCT FROM 'before-run' "
        "UNION ALL SELECT max(at_ns) FROM calls UNION ALL SELECT max(at_ns) FROM workload "
        "UNION ALL SELECT max(at_ns) FROM faults)"
    )
    if start_ns is None or end_ns is None:
        return None
    step_ns = _round_step((end_ns - start_ns) / MOST_STEPS)
    return Clock(start_ns, step_ns, (end_ns - start_ns) // step_ns + 1)


def plots_of(history: History, clock: Clock) -> list[Plot]:
    """Every plot that has something to show."""
    found = [_orders(history, clock), _backlog(history, clock), _latency(history, clock.coarser())]
    found += _calls(history, clock)
    found += [_retries(history, clock), _divergence(history, clock)]
    return [plot for plot in found if any(value for line in plot.lines for value in line.values)]


def bands_of(history: History, clock: Clock) -> list[Band]:
    """When each injection of the fault log was active, the first one armed first."""
    marks = history.rows(
        "SELECT injection, any_value(fault) AS fault, any_value(system) AS system, "
        "any_value(operation) FILTER (WHERE mark <> 'fired') AS operation, "
        "list_sort(list(at_ns) FILTER (WHERE mark = 'armed')) AS armed, "
        "list_sort(list(at_ns) FILTER (WHERE mark = 'healed')) AS healed "
        "FROM faults GROUP BY injection ORDER BY min(at_ns), injection"
    )
    fired = _counted(history, clock, "SELECT injection AS name, at_ns FROM faults WHERE mark = 'fired'")
    bought = history.rows(
        "SELECT min(placed_ns) AS a, max(placed_ns) AS b FROM accepted_orders WHERE NOT before_run"
    )
    bought_s = (bought[0]["b"] - bought[0]["a"]) / 1e9 if bought and bought[0]["a"] else clock.end_s
    found = []
    for place, row in enumerate(marks):
        windows = tuple(_windows(row["armed"] or [], row["healed"] or [], clock))
        active_s = sum(end - start for start, end in windows)
        found.append(
            Band(
                letter=letter(place),
                injection=row["injection"],
                fault=row["fault"],
                where=".".join(part for part in (row["system"], row["operation"]) if part),
                windows=windows,
                fired=tuple(int(value) for value in fired.get(row["injection"], [0.0] * clock.steps)),
                whole_run=active_s >= WHOLE_RUN * bought_s,
            )
        )
    return found


def letter(place: int) -> str:
    """``A`` to ``Z``, then ``A1``, ``B1``, …"""
    return chr(ord("A") + place % 26) + (str(place // 26) if place >= 26 else "")


def _windows(armed: Sequence[int], healed: Sequence[int], clock: Clock) -> Iterable[tuple[float, float]]:
    """From each arming to the healing after it; what was never healed lasts to the end."""
    until_ns = -1
    for start_ns in armed:
        if start_ns < until_ns:
            continue
        until_ns = next(
            (end for end in healed if end >= start_ns), clock.start_ns + clock.steps * clock.step_ns
        )
        yield max(0.0, clock.at_s(start_ns)), clock.at_s(until_ns)


def _round_step(least_ns: float) -> int:
    """The next of 1, 2, 5, 10, … milliseconds."""
    if least_ns <= 1e6:
        return 1_000_000
    power = 10 ** math.floor(math.log10(least_ns))
    return next(int(factor * power) for factor in (1, 2, 5, 10) if factor * power >= least_ns)


def _counted(history: History, clock: Clock, events: str) -> dict[str, list[float]]:
    """How many events (a query of name and at_ns) fall in each step, by name."""
    rows = history.connection.execute(
        f"SELECT name, (at_ns - $1) // $2 AS step, count(*) FROM ({events}) "
        "WHERE at_ns >= $1 AND name IS NOT NULL GROUP BY ALL",
        [clock.start_ns, clock.step_ns],
    ).fetchall()
    found: dict[str, list[float]] = {}
    for name, step, count in rows:
        values = found.setdefault(str(name), [0.0] * clock.steps)
        values[min(int(step), clock.steps - 1)] += count
    return found


def _lines(
    counted: Mapping[str, Sequence[float]], names: Iterable[str], divisor: float = 1.0
) -> tuple[Line, ...]:
    return tuple(
        Line(name, tuple(value / divisor for value in counted[name]), look)
        for look, name in enumerate(names)
        if name in counted
    )


def _orders(history: History, clock: Clock) -> Plot:
    counted = _counted(
        history,
        clock,
        """
        SELECT 'due' AS name, min(due_ns) AS at_ns FROM workload WHERE kind = 'order' AND due_ns IS NOT NULL
        GROUP BY order_ref
        UNION ALL
        SELECT 'placed', placed_ns FROM accepted_orders WHERE NOT before_run
        UNION ALL
        SELECT CASE kind WHEN 'sales_order_received' THEN 'booked' WHEN 'sales_order_posted' THEN 'posted' ELSE 'shipped' END,
               at_ns
        FROM   effects
        WHERE  kind IN ('sales_order_received', 'sales_order_posted', 'shipment_confirmed')
               AND actor IS DISTINCT FROM 'before-run'
        """,
    )
    return Plot(
        "orders",
        "Orders through the systems",
        "orders/s",
        "Orders due by the plan and placed by shoppers, sales orders booked and posted in the ERP, shipments that left "
        "the warehouse, each second.",
        clock,
        _lines(counted, ("due", "placed", "booked", "posted", "shipped"), clock.step_s),
    )


def _backlog(history: History, clock: Clock) -> Plot:
    """Of the orders placed until a step's end, those that nobody posted, shipped, refused for good or cancelled yet."""
    counted = _counted(
        history,
        clock,
        """
        WITH ends AS (
            SELECT order_ref,
                   min(at_ns) FILTER (WHERE kind = 'sales_order_posted') AS posted_ns,
                   min(at_ns) FILTER (WHERE kind = 'shipment_confirmed') AS shipped_ns,
                   min(at_ns) FILTER (WHERE kind IN ('order_cancelled', 'order_unfillable')
                                         OR (kind = 'sales_order_rejected' AND permanent)) AS ended_ns
            FROM   effects
            WHERE  kind IN ('sales_order_posted', 'shipment_confirmed', 'order_cancelled', 'order_unfillable',
                            'sales_order_rejected')
            GROUP  BY order_ref
        ), orders AS (
            SELECT o.placed_ns, greatest(o.placed_ns, least(e.posted_ns, e.ended_ns)) AS posted_ns,
                   greatest(o.placed_ns, least(e.shipped_ns, e.ended_ns)) AS shipped_ns,
                   e.posted_ns IS NOT NULL OR e.ended_ns IS NOT NULL AS is_posted,
                   e.shipped_ns IS NOT NULL OR e.ended_ns IS NOT NULL AS is_shipped
            FROM   accepted_orders AS o LEFT JOIN ends AS e USING (order_ref) WHERE NOT o.before_run
        )
        SELECT 'placed' AS name, placed_ns AS at_ns FROM orders
        UNION ALL SELECT 'posted', posted_ns FROM orders WHERE is_posted
        UNION ALL SELECT 'shipped', shipped_ns FROM orders WHERE is_shipped
        """,
    )
    flows = {flow for (flow,) in history.connection.execute("SELECT flow FROM judged_flows").fetchall()}
    wanted = [("not posted in the ERP yet", "posted")]
    if "order-to-ship" in flows:
        wanted.append(("not shipped yet", "shipped"))
    nothing = [0.0] * clock.steps
    placed = counted.get("placed", nothing)
    lines = []
    for look, (name, done) in enumerate(wanted):
        waiting, values = 0.0, []
        for came, went in zip(placed, counted.get(done, nothing), strict=True):
            waiting += came - went
            values.append(waiting)
        lines.append(Line(name, tuple(values), look))
    return Plot(
        "backlog",
        "Orders that wait",
        "orders",
        "Orders placed and not yet posted or shipped (nor cancelled or refused for good) at the end of each step; what is "
        "left at the right edge never arrived.",
        clock,
        tuple(lines),
    )


def _latency(history: History, clock: Clock) -> Plot:
    rows = history.connection.execute(
        """
        WITH synced AS (
            SELECT o.placed_ns, (min(p.at_ns) - o.placed_ns) / 1e9 AS value
            FROM   accepted_orders AS o
            JOIN   effects AS p ON p.order_ref = o.order_ref AND p.kind = 'sales_order_posted'
            WHERE  NOT o.before_run
            GROUP  BY o.order_ref, o.placed_ns
        )
        SELECT (placed_ns - $1) // $2, quantile_cont(value, 0.5), quantile_cont(value, 0.95), max(value)
        FROM   synced GROUP BY 1
        """,
        [clock.start_ns, clock.step_ns],
    ).fetchall()
    values: list[list[float | None]] = [[None] * clock.steps for _ in range(3)]
    for step, *found in rows:
        for line, value in zip(values, found, strict=True):
            line[min(int(step), clock.steps - 1)] = value
    names = ("half of them (p50)", "19 of 20 (p95)", "the slowest")
    return Plot(
        "latency",
        "How long until an order is posted",
        "s",
        "From an order being placed to its sales order being posted in the ERP, by when it was placed.",
        clock,
        tuple(
            Line(name, tuple(line), look) for look, (name, line) in enumerate(zip(names, values, strict=True))
        ),
    )


def _calls(history: History, clock: Clock) -> list[Plot]:
    counted = _counted(
        history,
        clock,
        """
        SELECT concat(CASE WHEN status IS NULL THEN 4 WHEN status = 429 THEN 1 WHEN status >= 500 THEN 3
                           WHEN status >= 400 THEN 2 ELSE 0 END, system) AS name, at_ns
        FROM   sut_calls
        """,
    )
    plots = []
    for system in sorted({name[1:] for name in counted}):
        by_status = {
            status: counted[f"{place}{system}"]
            for place, status in enumerate(STATUSES)
            if f"{place}{system}" in counted
        }
        plots.append(
            Plot(
                f"calls-{system}",
                f"Calls to {system}",
                "calls/s",
                f"What {system} answered the middleware, each second.",
                clock,
                _lines(by_status, STATUSES, clock.step_s),
                "stack",
            )
        )
    return plots


def _retries(history: History, clock: Clock) -> Plot:
    counted = _counted(
        history,
        clock,
        "SELECT system AS name, at_ns FROM repeated_calls WHERE turn > 1",
    )
    return Plot(
        "retries",
        "Retries",
        "calls/s",
        "Changing calls that repeat an earlier one word for word, each second, by the system that got them.",
        clock,
        _lines(counted, sorted(counted), clock.step_s),
    )


def _divergence(history: History, clock: Clock) -> Plot:
    """By how many units each copy of the stock differs from what it copies, summed over SKUs and locations."""
    rows = history.connection.execute(
        """
        WITH said AS ( -- what is copied from the warehouse to the OMS is of no channel
            SELECT NULL AS channel, sku, location, at_ns, effect_id, on_hand AS truth, NULL::BIGINT AS copy
            FROM   effects WHERE kind = 'stock_moved'
            UNION ALL
            SELECT NULL, sku, location, at_ns, effect_id, NULL, on_hand FROM effects WHERE kind = 'stock_set'
            UNION ALL
            SELECT c.channel, sku, NULL, at_ns, effect_id, on_hand, NULL
            FROM   effects CROSS JOIN channels AS c WHERE kind = 'availability_computed'
            UNION ALL
            SELECT system, sku, NULL, at_ns, effect_id, NULL, on_hand FROM effects WHERE kind = 'availability_listed'
        ), known AS ( -- one order for both, so that it is sorted once
            SELECT channel, at_ns,
                   abs(last_value(truth IGNORE NULLS) OVER now - last_value(copy IGNORE NULLS) OVER now)         AS gap,
                   abs(last_value(truth IGNORE NULLS) OVER earlier - last_value(copy IGNORE NULLS) OVER earlier) AS gap_before
            FROM   said
            WINDOW now AS (PARTITION BY channel, sku, location ORDER BY at_ns, effect_id ROWS UNBOUNDED PRECEDING),
                   earlier AS (PARTITION BY channel, sku, location ORDER BY at_ns, effect_id
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        )
        SELECT coalesce(format('{} from the OMS', channel), 'OMS from the warehouse') AS name,
               greatest((at_ns - $1) // $2, 0) AS step, sum(coalesce(gap, 0) - coalesce(gap_before, 0)) AS more
        FROM   known WHERE gap IS DISTINCT FROM gap_before
        GROUP  BY name, step HAVING more <> 0
        """,
        [clock.start_ns, clock.step_ns],
    ).fetchall()
    changes: dict[str, list[float]] = {}
    for name, step, more in rows:
        values = changes.setdefault(str(name), [0.0] * clock.steps)
        values[min(int(step), clock.steps - 1)] += float(more)
    first = "OMS from the warehouse"
    names = sorted(changes, key=lambda name: (name != first, name))
    return Plot(
        "divergence",
        "Stock that differs",
        "units",
        "By how many units the OMS differs from the warehouse, and each channel's listing from what the OMS last computed, "
        "summed over all SKUs, at the end of each step; what is left at the right edge was never put right.",
        clock,
        tuple(Line(name, tuple(accumulate(changes[name])), look) for look, name in enumerate(names)),
    )
