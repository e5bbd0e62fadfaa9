"""What the soak makes of what it saw: a line through the second half, and what of it is the orders' own."""

import os
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from peakproof.loadtests.bench.soak import Growth, Look, Soak, fitted, growth_of, state_per_order, table
from peakproof.loadtests.bench.weighed import in_a_fork, weigh

SECOND = 1_000_000_000


def test_a_straight_line_is_found_exactly() -> None:
    assert fitted([(0, 5.0), (10, 25.0), (20, 45.0)]) == pytest.approx((2.0, 0.0))


def test_noise_shows_in_the_error() -> None:
    dice = Random(1)
    slope, error = fitted([(x, 3.0 * x + dice.gauss(0, 100)) for x in range(1_000)])
    assert abs(slope - 3.0) < 3 * error
    assert 0.001 < error < 0.05


def test_only_the_second_half_of_the_workload_counts() -> None:
    """100 orders in 100 s; a megabyte is taken at once, then 500 bytes an order, and what comes afterwards is another's."""
    placed = [number * SECOND for number in range(1, 101)]
    looks = [
        Look(at_s * SECOND, {"estate": 1_000_000 + 500 * at_s if at_s <= 100 else 9_000_000})
        for at_s in range(2, 120, 2)
    ]
    growth = growth_of("estate", looks, placed, 0, 100.0)
    assert (growth.per_order, growth.error) == pytest.approx((500.0, 0.0), abs=1e-6)
    assert (growth.first_mb, growth.half_mb, growth.last_mb) == pytest.approx((1.001, 1.025, 1.05))


def test_who_was_hardly_seen_is_not_measured() -> None:
    looks = [Look(number * SECOND, {"estate": 1}) for number in range(60, 66)]
    with pytest.raises(RuntimeError, match="middleware: its memory was seen 0 times in the second half"):
        growth_of("middleware", looks, [SECOND], 0, 100.0)
    with pytest.raises(RuntimeError, match="estate: its memory was seen 6 times in the second half"):
        growth_of("estate", looks, [SECOND], 0, 100.0)


def test_what_the_systems_keep_is_by_the_orders_of_the_second_half() -> None:
    placed = [number * SECOND for number in range(1, 101)]
    weighed = [{"at_ns": 50 * SECOND, "bytes": 700_000}, {"at_ns": 110 * SECOND, "bytes": 1_000_000}]
    assert state_per_order(weighed, placed) == 6_000.0
    assert state_per_order(weighed[:1], placed) is None
    assert state_per_order(weighed, placed[:50]) is None


def test_a_fork_weighs_what_is_there_just_now(tmp_path: Path) -> None:
    kept = ["x" * 1_000]

    def write() -> None:
        (tmp_path / "weight").write_text(f"{len(kept)}")

    in_a_fork(write)
    kept.append("y")
    os.wait()
    assert (tmp_path / "weight").read_text() == "1"


TOLD = """\
             MB at first    half-way     at last    bytes an order        +-
estate              80.0       100.0       120.0            16,000        50
generator           46.0        46.0        46.0                 0         2
400 orders of 3 lines at 20 a second for 20 s, middleware lean, verdict pass
on 2 processors that 0.5 processes wanted before it began
memory beyond the orders' own state: 1,500 bytes an order (the estate grew by 16,000, its systems keep 14,500)"""


def test_the_table_says_what_is_beyond_the_orders_own() -> None:
    growths = [
        Growth("estate", 80.0, 100.0, 120.0, 16_000.0, 50.0),
        Growth("generator", 46.0, 46.0, 46.0, 0.0, 2.0),
    ]
    usual: dict[str, Any] = {"per_s": 20.0, "seconds": 20.0, "middleware": "lean", "orders": 400}
    soak = Soak(
        **usual,
        verdict="pass",
        reasons=(),
        growths=growths,
        state_per_order=14_500.0,
        load_before=0.5,
        processors=2,
    )
    assert soak.beyond == 1_500.0
    assert table(soak) == TOLD
    *_, last = table(replace(soak, state_per_order=None)).splitlines()
    assert last.startswith("memory beyond the orders' own state: not known")


def test_what_is_held_twice_weighs_once_and_code_weighs_nothing() -> None:
    text = "x" * 1_000
    once = weigh([[text]])
    assert once >= 1_000
    assert weigh([[text, text]]) <= once + 16
    assert weigh([weigh, Random, pytest, text.encode]) == 0
