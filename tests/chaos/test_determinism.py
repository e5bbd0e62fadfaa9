"""The same seed picks the same faults, whatever the concurrency of the system under test: over real sockets."""

import asyncio
from pathlib import Path

import aiohttp
import msgspec

from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.injection import Injection, When, Where
from peakproof.chaos.schedule import Schedule
from peakproof.history.records import Call
from peakproof.simulators.estate import Estate

from ..simulators.doors import order_body
from ..simulators.estates import articles, small_estate

ORDERS = [f"web-{number:06d}" for number in range(1, 41)]
BOOKINGS = Where("erp", "create_sales_order")


class Booking:
    """A system under test that books orders, so many at once, each until it has an answer."""

    def __init__(self, estate: Estate, at_once: int) -> None:
        self._address = estate.addresses()["erp"]
        self._turns = asyncio.Semaphore(at_once)

    async def work(self, order_refs: list[str]) -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(self._book(session, order_ref) for order_ref in order_refs))

    async def _book(self, session: aiohttp.ClientSession, order_ref: str) -> None:
        headers = {"Authorization": f"Bearer {self._address.api_key}", "Idempotency-Key": order_ref}
        url = f"{self._address.url}/v1/sales-orders"
        async with self._turns:
            for _ in range(50):
                try:
                    async with session.post(url, json=order_body(order_ref), headers=headers) as answer:
                        if answer.status == 201:
                            return
                except aiohttp.ClientError:
                    pass
        raise AssertionError(f"{order_ref} was never booked")


async def felt(folder: Path, seed: int, at_once: int, order_refs: list[str]) -> set[tuple[str, str, int]]:
    """Which injections met which attempts on which orders."""
    estate = small_estate(folder)
    estate.seed(articles("22423", "85123A", units=1000))
    schedule = Schedule(
        [
            Injection("down", ServerError(), BOOKINGS, When(probability=0.3)),
            Injection("lost", LostReply(), BOOKINGS, When(probability=0.3)),
            Injection(
                "second",
                ServerError(when="after"),
                Where("erp", "create_sales_order", nth=2),
                When(probability=0.5),
            ),
        ],
        estate.gates,
        estate.mark,
        seed,
    )
    await estate.start()
    try:
        schedule.start(0.0)
        await Booking(estate, at_once).work(order_refs)
        schedule.heal_all(1.0)
    finally:
        await estate.stop()
        estate.writer.close()
    lines = (folder / "history" / "calls-estate.jsonl").read_bytes().splitlines()
    calls = [msgspec.json.decode(line, type=Call) for line in lines]
    return {(fault, call.subject, call.attempt) for call in calls for fault in call.faults or ()}


async def test_the_same_seed_picks_the_same_faults_whatever_the_concurrency_of_the_system_under_test(
    tmp_path: Path,
) -> None:
    in_turn = await felt(tmp_path / "one", 1, 1, ORDERS)
    assert {fault for fault, _, _ in in_turn} == {"down", "lost", "second"}
    assert max(attempt for _, _, attempt in in_turn) > 2
    assert await felt(tmp_path / "some", 1, 5, ORDERS[::-1]) == in_turn
    assert await felt(tmp_path / "all", 1, len(ORDERS), ORDERS) == in_turn
    assert await felt(tmp_path / "other", 2, 5, ORDERS) != in_turn
