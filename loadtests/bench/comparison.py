"""The ERP simulator beside a bare server and the mock servers of others, in interleaved rounds of equal length.

Everything is switched on in the simulator; the peers stand as their makers advise for speed, and those that can keep state
do. A peer that the machine lacks, or that does not do its work, is named and left out.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Protocol

import uvloop

from .peers import PEERS
from .peers.peer import NotCompared, Peer, PeerServer
from .servers import Server, answers_of, serve_bare, serve_erp
from .traffic import Target, order, send_for

LEAST_OF_FASTEST_PEER = 1.5
BARE, ESTATE = "bare", "erp"


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one burst."""

    orders_per_s: float
    cpu_us: float
    """CPU microseconds of the server's processes per order."""
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Medians over the rounds; each ratio is one within a round."""

    name: str
    orders_per_s: float
    of_bare: float
    cpu_us: float
    cpu_of_bare: float
    p99_ms: float
    keeps_state: bool
    """What it reads back is the order that was posted."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who was how fast."""

    rounds: int
    seconds_per_round: float
    connections: int
    request_bytes: int
    standings: list[Standing]
    """The fastest first."""
    not_compared: Mapping[str, str]
    """Why, by peer."""
    fastest_peer: str | None
    of_fastest_peer: float | None
    """The simulator's orders a second to those of that peer."""
    load_before: float
    """Processes that wanted the machine's processors in the minute before."""
    processors: int


class _Measured(Protocol):
    target: Target

    def cpu_s(self) -> float: ...


def measure_peers(
    *,
    rounds: int,
    seconds: float,
    connections: int,
    folder: Path | None = None,
    peers: Sequence[Peer] = PEERS,
) -> Comparison:
    """Bursts of so many seconds to each server in turn; ``folder`` is where peers are looked for before PATH.

    A round that is not counted warms all of them up.
    """
    load_before = os.getloadavg()[0]
    with ExitStack() as running:
        erp = running.enter_context(Server(serve_erp, Path(running.enter_context(TemporaryDirectory()))))
        answers = answers_of(erp.target)
        servers: dict[str, _Measured] = {
            BARE: running.enter_context(Server(serve_bare, answers)),
            ESTATE: erp,
        }
        keeping, left_out = {ESTATE}, {}
        for peer in peers:
            try:
                server = running.enter_context(PeerServer(peer, folder, answers))
            except NotCompared as why:
                left_out[peer.name] = str(why)
                continue
            servers[peer.name] = server
            if server.keeps_state:
                keeping.add(peer.name)
        seen: dict[str, list[Round]] = {name: [] for name in servers}
        for number in range(rounds + 1):
            for name in rotated(list(seen), number):
                try:
                    seen[name].append(_burst(servers[name], seconds, connections))
                except (RuntimeError, OSError) as error:
                    if name in (BARE, ESTATE):
                        raise
                    left_out[name] = str(error)
                    del seen[name]
    counted = {name: measured[1:] for name, measured in seen.items()}
    return compared(
        counted,
        seconds=seconds,
        connections=connections,
        keeping=keeping,
        not_compared=left_out,
        load_before=load_before,
    )


def rotated(names: list[str], number: int) -> list[str]:
    """Who goes first changes from round to round: what the machine does meanwhile hits all alike."""
    first = number % len(names)
    return names[first:] + names[:first]


def compared(
    rounds: Mapping[str, Sequence[Round]],
    *,
    seconds: float,
    connections: int,
    keeping: set[str],
    not_compared: Mapping[str, str],
    load_before: float,
) -> Comparison:
    """What the rounds of all servers say; ``rounds`` holds ``bare`` and ``erp``, and equally many for each."""
    bare = rounds[BARE]
    standings = [
        Standing(
            name,
            orders_per_s=median(one.orders_per_s for one in measured),
            of_bare=median(
                one.orders_per_s / base.orders_per_s for one, base in zip(measured, bare, strict=True)
            ),
            cpu_us=median(one.cpu_us for one in measured),
            cpu_of_bare=median(one.cpu_us / base.cpu_us for one, base in zip(measured, bare, strict=True)),
            p99_ms=median(one.p99_ms for one in measured),
            keeps_state=name in keeping,
        )
        for name, measured in rounds.items()
    ]
    standings.sort(key=lambda one: one.of_bare, reverse=True)
    fastest = next((one.name for one in standings if one.name not in (BARE, ESTATE)), None)
    ratio = None
    if fastest is not None:
        ratio = median(
            ours.orders_per_s / theirs.orders_per_s
            for ours, theirs in zip(rounds[ESTATE], rounds[fastest], strict=True)
        )
    return Comparison(
        rounds=len(bare),
        seconds_per_round=seconds,
        connections=connections,
        request_bytes=len(order(1)[1]),
        standings=standings,
        not_compared=dict(not_compared),
        fastest_peer=fastest,
        of_fastest_peer=ratio,
        load_before=load_before,
        processors=os.cpu_count() or 1,
    )


def table(comparison: Comparison) -> str:
    """The comparison for a reader."""
    head = f"{'server':<20}{'orders/s':>9}{'of bare':>9}{'CPU us/order':>14}{'of bare':>9}{'p99 ms':>9}  reads back"
    rows = [
        f"{one.name:<20}{one.orders_per_s:>9.0f}{one.of_bare:>9.3f}{one.cpu_us:>14.0f}{one.cpu_of_bare:>9.1f}"
        f"{one.p99_ms:>9.1f}  {'that order' if one.keeps_state else 'the same for all'}"
        for one in comparison.standings
    ]
    traffic = (
        f"create an order of {comparison.request_bytes} bytes and read it back, {comparison.connections} connections, "
        f"{comparison.rounds} interleaved rounds of {comparison.seconds_per_round:g} s each"
    )
    told = [
        traffic,
        f"on {comparison.processors} processors that {comparison.load_before:.1f} processes wanted before it began",
    ]
    told += [f"not compared: {name} ({why})" for name, why in comparison.not_compared.items()]
    if comparison.fastest_peer is None or comparison.of_fastest_peer is None:
        told.append("no peer was compared")
    else:
        told.append(
            f"the simulator: {comparison.of_fastest_peer:.2f} x the orders a second of {comparison.fastest_peer}, "
            f"the fastest peer here (at least {LEAST_OF_FASTEST_PEER:g})"
        )
    return "\n".join([head, *rows, *told])


def _burst(server: _Measured, seconds: float, connections: int) -> Round:
    before_s = server.cpu_s()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        burst = runner.run(send_for(server.target, seconds=seconds, connections=connections))
    orders = burst.requests / 2
    return Round(orders / burst.seconds, (server.cpu_s() - before_s) / orders * 1e6, burst.p99_ms)
