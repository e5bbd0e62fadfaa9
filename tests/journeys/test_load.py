"""Load for real: Locust in a process of its own, open arrivals, and what a standstill looks like in the numbers."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from peakproof.history.clock import Clock
from peakproof.history.records import WorkloadItem
from peakproof.loadtests.generator.job import Cue, Door, Job, Status, acts_of
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.shoppers import plan
from peakproof.loadtests.trace import Trace

from .command import peakproof

SECONDS, PER_S = 4.0, 40.0
FROZEN_FROM_S, FROZEN_TO_S = 1.0, 3.0

SCENARIO = """
name: standstill
schedule:
  - { id: standstill, fault: sut-pause, on: sut, at: 1.5, for: 2 }
"""


class FreezingShop:
    """A channel that answers 201 at once, but for two seconds in which it answers nobody."""

    def __init__(self) -> None:
        self.thawed = asyncio.Event()
        self.thawed.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = head.partition("content-length:")[2].split("\r\n")[0].strip()
                await reader.readexactly(int(length or 0))
                await self.thawed.wait()
                writer.write(b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def freeze(self) -> None:
        await asyncio.sleep(FROZEN_FROM_S)
        self.thawed.clear()
        await asyncio.sleep(FROZEN_TO_S - FROZEN_FROM_S)
        self.thawed.set()


async def generated(folder: Path) -> tuple[list[WorkloadItem], int]:
    """What shoppers did at a shop that freezes, and when they began."""
    planned = plan(Trace.shipped(1), Profile.shipped("soak"), duration_s=SECONDS, seed=1, peak_per_s=PER_S)
    shop = FreezingShop()
    server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    door = Door(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "key")
    job = Job(
        folder=str(folder),
        seed=1,
        duration_s=SECONDS,
        channels={"web": door, "bazaar": door},
        acts=acts_of(planned),
        shape=[(0, 1), (SECONDS, 1)],
        skus=["22086"],
    )
    generator = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "peakproof.loadtests.generator",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert generator.stdin is not None
    assert generator.stdout is not None
    generator.stdin.write(msgspec.json.encode(job) + b"\n")
    await generator.stdout.readline()
    start_ns = Clock()()
    generator.stdin.write(msgspec.json.encode(Cue("go", at_ns=start_ns)) + b"\n")
    freezing = asyncio.create_task(shop.freeze())
    async for line in generator.stdout:
        status = msgspec.json.decode(line, type=Status)
        if freezing.done() and status.placed == len(planned.orders):
            break
    generator.stdin.write(msgspec.json.encode(Cue("stop")) + b"\n")
    await generator.stdout.read()
    assert await generator.wait() == 0
    server.close()
    lines = (folder / "history" / "workload-load.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=WorkloadItem) for line in lines], start_ns


async def test_a_shop_frozen_for_two_seconds_is_felt_by_all_who_meant_to_buy_then(tmp_path: Path) -> None:
    """A closed loop would have sent nothing meanwhile, and one slow order in a hundred would hide in the p99."""
    done, start_ns = await generated(tmp_path)
    orders = [one for one in done if one.kind == "order"]
    waits_s = sorted(_waited_s(one) for one in orders)
    assert len(orders) > SECONDS * PER_S * 0.6
    assert waits_s[int(len(waits_s) * 0.95)] > 1.5, "the p95 shows what a quarter of the shoppers felt"
    early = [one for one in orders if 1.2 < ((one.due_ns or 0) - start_ns) / 1e9 < 1.7]
    assert len(early) > 5, "they came all the same"
    assert min(map(_waited_s, early)) > 1.0, "and waited until it thawed, counted from when they came"
    assert {"price_look", "stock_poll"} & {one.kind for one in done}


def _waited_s(one: WorkloadItem) -> float:
    return ((one.replied_ns or 0) - (one.due_ns or 0)) / 1e9


def test_a_middleware_that_stands_still_for_two_seconds_shows_it_in_the_p95(tmp_path: Path) -> None:
    """The whole of it: profile, estate, faults, Locust, the reference, verdict and key figures."""
    (tmp_path / "standstill.yaml").write_text(SCENARIO)
    options = ("--peak", "10/s", "--duration", "5s", "--scenario", "standstill.yaml", "--json")
    done = peakproof(tmp_path, "load", "soak", *options)
    assert done.document["schema"] == "peakproof/verdict/1", done
    assert done.violated == set(), done
    figures = {name: one["value"] for name, one in done.document["kpis"].items()}
    assert figures["order_sync_latency_p95"] > 1.5, done
    assert figures["checkout_latency_p50"] is not None
    assert figures["generator_lateness_p50"] is not None
    assert figures["checkout_latency_p50"] >= figures["generator_lateness_p50"]
    assert done.run["scenario"]["workload"]["peak_per_min"] == 600
    assert done.run["unsent"] == 0
    seen = done.run["load"]
    assert seen["estate"]["loop_lag_p99_s"] >= 0
    assert min(seen[who]["cpu_p95"] for who in ("estate", "generator", "sut")) > 0
    assert seen["sut"]["rss_max_mb"] > 10
    assert seen["estate"]["pending_max"] >= seen["estate"]["deliveries_waiting_max"] > 0
    with done.history() as history:
        (due, sent, answered) = history.rows(
            "SELECT sum(due) AS due, sum(sent) AS sent, sum(answered) AS answered FROM load_seconds WHERE flow = 'order-to-ship'"
        )[0].values()
        seconds = history.rows("SELECT * FROM load ORDER BY at_ns")
        planned = history.one("SELECT count(DISTINCT order_ref) FROM workload WHERE kind = 'order'")
    assert sent == answered >= planned
    assert due >= planned - 20, "the last second may not be over when the workload is"
    assert 4 <= len(seconds) <= 60
    assert max(row["sut_rss_mb"] for row in seconds) > 10


def test_a_run_whose_objective_is_broken_beyond_repair_need_not_go_on(tmp_path: Path) -> None:
    """Of 600 orders 31 that took too long are enough for the p95: the middleware stands still, and nobody waits a minute."""
    text = SCENARIO.replace("at: 1.5, for: 2", "at: 1, for: 40")
    (tmp_path / "standstill.yaml").write_text(text)
    goal = "order_sync_latency_p95 <= 2"
    options = (
        "--peak",
        "10/s",
        "--duration",
        "60s",
        "--scenario",
        "standstill.yaml",
        "--abort-on",
        goal,
        "--json",
    )
    done = peakproof(tmp_path, "load", "soak", *options)
    assert done.run["aborted_on"] == goal, done
    assert done.run["ended_early"].startswith(f"{goal} cannot be met any more: "), done
    assert [one["met"] for one in done.document["objectives"]] == [False]
    assert any("cannot be met any more" in reason for reason in done.document["reasons"]), done
    assert done.run["unsent"] > 100, "the rest was never sent"
    if not {"generator", "estate"} & set(done.document["validity"]["at_limit"]):
        assert done.code == 1, done
