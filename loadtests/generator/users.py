"""What shoppers do over HTTP, as Locust's users; every time counts from when a thing was meant to be done."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, ClassVar

import gevent
import msgspec
from locust import FastHttpUser, task
from locust.event import EventHook

from ...history.clock import Clock
from ...history.records import WorkloadItem
from ..plan import PlaceOrder, RequestCancellation, RequestReturn
from .job import Job

CONNECTIONS = 2_000
"""Of each user at once: nobody waits for somebody else's connection."""
PATIENCE_S = 30.0
BASKETS_TRIED = 3
"""A shopper whose basket holds something sold out takes it out and tries again, so often."""
LOOKS_PER_S = 1.0
"""How often one who looks around looks at a price."""
POLLS_PER_S = 0.2
"""How often one who watches the stock of a channel asks for a page of it."""
PER_PART = 1_000_000
"""A worker has fewer onlookers than that: no two of all workers look alike."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What all users of one process share."""

    job: Job
    clock: Clock
    note: Callable[[WorkloadItem], None]
    """Writes down what a shopper did."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a shopper was told, and when."""

    status: int | None
    """None where the channel did not answer."""
    body: dict[str, Any]
    at_ns: int
    """When the request was sent."""
    replied_ns: int


class Shopper(FastHttpUser):
    """Somebody with a browser."""

    abstract = True
    host = "http://127.0.0.1"
    concurrency = CONNECTIONS
    network_timeout = PATIENCE_S
    connection_timeout = PATIENCE_S
    scene: ClassVar[Scene]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.client.request_event = EventHook()  # it counts from the sending, `send` from the due time

    def send(
        self, name: str, method: str, channel: str, path: str, due_ns: int, body: object = None
    ) -> Reply:
        """Ask a channel; Locust is told how long it took since ``due_ns``, under the flow's name."""
        door, clock = self.scene.job.channels[channel], self.scene.clock
        url, at_ns = door.url + path, clock()
        answer: Any = self.client.request(
            method, url, name=name, json=body, headers={"Authorization": f"Bearer {door.api_key}"}
        )
        replied_ns = clock()
        status = answer.status_code or None
        text = answer.content or b""
        failed = status is None or status >= 500
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=(replied_ns - due_ns) / 1e6,
            response_length=len(text),
            exception=answer.error or RuntimeError(f"status {status}") if failed else None,
            context={},
            url=url,
            response=answer,
            start_time=at_ns / 1e9,
        )
        said: dict[str, Any] = {}
        with suppress(msgspec.DecodeError):
            said = msgspec.json.decode(text, type=dict[str, Any])
        return Reply(status, said, at_ns, replied_ns)


class Checkout(Shopper):
    """Buys."""

    def act(self, order: PlaceOrder, due_ns: int) -> bool:
        """Place it, without what is sold out; whether it was placed."""
        wanted: PlaceOrder | None = order
        for _ in range(BASKETS_TRIED):
            if wanted is None:
                return False
            reply = self.send(
                "order-to-ship: checkout", "POST", order.channel, "/v1/checkouts", due_ns, wanted.checkout()
            )
            self.scene.note(noted("order", due_ns, reply, order.channel, order_ref=order.order_ref))
            if reply.status == 201:
                return True
            sold_out = {missing["sku"] for missing in reply.body.get("missing", ())}
            if not sold_out:
                return False
            wanted, due_ns = wanted.without(sold_out), reply.replied_ns
        return False


class Cancel(Shopper):
    """Changes their mind."""

    def act(self, wish: RequestCancellation, due_ns: int) -> None:
        path = f"/v1/orders/{wish.order_ref}/cancellation-requests"
        reply = self.send("cancel: request", "POST", wish.channel, path, due_ns, {"reason": wish.reason})
        self.scene.note(noted("cancellation_request", due_ns, reply, wish.channel, order_ref=wish.order_ref))


class Return(Shopper):
    """Sends goods back."""

    def act(self, wish: RequestReturn, due_ns: int) -> None:
        body = {
            "order_ref": wish.order_ref,
            "lines": [{"line_id": line_id, "quantity": quantity} for line_id, quantity in wish.lines],
            "reason": wish.reason,
        }
        reply = self.send("return-to-refund: request", "POST", wish.channel, "/v1/returns", due_ns, body)
        self.scene.note(noted("return_request", due_ns, reply, wish.channel, order_ref=wish.order_ref))


class Onlooker(Shopper):
    """Looks by chance, again and again, without waiting for the answer to the last look."""

    abstract = True
    per_s: ClassVar[float]
    _numbers: ClassVar[Iterator[int]] = count()

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.number = self.scene.job.part * PER_PART + next(self._numbers)
        self.dice = Random(f"{self.scene.job.seed} {type(self).__name__} {self.number}")

    @task
    def look_again_and_again(self) -> None:
        due_ns = self.scene.clock()
        while True:
            due_ns += round(self.dice.expovariate(self.per_s) * 1e9)
            sleep_until(due_ns, self.scene.clock)
            gevent.spawn(self.look, due_ns)

    def look(self, due_ns: int) -> None:
        raise NotImplementedError


class PriceWatch(Onlooker):
    """Looks at the price of one article after another, on any channel."""

    per_s = LOOKS_PER_S
    weight = 1

    def look(self, due_ns: int) -> None:
        job = self.scene.job
        channel, sku = self.dice.choice(sorted(job.channels)), self.dice.choice(job.skus)
        reply = self.send("price-publish: look", "GET", channel, f"/v1/catalogue/{sku}", due_ns)
        self.scene.note(noted("price_look", due_ns, reply, channel, sku=sku))


class StockPoll(Onlooker):
    """Asks one channel after another for a page of what can be bought."""

    per_s = POLLS_PER_S

    def look(self, due_ns: int) -> None:
        channel = self.dice.choice(sorted(self.scene.job.channels))
        reply = self.send("stock-sync: poll", "GET", channel, "/v1/catalogue?limit=50", due_ns)
        self.scene.note(noted("stock_poll", due_ns, reply, channel))


def noted(
    kind: str, due_ns: int, reply: Reply, channel: str, order_ref: str | None = None, sku: str | None = None
) -> WorkloadItem:
    return WorkloadItem(
        at_ns=reply.at_ns,
        kind=kind,
        due_ns=due_ns,
        replied_ns=reply.replied_ns,
        channel=channel,
        order_ref=order_ref,
        sku=sku,
        status=reply.status,
    )


def sleep_until(due_ns: int, clock: Clock) -> None:
    """Sleep at least that long; a loop that was busy may wake a sleeper too early."""
    while (wait_s := (due_ns - clock()) / 1e9) > 0:
        gevent.sleep(wait_s)
