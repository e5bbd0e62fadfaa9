"""Finds what no event has told: every list that events come from is read again for what changed since last time."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .client import SystemClient
from .documents import (
    Availability,
    CancellationRequest,
    ChannelOrder,
    ChannelReturn,
    CreditMemo,
    ExpectedReturn,
    Fulfilment,
    Listing,
    OmsOrder,
    Price,
    Rejection,
    SalesOrder,
    Shipment,
    StockChange,
    StockLevel,
    StockMovement,
)
from .flows import cancel, order_to_ship, return_to_refund
from .flows.order_to_ship import BOOKED, OPEN_AT_CHANNEL
from .intake import Intake
from .order import Order
from .policies import ReadingPolicy
from .store import Store

log = logging.getLogger(__package__)


@dataclass(frozen=True, slots=True)
class PolledList:
    """One list of one kind of system, and what to do about an item of it."""

    kind: str
    path: str
    reads: Any
    repair: Callable[[str, Any], None]
    """Takes the system's name and an item; does nothing about what is known."""


class Reconciliation:
    """Polls every ``poll_s``; a system that is throttling, down or busy is left for the next time."""

    def __init__(
        self,
        clients: dict[str, SystemClient],
        intake: Intake,
        store: Store,
        reading: ReadingPolicy,
        *,
        poll_s: float,
    ) -> None:
        self._clients = clients
        self._intake = intake
        self._worker = intake.worker
        self._store = store
        self._reading = reading
        self._poll_s = poll_s
        self._since: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}
        self._lists = tuple(self._all())

    def load(self) -> None:
        """Begin where the last process ended; at first, with what changes from now on.

        That moment is noted: a process that is killed before it has polled anything leaves it to the next, which must
        not begin with what changes from *its* start on.
        """
        now = _stamp(datetime.now(UTC))
        for name, polled in self._lists_of_systems():
            key = f"{name}{polled.path}"
            known = self._store.cursor(key)
            if known is None:
                self._store.note_cursor(key, now)
            self._since[key] = known or now

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self.poll()
            except Exception:
                log.exception("polling failed in this service; it goes on")

    async def poll(self) -> None:
        """Read every list once."""
        await asyncio.gather(*(self._poll_system(name) for name in self._clients))

    async def _poll_system(self, name: str) -> None:
        client = self._clients[name]
        for polled in (each for each in self._lists if each.kind == client.kind):
            if not client.pace.calm:
                return
            await self._poll(name, client, polled)

    async def _poll(self, name: str, client: SystemClient, polled: PolledList) -> None:
        key = f"{name}{polled.path}"
        path = f"{polled.path}?updated_since={self._since[key]}&limit=500"
        self._asked_at[name] = time.time()
        reply, items = await client.read_list(path, polled.reads)
        if reply.code == "unreadable":
            log.warning("%s%s cannot be read: %s", name, polled.path, reply.detail)
        for item in items:
            polled.repair(name, item)
        if reply.status == 200 and items:
            latest = max(_moment(item.updated_at) for item in items)
            asked_at = datetime.fromtimestamp(self._asked_at[name], UTC)
            self._since[key] = _stamp(self._reading.since(latest, asked_at))
            self._store.note_cursor(key, self._since[key])

    def _lists_of_systems(self) -> Iterator[tuple[str, PolledList]]:
        for name, client in self._clients.items():
            for polled in self._lists:
                if polled.kind == client.kind:
                    yield name, polled

    def _all(self) -> Iterator[PolledList]:
        yield PolledList("marketplace", "/v1/orders", ChannelOrder, self._order)
        yield PolledList("marketplace", "/v1/cancellation-requests", CancellationRequest, self._wish)
        yield PolledList("marketplace", "/v1/returns", ChannelReturn, self._return)
        yield PolledList("marketplace", "/v1/listings", Listing, self._listing)
        yield PolledList("oms", "/v1/stock", StockLevel, self._stock)
        yield PolledList("oms", "/v1/orders", OmsOrder, self._oms_order)
        yield PolledList("oms", "/v1/availability", Availability, self._availability)
        yield PolledList("erp", "/v1/sales-orders", SalesOrder, self._sales_order)
        yield PolledList("erp", "/v1/credit-memos", CreditMemo, self._credit_memo)
        yield PolledList("erp", "/v1/prices", Price, self._price)
        yield PolledList("wms", "/v1/shipments", Shipment, self._shipment)
        yield PolledList("wms", "/v1/fulfilments", Fulfilment, self._fulfilment)
        yield PolledList("wms", "/v1/expected-returns", ExpectedReturn, self._expected_return)
        yield PolledList("wms", "/v1/stock-movements", StockMovement, self._movement)

    # What each item may repair

    def _tell(self, what: str, ref: str, fact: Callable[[Order], None]) -> None:
        log.info("found by polling: %s of %s", what, ref)
        self._worker.tell(ref, fact)

    def _order(self, channel: str, item: ChannelOrder) -> None:
        order = self._worker.knows(item.order_ref)
        if (order is not None and order.placed) or item.status not in OPEN_AT_CHANNEL:
            return

        def fact(order: Order) -> None:
            order.found = item.status != "placed"
            order_to_ship.placed(order, channel, item)

        self._tell("order", item.order_ref, fact)

    def _wish(self, channel: str, item: CancellationRequest) -> None:
        order = self._worker.knows(item.order_ref)
        if item.status == "requested" and (order is None or item.request_id not in order.wishes):
            self._tell("cancellation", item.order_ref, lambda order: cancel.wished(order, channel, item))

    def _return(self, channel: str, item: ChannelReturn) -> None:
        order = self._worker.knows(item.order_ref)
        known = order.returns.get(item.return_id) if order else None
        if item.status == "requested" and (known is None or known.channel is None):
            self._tell("return", item.order_ref, lambda o: return_to_refund.requested(o, channel, item))

    def _oms_order(self, name: str, item: OmsOrder) -> None:
        order = self._worker.knows(item.order_ref)
        if order is None or order.ended:
            return
        if item.parts and not order.parts:
            self._tell("allocation", item.order_ref, lambda o: order_to_ship.allocated(o, item))
        elif item.status == "unfillable" and not order.unfillable:
            self._tell("unfillable", item.order_ref, lambda o: order_to_ship.unfillable(o, item))

    def _sales_order(self, name: str, item: SalesOrder) -> None:
        order = self._worker.knows(item.order_ref)
        if order is None or order.ended or order.posted:
            return
        if item.status in BOOKED:
            self._tell("posting", item.order_ref, lambda o: order_to_ship.posted(o, item))
        elif item.status == "rejected" and order.rejected is None:
            rejection = Rejection(
                item.sales_order_id, item.order_ref, item.rejection or "rejected", item.rejected_for_good
            )
            self._tell("rejection", item.order_ref, lambda o: order_to_ship.rejected(o, rejection))

    def _credit_memo(self, name: str, item: CreditMemo) -> None:
        order = self._worker.knows(item.order_ref)
        known = order.returns.get(item.return_id) if order else None
        if item.status == "posted" and known is not None and known.credited is None:
            self._tell("credit memo", item.order_ref, lambda o: return_to_refund.credited(o, item))

    def _shipment(self, name: str, item: Shipment) -> None:
        order = self._worker.knows(item.order_ref)
        if order is not None and order.placed and item.shipment_id not in order.shipments:
            self._tell("shipment", item.order_ref, lambda o: order_to_ship.shipped(o, item))

    def _fulfilment(self, name: str, item: Fulfilment) -> None:
        order = self._worker.knows(item.order_ref)
        if order is not None and order.placed and item.short and item.fulfilment_id not in order.shorts:

            def fact(order: Order) -> None:
                order_to_ship.given_up(order, item.fulfilment_id, item.short)

            self._tell("short pick", item.order_ref, fact)

    def _expected_return(self, name: str, item: ExpectedReturn) -> None:
        order = self._worker.knows(item.order_ref)
        known = order.returns.get(item.return_id) if order else None
        if item.status == "received" and known is not None and known.received is None:

            def fact(order: Order) -> None:
                return_to_refund.received(order, item.return_id, item.received)

            self._tell("received return", item.order_ref, fact)

    def _movement(self, name: str, item: StockMovement) -> None:
        self._intake.stock.stock_changed(
            StockChange(
                item.change_id, item.sku, item.location, item.on_hand, item.version, item.quantity, item.cause
            )
        )

    def _stock(self, name: str, item: StockLevel) -> None:
        self._intake.stock.stock_seen(item, self._asked_at[name])

    def _listing(self, channel: str, item: Listing) -> None:
        self._intake.stock.listing_seen(channel, item, self._asked_at[channel])
        self._intake.prices.listing_seen(channel, item, self._asked_at[channel])

    def _availability(self, name: str, item: Availability) -> None:
        self._intake.stock.availability_changed(item)

    def _price(self, name: str, item: Price) -> None:
        self._intake.prices.price_changed(item)


def _moment(text: str) -> datetime:
    """A time as a system tells it; without a zone it means UTC, in the same page as others that say so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"
