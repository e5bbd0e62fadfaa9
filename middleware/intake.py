"""Takes events: verified, known once, and on disk with all that follows from them before they are acknowledged."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from standardwebhooks import Webhook, WebhookVerificationError

from .documents import (
    Availability,
    CancellationRequest,
    ChannelOrder,
    ChannelReturn,
    CreditMemo,
    OmsOrder,
    Price,
    ReceivedReturn,
    Rejection,
    SalesOrder,
    Shipment,
    StockChange,
)
from .flows import cancel, order_to_ship, return_to_refund
from .flows.price_publish import PricePublish
from .flows.stock_sync import StockSync
from .order import Order
from .policies import Policies
from .store import Store
from .worker import Worker

log = logging.getLogger(__package__)

D = TypeVar("D")


class BadSignature(Exception):
    """The webhook is not from whom it says, or too old or new."""


class Malformed(Exception):
    """The webhook is no event that can be read."""


class CloudEvent(Struct, frozen=True):
    """CloudEvents 1.0 in structured mode, as far as it is read."""

    id: str
    source: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


Handler = Callable[[str, Any, tuple[str, ...]], None]
"""Takes the system's name, the event's data, and the steps that it starts anew."""


class Intake:
    """The door for events, whether they come as webhooks or are found by polling."""

    def __init__(
        self,
        worker: Worker,
        stock: StockSync,
        prices: PricePublish,
        store: Store,
        policies: Policies,
        webhook_secret: str,
    ) -> None:
        self.worker = worker
        self.stock = stock
        self.prices = prices
        self._store = store
        self._policies = policies
        self._webhook = Webhook(webhook_secret)
        about, by_channel = self._about, self._by_channel
        self._topics: dict[str, tuple[Any, Handler]] = {
            "order.placed": by_channel(ChannelOrder, order_to_ship.placed),
            "order.allocated": about(OmsOrder, order_to_ship.allocated),
            "order.unfillable": about(OmsOrder, order_to_ship.unfillable),
            "sales_order.posted": about(SalesOrder, order_to_ship.posted),
            "sales_order.rejected": about(Rejection, order_to_ship.rejected),
            "shipment.confirmed": about(Shipment, order_to_ship.shipped),
            "cancellation.requested": by_channel(CancellationRequest, cancel.wished),
            "return.requested": by_channel(ChannelReturn, return_to_refund.requested),
            "return.received": about(ReceivedReturn, return_to_refund.arrived),
            "credit_memo.posted": about(CreditMemo, return_to_refund.credited),
            "stock.changed": (StockChange, lambda _, data, anew: stock.stock_changed(data)),
            "availability.changed": (Availability, lambda _, data, anew: stock.availability_changed(data)),
            "price.changed": (Price, lambda _, data, anew: prices.price_changed(data)),
        }

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Take one webhook; returns when it may be acknowledged. Raises BadSignature, Malformed, StoreError."""
        self._verify(body, headers)
        try:
            event = msgspec.json.decode(body, type=CloudEvent)
            known = self._topics.get(event.type)
            data = msgspec.json.decode(event.data, type=known[0]) if known else None
        except msgspec.DecodeError as error:
            raise Malformed(str(error)) from None
        if known is None:
            return
        event_id = headers["webhook-id"]
        system = event.source.strip("/")
        handler = known[1]

        async def apply() -> None:
            anew = self._policies.deduplicate.take(event_id, event.type)
            if anew is not None:
                self._store.note_event(event_id, event.type, body)
                handler(system, data, anew)
            await self._store.commit()

        try:
            await self._policies.acknowledge.take(apply, lambda: self.worker.open)
        except ValueError as error:
            raise Malformed(str(error)) from None

    def _verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            self._policies.signature.verify(self._webhook, body, dict(headers))
        except (WebhookVerificationError, ValueError, OverflowError) as error:
            raise BadSignature(str(error)) from None

    def _about(self, data: type[D], fact: Callable[[Order, D], None]) -> tuple[Any, Handler]:
        """A fact about the order that the data names."""

        def handle(system: str, document: Any, anew: tuple[str, ...]) -> None:
            self.worker.tell(document.order_ref, lambda order: fact(order, document), anew=anew)

        return data, handle

    def _by_channel(self, data: type[D], fact: Callable[[Order, str, D], None]) -> tuple[Any, Handler]:
        """The same where it matters which channel says it."""

        def handle(system: str, document: Any, anew: tuple[str, ...]) -> None:
            self.worker.tell(document.order_ref, lambda order: fact(order, system, document), anew=anew)

        return data, handle
