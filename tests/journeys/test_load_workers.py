"""A load spread over workers for real: Locust's master and its workers, each a process of its own."""

import asyncio
import os
import sys
from functools import cache
from pathlib import Path

import msgspec
import psutil

from peakproof.history.records import WorkloadItem
from peakproof.loadtests.generator.job import Distribution, Job, Status
from peakproof.scenarios.load import loaded
from peakproof.scenarios.spread import TOKEN, creed_of

from .command import PATIENCE_S, ended, peakproof, started, when

SECRET = "of-no-use-to-anybody-after-this-test"
OPTIONS = ("load", "soak", "--peak", "10/s", "--duration", "6s", "--workers", "2", "--json")


@cache
def order_refs() -> set[str]:
    """Of ten orders a second for six seconds, with seed 1: as one generator would place them."""
    return {order.order_ref for order in loaded("soak", 600, 6).plan(1).orders}


def acts(folder: Path) -> dict[str, list[WorkloadItem]]:
    """What shoppers did, by the file of the worker that did it."""
    return {
        path.name: [msgspec.json.decode(line, type=WorkloadItem) for line in path.read_bytes().splitlines()]
        for path in sorted((folder / "history").glob("workload-load-*.jsonl"))
    }


def orders(items: list[WorkloadItem]) -> set[str | None]:
    return {item.order_ref for item in items if item.kind == "order"}


def test_two_workers_place_the_plan_of_one_generator_between_them(tmp_path: Path) -> None:
    done = peakproof(tmp_path, *OPTIONS)
    assert done.document["schema"] == "peakproof/verdict/1", done
    assert done.violated == set(), done
    first, second = acts(done.folder).values()
    assert orders(first) | orders(second) == order_refs(), done
    assert not orders(first) & orders(second)
    assert abs(len(orders(first)) - len(orders(second))) <= 1
    assert done.run["unsent"] == 0
    assert (done.run["load"]["workers"], done.run["load"]["workers_lost"]) == (2, [])
    assert [abs(clock["off_ns"]) < 1e9 for clock in done.run["load"]["worker_clocks"]] == [True, True]
    figures = {name: one["value"] for name, one in done.document["kpis"].items()}
    assert figures["checkout_latency_p50"] >= figures["generator_lateness_p50"] > 0
    assert "worker 2 (" in done.stderr
    assert "is here: 2 of 2" in done.stderr


def test_a_worker_killed_in_mid_run_leaves_a_whole_run_that_proves_nothing(tmp_path: Path) -> None:
    process = started(tmp_path, *OPTIONS)

    def at_work() -> psutil.Process | None:
        """A worker that has begun to place orders."""
        for path in tmp_path.glob("runs/*/history/workload-load-*.jsonl"):
            if b'"order"' in path.read_bytes():
                children = psutil.Process(process.pid).children()
                found = [one for one in children if "peakproof.loadtests.generator.worker" in one.cmdline()]
                return found[0]
        return None

    when(at_work, process).kill()
    done = ended(process, tmp_path, *OPTIONS)
    assert done.code == 3, done
    assert done.document["verdict"] == "inconclusive", done
    (lost,) = done.run["load"]["workers_lost"]
    assert f"load {lost}" in done.document["reasons"], done
    assert "its process ended" in lost
    assert done.run["ended_early"] is None
    assert done.run["failed"] is None
    placed = set().union(*map(orders, acts(done.folder).values()))
    assert 0 < len(placed) < len(order_refs()), "its orders are missing; the other's were all placed"
    assert placed < order_refs()
    assert len(placed) > len(order_refs()) // 2 - 2


async def test_a_worker_with_another_seed_is_refused_on_both_sides(tmp_path: Path) -> None:
    job = Job(
        folder=str(tmp_path),
        seed=1,
        duration_s=5,
        channels={},
        acts=[],
        shape=[(0, 1), (5, 1)],
        skus=[],
        distribution=Distribution(
            creed=creed_of("soak", 1), host="127.0.0.1", port=0, workers=1, token=SECRET, wait_s=PATIENCE_S
        ),
    )
    master = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "peakproof.loadtests.generator.master",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert master.stdin is not None
    assert master.stdout is not None
    master.stdin.write(msgspec.json.encode(job) + b"\n")
    first = msgspec.json.decode(await master.stdout.readline(), type=Status)
    arguments = ("load", "soak", "--seed", "2", "--worker", f"127.0.0.1:{first.port}")
    worker = asyncio.create_task(
        asyncio.to_thread(
            lambda: ended(started(tmp_path, *arguments, env={TOKEN: SECRET}), tmp_path, *arguments)
        )
    )
    worker.add_done_callback(lambda _: master.stdin.close() if master.stdin else None)
    statuses = [msgspec.json.decode(line, type=Status) async for line in master.stdout]
    refused = await worker
    why = "it was started with --seed 2 and this run has 1; give both the same"
    assert refused.code == 2, refused
    (line,) = refused.stderr.splitlines()
    assert line.endswith(f"the master at 127.0.0.1:{first.port} refused this worker: {why}")
    (news,) = [line for status in statuses for line in status.news]
    assert news.endswith(f"was refused: {why}")
    assert SECRET not in refused.stderr + refused.stdout + str(statuses)
    assert await master.wait() == 0
