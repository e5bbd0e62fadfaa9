"""Shoppers and the back office at work: what they send, what they wait for, and what is noted of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from peakproof.chaos.dice import Dice
from peakproof.history.records import Effect, WorkloadItem
from peakproof.loadtests.plan import (
    Address,
    Count,
    Customer,
    Damage,
    Item,
    PlaceOrder,
    Plan,
    PlannedLine,
    PriceChange,
    Receipt,
    RequestCancellation,
    RequestReturn,
)
from peakproof.scenarios.shop import Shop, opening
from peakproof.simulators.back_office import carry_out
from peakproof.simulators.erp.ledger import ErpLedger
from peakproof.simulators.kit.ledger import World
from peakproof.simulators.wms.ledger import WmsLedger

NOON_NS = 1_795_780_800_000_000_000
"""2026-11-27T12:00:00Z."""
PRICE = Decimal("2.08")

Answer = Callable[["Asked"], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """One call that the channel saw."""

    path: str
    body: dict[str, Any]
    authorization: str | None
    request: web.Request


class Channel:
    """A channel that answers 201, unless a test says what to answer; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[Answer] = []
        """What to answer to checkouts, one after the other."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        self.server = TestServer(app)

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.path, await request.json(), request.headers.get("Authorization"), request)
        self.asked.append(asked)
        if request.path == "/v1/checkouts" and self.answers:
            return await self.answers.pop(0)(asked)
        return web.json_response({}, status=201)


def says(status: int, **document: Any) -> Answer:
    async def answer(_: Asked) -> web.StreamResponse:
        return web.json_response(document, status=status)

    return answer


def sold_out(*skus: str) -> Answer:
    return says(409, missing=[{"sku": sku} for sku in skus])


async def hangs_up(asked: Asked) -> web.StreamResponse:
    assert asked.request.transport is not None
    asked.request.transport.abort()
    return web.Response()


class Held:
    """An answer that waits until the test lets it go."""

    def __init__(self, then: Answer) -> None:
        self._then = then
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()

    async def __call__(self, asked: Asked) -> web.StreamResponse:
        self.asked.set()
        await self.let_go.wait()
        return await self._then(asked)


@dataclass
class Run:
    """A shop with all around it; the clock stands until a test moves it."""

    channel: Channel
    shop: Shop
    estate: Any
    noted: list[WorkloadItem]
    effects: list[Effect]
    clock: "StandingClock"

    def see(self, kind: str, order_ref: str, status: str | None = None) -> None:
        """An effect of the estate, as every observer sees it."""
        effect = Effect(
            effect_id="e", at_ns=NOON_NS, system="web", kind=kind, order_ref=order_ref, status=status
        )
        for observer in self.estate.observers:
            observer(effect)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await asyncio.sleep(0.001)

    async def done(self) -> None:
        await self.until(lambda: self.shop.waiting == 0)

    def notes(self) -> list[tuple[str, str | None, int | None]]:
        """What was done, about which order or SKU, and how it was answered."""
        return [(note.kind, note.order_ref or note.sku, note.status) for note in self.noted]


@dataclass
class StandingClock:
    now_ns: int = NOON_NS

    def __call__(self) -> int:
        return self.now_ns


@dataclass
class Noting:
    """The writer's one method that a shop needs."""

    workload_items: list[WorkloadItem] = field(default_factory=list)

    def workload(self, record: WorkloadItem) -> None:
        self.workload_items.append(record)


def plan(*items: Item, before_run: tuple[PlaceOrder, ...] = ()) -> Plan:
    skus = {
        line.sku for order in (*items, *before_run) if isinstance(order, PlaceOrder) for line in order.lines
    }
    return Plan(
        seed=1,
        duration_s=1.0,
        locations=("north", "south"),
        items=items,
        before_run=before_run,
        prices={sku: {"GBP": PRICE} for sku in skus},
    )


def order(*lines: tuple[str, str, int], order_ref: str = "web-000001", channel: str = "web") -> PlaceOrder:
    return PlaceOrder(
        at_s=0.0,
        order_ref=order_ref,
        channel=channel,
        currency="GBP",
        lines=tuple(PlannedLine(line_id, sku, quantity, PRICE) for line_id, sku, quantity in lines),
        shipping=Decimal("4.95"),
        total=sum((quantity * PRICE for _, _, quantity in lines), Decimal("4.95")),
        customer=Customer("Zoë Müller", "zoe@example.com"),
        ship_to=Address("Zoë Müller", "1 High Street", None, "Leeds", "LS1 1AA", "GB"),
        service_level="standard",
    )


def cancel(moment: Any = "clock", *, order_ref: str = "web-000001") -> RequestCancellation:
    return RequestCancellation(0.0, order_ref, "web", moment, "changed_mind")


def send_back(moment: Any = "clock", *, lag_s: float = 0.0) -> RequestReturn:
    return RequestReturn(0.0, "web-000001", "web", moment, lag_s, (("1", 2),), "too_small")


@asynccontextmanager
async def working(*items: Item, answers: tuple[Answer, ...] = ()) -> AsyncIterator[Run]:
    """A shop whose every act has been started."""
    channel, clock, writer = Channel(), StandingClock(), Noting()
    channel.answers.extend(answers)
    await channel.server.start_server()
    effects: list[Effect] = []

    def world() -> World:
        return World(clock, lambda delay_s, action, /: None, Dice(1), effects.append, lambda event: None)

    warehouse = WmsLedger(world())
    warehouse.seed_stock([("A", "north", 10)])
    ledgers = {"wms": warehouse, "erp": ErpLedger(world())}
    effects.clear()
    observers: list[Callable[[Effect], None]] = []
    office: Any = SimpleNamespace(of_kind=lambda kind: iter([SimpleNamespace(ledger=ledgers[kind])]))
    estate: Any = SimpleNamespace(
        observers=observers,
        observe=lambda observer, kinds: observers.append(observer),
        at_the_desk=lambda act, then: then(carry_out(act, office)),
        systems={
            "web": SimpleNamespace(
                near_url=f"http://127.0.0.1:{channel.server.port}",
                shopper=SimpleNamespace(api_key="key-of-web"),
            )
        },
    )
    shop = Shop(estate, plan(*items), writer, clock)  # type: ignore[arg-type]  # doubles of estate, writer and clock
    try:
        await shop.work()
        yield Run(channel, shop, estate, writer.workload_items, effects, clock)
    finally:
        await shop.close()
        await channel.server.close()


# Checkouts


async def test_a_shopper_checks_out_with_the_key_of_the_channel() -> None:
    async with working(order(("1", "A", 2))) as run:
        await run.done()
        [asked] = run.channel.asked
        assert (asked.path, asked.authorization) == ("/v1/checkouts", "Bearer key-of-web")
        assert asked.body["lines"] == [{"line_id": "1", "sku": "A", "quantity": 2, "unit_price": "2.08"}]
        assert (asked.body["order_ref"], asked.body["total"]) == ("web-000001", "9.11")
        assert run.noted == [
            WorkloadItem(
                at_ns=NOON_NS,
                kind="order",
                due_ns=NOON_NS,
                replied_ns=NOON_NS,
                channel="web",
                order_ref="web-000001",
                sku=None,
                status=201,
            )
        ]
        assert (run.shop.placed, run.shop.total, run.shop.unsent, run.shop.errors) == (1, 1, 0, [])


async def test_what_is_sold_out_is_taken_out_of_the_basket_and_the_rest_is_bought() -> None:
    basket = order(("1", "A", 2), ("2", "B", 1), ("3", "A", 1))
    async with working(basket, answers=(sold_out("A"), says(201))) as run:
        await run.done()
        again = run.channel.asked[1].body
        assert [line["line_id"] for line in again["lines"]] == ["2"]
        assert (again["order_ref"], again["shipping"], again["total"]) == ("web-000001", "4.95", "7.03")
        assert run.notes() == [("order", "web-000001", 409), ("order", "web-000001", 201)]
        assert run.shop.placed == 1


async def test_a_basket_in_which_all_is_sold_out_is_left_behind() -> None:
    async with working(order(("1", "A", 2), ("2", "B", 1)), answers=(sold_out("A", "B"),)) as run:
        await run.done()
        assert run.channel.paths == ["/v1/checkouts"]
        assert (run.shop.placed, run.shop.errors) == (0, [])


async def test_a_shopper_tries_three_baskets_at_most() -> None:
    basket = order(*((str(number), sku, 1) for number, sku in enumerate("ABCD", 1)))
    async with working(basket, answers=(sold_out("A"), sold_out("B"), sold_out("C"))) as run:
        await run.done()
        assert [len(asked.body["lines"]) for asked in run.channel.asked] == [4, 3, 2]
        assert run.shop.placed == 0


async def test_a_refusal_that_names_nothing_sold_out_is_not_tried_again() -> None:
    async with working(order(("1", "A", 2)), answers=(says(422, detail="no"),)) as run:
        await run.done()
        assert run.notes() == [("order", "web-000001", 422)]


async def test_a_channel_that_does_not_answer_is_no_error_of_ours_and_leaves_no_status() -> None:
    async with working(order(("1", "A", 2)), answers=(hangs_up,)) as run:
        await run.done()
        assert run.notes() == [("order", "web-000001", None)]
        assert (run.shop.placed, run.shop.errors) == (0, [])


async def test_shoppers_do_not_wait_for_one_another() -> None:
    slow = Held(says(201))
    async with working(
        order(("1", "A", 2)), order(("1", "A", 1), order_ref="web-000002"), answers=(slow, says(201))
    ) as run:
        await run.until(lambda: (run.shop.placed, run.shop.under_way) == (1, 1))
        slow.let_go.set()
        await run.done()
        assert sorted(note.order_ref or "" for note in run.noted) == ["web-000001", "web-000002"]
        assert run.shop.placed == 2


async def test_our_own_failure_is_told_in_one_line() -> None:
    async with working(order(("1", "A", 2), channel="nowhere")) as run:
        await run.done()
        assert run.shop.errors == ["workload: KeyError: 'nowhere'"]


# Wishes


async def test_a_wish_to_cancel_that_comes_due_before_the_checkout_was_answered_waits_for_it() -> None:
    slow = Held(says(201))
    async with working(order(("1", "A", 2)), cancel(), answers=(slow,)) as run:
        async with asyncio.timeout(10):
            await slow.asked.wait()
        assert run.channel.paths == ["/v1/checkouts"]
        assert run.shop.under_way == 2, "it comes by itself"

        run.clock.now_ns += 3_000_000_000
        slow.let_go.set()
        await run.done()
        assert run.channel.paths == ["/v1/checkouts", "/v1/orders/web-000001/cancellation-requests"]
        assert run.channel.asked[1].body == {"reason": "changed_mind"}
        placed, wished = run.noted
        assert (placed.kind, placed.due_ns) == ("order", NOON_NS)
        assert (wished.kind, wished.order_ref, wished.status) == ("cancellation_request", "web-000001", 201)
        assert wished.due_ns == wished.at_ns == NOON_NS + 3_000_000_000, "nobody was late"


async def test_a_wish_waits_for_the_last_basket_that_its_shopper_tries() -> None:
    slow = Held(says(201))
    basket = order(("1", "A", 2), ("2", "B", 1))
    async with working(basket, cancel(), answers=(sold_out("A"), slow)) as run:
        async with asyncio.timeout(10):
            await slow.asked.wait()
        assert run.channel.paths == ["/v1/checkouts"] * 2
        run.clock.now_ns += 3_000_000_000
        slow.let_go.set()
        await run.done()
        assert run.channel.paths[2:] == ["/v1/orders/web-000001/cancellation-requests"]
        assert run.noted[2].due_ns == NOON_NS + 3_000_000_000


async def test_a_return_waits_for_the_checkout_as_well() -> None:
    slow = Held(says(201))
    async with working(order(("1", "A", 2)), send_back(), answers=(slow,)) as run:
        async with asyncio.timeout(10):
            await slow.asked.wait()
        assert run.channel.paths == ["/v1/checkouts"]
        run.clock.now_ns += 3_000_000_000
        slow.let_go.set()
        await run.done()
        assert run.channel.paths == ["/v1/checkouts", "/v1/returns"]
        assert run.noted[1].due_ns == NOON_NS + 3_000_000_000


async def test_a_return_of_an_order_from_before_the_run_waits_for_nothing() -> None:
    async with working(send_back()) as run:
        await run.done()
        assert run.channel.asked[0].body == {
            "order_ref": "web-000001",
            "lines": [{"line_id": "1", "quantity": 2}],
            "reason": "too_small",
        }
        assert run.noted[0].due_ns == NOON_NS


async def test_a_wish_waits_for_the_moment_in_which_its_order_is_picked() -> None:
    async with working(order(("1", "A", 2)), cancel("picking")) as run:
        await run.until(lambda: run.shop.under_way == 0)
        run.see("picking_started", "web-000002")
        run.see("shipment_recorded", "web-000001", "shipped")
        await asyncio.sleep(0)
        assert (run.shop.under_way, run.shop.waiting) == (0, 1)
        assert run.channel.paths == ["/v1/checkouts"]

        run.clock.now_ns += 7_000_000_000
        run.see("picking_started", "web-000001")
        await run.done()
        assert run.channel.paths[1:] == ["/v1/orders/web-000001/cancellation-requests"]
        assert run.noted[1].due_ns == NOON_NS + 7_000_000_000


async def test_goods_come_back_some_time_after_the_whole_order_was_shipped() -> None:
    async with working(order(("1", "A", 2)), send_back("shipped", lag_s=0.01)) as run:
        await run.until(lambda: run.shop.under_way == 0)
        run.see("shipment_recorded", "web-000001", "partially_shipped")
        await asyncio.sleep(0)
        assert run.shop.under_way == 0

        run.see("shipment_recorded", "web-000001", "shipped")
        await run.done()
        assert run.channel.paths[1:] == ["/v1/returns"]
        assert run.noted[1].due_ns == NOON_NS + 10_000_000


async def test_a_moment_that_has_come_already_is_not_waited_for() -> None:
    async with working(order(("1", "A", 2))) as run:
        await run.done()
        run.see("picking_started", "web-000001")
        run.shop._start(cancel("picking"), NOON_NS)
        await run.done()
        assert run.channel.paths[1:] == ["/v1/orders/web-000001/cancellation-requests"]


async def test_a_wish_whose_moment_never_comes_is_not_made() -> None:
    async with working(order(("1", "A", 2)), cancel("picking"), send_back("shipped")) as run:
        await run.until(lambda: run.shop.under_way == 0)
        assert run.shop.waiting == 2
        run.shop.give_up_waiting()
        await run.done()
        assert (run.shop.under_way, run.shop.waiting) == (0, 0)
        assert (run.notes(), run.shop.errors) == ([("order", "web-000001", 201)], [])


# The back office


async def test_the_back_office_works_in_the_warehouse_itself() -> None:
    async with working(
        Receipt(0.0, "A", "north", 5), Count(0.0, "A", "north", -3), Damage(0.0, "A", "north", 4)
    ) as run:
        moved = [(e.cause, e.quantity, e.on_hand, e.actor) for e in run.effects if e.kind == "stock_moved"]
        assert moved == [
            ("receipt", 5, 15, "back-office"),
            ("count", -3, 12, "back-office"),
            ("damage", -4, 8, "back-office"),
        ]
        assert run.notes() == [("receipt", "A", None), ("count", "A", None), ("damage", "A", None)]
        assert run.channel.asked == []


async def test_no_more_is_lost_than_stands_there_and_nothing_of_nothing() -> None:
    async with working(
        Count(0.0, "A", "north", -99),
        Damage(0.0, "A", "north", 1),
        Receipt(0.0, "A", "south", 2),
        Damage(0.0, "A", "south", 9),
    ) as run:
        assert [(e.cause, e.on_hand) for e in run.effects if e.kind == "stock_moved"] == [
            ("count", 0),
            ("receipt", 2),
            ("damage", 0),
        ]
        assert [note.kind for note in run.noted] == ["count", "receipt", "damage"]


async def test_a_price_is_set_now_to_hold_later() -> None:
    async with working(PriceChange(0.0, "A", "GBP", Decimal("1.99"), 90.0)) as run:
        [effect] = run.effects
        assert (effect.kind, effect.sku, effect.amount, effect.actor) == (
            "price_set",
            "A",
            "1.99",
            "back-office",
        )
        assert effect.data == {"valid_from": "2026-11-27T12:01:30.000000Z"}
        assert run.notes() == [("price_change", "A", None)]


# The opening


def test_every_article_of_the_plan_is_in_stock_and_has_its_prices() -> None:
    made = plan(order(("1", "A", 100)), before_run=(order(("1", "B", 3), order_ref="web-900001"),))
    items, earlier = opening(made, StandingClock(), 0)  # type: ignore[arg-type]  # a clock that stands

    assert [(item.sku, item.prices, item.known_to_erp) for item in items] == [
        ("A", {"GBP": PRICE}, True),
        ("B", {"GBP": PRICE}, True),
    ]
    assert [sum(item.on_hand.values()) for item in items] == [60, 12]
    [before] = earlier
    assert (before.channel, before.location, before.content.order_ref) == ("web", "north", "web-900001")
    assert (before.content.total, before.content.ship_by) == (
        Decimal("11.19"),
        "2026-10-28T12:00:00.000000Z",
    )


def test_new_articles_are_of_small_orders_that_nothing_else_touches() -> None:
    made = plan(
        order(("1", "shared", 1), ("2", "free", 1), order_ref="web-000001"),
        order(("1", "shared", 1), order_ref="web-000002"),
        order(("1", "wished", 1), order_ref="web-000003"),
        order(("1", "counted", 1), order_ref="web-000004"),
        order(*((str(number), f"many-{number}", 1) for number in range(13)), order_ref="web-000005"),
        order(("1", "earlier", 1), order_ref="web-000006"),
        cancel(order_ref="web-000003"),
        Count(0.5, "counted", "north", 1),
        before_run=(order(("1", "earlier", 1), order_ref="web-900001"),),
    )
    items, _ = opening(made, StandingClock(), 9)  # type: ignore[arg-type]  # a clock that stands

    assert [item.sku for item in items if not item.known_to_erp] == ["free"]


def test_which_articles_are_new_hangs_on_the_seed_and_is_as_many_as_asked_for() -> None:
    made = plan(*(order(("1", f"sku-{n}", 1), order_ref=f"web-{n:06d}") for n in range(20)))

    def new_ones() -> list[str]:
        items, _ = opening(made, StandingClock(), 3)  # type: ignore[arg-type]  # a clock that stands
        return [item.sku for item in items if not item.known_to_erp]

    assert len(new_ones()) == 3
    assert new_ones() == new_ones()
