"""What an order costs the estate, system by system: processor time and calls, from a steady load on the whole way to the shipment.

The command itself is run, without faults, with Locust and the middleware in processes of their own beside the estate.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .metered import EVENTS, REST
from .steady import LINES, run_steadily

LOW = 0.25
"""The lower of the two rates, as a part of the higher: what there is to do without orders shows in the difference."""
SYSTEMS = ("web", "bazaar", "oms", "erp", "wms", "payments")


@dataclass(frozen=True, slots=True)
class Part:
    """One system's part of an order, or that of what is no system's."""

    name: str
    cpu_ms: float
    """Processor milliseconds per order."""
    calls: float
    """Calls per order; of events their deliveries."""


@dataclass(frozen=True, slots=True)
class OrderCost:
    """What an order costs in a run at one rate."""

    wanted_per_s: float
    seconds: float
    orders: int
    lines: int
    verdict: str
    reasons: tuple[str, ...]
    parts: list[Part]
    estate_busy: float | None
    generator_busy: float | None
    middleware_busy: float | None
    """Shares of one processor, as 19 of 20 looks in a run had them."""
    history_bytes: int
    """All that the run recorded, with what it began with."""
    load_before: float
    processors: int

    @property
    def per_s(self) -> float:
        """Orders that were really placed a second."""
        return self.orders / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Of all of the estate, per order."""
        return sum(part.cpu_ms for part in self.parts)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What runs at two rates say of any rate, by a straight line through both."""

    standing_ms: float
    """Processor milliseconds of the estate a second, however few orders come."""
    parts: dict[str, float]
    """Processor milliseconds of each further order, by system."""
    calls: dict[str, float]
    """Calls per order at the higher rate; of events their deliveries."""
    generator_ms: float | None
    middleware_ms: float | None
    """Of the middleware that was measured."""
    history_bytes: float
    """Of each further order."""

    @property
    def order_ms(self) -> float:
        return sum(self.parts.values())

    def estate_share(self, per_s: float) -> float:
        """How much of one processor the estate needs."""
        return (self.standing_ms + per_s * self.order_ms) / 1e3

    def most_per_s(self, share: float) -> float:
        """Orders a second at which so much of one processor is used."""
        return max(0.0, (share * 1e3 - self.standing_ms) / self.order_ms)


def capacity_of(low: OrderCost, high: OrderCost) -> Capacity:
    """The model. RuntimeError where both runs had the same rate."""
    apart = high.per_s - low.per_s
    if apart <= 0:
        raise RuntimeError(
            f"{low.per_s:.1f} and {high.per_s:.1f} orders a second are too near each other to tell anything"
        )
    before = {part.name: part.cpu_ms * low.per_s for part in low.parts}
    parts = {part.name: (part.cpu_ms * high.per_s - before[part.name]) / apart for part in high.parts}
    standing = sum(before.values()) - low.per_s * sum(parts.values())
    generator, middleware = (
        share / high.per_s * 1e3 if share is not None else None
        for share in (high.generator_busy, high.middleware_busy)
    )
    return Capacity(
        standing_ms=standing,
        parts=parts,
        calls={part.name: part.calls for part in high.parts if part.name != REST},
        generator_ms=generator,
        middleware_ms=middleware,
        history_bytes=(high.history_bytes - low.history_bytes) / (high.orders - low.orders),
    )


def measure_order_cost(per_s: float, seconds: float, middleware: str = "reference") -> OrderCost:
    """Put so many orders of three lines a second on a middleware for so long. RuntimeError where there is no verdict."""
    load_before = os.getloadavg()[0]
    with TemporaryDirectory() as name:
        folder = Path(name)
        metered = [sys.executable, "-m", f"{__package__}.metered", str(folder / "spent.json")]
        run = run_steadily(folder, per_s, seconds, middleware, program=metered)
        spent = json.loads((folder / "spent.json").read_bytes())
        recorded = sum(file.stat().st_size for file in (run.folder / "history").iterdir())
    load = run.record["load"]
    return OrderCost(
        wanted_per_s=per_s,
        seconds=seconds,
        orders=run.document["counts"]["orders"],
        lines=LINES,
        verdict=run.document["verdict"],
        reasons=tuple(run.document["reasons"]),
        parts=parts_of(spent["spent_s"], spent["counts"], run.document["counts"]["orders"]),
        estate_busy=load["estate"]["cpu_p95"],
        generator_busy=load["generator"]["cpu_p95"],
        middleware_busy=load["sut"]["cpu_p95"],
        history_bytes=recorded,
        load_before=load_before,
        processors=os.cpu_count() or 1,
    )


def parts_of(spent_s: dict[str, float], counts: dict[str, int], orders: int) -> list[Part]:
    """Per order. RuntimeError where there is none."""
    if not orders:
        raise RuntimeError("no order was placed: nothing to measure")
    return [
        Part(name, spent_s.get(name, 0.0) / orders * 1e3, counts.get(name, 0) / orders)
        for name in (*SYSTEMS, EVENTS, REST)
    ]


def table(cost: OrderCost) -> str:
    """The cost for a reader."""
    rows = [
        f"{part.name:<10}{part.cpu_ms:>13.2f}{part.cpu_ms / cost.cpu_ms:>8.0%}"
        + (f"{part.calls:>13.1f}" if part.name != REST else "")
        for part in cost.parts
    ]
    busy = ", ".join(
        f"{name} {share:.0%}"
        for name, share in (
            ("estate", cost.estate_busy),
            ("generator", cost.generator_busy),
            ("middleware", cost.middleware_busy),
        )
        if share is not None
    )
    reasons = f" ({'; '.join(cost.reasons)})" if cost.reasons else ""
    return "\n".join(
        [
            f"{'':<10}{'CPU ms/order':>13}{'':>8}{'calls/order':>13}",
            *rows,
            f"{'estate':<10}{cost.cpu_ms:>13.2f}{1:>8.0%}",
            f"{cost.orders} orders of {cost.lines} lines at {cost.wanted_per_s:g} a second, verdict {cost.verdict}{reasons}",
            f"busy, of one processor each: {busy}",
            f"on {cost.processors} processors that {cost.load_before:.1f} processes wanted before it began",
        ]
    )


def told(capacity: Capacity) -> str:
    """The model in a sentence."""
    return (
        f"{capacity.standing_ms:.0f} ms a second in any case and {capacity.order_ms:.1f} ms an order: "
        f"the estate fills one processor at {capacity.most_per_s(1.0):.0f} orders a second"
    )
