"""A key whose first request is held: its retries are told so, and it is free once that one has failed."""

import asyncio
from typing import Any

from peakproof.chaos.dice import Dice
from peakproof.chaos.fault import Call, FaultContext, Reply
from peakproof.chaos.faults.in_flight_then_fails import InFlightThenFails


def asked(key: str | None) -> Call:
    headers = {} if key is None else {"idempotency-key": key}
    return Call("c1", "erp", "create_sales_order", "A", 1, "POST", "/v1/sales-orders", headers, b"", 0, True)


async def carried_out(call: Call) -> Reply:
    return Reply(201, committed=True)


async def test_the_first_is_held_and_fails_and_the_others_are_told_so() -> None:
    fault, go_on = InFlightThenFails(hold_s=5, keys=1), asyncio.Event()

    async def hold(seconds: float) -> None:
        assert seconds == 5
        await go_on.wait()

    ctx: Any = FaultContext(sleep=hold, dice=Dice(1), now=lambda: 0)
    assert fault.concerns(asked("k1"), ctx)
    first = asyncio.create_task(fault.apply(asked("k1"), carried_out, ctx))
    await asyncio.sleep(0)
    assert fault.concerns(asked("k1"), ctx)
    assert not fault.concerns(asked("k2"), ctx), "one key is held, and no more"
    second = await fault.apply(asked("k1"), carried_out, ctx)
    assert (second.status, second.error, second.permanent) == (409, "idempotency_key_in_use", False)
    go_on.set()
    failed = await first
    assert (failed.status, failed.committed) == (500, False)
    assert not fault.concerns(asked("k1"), ctx), "its key is free again"


def test_a_call_without_a_key_is_let_alone() -> None:
    ctx: Any = FaultContext(sleep=asyncio.sleep, dice=Dice(1), now=lambda: 0)
    assert not InFlightThenFails().concerns(asked(None), ctx)
