"""Faults of what systems decide: which rule each answers, and what a caller of a real estate then finds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from peakproof.chaos.dice import Dice
from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import FaultContext, RuleFault, ThrottleFault
from peakproof.chaos.faults.batch_posting import BatchPosting
from peakproof.chaos.faults.currency_rounding import CurrencyRounding
from peakproof.chaos.faults.key_forgotten import KeyForgotten
from peakproof.chaos.faults.key_ignored import KeyIgnored
from peakproof.chaos.faults.key_replays_error import KeyReplaysError
from peakproof.chaos.faults.lists_lag import ListsLag
from peakproof.chaos.faults.lost_update import LostUpdate
from peakproof.chaos.faults.period_closed import PeriodClosed
from peakproof.chaos.faults.poison_order import PoisonOrder
from peakproof.chaos.faults.price_changed_mid_order import PriceChangedMidOrder
from peakproof.chaos.faults.rejected_later import RejectedLater
from peakproof.chaos.faults.short_pick import ShortPick
from peakproof.chaos.faults.small_pages import SmallPages
from peakproof.chaos.faults.stale_reads import StaleReads
from peakproof.chaos.faults.stock_changed_mid_order import StockChangedMidOrder
from peakproof.chaos.faults.throttle_cut import ThrottleCut
from peakproof.chaos.faults.unknown_sku import UnknownSku
from peakproof.chaos.gate import Gate
from peakproof.chaos.injection import Injection, Trigger, When, Where
from peakproof.chaos.registry import FAULTS
from peakproof.chaos.throttles.token_bucket import TokenBucket
from peakproof.history.records import Effect
from peakproof.simulators.estate import Estate
from peakproof.simulators.registry import KINDS, rules_of

from ..simulators.doors import order_body
from ..simulators.estates import articles, small_estate


async def no_sleep(seconds: float) -> None: ...


def context(now_ns: int = 0) -> FaultContext:
    return FaultContext(sleep=no_sleep, dice=Dice(1), now=lambda: now_ns)


@pytest.mark.parametrize(
    ("fault", "decision"),
    [
        (KeyIgnored(), {"after_s": 0.0}),
        (KeyForgotten(3.0), {"after_s": 3.0}),
        (KeyReplaysError(502, committed=True), {"status": 502, "committed": True}),
        (StaleReads(4.0), {"lag_s": 4.0}),
        (ListsLag(5.0), {"lag_s": 5.0}),
        (SmallPages(2), {"items": 2}),
        (LostUpdate(), {}),
        (ShortPick(2), {"units": 2}),
        (PriceChangedMidOrder(-5.0), {"percent": -5.0}),
        (StockChangedMidOrder(3), {"units": 3}),
        (UnknownSku(permanent=True), {"permanent": True}),
        (CurrencyRounding(-1), {"minor_units": -1}),
        (PoisonOrder("no"), {"reason": "no"}),
        (BatchPosting(300.0), {"wait_s": 180.0}),
        (PeriodClosed(), {"wait_s": None}),
        (PeriodClosed(refuses=True), {"reason": "period_closed"}),
    ],
)
def test_what_a_fault_decides(fault: RuleFault, decision: dict[str, Any]) -> None:
    assert fault.decision("web-000001", context(now_ns=420 * 10**9)) == decision


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("key-forgotten", {"after_s": 0.0}, "after_s must be above 0"),
        ("key-replays-error", {"status": 404}, "status must be from 500 to 599, got 404"),
        ("stale-reads", {"lag_s": -1.0}, "lag_s must be above 0"),
        ("lists-lag", {"lag_s": float("inf")}, "lag_s must be above 0"),
        ("small-pages", {"items": 0}, "items must be at least 1, got 0"),
        ("short-pick", {"units": 0}, "units must be at least 1, got 0"),
        ("price-changed-mid-order", {"percent": 0.0}, "percent must be from -90 to 1000 and not 0"),
        ("stock-changed-mid-order", {"units": 0}, "units must be at least 1, got 0"),
        ("currency-rounding", {"minor_units": 0}, "minor_units must not be 0"),
        ("poison-order", {"reason": ""}, "reason must not be empty"),
        ("batch-posting", {"batch_s": float("nan")}, "batch_s must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ChaosError, match=message):
        FAULTS.build(name, settings)


def test_every_rule_that_a_fault_decides_is_one_that_some_system_asks() -> None:
    asked = {rule for kind in KINDS for rule in rules_of(kind)}
    decided = {getattr(type(FAULTS.build(name, {})), "rule", None) for name in FAULTS.names()} - {None}
    assert decided == asked


def test_dice_decide_once_about_an_order_that_is_poisoned() -> None:
    def mark(*about: object, **more: object) -> None: ...

    gate = Gate("erp", sleep=no_sleep, now=lambda: 0, marks=mark)
    gate.arm(Trigger(Injection("x", PoisonOrder(), when=When(probability=0.5)), rank=0, seed=1))
    refs = [f"web-{number:06d}" for number in range(40)]
    first = [gate.decide("validate_order", ref) is not None for ref in refs]
    assert 5 < sum(first) < 35
    assert [gate.decide("validate_order", ref) is not None for ref in refs] == first


# Journeys


@asynccontextmanager
async def standing(folder: Path, **settings: Any) -> AsyncIterator[tuple[Estate, "Client"]]:
    estate = small_estate(folder, **settings)
    estate.seed(articles("22423", "85123A"))
    await estate.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield estate, Client(estate, session)
    finally:
        await estate.stop()
        estate.writer.close()
    assert estate.errors == []


class Client:
    """The SUT's on every system, and a shopper's on the channels."""

    def __init__(self, estate: Estate, session: aiohttp.ClientSession) -> None:
        self.estate = estate
        self.session = session
        self.effects: list[Effect] = []
        self.replayed = False
        self.retry_after_s = 0
        estate.observers.append(self.effects.append)

    async def ask(
        self,
        system: str,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str = "",
        shopping: bool = False,
    ) -> tuple[int, Any]:
        place = self.estate.systems[system]
        who = place.shopper if shopping else place.sut
        headers = {"Authorization": f"Bearer {who.api_key}"} | ({"Idempotency-Key": key} if key else {})
        async with self.session.request(method, place.url + path, json=body, headers=headers) as answer:
            self.replayed = answer.headers.get("idempotent-replayed") == "true"
            self.retry_after_s = int(answer.headers.get("retry-after", "0"))
            return answer.status, await answer.json()

    async def book(self, order_ref: str = "web-000001", key: str = "") -> tuple[int, Any]:
        return await self.ask("erp", "POST", "/v1/sales-orders", order_body(order_ref), key=key)

    def count(self, kind: str) -> int:
        return sum(effect.kind == kind for effect in self.effects)

    async def until(self, kind: str, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.count(kind) < times:
                await asyncio.sleep(0.002)


def struck(estate: Estate, system: str, fault: RuleFault | ThrottleFault) -> Trigger:
    trigger = Trigger(Injection("x", fault, Where(system)), rank=0, seed=1)
    estate.gates[system].arm(trigger)
    return trigger


async def test_an_ignored_key_makes_a_second_document(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        _, first = await client.book(key="a")
        assert (await client.book(key="a"))[1] == first
        trigger = struck(estate, "erp", KeyIgnored())
        status, second = await client.book(key="a")
        assert (status, client.replayed, trigger.fired) == (201, False, 1)
        assert second["sales_order_id"] != first["sales_order_id"]
        assert client.count("sales_order_received") == 2


async def test_a_key_is_forgotten_when_it_is_so_old_and_not_before(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        _, first = await client.book(key="a")
        late = struck(estate, "erp", KeyForgotten(3600.0))
        assert (await client.book(key="a"))[1] == first
        estate.gates["erp"].heal(late)
        struck(estate, "erp", KeyForgotten(0.000001))
        assert (await client.book(key="a"))[1]["sales_order_id"] != first["sales_order_id"]


@pytest.mark.parametrize("committed", [False, True])
async def test_an_old_error_is_replayed_until_another_key_comes(tmp_path: Path, committed: bool) -> None:
    async with standing(tmp_path) as (estate, client):
        trigger = struck(estate, "erp", KeyReplaysError(committed=committed))
        assert (await client.book(key="a"))[0] == 500
        estate.gates["erp"].heal(trigger)
        assert ((await client.book(key="a"))[0], client.replayed) == (500, True)
        assert client.count("sales_order_received") == committed
        assert (await client.book(key="b"))[0] == 201


async def test_a_stale_read_shows_what_stood_and_misses_what_is_new(tmp_path: Path) -> None:
    async with standing(tmp_path, erp={"rules": {"posting_s": 1e9}}) as (estate, client):
        _, order = await client.book()
        path = f"/v1/sales-orders/{order['sales_order_id']}"
        trigger = struck(estate, "erp", StaleReads(3600.0))
        await client.ask("erp", "POST", f"{path}/cancel", {"reason": "no longer wanted"})
        assert (await client.ask("erp", "GET", path))[1]["status"] == "received"
        _, newer = await client.book("web-000002")
        newer_path = f"/v1/sales-orders/{newer['sales_order_id']}"
        assert (await client.ask("erp", "GET", newer_path))[0] == 404
        _, page = await client.ask("erp", "GET", "/v1/sales-orders")
        assert [one["status"] for one in page["items"]] == ["cancelled", "received"]
        estate.gates["erp"].heal(trigger)
        assert (await client.ask("erp", "GET", path))[1]["status"] == "cancelled"
        assert (await client.ask("erp", "GET", newer_path))[0] == 200


async def test_a_list_misses_what_a_get_shows(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        trigger = struck(estate, "erp", ListsLag(3600.0))
        _, order = await client.book()
        assert (await client.ask("erp", "GET", "/v1/sales-orders"))[1] == {"items": [], "next_cursor": None}
        assert (await client.ask("erp", "GET", f"/v1/sales-orders/{order['sales_order_id']}"))[0] == 200
        estate.gates["erp"].heal(trigger)
        assert len((await client.ask("erp", "GET", "/v1/sales-orders"))[1]["items"]) == 1


async def test_a_small_page_names_the_next_one_and_none_is_larger_than_asked_for(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        booked = [(await client.book(f"web-00000{n}"))[1]["sales_order_id"] for n in (1, 2, 3)]
        trigger = struck(estate, "erp", SmallPages(2))
        _, first = await client.ask("erp", "GET", "/v1/sales-orders?limit=500")
        _, rest = await client.ask("erp", "GET", f"/v1/sales-orders?limit=500&cursor={first['next_cursor']}")
        assert [len(page["items"]) for page in (first, rest)] == [2, 1]
        assert [one["sales_order_id"] for page in (first, rest) for one in page["items"]] == booked
        assert rest["next_cursor"] is None
        assert len((await client.ask("erp", "GET", "/v1/sales-orders?limit=1"))[1]["items"]) == 1
        estate.gates["erp"].heal(trigger)
        assert len((await client.ask("erp", "GET", "/v1/sales-orders"))[1]["items"]) == 3


async def test_a_lost_update_is_confirmed_and_does_not_take(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        before = len(client.effects)
        struck(estate, "web", LostUpdate())
        struck(estate, "oms", LostUpdate())
        status, shown = await client.ask(
            "web", "PUT", "/v1/listings/22423/availability", {"quantity": 7, "version": 2}
        )
        assert (status, shown["listed"]) == (200, 7)
        stock = {"on_hand": 7, "version": 2}
        assert (await client.ask("oms", "PUT", "/v1/stock/22423/locations/north", stock))[0] == 200
        assert estate.ledger("web").listing("22423").listed == 200
        assert estate.ledger("oms").level("22423", "north").on_hand == 100
        assert len(client.effects) == before


async def test_a_price_and_a_stock_change_just_when_an_order_was_placed(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        struck(estate, "erp", PriceChangedMidOrder(10.0))
        struck(estate, "wms", StockChangedMidOrder(3))
        wanted = {
            name: value
            for name, value in order_body("web-000001").items()
            if name not in ("priority", "ship_by", "payment_id", "channel")
        }
        assert (await client.ask("web", "POST", "/v1/checkouts", wanted, shopping=True))[0] == 201
        kinds = [effect.kind for effect in client.effects]
        assert kinds.index("order_placed") < kinds.index("price_set") < kinds.index("stock_moved")
        price = next(effect for effect in client.effects if effect.kind == "price_set")
        assert (price.sku, price.amount, price.actor) == ("22423", "2.29", "back-office")
        lost = next(effect for effect in client.effects if effect.kind == "stock_moved")
        assert (lost.sku, lost.quantity, lost.cause) == ("22423", -3, "damage")


async def test_an_item_that_the_master_lacks_is_known_again_afterwards(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        trigger = struck(estate, "erp", UnknownSku())
        _, order = await client.book()
        await client.until("sales_order_rejected")
        rejected = client.effects[-1]
        assert (rejected.cause, rejected.permanent) == ("unknown_item 22423", False)
        estate.gates["erp"].heal(trigger)
        await client.ask("erp", "POST", f"/v1/sales-orders/{order['sales_order_id']}/resubmit")
        await client.until("sales_order_posted")


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (CurrencyRounding(1), "amount_mismatch", "the order comes to 11.20, the total says 11.19"),
        (PoisonOrder("no such postcode"), "order_invalid", "order web-000001: no such postcode"),
    ],
)
async def test_an_order_is_refused_for_good(tmp_path: Path, fault: RuleFault, code: str, said: str) -> None:
    async with standing(tmp_path) as (estate, client):
        struck(estate, "erp", fault)
        for _ in range(2):
            status, problem = await client.book()
            assert (status, problem["type"].rpartition("/")[2]) == (422, code)
            assert said in problem["detail"]
        assert client.count("sales_order_received") == 0


async def test_a_closed_period_holds_everything_back_until_it_opens(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        trigger = struck(estate, "erp", PeriodClosed())
        await client.book("web-000001")
        await client.book("web-000002")
        async with asyncio.timeout(10):
            while trigger.fired < 2:
                await asyncio.sleep(0.002)
        assert client.count("sales_order_posted") == 0
        estate.gates["erp"].heal(trigger)
        assert client.count("sales_order_posted") == 2


async def test_a_closed_period_may_reject_and_not_for_good(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        struck(estate, "erp", PeriodClosed(refuses=True))
        await client.book()
        await client.until("sales_order_rejected")
        assert (client.effects[-1].cause, client.effects[-1].permanent) == ("period_closed", False)


async def test_orders_are_posted_together_at_the_next_batch(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        struck(estate, "erp", BatchPosting(0.5))
        await client.book("web-000001")
        await client.book("web-000002")
        await client.until("sales_order_posted", 2)
        posted = [
            effect.at_ns / 1e9 % 0.5 for effect in client.effects if effect.kind == "sales_order_posted"
        ]
        assert max(posted) < 0.45  # at or after the full half second, on a machine that may be slow


async def test_an_order_that_was_taken_is_rejected_when_it_is_posted(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        trigger = struck(estate, "erp", RejectedLater("credit_limit", permanent=True))
        status, order = await client.book()
        assert (status, order["status"]) == (201, "received")
        await client.until("sales_order_rejected")
        _, later = await client.ask("erp", "GET", f"/v1/sales-orders/{order['sales_order_id']}")
        assert (later["status"], trigger.fired) == ("rejected", 1)
        assert (client.effects[-1].cause, client.effects[-1].permanent) == ("credit_limit", True)


async def test_the_warehouse_finds_less_than_it_promised(tmp_path: Path) -> None:
    async with standing(tmp_path) as (estate, client):
        trigger = struck(estate, "wms", ShortPick(units=1))
        part = {
            **{
                name: order_body()[name]
                for name in ("order_ref", "priority", "ship_by", "service_level", "ship_to")
            },
            "part_id": "1",
            "location": "north",
            "lines": [{"line_id": "1", "sku": "22423", "quantity": 3}],
        }
        status, fulfilment = await client.ask("wms", "POST", "/v1/fulfilments", part)
        assert status == 201, fulfilment
        await client.until("shipment_confirmed")
        _, picked = await client.ask("wms", "GET", f"/v1/fulfilments/{fulfilment['fulfilment_id']}")
        assert picked["short"] == [{"line_id": "1", "sku": "22423", "quantity": 1}]
        assert trigger.fired == 1


async def test_a_cut_throttle_has_its_callers_wait_longer(tmp_path: Path) -> None:
    async with standing(tmp_path, erp={"throttle": TokenBucket(rate_per_s=0.01, burst=8)}) as (
        estate,
        client,
    ):
        trigger = struck(estate, "erp", ThrottleCut(0.25))
        statuses = [(await client.ask("erp", "GET", "/v1/items"))[0] for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert (trigger.fired, 300 < client.retry_after_s <= 400) == (1, True)
        estate.gates["erp"].heal(trigger)
        assert (await client.ask("erp", "GET", "/v1/items"))[0] == 429
        assert 0 < client.retry_after_s <= 100
        assert trigger.fired == 1, "a refusal at the normal rate is nobody's fault"
