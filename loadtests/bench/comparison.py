"""The ERP simulator beside a bare server and the mock servers of others, in interleaved rounds of equal length.

Everything is switched on in the simulator; the peers stand as their makers advise for speed, and those that can keep state
do. What each of them does with an order is seen, not believed: whether it refuses a wrong one, and what it reads back. Each server has one processor, whatever number of threads it has, and the client another. A peer that the machine lacks, or that does not do its work, is named and left out.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Protocol

import uvloop

from .peers import PEERS
from .peers.peer import WARM_UP_S, Conduct, NotCompared, Peer, PeerServer, ReadsBack, conduct_of
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
    conduct: Conduct


@dataclass(frozen=True, slots=True)
class Lead:
    """How the simulator stands to one peer: medians of ratios within a round."""

    peer: str
    orders_per_s: float
    per_cpu_s: float
    """The orders for each second of processor time; what else the machine does meanwhile moves this less."""


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
    to_fastest_keeping: Lead | None
    """To the fastest peer that reads back the order that was posted."""
    to_fastest: Lead | None
    """To the fastest peer, whatever it does."""
    load_before: float
    """Processes that wanted the machine's processors in the minute before."""
    processors: int
    apart: bool
    """Servers and client were kept to a processor each."""


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
    warm_up_s: float = WARM_UP_S,
) -> Comparison:
    """Bursts of so many seconds to each server in turn; ``folder`` is where peers are looked for before PATH.

    A round that is not counted comes first: of ``warm_up_s``, or as long as a peer needs.
    """
    load_before = os.getloadavg()[0]
    servers_on, client_on = processors()
    with ExitStack() as running, kept_to(servers_on):
        erp = running.enter_context(Server(serve_erp, Path(running.enter_context(TemporaryDirectory()))))
        answers = answers_of(erp.target)
        servers: dict[str, _Measured] = {
            BARE: running.enter_context(Server(serve_bare, answers)),
            ESTATE: erp,
        }
        conduct = {name: conduct_of(server.target) for name, server in servers.items()}
        left_out = {}
        warm_up_s_of = dict.fromkeys(servers, warm_up_s)
        for peer in peers:
            try:
                server = running.enter_context(PeerServer(peer, folder, answers))
            except NotCompared as why:
                left_out[peer.name] = str(why)
                continue
            servers[peer.name] = server
            conduct[peer.name] = server.conduct
            warm_up_s_of[peer.name] = peer.warm_up_s
        seen: dict[str, list[Round]] = {name: [] for name in servers}
        with kept_to(client_on):
            for number in range(rounds + 1):
                for name in rotated(list(seen), number):
                    try:
                        length_s = seconds if number else warm_up_s_of[name]
                        seen[name].append(_burst(servers[name], length_s, connections))
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
        conduct=conduct,
        not_compared=left_out,
        load_before=load_before,
        apart=servers_on != client_on,
    )


def processors() -> tuple[set[int], set[int]]:
    """Those of the servers and those of the client: one each, or all for both where that cannot be."""
    if not hasattr(os, "sched_getaffinity"):  # only Linux has it
        return set(), set()
    ours = sorted(os.sched_getaffinity(0))
    return ({ours[-1]}, {ours[0]}) if len(ours) > 1 else ({*ours}, {*ours})


@contextmanager
def kept_to(these: set[int]) -> Iterator[None]:
    """This thread, and every process that it starts meanwhile."""
    if not these:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, these)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def rotated(names: list[str], number: int) -> list[str]:
    """Who goes first changes from round to round: what the machine does meanwhile hits all alike."""
    first = number % len(names)
    return names[first:] + names[:first]


def compared(
    rounds: Mapping[str, Sequence[Round]],
    *,
    seconds: float,
    connections: int,
    conduct: Mapping[str, Conduct],
    not_compared: Mapping[str, str],
    load_before: float,
    apart: bool,
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
            conduct=conduct[name],
        )
        for name, measured in rounds.items()
    ]
    standings.sort(key=lambda one: one.of_bare, reverse=True)
    peers = [one for one in standings if one.name not in (BARE, ESTATE)]
    keeping = [one for one in peers if one.conduct.reads_back is ReadsBack.ORDER]

    def lead(fastest: Standing) -> Lead:
        pairs = list(zip(rounds[ESTATE], rounds[fastest.name], strict=True))
        return Lead(
            fastest.name,
            median(ours.orders_per_s / theirs.orders_per_s for ours, theirs in pairs),
            median(theirs.cpu_us / ours.cpu_us for ours, theirs in pairs),
        )

    return Comparison(
        rounds=len(bare),
        seconds_per_round=seconds,
        connections=connections,
        request_bytes=len(order(1)[1]),
        standings=standings,
        not_compared=dict(not_compared),
        to_fastest_keeping=lead(keeping[0]) if keeping else None,
        to_fastest=lead(peers[0]) if peers else None,
        load_before=load_before,
        processors=os.cpu_count() or 1,
        apart=apart,
    )


def table(comparison: Comparison) -> str:
    """The comparison for a reader."""
    head = f"{'server':<20}{'orders/s':>9}{'of bare':>9}{'CPU us/order':>14}{'of bare':>9}{'p99 ms':>9}  checks  reads back"
    rows = [
        f"{one.name:<20}{one.orders_per_s:>9.0f}{one.of_bare:>9.3f}{one.cpu_us:>14.0f}{one.cpu_of_bare:>9.1f}"
        f"{one.p99_ms:>9.1f}  {'yes' if one.conduct.checks else 'no':<6}  {one.conduct.reads_back.value}"
        for one in comparison.standings
    ]
    traffic = (
        f"create an order of {comparison.request_bytes} bytes and read it back, {comparison.connections} connections, "
        f"{comparison.rounds} interleaved rounds of {comparison.seconds_per_round:g} s each"
    )
    told = [
        traffic,
        "each server on one processor, the client on another"
        if comparison.apart
        else "servers and client on whatever processor was free",
        f"on {comparison.processors} processors that {comparison.load_before:.1f} processes wanted before it began",
    ]
    told += [f"not compared: {name} ({why})" for name, why in comparison.not_compared.items()]
    told += [
        f"the simulator: {lead.orders_per_s:.2f} x the orders a second of {lead.peer}, {what}, and "
        f"{lead.per_cpu_s:.2f} x those for each second of processor time"
        for lead, what in (
            (
                comparison.to_fastest_keeping,
                f"the fastest here that reads back what was posted (at least {LEAST_OF_FASTEST_PEER:g})",
            ),
            (comparison.to_fastest, "the fastest here, whatever it does"),
        )
        if lead is not None
    ] or ["no peer was compared"]
    return "\n".join([head, *rows, *told])


def _burst(server: _Measured, seconds: float, connections: int) -> Round:
    before_s = server.cpu_s()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        burst = runner.run(send_for(server.target, seconds=seconds, connections=connections))
    orders = burst.requests / 2
    return Round(orders / burst.seconds, (server.cpu_s() - before_s) / orders * 1e6, burst.p99_ms)
