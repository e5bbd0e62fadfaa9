"""The pool of calls at the same time: places are given back however a call ends, and the queue is served in order."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peakproof.chaos.fault import Call, Decision, Reply
from peakproof.chaos.gate import Gate
from peakproof.chaos.share import Shared
from peakproof.chaos.throttles.concurrency_pool import ConcurrencyPool

from .calls import a_call


def no_marks(*_: object, **__: object) -> None:
    pass


async def no_sleep(seconds: float) -> None:
    raise AssertionError("nothing sleeps here")


def gate_of(throttle: ConcurrencyPool) -> Gate:
    return Gate("erp", throttle, sleep=no_sleep, now=lambda: 0, marks=no_marks)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.sampled_from([1.0, 0.5, 0.1]))
def test_no_more_calls_than_the_limit_are_ever_under_way(comings: list[bool], factor: float) -> None:
    pool = ConcurrencyPool(limit=4)
    pool.factor = factor
    inside: list[Decision] = []
    for comes in comings:
        if comes:
            decision = pool.admit(a_call(), 0)
            assert (decision.refusal is None) == (len(inside) < max(1, int(4 * factor)))
            if decision.refusal is None:
                inside.append(decision)
        elif inside:
            release = inside.pop(0).release
            assert release is not None
            release()
    assert pool.figures(a_call(), 0).left == max(1, int(4 * factor)) - len(inside)


def test_a_refusal_names_no_time_for_nobody_knows_it() -> None:
    pool = ConcurrencyPool(limit=1)
    pool.admit(a_call(), 0)
    refusal = pool.admit(a_call(), 0).refusal
    assert refusal is not None
    assert refusal.headers == [
        ("content-type", "application/problem+json"),
        ("ratelimit", '"system";r=0'),
        ("ratelimit-policy", '"system";q=1;qu="concurrent-requests"'),
    ]
    assert refusal.retry_after_s is None


async def test_the_gate_gives_the_place_back_however_the_call_ends() -> None:
    pool = ConcurrencyPool(limit=1)
    gate = gate_of(pool)
    assert gate.idle

    async def answered(call: Call) -> Reply:
        assert pool.figures(call, 0).left == 0
        return Reply(201)

    async def failed(call: Call) -> Reply:
        raise KeyError("oops")

    def fails(call: Call) -> Reply:
        raise KeyError("oops")

    async def endless(call: Call) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    assert (await gate(a_call(), answered)).status == 201
    with pytest.raises(KeyError):
        await gate(a_call(), failed)
    with pytest.raises(KeyError):
        gate.pass_at_once(a_call(), fails)
    gone = asyncio.ensure_future(gate(a_call(), endless))
    await asyncio.sleep(0)
    assert (await gate(a_call(), answered)).status == 429
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert pool.figures(a_call(), 0).left == 1


async def test_the_queue_is_served_in_order_and_who_gives_up_loses_no_place() -> None:
    pool = ConcurrencyPool(limit=1, queue=3)
    gate = gate_of(pool)
    assert not gate.idle, "who may have to wait is not answered at once"
    order: list[str] = []
    doors = {name: asyncio.Event() for name in "abcde"}

    async def face(call: Call) -> Reply:
        order.append(call.client or "")
        await doors[call.client or ""].wait()
        return Reply(200)

    calls = {}
    for name in "abcde":
        calls[name] = asyncio.ensure_future(gate(a_call(name), face))
        await asyncio.sleep(0)
    assert (await calls["e"]).status == 429
    assert order == ["a"]
    calls["b"].cancel()
    await asyncio.sleep(0)
    doors["a"].set()
    await calls["a"]
    await asyncio.sleep(0)
    assert order == ["a", "c"]
    calls["d"].cancel()
    await asyncio.sleep(0)
    doors["c"].set()
    assert (await calls["c"]).status == 200
    assert pool.figures(a_call(), 0).left == 1


async def test_a_turn_that_comes_as_the_caller_gives_up_goes_to_the_next() -> None:
    pool = ConcurrencyPool(limit=1, queue=2)
    first, second, third = (pool.admit(a_call(), 0) for _ in range(3))
    assert first.release and second.release and third.release
    assert second.turn is not None and third.turn is not None
    first.release()
    assert asyncio.isfuture(second.turn) and second.turn.done()
    second.release()  # cancelled before it could go on: it had the place already
    assert asyncio.isfuture(third.turn) and third.turn.done()
    third.release()
    assert pool.figures(a_call(), 0).left == 1


def test_a_shared_pool_counts_two_systems_together_and_feels_the_deepest_cut() -> None:
    pool = ConcurrencyPool(limit=4)
    shared = Shared("account", pool)
    erp, wms = shared.part(), shared.part()
    assert [erp.admit(a_call("sut-erp"), 0).bucket, wms.admit(a_call("sut-wms", system="wms"), 0).bucket] == [
        "account",
        "account",
    ]
    assert erp.figures(a_call(), 0).left == 2
    erp.factor, wms.factor = 0.5, 1.0
    assert (pool.factor, erp.waits) == (0.5, False)
    assert wms.admit(a_call(), 0).refusal is not None
    erp.factor = 1.0
    assert wms.admit(a_call(), 0).refusal is None
