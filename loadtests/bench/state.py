"""Memory that each system keeps per order and per line: documents, indexes, stored first answers, attempt counts.

The history's own memory (a hash of each body, about 80 bytes) is no system's state and is left out.
"""

import asyncio
import gc
import json
import multiprocessing
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from ...history.clock import Clock
from ...history.writer import HistoryWriter
from ...simulators.estate import Estate, EstateSettings, OpeningItem, SystemSettings
from .traffic import SKUS, order

ORDERS = 2_000
FEW_LINES, MANY_LINES = 1, 21
FEW_SKUS = SKUS[:300]
"""So few that indexes which grow with SKUs stand still."""


@dataclass(frozen=True, slots=True)
class StateCost:
    """What one system keeps; the line's part from orders of 1 and of 21 lines, the order's is the rest."""

    system: str
    bytes_per_order: float
    bytes_per_line: float


KINDS = {"web": "marketplace", "oms": "oms", "erp": "erp", "wms": "wms", "payments": "payments"}


def measure_state() -> list[StateCost]:
    """Each measurement in a fresh process, so that nothing is kept from the one before."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        tasks = [(name, lines) for name in KINDS for lines in (FEW_LINES, MANY_LINES)]
        kept = dict(zip(tasks, pool.starmap(_kept_per_order, tasks, chunksize=1), strict=True))
    costs = []
    for name in KINDS:
        few, many = kept[name, FEW_LINES], kept[name, MANY_LINES]
        per_line = (many - few) / (MANY_LINES - FEW_LINES)
        costs.append(StateCost(name, few - FEW_LINES * per_line, per_line))
    return costs


def _kept_per_order(name: str, lines: int) -> float:
    with TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(name, lines, Path(folder)))


async def _measure(name: str, lines: int, folder: Path) -> float:
    """Bytes per order of one system after its orders have gone as far as they go by themselves."""
    settings = EstateSettings(
        systems={name: SystemSettings(KINDS[name], key_lifetime_s=1e13)}, time_scale=1e-7
    )
    estate = Estate(settings, _WithoutBodies(folder, "bench"), Clock())
    estate.seed(OpeningItem(sku, f"Article {sku}", {"north": 10_000_000}, {}) for sku in FEW_SKUS)
    await estate.start()
    send = _sender(estate, name)
    for number in range(200):
        await send(number, lines)
    await _quiet(estate)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(200, 200 + ORDERS):
        await send(number, lines)
        if number % 100 == 0:
            await _quiet(estate)
    await _quiet(estate)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    await estate.stop()
    return kept / ORDERS


class _WithoutBodies(HistoryWriter):
    """Keeps nothing of a body."""

    __slots__ = ()

    def body(self, raw: bytes) -> str:
        return ""


async def _quiet(estate: Estate) -> None:
    while estate.pending:
        await asyncio.sleep(0.001)
    estate.writer.flush()
    gc.collect()


def _sender(estate: Estate, name: str) -> Callable[[int, int], Awaitable[None]]:
    """What hands one order to the system's door, as HTTP would."""
    system = estate.systems[name]
    path, shopper = _PATHS[system.kind]
    client = system.shopper if shopper else system.sut
    fixed = [
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {client.api_key}".encode()),
    ]

    async def send(number: int, lines: int) -> None:
        order_ref, body = order(number, lines, FEW_SKUS)
        if system.kind in _BODIES:
            body = json.dumps(_BODIES[system.kind](json.loads(body))).encode()
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [*fixed, (b"idempotency-key", f'"book-{order_ref}"'.encode())],
        }
        answer: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message: Any) -> None:
            answer.append(message)

        await system.door(scope, receive, keep)
        if answer[0]["status"] != 201:
            raise RuntimeError(f"{name} answered {answer[1]['body'][:400]!r}")

    return send


def _checkout(content: dict[str, Any]) -> dict[str, Any]:
    return {name: content[name] for name in content.keys() - {"priority", "ship_by", "payment_id", "channel"}}


def _fulfilment(content: dict[str, Any]) -> dict[str, Any]:
    kept = ("order_ref", "priority", "ship_by", "service_level", "ship_to")
    lines = [{name: line[name] for name in ("line_id", "sku", "quantity")} for line in content["lines"]]
    more = {"part_id": f"{content['order_ref']}-1", "location": "north", "lines": lines}
    return {name: content[name] for name in kept} | more


def _payment(content: dict[str, Any]) -> dict[str, Any]:
    return {"order_ref": content["order_ref"], "amount": content["total"], "currency": content["currency"]}


_BODIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "marketplace": _checkout,
    "wms": _fulfilment,
    "payments": _payment,
}
_PATHS = {
    "marketplace": ("/v1/checkouts", True),
    "oms": ("/v1/orders", False),
    "erp": ("/v1/sales-orders", False),
    "wms": ("/v1/fulfilments", False),
    "payments": ("/v1/payments", True),
}
