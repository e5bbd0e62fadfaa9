"""``python -m peakproof.loadtests.bench``: what the estate costs, as a short table or with ``--json`` as one document.

Figures of one machine cannot be compared with another's; the ratios of one run can.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from . import order_cost, soak
from .calls import CallCosts, measure_calls, measure_gate
from .comparison import Comparison, measure_peers, table
from .judging import JudgingCost, measure_judging
from .keeping_up import MOST_BEHIND_S, MOST_LATE_S, KeepingUp, measure_keeping_up
from .state import StateCost, measure_state

MEASURES = ("calls", "gate", "peers", "state", "judging", "keeping-up", "cost")
SOAK = "soak"
"""Takes half an hour, and is measured only where it is asked for."""
MOST_CPU_RATIO = 4.0
MOST_GATE_RATIO = 1.05
MOST_BYTES_PER_ORDER = 2_048
MOST_BYTES_PER_LINE = 410
MOST_SECONDS_PER_MILLION_CALLS = 10.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m peakproof.loadtests.bench", description=__doc__)
    parser.add_argument("--only", choices=(*MEASURES, SOAK), help="measure only this")
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default 9)")
    parser.add_argument("--orders", type=int, default=4_000, help="orders in a round (default 4000)")
    parser.add_argument("--connections", type=int, default=32, help="connections of the client (default 32)")
    parser.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="where mock servers of others are, besides PATH"
    )
    parser.add_argument(
        "--burst-s", type=float, default=2.0, help="seconds of each peer in a round (default 2)"
    )
    parser.add_argument(
        "--judged-calls", type=int, default=1_000_000, help="calls to judge (default 1000000)"
    )
    parser.add_argument(
        "--per-s",
        type=float,
        help="orders a second to keep up with (default 50), to know the cost of (40), or to soak (20)",
    )
    parser.add_argument("--seconds", type=float, help="so long (default 20, of a soak 1800)")
    parser.add_argument(
        "--middleware",
        help="which is to keep up (default reference), or to soak (default lean): "
        "reference, or lean, which makes the calls of order-to-ship and costs next to nothing",
    )
    parser.add_argument(
        "--processes",
        action="store_true",
        help="let each system of the estate that keeps up have its own process",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.peers is not None and not asked.peers.is_dir():
        parser.error(f"argument --peers: {asked.peers} is no folder")

    measured: dict[
        str,
        CallCosts
        | Comparison
        | list[StateCost]
        | JudgingCost
        | KeepingUp
        | list[order_cost.OrderCost]
        | soak.Soak,
    ] = {}
    seconds, middleware = asked.seconds or 20.0, asked.middleware or "reference"
    tables = []
    if asked.only in (None, "calls"):
        _say(f"calls: {asked.rounds} rounds of {2 * asked.orders} requests to each of two servers")
        calls = measure_calls(rounds=asked.rounds, orders=asked.orders, connections=asked.connections)
        measured["calls"] = calls
        told = (
            f"create and read back an order of {calls.request_bytes} bytes, {calls.connections} connections: "
            f"{calls.cpu_ratio:.2f} x the CPU of a bare server (at most {MOST_CPU_RATIO:g})"
        )
        tables.append(_calls_table(calls, told))
    if asked.only in (None, "gate"):
        _say(f"gate: {asked.rounds} rounds of {2 * asked.orders} requests with an idle gate and with none")
        gate = measure_gate(rounds=asked.rounds, orders=asked.orders, connections=asked.connections)
        measured["gate"] = gate
        told = f"an idle gate: {gate.cpu_ratio:.3f} x the CPU without one (at most {MOST_GATE_RATIO:g})"
        tables.append(_calls_table(gate, told))
    if asked.only in (None, "peers"):
        _say(f"peers: {asked.rounds} rounds of {asked.burst_s:g} s to each mock server that is found")
        comparison = measure_peers(
            rounds=asked.rounds, seconds=asked.burst_s, connections=asked.connections, folder=asked.peers
        )
        measured["peers"] = comparison
        tables.append(table(comparison))
    if asked.only in (None, "state"):
        _say("state: orders of few and of many lines into every system")
        state = measure_state()
        measured["state"] = state
        tables.append(_state_table(state))
    if asked.only in (None, "judging"):
        _say(f"judging: a made-up history of {asked.judged_calls} calls")
        judging = measure_judging(asked.judged_calls)
        measured["judging"] = judging
        tables.append(_judging_table(judging))
    if asked.only in (None, "keeping-up"):
        per_s = asked.per_s or 50.0
        _say(f"keeping up: {per_s:g} orders of 3 lines a second for {seconds:g} s, then what is left")
        kept = measure_keeping_up(per_s, seconds, middleware, processes=asked.processes)
        measured["keeping-up"] = kept
        tables.append(_keeping_up_table(kept))
    if asked.only in (None, "cost"):
        per_s = asked.per_s or 40.0
        rates = (order_cost.LOW * per_s, per_s)
        _say(f"cost: {rates[0]:g} and {per_s:g} orders of 3 lines a second for {seconds:g} s each, metered")
        costs = [order_cost.measure_order_cost(rate, seconds, middleware) for rate in rates]
        measured["cost"] = costs
        tables += [*map(order_cost.table, costs), order_cost.told(order_cost.capacity_of(*costs))]
    if asked.only == SOAK:
        per_s, seconds, middleware = asked.per_s or 20.0, asked.seconds or 1_800.0, asked.middleware or "lean"
        _say(f"soak: {per_s:g} orders of 3 lines a second for {seconds:g} s, and who holds how much memory")
        soaked = soak.measure_soak(per_s, seconds, middleware)
        measured[SOAK] = soaked
        tables.append(soak.table(soaked))
    if asked.json:
        print(json.dumps(measured, default=asdict, indent=2))
    else:
        print("\n\n".join(tables))


def _calls_table(calls: CallCosts, told: str) -> str:
    rows = [
        f"{cost.name:<10}{cost.cpu_us:>14.1f}{cost.least_cpu_us:>10.1f}{cost.requests_per_s:>10.0f}"
        f"{cost.p50_ms:>9.2f}{cost.p99_ms:>9.2f}"
        for cost in calls.targets
    ]
    head = f"{'server':<10}{'CPU us/request':>14}{'least':>10}{'req/s':>10}{'p50 ms':>9}{'p99 ms':>9}"
    return "\n".join([head, *rows, told])


def _state_table(state: list[StateCost]) -> str:
    rows = [f"{cost.system:<10}{cost.bytes_per_order:>14.0f}{cost.bytes_per_line:>10.0f}" for cost in state]
    head = f"{'system':<10}{'bytes/order':>14}{'/line':>10}"
    told = f"at most {MOST_BYTES_PER_ORDER} an order and {MOST_BYTES_PER_LINE} a line"
    return "\n".join([head, *rows, told])


def _judging_table(judging: JudgingCost) -> str:
    return (
        f"judging {judging.calls} calls of {judging.orders} orders ({judging.history_mb:.0f} MB): "
        f"{judging.seconds:.1f} s, {judging.peak_memory_mb:.0f} MB, verdict {judging.verdict} "
        f"(at most {MOST_SECONDS_PER_MILLION_CALLS:g} s a million)"
    )


def _keeping_up_table(kept: KeepingUp) -> str:
    reasons = f" ({'; '.join(kept.reasons)})" if kept.reasons else ""
    head = f"{'placed to':<10}{'p50 s':>9}{'p95 s':>9}{'last - first quarter s':>25}{'last one after s':>19}{'never':>8}"
    rows = [
        f"{name:<10}{waits.p50_s:>9.2f}{waits.p95_s:>9.2f}{waits.behind_s:>+25.2f}{waits.left_s:>19.1f}{waits.never:>8}"
        for name, waits in (("posted", kept.posted), ("shipped", kept.shipped))
    ]
    busy = ", ".join(
        f"{name} {share:.0%}"
        for name, share in (
            ("estate", kept.estate_busy),
            ("generator", kept.generator_busy),
            ("middleware", kept.middleware_busy),
            *((f"{name} of the estate", share) for name, share in kept.systems_busy.items()),
        )
        if share is not None
    )
    published = (
        f"{kept.availability_changes} changes of availability told to both channels in {kept.availability_calls} calls\n"
        if kept.availability_calls
        else ""
    )
    told = (
        f"keeping up with {kept.wanted_per_s:g} orders of 3 lines a second: {'yes' if kept.keeps_up else 'NO'} "
        f"(the last quarter may wait {MOST_BEHIND_S:g} s longer than the first)\n"
        f"{kept.orders} orders at {kept.placed_per_s:.1f} a second, {kept.calls} calls, verdict {kept.verdict}{reasons}; "
        f"nothing left to do {kept.done_s:.1f} s after the last order\n"
        f"sent late: half of all orders {kept.late.p50_s * 1e3:.1f} ms, 1 in 100 {kept.late.p99_s * 1e3:.1f} ms or more, "
        f"the latest {kept.late.max_s * 1e3:.0f} ms, never {kept.unsent}: {'on time' if kept.on_time else 'TOO LATE'} "
        f"(1 in 100 may be {MOST_LATE_S * 1e3:g} ms late)\n"
        f"busy, of one processor each: {busy}\n"
        f"{published}"
        f"on {kept.processors} processors that {kept.load_before:.1f} processes wanted before it began"
    )
    return "\n".join([head, *rows, told])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(f"error: {error}")
