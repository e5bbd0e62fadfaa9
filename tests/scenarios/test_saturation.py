"""Who was at the limit: what a run says of its samples."""

import asyncio
import os
import subprocess

import pytest

from peakproof.history.records import LoadSecond
from peakproof.scenarios.saturation import (
    SECOND_NS,
    Family,
    Look,
    Queues,
    Saturation,
    Seconds,
    Share,
    at_share,
)
from peakproof.simulators.standing import Use


@pytest.mark.parametrize(
    ("samples", "share", "expected"),
    [([], 0.99, None), ([0.5], 0.99, 0.5), ([3.0, 1.0, 2.0, 4.0], 0.5, 2.0), (list(range(101)), 0.95, 95)],
)
def test_so_large_a_part_of_the_samples_does_not_pass_the_figure(
    samples: list[float], share: float, expected: float | None
) -> None:
    assert at_share(samples, share) == expected


def test_the_worst_of_each_is_said_and_nothing_of_what_was_never_seen() -> None:
    looks = [
        Look(lag_s=0.0, estate=0.1, sut_bytes=50_000_000, queues=Queues(7, 3)),
        Look(lag_s=0.2, estate=0.9, machine=0.8, sut_bytes=80_000_000, queues=Queues(40, 12, 2)),
    ]
    assert Saturation(looks).facts() == {
        "estate": {
            "loop_lag_p99_s": 0.2,
            "cpu_p95": 0.9,
            "pending_p95": 40,
            "pending_max": 40,
            "deliveries_waiting_p95": 12,
            "deliveries_waiting_max": 12,
            "connections_waiting_max": 2,
        },
        "machine": {"cpu_p95": 0.8},
        "generator": {"cpu_p95": 0.0},
        "sut": {"cpu_p95": None, "rss_max_mb": 80.0},
    }
    nothing = Saturation().facts()
    assert {value for part in nothing.values() for value in part.values()} == {None}


def test_of_several_processes_the_slowest_says_how_late_the_estate_was() -> None:
    looks = [
        Look(lag_s=0.01, estate=1.1, systems={"erp": Share(0.7, 0.0), "oms": Share(0.2, 0.05)}),
        Look(lag_s=0.0, estate=1.5, systems={"erp": Share(0.9, 0.3), "oms": Share(0.3, 0.0)}),
    ]
    facts = Saturation(looks).facts()
    assert (facts["estate"]["loop_lag_p99_s"], facts["estate"]["slowest"]) == (0.3, "erp")
    assert facts["systems"] == {
        "erp": {"loop_lag_p99_s": 0.3, "cpu_p95": 0.9},
        "oms": {"loop_lag_p99_s": 0.05, "cpu_p95": 0.3},
    }


async def test_what_a_system_used_and_how_late_it_was_is_taken_between_two_looks() -> None:
    asked = iter([Use(1.0, [9.0]), Use(1.0, []), *(Use(1.0 + number, [0.01, 0.4]) for number in range(99))])
    seen: list[Look] = []
    saturation = Saturation()
    looking = asyncio.create_task(
        saturation.keep_looking(
            lambda: 0.0, lambda: None, on_look=seen.append, uses=lambda: {"erp": next(asked)}
        )
    )
    async with asyncio.timeout(30):
        while len(seen) < 4:
            await asyncio.sleep(0.01)
    looking.cancel()
    erp = [look.systems["erp"] for look in seen]
    assert [one.lag_s for one in erp[:3]] == [0.0, 0.4, 0.4], "what was before the first look is not counted"
    assert [one.cpu > 0 for one in erp[:4]] == [False, False, True, True]


class Rows:
    """Rows of a run whose orders are due twice a second."""

    def __init__(self) -> None:
        self.written: list[LoadSecond] = []
        self.seconds = Seconds(10 * SECOND_NS, self.due, self.written.append)

    def due(self, from_ns: int, to_ns: int) -> dict[str, int]:
        return {"order": (to_ns - from_ns) // (SECOND_NS // 2), "return_request": 1}

    def look(self, at_s: float, look: Look) -> None:
        self.seconds.note(look, round(at_s * SECOND_NS))


def test_a_second_has_the_mean_of_what_was_used_the_worst_lag_and_the_last_queue() -> None:
    rows = Rows()
    rows.look(10.4, Look(lag_s=0.3, estate=0.2, machine=0.9, sut=0.5, queues=Queues(9, 5, 1)))
    assert rows.written == [], "it is not over yet"
    rows.look(11.0, Look(lag_s=0.0, estate=0.4, sut=0.7, sut_bytes=60_000_000, queues=Queues(4, 2, 0)))
    assert rows.written == [
        LoadSecond(
            at_ns=10 * SECOND_NS,
            orders_due=2,
            returns_due=1,
            loop_lag_s=0.3,
            machine_cpu=0.45,
            estate_cpu=0.3,
            sut_cpu=0.6,
            sut_rss_mb=60.0,
            pending=4,
            deliveries_waiting=2,
            connections_waiting=0,
        )
    ]


def test_a_loop_that_stood_still_leaves_no_second_out() -> None:
    rows = Rows()
    rows.look(13.1, Look(lag_s=2.9))
    rows.look(14.2, Look(lag_s=0.0))
    assert [(row.at_ns // SECOND_NS, row.loop_lag_s) for row in rows.written] == [
        (10, 2.9),
        (11, 2.9),
        (12, 2.9),
        (13, 0.0),
    ]
    assert {row.orders_due for row in rows.written} == {2}
    assert {row.sut_cpu for row in rows.written} == {None}


def test_a_process_that_is_gone_or_was_never_started_by_us_counts_nothing() -> None:
    assert Family().used(None) == Family().used(2**22 + 1) == (0.0, 0)


def test_another_process_is_seen_at_once_and_one_that_ended_no_more() -> None:
    family = Family()
    assert family.used(None) == (0.0, 0)
    assert family.used(os.getpid())[1] > 0
    with subprocess.Popen(["sleep", "60"]) as started:
        assert family.used(started.pid)[1] > 0
        started.kill()
    assert family.used(started.pid) == (0.0, 0)


def test_what_a_process_has_started_is_seen_within_five_looks() -> None:
    family = Family()
    family.used(os.getpid())
    with subprocess.Popen(["sleep", "60"]) as started:
        for _ in range(Family.ASKED_EVERY):
            family.used(os.getpid())
        assert started.pid in [process.pid for process in family._members]
        started.kill()
