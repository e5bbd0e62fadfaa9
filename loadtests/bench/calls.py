"""CPU per request of the ERP simulator beside a bare server that answers the same bytes, in interleaved rounds."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import uvloop

from .servers import Server, answers_of, serve_bare, serve_erp, serve_gated, serve_ungated
from .traffic import order, send


@dataclass(frozen=True, slots=True)
class TargetCost:
    """Medians over the rounds."""

    name: str
    cpu_us: float
    """CPU microseconds of the server process per request."""
    least_cpu_us: float
    """The same in its best round, which other work on the machine disturbed least."""
    requests_per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class CallCosts:
    """What a request costs, and how much more than bare that is."""

    rounds: int
    requests_per_round: int
    connections: int
    request_bytes: int
    targets: list[TargetCost]
    cpu_ratio: float
    """Median over the rounds of the second to the first, each ratio within one round."""


def measure_calls(*, rounds: int, orders: int, connections: int) -> CallCosts:
    """The ERP beside a bare server."""
    with (
        TemporaryDirectory() as folder,
        Server(serve_erp, Path(folder)) as erp,
        Server(serve_bare, answers_of(erp.target)) as bare,
    ):
        return compared(bare, erp, rounds=rounds, orders=orders, connections=connections)


def measure_gate(*, rounds: int, orders: int, connections: int) -> CallCosts:
    """The ERP with an idle gate beside the same without any gate; neither has a throttle."""
    with (
        TemporaryDirectory() as folder,
        TemporaryDirectory() as other_folder,
        Server(serve_gated, Path(folder)) as gated,
        Server(serve_ungated, Path(other_folder)) as ungated,
    ):
        return compared(ungated, gated, rounds=rounds, orders=orders, connections=connections)


def compared(one: Server, other: Server, *, rounds: int, orders: int, connections: int) -> CallCosts:
    """Send the same traffic to both servers in turn. A round that is not counted warms both up.

    Who goes first changes from round to round: what the machine does meanwhile hits both alike.
    """
    seen: dict[str, list[TargetCost]] = {one.target.name: [], other.target.name: []}
    for number in range(rounds + 1):
        for server in (one, other) if number % 2 else (other, one):
            seen[server.target.name].append(_round(server, orders, connections))
    base, more = (costs[1:] for costs in seen.values())
    return CallCosts(
        rounds=rounds,
        requests_per_round=2 * orders,
        connections=connections,
        request_bytes=len(order(1)[1]),
        targets=[_median(base), _median(more)],
        cpu_ratio=median(dear.cpu_us / cheap.cpu_us for dear, cheap in zip(more, base, strict=True)),
    )


def _round(server: Server, orders: int, connections: int) -> TargetCost:
    before_s = server.cpu_s()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        burst = runner.run(send(server.target, orders=orders, connections=connections))
    spent_s = server.cpu_s() - before_s
    return TargetCost(
        server.target.name,
        spent_s / burst.requests * 1e6,
        spent_s / burst.requests * 1e6,
        burst.requests / burst.seconds,
        burst.p50_ms,
        burst.p99_ms,
    )


def _median(costs: list[TargetCost]) -> TargetCost:
    return TargetCost(
        costs[0].name,
        median(cost.cpu_us for cost in costs),
        min(cost.cpu_us for cost in costs),
        median(cost.requests_per_s for cost in costs),
        median(cost.p50_ms for cost in costs),
        median(cost.p99_ms for cost in costs),
    )
