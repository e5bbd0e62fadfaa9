"""A publisher: bulk calls whose items stand or fall alone, smaller after failures, never twice what counts once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from peakproof.middleware.client import SystemClient
from peakproof.middleware.order import Request
from peakproof.middleware.policies import Backoff, Policies, Reply
from peakproof.middleware.publisher import Exists, Publisher
from peakproof.middleware.store import Store

Answer = Callable[[list[dict[str, Any]]], Reply]


def good(items: list[dict[str, Any]]) -> Reply:
    return per_item(items, lambda item: (200, ""))


def per_item(items: list[dict[str, Any]], judge: Callable[[dict[str, Any]], tuple[int, str]]) -> Reply:
    results = []
    for index, item in enumerate(items):
        status, code = judge(item)
        problem = {"type": f"https://peakproof.invalid/problems/{code}"} if code else None
        results.append({"index": index, "status": status, "problem": problem})
    return Reply(207, msgspec.json.encode({"results": results}))


class Target:
    """Answers bulk calls as told, then well; stands in for a SystemClient."""

    name = "web"

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[list[dict[str, Any]], str | None]] = []

    async def call(self, request: Request, *, key: str | None = None) -> Reply:
        items = msgspec.json.decode(request.body)["items"]
        self.calls.append((items, key))
        return self.answers.pop(0)(items) if self.answers else good(items)

    def sent(self) -> list[list[str]]:
        return [[item["sku"] for item in items] for items, _ in self.calls]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "middleware.sqlite3")
    yield store
    await store.close()


def publisher(store: Store, target: Target, *, most: int = 200, exists: Exists | None = None) -> Publisher:
    policies = Policies(retry=Backoff(base_s=0.001, cap_s=0.002))
    client = cast(SystemClient, target)
    made = Publisher("test@web", "/batch", client, store, policies, gather_s=0.001, most=most, exists=exists)
    made.load()
    return made


def offer(publisher: Publisher, *skus: str, version: int = 1) -> None:
    for sku in skus:
        publisher.offer(sku, version, {"sku": sku, "version": version})


async def work_off(publisher: Publisher) -> None:
    running = asyncio.ensure_future(publisher.run())
    async with asyncio.timeout(5):
        while publisher.pending():
            await asyncio.sleep(0.001)
    running.cancel()


async def test_what_comes_together_goes_together(store: Store) -> None:
    target = Target()
    values = publisher(store, target)
    offer(values, "MUG", "TEA")
    await work_off(values)
    assert target.sent() == [["MUG", "TEA"]]


async def test_an_item_that_must_wait_goes_again_alone(store: Store) -> None:
    target = Target(
        lambda items: per_item(items, lambda i: (503, "unavailable") if i["sku"] == "TEA" else (200, ""))
    )
    values = publisher(store, target)
    offer(values, "MUG", "TEA")
    await work_off(values)
    assert target.sent() == [["MUG", "TEA"], ["TEA"]]


async def test_what_was_answered_item_by_item_is_asked_again_under_another_key(store: Store) -> None:
    target = Target(lambda items: per_item(items, lambda i: (503, "unavailable")))
    values = publisher(store, target)
    offer(values, "MUG")
    await work_off(values)
    assert target.sent() == [["MUG"], ["MUG"]]
    assert target.calls[0][1] != target.calls[1][1]


async def test_an_item_that_is_refused_for_good_is_parked(store: Store) -> None:
    target = Target(
        lambda items: per_item(items, lambda i: (404, "not_found") if i["sku"] == "TEA" else (200, ""))
    )
    values = publisher(store, target)
    offer(values, "MUG", "TEA")
    await work_off(values)
    await store.commit()
    assert [(parked.order_ref, parked.reason[:14]) for parked in store.parked()] == [(None, "TEA: not_found")]
    assert target.sent() == [["MUG", "TEA"]]


async def test_a_newer_version_at_the_target_is_no_failure(store: Store) -> None:
    target = Target(lambda items: per_item(items, lambda i: (409, "stale_version")))
    values = publisher(store, target)
    offer(values, "MUG")
    await work_off(values)
    await store.commit()
    assert store.parked() == []


async def test_a_call_without_an_answer_is_repeated_under_its_key_and_in_pieces(store: Store) -> None:
    target = Target(lambda items: Reply(None, code="connection_lost"), lambda items: Reply(503))
    values = publisher(store, target)
    offer(values, "MUG", "TEA")
    await work_off(values)
    assert target.sent()[:2] == [["MUG", "TEA"], ["MUG"]]
    again = [key for items, key in target.calls if [item["sku"] for item in items] == ["MUG"]]
    assert len(again) == 2
    assert len(set(again)) == 1


async def test_a_batch_that_is_refused_whole_is_halved_until_the_bad_item_is_alone(store: Store) -> None:
    def judge(items: list[dict[str, Any]]) -> Reply:
        return Reply(422, code="invalid_request") if any(i["sku"] == "TEA" for i in items) else good(items)

    target = Target(*[judge] * 10)
    values = publisher(store, target)
    offer(values, "MUG", "CUP", "TEA", "POT")
    await work_off(values)
    await store.commit()
    assert [parked.reason.partition(":")[0] for parked in store.parked()] == ["TEA"]
    assert {sku for skus in target.sent() for sku in skus} == {"MUG", "CUP", "TEA", "POT"}


async def test_what_counts_once_is_looked_for_before_it_is_sent_again(store: Store) -> None:
    async def exists(client: SystemClient, names: set[str]) -> set[str] | None:
        return names & {"CHG-1"}

    target = Target(lambda items: Reply(None, code="timeout"))
    values = publisher(store, target, exists=exists)
    offer(values, "CHG-1", "CHG-2")
    await work_off(values)
    assert target.sent() == [["CHG-1", "CHG-2"], ["CHG-2"]]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"results": null}',
        b'{"results": [{"index": 0, "status": 201}, {"index": 1}]}',
        b'{"results": [{"index": 0, "status": 201}]}',
        b'{"results": [{"index": 0, "status": 201}, {"index": 2, "status": 201}]}',
    ],
)
async def test_an_answer_that_cannot_be_read_says_nothing_of_what_counts_once(
    store: Store, body: bytes
) -> None:
    async def exists(client: SystemClient, names: set[str]) -> set[str] | None:
        return names & {"CHG-1", "CHG-2"}

    target = Target(lambda items: Reply(207, body))
    values = publisher(store, target, exists=exists)
    offer(values, "CHG-1", "CHG-2")
    await work_off(values)
    assert target.sent() == [["CHG-1", "CHG-2"]], "both were booked, and found"


async def test_what_counts_once_and_was_not_booked_goes_again_unchanged_under_its_key(store: Store) -> None:
    async def exists(client: SystemClient, names: set[str]) -> set[str] | None:
        return set()

    target = Target(lambda items: Reply(None, code="timeout"))
    values = publisher(store, target, exists=exists)
    offer(values, "CHG-1")
    running = asyncio.ensure_future(values.run())
    async with asyncio.timeout(5):
        while not target.calls:
            await asyncio.sleep(0.001)
    offer(values, "CHG-2")
    running.cancel()
    await work_off(values)
    assert target.sent() == [["CHG-1"], ["CHG-1"], ["CHG-2"]]
    assert target.calls[0][1] == target.calls[1][1]


async def test_after_a_restart_what_was_open_is_looked_for_first(store: Store) -> None:
    async def exists(client: SystemClient, names: set[str]) -> set[str] | None:
        return names & {"CHG-1"}

    offer(publisher(store, Target(), exists=exists), "CHG-1", "CHG-2")
    await store.commit()
    target = Target()
    await work_off(publisher(store, target, exists=exists))
    assert target.sent() == [["CHG-2"]]


async def test_what_was_sent_is_known_after_a_restart(store: Store) -> None:
    values = publisher(store, Target())
    offer(values, "MUG", version=2)
    await work_off(values)
    await store.commit()
    again = publisher(store, Target())
    offer(again, "MUG", version=1)
    offer(again, "MUG", version=2)
    assert again.pending() == 0
