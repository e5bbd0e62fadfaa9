"""The workload's hands: carries a plan out against an estate, shoppers over HTTP and the back office at its desk."""

import asyncio
from contextlib import suppress
from dataclasses import fields
from typing import Any, Literal

import aiohttp

from ..chaos.dice import Dice
from ..history.clock import Clock, rfc3339
from ..history.records import Effect, WorkloadItem
from ..history.writer import HistoryWriter
from ..loadtests.plan import (
    Count,
    Damage,
    Item,
    PlaceOrder,
    Plan,
    PriceChange,
    Receipt,
    RequestCancellation,
    RequestReturn,
)
from ..loadtests.stock import opening_stock
from ..simulators.back_office import DeskAct
from ..simulators.estate import EarlierOrder, OpeningItem
from ..simulators.kit.orders import Address, Customer, OrderContent, OrderLine
from ..simulators.standing import Standing

MOMENTS = {"picking_started": "picking", "shipment_recorded": "shipped"}
"""Effects that shoppers' wishes wait for, and what the plan calls them."""
BASKETS_TRIED = 3
"""A shopper whose basket holds something sold out takes it out and tries again, so often."""
FEW_LINES = 12
"""An order that names an unknown item is a small one: a large one is too likely to run out of stock first."""
EARLIER_SHIP_BY_S = 30 * 86_400


def opening(plan: Plan, clock: Clock, unknown_items: int) -> tuple[list[OpeningItem], list[EarlierOrder]]:
    """What every system holds as the run begins: items with stock and prices, and orders from before the run.

    ``unknown_items`` SKUs are missing from the ERP's item master, as new articles are in life: sales orders with
    them are rejected for good. They are SKUs that exactly one order names, never one with a wish to come.
    """
    stock = opening_stock(plan)
    missing = _unknown_skus(plan, unknown_items)
    items = [
        OpeningItem(sku, f"Article {sku}", on_hand, plan.prices[sku], known_to_erp=sku not in missing)
        for sku, on_hand in stock.items()
    ]
    ship_by = rfc3339(clock() - EARLIER_SHIP_BY_S * 1_000_000_000)
    earlier = [
        EarlierOrder(
            order.channel,
            OrderContent(
                order_ref=order.order_ref,
                currency=order.currency,
                lines=tuple(OrderLine(x.line_id, x.sku, x.quantity, x.unit_price) for x in order.lines),
                shipping=order.shipping,
                total=order.total,
                customer=Customer(order.customer.name, order.customer.email),
                ship_to=Address(
                    **{field.name: getattr(order.ship_to, field.name) for field in fields(Address)}
                ),
                service_level=order.service_level,  # type: ignore[arg-type]  # the plan's levels are the wire's
                priority=5,
                ship_by=ship_by,
                payment_id="PAY-before",
                channel=order.channel,
            ),
            plan.locations[0],
        )
        for order in plan.before_run
    ]
    return items, earlier


class Shop:
    """Shoppers and back office of one run.

    Shoppers never wait for one another: each act starts at its own time. A wish that waits for its moment (the
    warehouse begins to pick, the parcel has left) is made when an effect of the estate says that it has come.
    """

    def __init__(self, estate: Standing, plan: Plan, writer: HistoryWriter, clock: Clock) -> None:
        self._estate = estate
        self._plan = plan
        self._writer = writer
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._acts: set[asyncio.Task[None]] = set()
        self._checkouts: dict[str, asyncio.Task[None]] = {}
        self._moments: dict[tuple[str, str], asyncio.Event] = {}
        self._wishing = 0
        self.placed = 0
        self.total = len(plan.orders)
        self.unsent = self.total
        """Orders that no shopper has sent yet."""
        self.errors: list[str] = []
        """Our own failures so far; a run with any is inconclusive."""
        self.last_act_ns = clock()
        estate.observe(self._see, MOMENTS)

    @property
    def under_way(self) -> int:
        """Acts that come to an end by themselves. A wish whose moment only the systems can bring is none."""
        return len(self._acts) - self._wishing

    @property
    def waiting(self) -> int:
        """Acts under way, and wishes whose moment has not come."""
        return len(self._acts)

    async def prepare(self) -> None:
        """Whatever has to be there before the workload begins."""

    async def work(self) -> None:
        """Start every act at its time; returns when the last has been started."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=30)
        )
        loop = asyncio.get_running_loop()
        start_s, start_ns = loop.time(), self._clock()
        for item in self._plan.items:
            wait_s = start_s + item.at_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self.unsent -= isinstance(item, PlaceOrder)
            self._start(item, start_ns + round(item.at_s * 1e9))

    def give_up_waiting(self) -> None:
        """Wishes whose moment never came are not made."""
        for act in self._acts:
            act.cancel()

    async def close(self) -> None:
        self.give_up_waiting()
        await asyncio.gather(*self._acts, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _start(self, item: Item, due_ns: int) -> None:
        match item:
            case PlaceOrder():
                act = self._place(item, due_ns)
            case RequestCancellation():
                act = self._ask_to_cancel(item, due_ns)
            case RequestReturn():
                act = self._ask_to_return(item, due_ns)
            case _:
                self._at_the_desk(item, due_ns)
                return
        task = asyncio.ensure_future(act)
        self._acts.add(task)
        if isinstance(item, PlaceOrder):
            self._checkouts[item.order_ref] = task
        task.add_done_callback(self._ended)

    def _ended(self, act: "asyncio.Future[None]") -> None:
        self._acts.discard(act)
        self.last_act_ns = self._clock()
        if not act.cancelled() and act.exception() is not None:
            self.errors.append(f"workload: {type(act.exception()).__name__}: {act.exception()}")

    # Shoppers

    async def _place(self, order: PlaceOrder, due_ns: int) -> None:
        wanted: PlaceOrder | None = order
        for _ in range(BASKETS_TRIED):
            if wanted is None:
                return
            at_ns = self._clock()
            status, answer = await self._post(order.channel, "/v1/checkouts", wanted.checkout())
            self._note("order", due_ns, at_ns, order.channel, order.order_ref, status, self._clock())
            if status == 201:
                self.placed += 1
                return
            sold_out = {missing["sku"] for missing in answer.get("missing", ())}
            if not sold_out:
                return
            wanted = wanted.without(sold_out)

    async def _ask_to_cancel(self, wish: RequestCancellation, due_ns: int) -> None:
        if wish.moment != "clock":
            due_ns = await self._moment(wish.moment, wish.order_ref)
        due_ns = await self._after_checkout(wish.order_ref, due_ns)
        at_ns = self._clock()
        path = f"/v1/orders/{wish.order_ref}/cancellation-requests"
        status, _ = await self._post(wish.channel, path, {"reason": wish.reason})
        self._note("cancellation_request", due_ns, at_ns, wish.channel, wish.order_ref, status, self._clock())

    async def _ask_to_return(self, wish: RequestReturn, due_ns: int) -> None:
        if wish.moment != "clock":
            due_ns = await self._moment(wish.moment, wish.order_ref) + round(wish.lag_s * 1e9)
            await asyncio.sleep(wish.lag_s)
        due_ns = await self._after_checkout(wish.order_ref, due_ns)
        at_ns = self._clock()
        body = {
            "order_ref": wish.order_ref,
            "lines": [{"line_id": line_id, "quantity": quantity} for line_id, quantity in wish.lines],
            "reason": wish.reason,
        }
        status, _ = await self._post(wish.channel, "/v1/returns", body)
        self._note("return_request", due_ns, at_ns, wish.channel, wish.order_ref, status, self._clock())

    async def _after_checkout(self, order_ref: str, due_ns: int) -> int:
        """Nobody cancels or returns what has not been confirmed to them yet; returns when the wish is due then."""
        checkout = self._checkouts.get(order_ref)
        if checkout is None or checkout.done():
            return due_ns
        await asyncio.wait((checkout,))
        return self._clock()

    async def _moment(self, moment: str, order_ref: str) -> int:
        """Wait until it has come; returns when it was seen."""
        self._wishing += 1
        try:
            await self._moments.setdefault((moment, order_ref), asyncio.Event()).wait()
        finally:
            self._wishing -= 1
        return self._clock()

    def _see(self, effect: Effect) -> None:
        moment = MOMENTS.get(effect.kind)
        if moment is None or effect.order_ref is None or (moment == "shipped" and effect.status != "shipped"):
            return
        self._moments.setdefault((moment, effect.order_ref), asyncio.Event()).set()

    async def _post(self, channel: str, path: str, body: dict[str, Any]) -> tuple[int | None, dict[str, Any]]:
        """Status and answer; no status where the channel did not answer."""
        assert self._session is not None, "work() opens the session"
        system = self._estate.systems[channel]
        headers = {"Authorization": f"Bearer {system.shopper.api_key}"}
        try:
            async with self._session.post(system.near_url + path, json=body, headers=headers) as reply:
                answer: dict[str, Any] = {}
                with suppress(ValueError, aiohttp.ContentTypeError):
                    answer = await reply.json(content_type=None)
                return reply.status, answer
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, {}

    # The back office

    def _at_the_desk(self, item: Receipt | Count | Damage | PriceChange, due_ns: int) -> None:
        at_ns = self._clock()
        act = _at_desk(item, due_ns)

        def note(done: bool) -> None:
            if done:
                self._note(act.kind, due_ns, at_ns, sku=act.sku)

        self._estate.at_the_desk(act, note)

    def _note(
        self,
        kind: str,
        due_ns: int,
        at_ns: int,
        channel: str | None = None,
        order_ref: str | None = None,
        status: int | None = None,
        replied_ns: int | None = None,
        sku: str | None = None,
    ) -> None:
        self._writer.workload(
            WorkloadItem(
                at_ns=at_ns,
                kind=kind,
                due_ns=due_ns,
                replied_ns=replied_ns,
                channel=channel,
                order_ref=order_ref,
                sku=sku,
                status=status,
            )
        )


IN_THE_WAREHOUSE: dict[type, Literal["receipt", "count", "damage"]] = {
    Receipt: "receipt",
    Count: "count",
    Damage: "damage",
}


def _at_desk(item: Receipt | Count | Damage | PriceChange, due_ns: int) -> DeskAct:
    """As the estate takes it."""
    if isinstance(item, PriceChange):
        valid_from = rfc3339(due_ns + round((item.valid_from_s - item.at_s) * 1e9))
        return DeskAct(
            "price_change", item.sku, currency=item.currency, amount=item.amount, valid_from=valid_from
        )
    return DeskAct(IN_THE_WAREHOUSE[type(item)], item.sku, item.location, item.quantity)


def _unknown_skus(plan: Plan, count: int) -> frozenset[str]:
    """SKUs that one small order names and nothing else touches, by luck of the seed."""
    wished = {
        item.order_ref for item in plan.expected if isinstance(item, RequestCancellation | RequestReturn)
    }
    touched = {
        item.sku for item in plan.expected if isinstance(item, Receipt | Count | Damage | PriceChange)
    } | {line.sku for order in plan.before_run for line in order.lines}
    named_by: dict[str, set[str]] = {}
    for order in plan.expected_orders:
        for line in order.lines:
            named_by.setdefault(line.sku, set()).add(order.order_ref)
    dice = Dice(plan.seed)
    fit = {}
    for order in plan.expected_orders:
        own = [line.sku for line in order.lines if len(named_by[line.sku]) == 1 and line.sku not in touched]
        if own and len(order.lines) <= FEW_LINES and order.order_ref not in wished:
            fit[order.order_ref] = own[0]
    lucky = sorted(fit, key=lambda order_ref: dice.roll("unknown item", order_ref))
    return frozenset(fit[order_ref] for order_ref in lucky[:count])
