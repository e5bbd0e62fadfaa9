"""A made-up season of any length: a handful of orders written out once, and stamped again and again.

It is what a run of the reference middleware leaves behind: the same kinds of records, of about the same sizes and in
about the same proportions (three effects and more than one delivery a call), and every system agrees in the end.
Bodies are left out, for judging reads none.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from . import final_state
from .handful import BLOCK, CHANNELS, HANDFUL, LESS, MORE, OPENING, ORDERS, TICK, VERSION
from .story import FLOWS, INJECTIONS, opening, steps

BLOCKS = 40
"""So many handfuls share no article; the next is about the articles of the first again."""
BEGIN_TICKS = 17_957_808_000
"""27 November 2026, 12:00 UTC."""
TABLES = ("calls", "effects", "deliveries", "faults", "workload")
SYSTEMS = (*CHANNELS, "oms", "erp", "wms", "payments")


@dataclass(frozen=True, slots=True)
class Season:
    """What was written."""

    orders: int
    calls: int
    megabytes: float


def write_season(run: Path, calls: int) -> Season:
    """Write a run with about so many calls, a whole number of handfuls, into a new folder."""
    calls_each = sum(len(step.records["calls"]) for step in steps())
    times = max(1, round(calls / calls_each))
    for folder in ("history", "state"):
        (run / folder).mkdir(parents=True)
    for table in TABLES:
        with (run / "history" / f"{table}-estate.jsonl").open("wb") as file:
            file.writelines(_history(table, times))
    documents = final_state.of_orders()
    for system in SYSTEMS:
        with (run / "state" / f"{system}.jsonl").open("wb") as file:
            file.writelines(_state(documents[system], final_state.of_articles(system), times))
    (run / "run.json").write_text(json.dumps(_facts(run.name)), "utf-8")
    size = sum(path.stat().st_size for path in run.rglob("*.jsonl"))
    return Season(ORDERS * times, calls_each * times, size / 1e6)


def _history(table: str, times: int) -> Iterator[bytes]:
    """The lines of a table in order of time: with every tick a handful begins, and earlier ones take a step."""
    pattern = _encoded(opening().records[table])
    for block in range(BLOCKS if table == "effects" else 1):
        yield _stamped(pattern, block - BLOCKS, BEGIN_TICKS - 1)
    patterns = [(step.lag, _encoded(step.records[table])) for step in steps()]
    for tick in range(times + max(lag for lag, _ in patterns)):
        for lag, pattern in patterns:
            if pattern and 0 <= tick - lag < times:
                yield _stamped(pattern, tick - lag, BEGIN_TICKS + tick)


def _state(
    documents: Iterable[msgspec.Struct], articles: Iterable[msgspec.Struct], times: int
) -> Iterator[bytes]:
    pattern = _encoded(documents)
    for number in range(times):
        yield _stamped(pattern, number, BEGIN_TICKS)
    pattern = _encoded(articles)
    for last in range(
        times - BLOCKS, times
    ):  # one handful of each block: its last, or none where that is below 0
        yield _stamped(pattern, last, BEGIN_TICKS)


def _encoded(records: Iterable[msgspec.Struct]) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def _stamped(pattern: bytes, number: int, tick: int) -> bytes:
    """The pattern with everything in place of its marks; numbers below 0 are before the first."""
    times = number // BLOCKS + 1
    marks: dict[str | int, str | int] = {
        HANDFUL: f"{number:06d}",
        BLOCK: f"{number % BLOCKS:02d}",
        TICK: tick,
        VERSION: times + 1,
        MORE: OPENING + 5 * times,
        **{mark: OPENING - units * times for units, mark in LESS.items()},
    }
    stamps = {str(mark).encode(): str(value).encode() for mark, value in marks.items()}
    return _MARKS.sub(lambda mark: stamps[mark[0]], pattern)


_MARKS = re.compile(
    "|".join(str(mark) for mark in (HANDFUL, BLOCK, TICK, VERSION, MORE, *LESS.values())).encode()
)
"""All at once: digits that one stamp has left must not be taken for the next mark."""


def _facts(name: str) -> dict[str, object]:
    """What run.json says."""
    return {
        "schema": "peakproof/run/1",
        "history_version": 1,
        "id": name,
        "scenario": {"name": "season"},
        "seed": 1,
        "sut": {"name": "made up", "exit": None},
        "started_at": "2026-11-27T12:00:00Z",
        "finished_at": "2026-11-27T14:00:00Z",
        "settled": True,
        "flows": list(FLOWS),
        "injections": [
            {"id": injection, "fault": fault, "where": system}
            for injection, (fault, system) in INJECTIONS.items()
        ],
    }
