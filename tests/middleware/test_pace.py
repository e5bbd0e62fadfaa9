"""Pace, breaker and tokens: who may call a system, and when."""

import asyncio

import pytest

from peakproof.middleware.breaker import CircuitBreaker
from peakproof.middleware.pacing import Pace
from peakproof.middleware.policies import HonourRetryAfter
from peakproof.middleware.tokens import Grant, TokenSource


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_breaker_opens_after_failures_in_a_row() -> None:
    breaker = CircuitBreaker(threshold=2)
    breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(1.0)
    assert breaker.closed
    breaker.failed(2.0)
    assert not breaker.closed
    assert breaker.open_until == 2.25


def test_each_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    breaker = CircuitBreaker(threshold=1, first_pause_s=1.0, longest_pause_s=3.0)
    pauses = []
    for _ in range(4):
        breaker.failed(breaker.open_until)
        pauses.append(breaker.pause_s)
    assert pauses == [1.0, 2.0, 3.0, 3.0]


def test_calls_that_were_under_way_when_it_opened_do_not_prolong_the_pause() -> None:
    breaker = CircuitBreaker(threshold=1, first_pause_s=1.0)
    breaker.failed(10.0)
    breaker.failed(10.5)
    assert breaker.open_until == 11.0


async def test_a_429_holds_for_everyone_until_its_time() -> None:
    clock = Clock()
    pace = Pace(HonourRetryAfter(), now=clock)
    await pace.enter()
    pace.answered(429, 2.0)
    pace.leave()
    assert (pace.shut, pace.calm) == (True, False)
    clock.now += 1.99
    assert pace.shut
    clock.now += 0.02
    assert not pace.shut


async def test_whoever_waits_starts_when_the_time_has_come_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(HonourRetryAfter())
    pace.answered(429, 0.03)
    closed_at = loop.time()
    await pace.enter()
    assert loop.time() - closed_at >= 0.03


async def test_after_a_refusal_calls_go_one_by_one_and_then_faster() -> None:
    clock = Clock()
    pace = Pace(HonourRetryAfter(), now=clock)
    pace.answered(429, 1.0)
    clock.now += 1.1
    await pace.enter()
    second = asyncio.ensure_future(pace.enter())
    await asyncio.sleep(0)
    assert not second.done()
    pace.answered(200, None)
    await asyncio.sleep(0)
    pace.leave()
    await second
    await pace.enter()
    assert not pace.calm


async def test_an_open_breaker_lets_one_probe_through() -> None:
    clock = Clock()
    pace = Pace(HonourRetryAfter(), now=clock, breaker=CircuitBreaker(threshold=1))
    pace.failed()
    assert pace.shut
    clock.now += 1.0
    await pace.enter()
    assert not pace.calm
    pace.answered(200, None)
    pace.leave()
    assert pace.calm


async def test_someone_who_gives_up_waiting_takes_no_turn() -> None:
    pace = Pace(HonourRetryAfter(), widest=1)
    await pace.enter()
    waiting = asyncio.ensure_future(pace.enter())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pace.leave()
    assert pace.calm


class Issuer:
    """Gives out tokens 1, 2, 3 …, each good for ten seconds, when let."""

    def __init__(self) -> None:
        self.issued = 0
        self.let = asyncio.Event()

    async def fetch(self) -> Grant:
        self.issued += 1
        await self.let.wait()
        return Grant(f"token-{self.issued}", 10)


async def test_all_who_wait_for_a_token_get_the_same_one() -> None:
    issuer = Issuer()
    tokens = TokenSource(issuer.fetch, Clock())
    waiting = [asyncio.ensure_future(tokens.token()) for _ in range(5)]
    await asyncio.sleep(0)
    issuer.let.set()
    assert set(await asyncio.gather(*waiting)) == {"token-1"}
    assert issuer.issued == 1


async def test_a_token_is_fetched_again_before_it_expires() -> None:
    issuer, clock = Issuer(), Clock()
    issuer.let.set()
    tokens = TokenSource(issuer.fetch, clock)
    await tokens.token()
    clock.now += 8.0
    assert await tokens.token() == "token-1"
    clock.now += 1.5
    assert await tokens.token() == "token-2"


async def test_a_refused_token_is_replaced_once() -> None:
    issuer = Issuer()
    issuer.let.set()
    tokens = TokenSource(issuer.fetch, Clock())
    first = await tokens.token()
    tokens.refused(first)
    assert await tokens.token() == "token-2"
    tokens.refused(first)
    assert await tokens.token() == "token-2"


async def test_everybody_learns_that_no_token_came_and_the_next_asks_again() -> None:
    calls = 0

    async def fetch() -> Grant:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConnectionError("down")
        return Grant("token-2", 10)

    tokens = TokenSource(fetch, Clock())
    with pytest.raises(ConnectionError):
        await tokens.token()
    assert await tokens.token() == "token-2"
