"""A steady rate of orders of three lines through the whole estate, by ``peakproof load`` and without faults.

Everything is switched on and shares the machine: the estate with its history, the load generator and the middleware, each in
a process of its own.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from ..trace import Trace
from ..trace.trace import COLUMNS, TraceLine
from .lean import TOPICS

LINES = 3
LEAN = "lean"
"""The middleware of which all is order-to-ship, and which costs next to nothing."""
PEAKPROOF = (sys.executable, "-m", "peakproof")
MOST_BASKETS = 6_000
"""Orders of the trace that a run's baskets are drawn from; there are about a thousand different ones."""
STEADY = f"summary = 'The same rate all day'\nday_multiple = 1.0\nhourly_percent = {[100 / 24] * 24}\n"
SCENARIO = """\
name: steady
title: Steady
description: A steady rate of small orders, and no faults.
time_scale: 0.01
workload: {{ trace: {trace}, shares: {{ web: 0.6, bazaar: 0.4 }}{workload} }}
estate: {{ systems: {{ wms: {{ rules: {{ pickers: 1000 }} }} }} }}
settle: {{ quiet_s: 3, max_s: 120 }}
"""
ORDERS_ONLY = ", cancellations: false, returns: false, back_office: false, stock_cover: 10"
"""Nothing runs out: every order goes the whole way."""
CONFIG = """\
[sut]
name = "lean"
command = {command}
flows = ["order-to-ship"]
exceptions_url = "/exceptions"
pending_url = "/pending"

[sut.webhooks]
{webhooks}
"""


@dataclass(frozen=True, slots=True)
class SteadyRun:
    """What came of it."""

    folder: Path
    document: dict[str, Any]
    """``verdict.json``."""
    record: dict[str, Any]
    """``run.json``."""


def run_steadily(
    folder: Path,
    per_s: float,
    seconds: float,
    middleware: str,
    *,
    program: Sequence[str] = PEAKPROOF,
    options: Sequence[str] = (),
    on_start: Callable[[int], None] = lambda pid: None,
) -> SteadyRun:
    """Run so many orders a second for so long, below ``folder``; what the command says of its progress is shown.

    ``options`` are more of the command's; ``on_start`` gets the process of the estate. RuntimeError where there is no verdict.
    """
    process = subprocess.Popen(
        [
            *program,
            *prepared(folder, per_s, seconds, middleware),
            *options,
            "--json",
            "--out",
            str(folder),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        on_start(process.pid)
        said, _ = process.communicate()
    finally:
        process.terminate()
        process.wait()
    try:
        (run,) = folder.glob("*/run.json")
        return SteadyRun(run.parent, json.loads(said), json.loads(run.read_bytes()))
    except (ValueError, OSError):
        raise RuntimeError(
            f"peakproof load ended with exit code {process.returncode} and no verdict"
        ) from None


def prepared(folder: Path, per_s: float, seconds: float, middleware: str) -> list[str]:
    """Write what such a run reads; returns the words of the command."""
    (folder / "steady.toml").write_text(STEADY, "utf-8")
    write_orders(folder / "orders.csv", min(round(2 * per_s * seconds), MOST_BASKETS))
    lean = middleware == LEAN
    scenario = SCENARIO.format(
        trace=json.dumps(str(folder / "orders.csv")), workload=ORDERS_ONLY if lean else ""
    )
    (folder / "steady.yaml").write_text(scenario + ("flows: [order-to-ship]\n" if lean else ""), "utf-8")
    chosen = ["--middleware", middleware]
    if lean:
        command = [sys.executable, "-m", f"{__package__}.lean"]
        webhooks = "\n".join(f'"{topic}" = "/webhooks"' for topic in TOPICS)
        text = CONFIG.format(command=json.dumps(command), webhooks=webhooks)
        (folder / "peakproof.toml").write_text(text, "utf-8")
        chosen = ["--config", str(folder / "peakproof.toml")]
    rate = ["--peak", f"{per_s:f}/s", "--duration", f"{seconds:g}s"]
    return ["load", str(folder / "steady.toml"), "--scenario", str(folder / "steady.yaml"), *rate, *chosen]


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
    """Again and again."""
    baskets = [
        order.lines[first : first + LINES]
        for order in Trace.shipped().orders
        for first in range(0, len(order.lines) - LINES + 1, LINES)
    ]
    return cycle(baskets)
