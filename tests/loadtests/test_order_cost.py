"""What an order costs: who is charged for the processor, and the table made of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peakproof.loadtests.bench.metered import Charged, Meter, install
from peakproof.loadtests.bench.order_cost import OrderCost, Part, capacity_of, parts_of, table, told
from peakproof.simulators.estate import Estate
from peakproof.simulators.kit.connection import Departures, WireProtocol
from peakproof.simulators.kit.door import Door
from peakproof.simulators.kit.events import Dispatcher

from ..simulators.estates import articles, small_estate
from ..simulators.serving import Caller


class Time:
    """Each look at it is one second later."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 1_000_000_000
        return self.now_ns


def test_of_accounts_that_call_each_other_the_inner_one_is_charged() -> None:
    meter = Meter(Time())
    with meter.charging("web"):  # 1 s to 2 s, and 3 s to 4 s
        assert meter.account == "web"
        with meter.charging("payments"):  # 2 s to 3 s
            pass
    with meter.charging("web"):  # 5 s to 6 s; the second between is nobody's
        pass
    assert meter.account is None
    assert meter.spent_s() == {"web": 3.0, "payments": 1.0, "rest": 1.0}


def test_nothing_charged_is_nothing_spent() -> None:
    assert Meter().spent_s() == {"rest": 0.0}


async def test_each_step_of_a_charged_coroutine_is_charged_and_its_waits_are_not() -> None:
    meter = Meter(Time())
    seen = []

    async def work() -> str:
        seen.append(meter.account)
        await asyncio.sleep(0)
        seen.append(meter.account)
        try:
            await asyncio.Future[None]()
        except asyncio.CancelledError:
            seen.append(meter.account)
        return "done"

    task = asyncio.create_task(Charged(meter, "events", work()))
    for _ in range(3):
        await asyncio.sleep(0)
        assert meter.account is None
    task.cancel()
    assert await task == "done"
    assert await Charged(meter, "events", asyncio.sleep(0, "again")) == "again"
    assert seen == ["events"] * 3


@pytest.fixture
def metered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meter]:
    """A meter on every estate of this test."""
    for owner, name in (
        (WireProtocol, "data_received"),
        (Departures, "_leave"),
        (Door, "_open"),
        (Door, "__call__"),
        (Estate, "later"),
        (Dispatcher, "_do"),
        (Dispatcher, "_record"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    meter = Meter()
    install(meter)
    yield meter


async def test_an_estate_is_metered_call_by_call(metered: Meter, tmp_path: Path) -> None:
    estate = small_estate(tmp_path)
    estate.seed(articles("22423"))
    await estate.start()
    try:
        erp = estate.systems["erp"]
        async with Caller(erp.socket.getsockname()[1]) as caller:
            seen = await caller.ask("GET", "/v1/items", token=erp.sut.api_key)
    finally:
        await estate.stop()
        estate.writer.close()
    assert seen.status == 200
    assert metered.counts == {"erp": 1}
    assert metered.spent_s().keys() == {"erp", "rest"}
    assert metered.spent_s()["erp"] > 0


# The table


def cost(parts: list[Part], **more: Any) -> OrderCost:
    usual: dict[str, Any] = {
        "wanted_per_s": 30.0,
        "seconds": 20.0,
        "orders": 600,
        "lines": 3,
        "verdict": "pass",
        "reasons": (),
        "estate_busy": 0.25,
        "generator_busy": 0.06,
        "middleware_busy": None,
        "history_bytes": 1_000_000,
        "load_before": 0.5,
        "processors": 2,
    }
    return OrderCost(parts=parts, **usual | more)


def test_costs_are_per_order() -> None:
    parts = parts_of({"erp": 0.5, "events": 0.25, "rest": 0.25}, {"erp": 300, "events": 1_000}, 100)
    named = {part.name: part for part in parts}
    assert list(named) == ["web", "bazaar", "oms", "erp", "wms", "payments", "events", "rest"]
    assert (named["erp"].cpu_ms, named["erp"].calls) == (5.0, 3.0)
    assert (named["web"].cpu_ms, named["web"].calls) == (0.0, 0.0)
    assert cost(parts).cpu_ms == 10.0


def test_without_orders_there_is_no_cost() -> None:
    with pytest.raises(RuntimeError, match="no order was placed"):
        parts_of({"erp": 1.0}, {}, 0)


TOLD = """\
           CPU ms/order          calls/order
erp                6.00     75%          3.2
rest               2.00     25%
estate             8.00    100%
600 orders of 3 lines at 30 a second, verdict pass
busy, of one processor each: estate 25%, generator 6%
on 2 processors that 0.5 processes wanted before it began"""


def test_the_table_says_each_ones_part() -> None:
    assert table(cost([Part("erp", 6.0, 3.2), Part("rest", 2.0, 0.0)])) == TOLD


# The model


def test_two_rates_tell_what_stands_from_what_each_order_costs() -> None:
    """100 ms a second in any case, 5 ms an order: 15 ms each at 10 orders a second, 7.5 ms each at 40."""
    low = cost([Part("erp", 4.0, 3.0), Part("rest", 11.0, 0.0)], orders=200, history_bytes=600_000)
    high = cost([Part("erp", 4.0, 3.5), Part("rest", 3.5, 0.0)], orders=800, history_bytes=1_800_000)
    capacity = capacity_of(low, high)
    assert capacity.standing_ms == pytest.approx(100.0)
    assert capacity.parts == pytest.approx({"erp": 4.0, "rest": 1.0})
    assert capacity.calls == {"erp": 3.5}
    assert capacity.generator_ms == pytest.approx(1.5)
    assert capacity.middleware_ms is None
    assert capacity.history_bytes == 2_000
    assert capacity.estate_share(100.0) == pytest.approx(0.6)
    assert capacity.most_per_s(0.6) == pytest.approx(100.0)
    assert capacity.most_per_s(0.05) == 0.0
    assert told(capacity) == (
        "100 ms a second in any case and 5.0 ms an order: the estate fills one processor at 180 orders a second"
    )


def test_one_rate_twice_tells_nothing() -> None:
    one = cost([Part("erp", 4.0, 3.0)])
    with pytest.raises(RuntimeError, match=r"30\.0 and 30\.0 orders a second are too near each other"):
        capacity_of(one, one)
