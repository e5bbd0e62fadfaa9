"""``python -m peakproof.loadtests.bench.lean``: a stand-in for a middleware that costs next to nothing. A measuring instrument.

It makes the calls of order-to-ship and no others, so that a machine's processors are left to what is measured: the estate
and the load generator. It is no example of a middleware: it keeps nothing on disk, checks no signature, and whatever it is
refused it does not try again (429, 503 and lost connections apart) but says at ``/exceptions``.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial

import msgspec
import uvloop
from msgspec import Raw, Struct

from .lean_wire import Answer, Client, Listener

TOPICS = (
    "order.placed",
    "order.allocated",
    "order.unfillable",
    "sales_order.posted",
    "sales_order.rejected",
    "shipment.confirmed",
)
"""What it has to be told."""
CONNECTIONS = 16
"""To each system at most; what comes beyond that waits."""
SOON_S = 0.2
"""A call is made again after this where nobody says when it may be."""


class Address(Struct):
    """As ``PEAKPROOF_SYSTEMS`` tells it."""

    kind: str
    url: str
    api_key: str


class Line(Struct, gc=False):
    line_id: str
    sku: str
    quantity: int
    unit_price: str


class Content(Struct):
    """What OMS and ERP are told of an order, letter for letter."""

    order_ref: str
    channel: str
    currency: str
    lines: list[Line]
    shipping: str
    total: str
    customer: Raw
    ship_to: Raw
    service_level: str
    priority: int
    ship_by: str
    payment_id: str


class Units(Struct, gc=False):
    line_id: str
    quantity: int


class Part(Struct):
    part_id: str
    location: str
    lines: Raw


class InOms(Struct):
    order_id: str
    order_ref: str
    parts: list[Part] = []


class InErp(Struct):
    sales_order_id: str
    order_ref: str


class Parcel(Struct):
    fulfilment_id: str
    order_ref: str
    shipment_id: str | None
    lines: list[Units]
    short: list[Units] = []
    carrier: str | None = None
    tracking_number: str | None = None


class Event(Struct):
    """A CloudEvent, as far as it matters."""

    type: str
    source: str
    data: Raw


class Order:
    """One order that is not done."""

    __slots__ = (
        "channel",
        "content",
        "left",
        "oms_id",
        "open",
        "parcels",
        "parts",
        "posted",
        "sales_order_id",
        "shipping_charged",
        "short",
        "unfillable",
    )

    def __init__(self, channel: str, content: Content) -> None:
        self.channel = channel
        self.content = content
        self.open = 0
        """Calls that have no answer yet."""
        self.left = sum(line.quantity for line in content.lines)
        """Units that have not been shipped."""
        self.oms_id = self.sales_order_id = ""
        self.parts: list[Part] = []
        self.parcels: list[Parcel] = []
        """Those that nobody has been told of yet."""
        self.posted = self.unfillable = self.shipping_charged = self.short = False


Done = Callable[[bytes], None]


class Lean:
    """All orders under way, and the calls that each event leads to."""

    def __init__(self, clients: Mapping[str, Client], kinds: Mapping[str, str]) -> None:
        """``kinds`` names the one system of each kind; channels go by their own names."""
        self._clients = clients
        self._oms, self._erp, self._wms, self._payments = (
            clients[kinds[kind]] for kind in ("oms", "erp", "wms", "payments")
        )
        self._orders: dict[str, Order] = {}
        self._pending = 0
        self._refused: list[dict[str, str]] = []
        self._encode = msgspec.json.Encoder().encode
        self._event = msgspec.json.Decoder(Event).decode
        self._content = msgspec.json.Decoder(Content).decode
        self._in_oms = msgspec.json.Decoder(InOms).decode
        self._in_erp = msgspec.json.Decoder(InErp).decode
        self._parcel = msgspec.json.Decoder(Parcel).decode
        self._topics: dict[str, Callable[[Event], None]] = {
            "order.placed": self._placed,
            "order.allocated": self._allocated,
            "order.unfillable": self._unfillable,
            "sales_order.posted": self._posted,
            "sales_order.rejected": self._rejected,
            "shipment.confirmed": self._shipped,
        }

    def asked(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """What it answers: events, and what a run asks of every middleware."""
        if method == "POST":
            event = self._event(body)
            take = self._topics.get(event.type)
            if take is not None:
                take(event)
            return 200, b""
        if path == "/pending":
            return 200, self._encode({"pending": self._pending})
        if path == "/exceptions":
            return 200, self._encode(self._refused)
        return (200, b"{}") if path == "/health" else (404, b"{}")

    # Events

    def _placed(self, event: Event) -> None:
        content = self._content(event.data)
        ref = content.order_ref
        if ref in self._orders:
            return
        channel = event.source.strip("/")
        order = self._orders[ref] = Order(channel, content)
        body = self._encode(content)
        self._call(order, self._clients[channel], "acknowledge", f"/v1/orders/{ref}/acknowledge", b"{}")
        self._call(order, self._oms, "create", "/v1/orders", body, partial(self._created, order))
        self._call(order, self._erp, "book", "/v1/sales-orders", body, partial(self._booked, order))

    def _allocated(self, event: Event) -> None:
        document = self._in_oms(event.data)
        order = self._orders.get(document.order_ref)
        if order is not None:
            order.oms_id, order.parts = document.order_id, document.parts
            self._go_on(order)

    def _unfillable(self, event: Event) -> None:
        order = self._orders.get(self._in_oms(event.data).order_ref)
        if order is not None:
            order.unfillable = True
            self._go_on(order)

    def _posted(self, event: Event) -> None:
        document = self._in_erp(event.data)
        order = self._orders.get(document.order_ref)
        if order is not None:
            order.sales_order_id, order.posted = document.sales_order_id, True
            self._go_on(order)

    def _rejected(self, event: Event) -> None:
        self._stop(self._in_erp(event.data).order_ref, "erp", "sales_order.rejected")

    def _shipped(self, event: Event) -> None:
        parcel = self._parcel(event.data)
        order = self._orders.get(parcel.order_ref)
        if order is not None:
            order.parcels.append(parcel)
            self._go_on(order)

    # Answers

    def _created(self, order: Order, body: bytes) -> None:
        order.oms_id = self._in_oms(body).order_id

    def _booked(self, order: Order, body: bytes) -> None:
        order.sales_order_id = self._in_erp(body).sales_order_id

    # What follows

    def _go_on(self, order: Order) -> None:
        """Everything that may be done now."""
        if order.unfillable:
            if not order.open:
                self._cancel(order)
            return
        if not (order.posted and order.oms_id):
            return
        parts, order.parts = order.parts, []
        for part in parts:
            self._request(order, part)
        parcels, order.parcels = order.parcels, []
        for parcel in parcels:
            if parcel.lines:
                self._ship(order, parcel)
            if parcel.short:
                self._give_up(order, parcel)
        if not order.left and not order.open:
            if order.short:
                order.short = False
                self._void(order)
            self._orders.pop(order.content.order_ref, None)

    def _request(self, order: Order, part: Part) -> None:
        content = order.content
        body = {
            "order_ref": content.order_ref,
            "part_id": part.part_id,
            "location": part.location,
            "lines": part.lines,
            "priority": content.priority,
            "ship_by": content.ship_by,
            "service_level": content.service_level,
            "ship_to": content.ship_to,
        }
        self._call(order, self._wms, f"request-{part.part_id}", "/v1/fulfilments", self._encode(body))

    def _ship(self, order: Order, parcel: Parcel) -> None:
        """Charge and invoice what left, and tell OMS and channel of it."""
        content, shipment_id, lines = order.content, parcel.shipment_id, parcel.lines
        shipping = Decimal(0) if order.shipping_charged else Decimal(content.shipping)
        order.shipping_charged = True
        prices = {line.line_id: Decimal(line.unit_price) for line in content.lines}
        total = format(sum((prices[line.line_id] * line.quantity for line in lines), shipping), "f")
        order.left -= sum(line.quantity for line in lines)
        capture = {"amount": total, "currency": content.currency, "shipment_id": shipment_id}
        invoice = {
            "order_ref": content.order_ref,
            "sales_order_id": order.sales_order_id,
            "shipment_id": shipment_id,
            "currency": content.currency,
            "lines": lines,
            "shipping": format(shipping, "f"),
            "total": total,
        }
        left = {"shipment_id": shipment_id, "lines": lines}
        told = left | {
            "carrier": parcel.carrier or "unknown",
            "tracking_number": parcel.tracking_number or "unknown",
        }
        channel, paid = self._clients[order.channel], f"/v1/payments/{content.payment_id}/captures"
        for client, step, path, body in (
            (self._payments, "capture", paid, capture),
            (self._erp, "invoice", "/v1/invoices", invoice),
            (self._oms, "ship", f"/v1/orders/{order.oms_id}/ship", left),
            (channel, "tell", f"/v1/orders/{content.order_ref}/shipments", told),
        ):
            self._call(order, client, f"{step}-{shipment_id}", path, self._encode(body))

    def _give_up(self, order: Order, parcel: Parcel) -> None:
        """Cancel what the warehouse did not find."""
        order.left -= sum(line.quantity for line in parcel.short)
        order.short = True
        reason = f"short {parcel.fulfilment_id}"
        body = self._encode({"reason": reason, "lines": parcel.short})
        for client, path in (
            (self._oms, f"/v1/orders/{order.oms_id}/cancel"),
            (self._erp, f"/v1/sales-orders/{order.sales_order_id}/cancel"),
            (self._clients[order.channel], f"/v1/orders/{order.content.order_ref}/cancel"),
        ):
            self._call(order, client, reason, path, body)

    def _void(self, order: Order) -> None:
        """What was not captured."""
        path = f"/v1/payments/{order.content.payment_id}/void"
        self._call(order, self._payments, "void", path, b"{}")

    def _cancel(self, order: Order) -> None:
        """Everywhere: it cannot be filled."""
        ref = order.content.order_ref
        if self._orders.pop(ref, None) is None:
            return
        body = b'{"reason":"out_of_stock","lines":null}'
        self._call(order, self._clients[order.channel], "cancel", f"/v1/orders/{ref}/cancel", body)
        self._call(order, self._erp, "cancel", f"/v1/sales-orders/{order.sales_order_id}/cancel", body)
        self._void(order)

    def _stop(self, ref: str, system: str, reason: str) -> None:
        self._orders.pop(ref, None)
        self._refused.append({"order_ref": ref, "system": system, "reason": reason})

    # Calls

    def _call(
        self, order: Order, client: Client, step: str, path: str, body: bytes, done: Done | None = None
    ) -> None:
        order.open += 1
        self._pending += 1
        key = f"{step}-{order.content.order_ref}"
        client.post(path, body, key, partial(self._answered, order, client, step, path, body, done))

    def _answered(
        self,
        order: Order,
        client: Client,
        step: str,
        path: str,
        body: bytes,
        done: Done | None,
        answer: Answer | None,
    ) -> None:
        order.open -= 1
        self._pending -= 1
        if answer is None or answer.status in (429, 503):
            wait_s = SOON_S if answer is None else answer.retry_after_s or SOON_S
            order.open += 1
            self._pending += 1
            loop = asyncio.get_running_loop()
            key = f"{step}-{order.content.order_ref}"
            again = partial(self._answered, order, client, step, path, body, done)
            loop.call_later(wait_s, client.post, path, body, key, again)
            return
        if answer.status >= 400:
            self._stop(order.content.order_ref, client.name, f"{step}: {answer.status}")
            return
        if done is not None:
            done(answer.body)
        self._go_on(order)


async def serve(environment: Mapping[str, str]) -> None:
    """Until SIGTERM."""
    systems = msgspec.json.decode(environment["PEAKPROOF_SYSTEMS"], type=dict[str, Address])
    clients = {
        name: Client(name, address.url, address.api_key, CONNECTIONS) for name, address in systems.items()
    }
    lean = Lean(clients, {address.kind: name for name, address in systems.items()})
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(
        lambda: Listener(lean.asked), "127.0.0.1", int(environment.get("PORT", "8080")), backlog=1_024
    )
    async with server:
        await ended.wait()
    for client in clients.values():
        client.close()


def main() -> None:
    """Serve what the environment says."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(os.environ))


if __name__ == "__main__":
    main()
