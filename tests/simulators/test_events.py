"""Events on their way to a real receiver: signed, at least once, and tried again until it has them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from peakproof.chaos.fault import Fault
from peakproof.chaos.faults.drop_delivery import DropDelivery
from peakproof.chaos.faults.duplicate_delivery import DuplicateDelivery
from peakproof.chaos.faults.reorder_delivery import ReorderDelivery
from peakproof.chaos.injection import Injection, Trigger
from peakproof.history.clock import Clock
from peakproof.history.records import Delivery
from peakproof.simulators.kit import subscriptions
from peakproof.simulators.kit.events import (
    DeliverySettings,
    Dispatcher,
    _seconds,
    new_secret,
)
from peakproof.simulators.kit.ledger import Event

from .doors import AskedErp, asked_erp

SECRET = new_secret()
POSTED = "sales_order.posted"
QUICK = DeliverySettings(ladder_s=(0.0, 1.0, 1.0, 1.0), timeout_s=0.25)
"""Four attempts, a hundredth of a second apart at the time scale of these tests."""

Answer = Callable[[int], web.Response | float]
"""What the n-th request gets, from 1: a response, or seconds of silence."""


def accept(number: int) -> web.Response:
    return web.Response(status=202)


def first(*statuses: int, **headers: str) -> Answer:
    """These statuses, one after another, and then 202."""

    def answer(number: int) -> web.Response:
        known = {name.replace("_", "-"): value for name, value in headers.items()}
        if number <= len(statuses):
            return web.Response(status=statuses[number - 1], headers=known)
        return web.Response(status=202)

    return answer


@dataclass
class Got:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


@dataclass
class KeptDeliveries:
    """A recorder that writes nowhere."""

    deliveries: list[Delivery] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def delivery(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    def body(self, raw: bytes) -> str:
        self.bodies.append(raw)
        return f"body-{len(self.bodies)}"


@dataclass
class Post:
    """A dispatcher, a receiver, and what passed between them."""

    dispatcher: Dispatcher
    url: str
    record: KeptDeliveries
    got: list[Got]
    clock: Clock

    def emit(self, subject: str = "web-000001", topic: str = POSTED, **about: Any) -> None:
        self.dispatcher.emit(
            Event(
                system="erp",
                topic=topic,
                subject=subject,
                at_ns=self.clock(),
                data={"sales_order_id": "SO-000001", "order_ref": subject},
                effect_id="erp-e0000007",
                order_ref=subject,
                **about,
            )
        )

    def subscribe(self, *topics: str) -> str:
        return self.dispatcher.subscribe("erp", self.url, topics or ("*",), SECRET).subscription_id

    async def settled(self) -> None:
        """Until nothing is on its way any more."""
        async with asyncio.timeout(10):
            while self.dispatcher.pending:
                await asyncio.sleep(0.002)

    @property
    def attempts(self) -> list[tuple[int, int | None, str | None]]:
        return [(one.attempt, one.status, one.error) for one in self.record.deliveries]


@asynccontextmanager
async def post(
    answer: Answer = accept, settings: DeliverySettings = QUICK, fault: Fault | None = None
) -> AsyncIterator[Post]:
    got: list[Got] = []

    async def receive(request: web.Request) -> web.Response:
        got.append(
            Got({name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        answered = answer(len(got))
        if isinstance(answered, float):
            await asyncio.sleep(answered)
            return web.Response(status=202)
        return answered

    application = web.Application()
    application.router.add_post("/webhooks", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    record, clock = KeptDeliveries(), Clock()
    dispatcher = Dispatcher(record, clock, time_scale=0.01, settings=settings)
    if fault is not None:
        erp = asked_erp()
        erp.gate.arm(Trigger(Injection("injected", fault), rank=0, seed=1))
        dispatcher.shapes["erp"] = erp.gate.deliveries
    await dispatcher.start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks"
        yield Post(dispatcher, url, record, got, clock)
    finally:
        await dispatcher.stop()
        await runner.cleanup()


# What arrives


async def test_an_event_arrives_as_one_signed_cloud_event() -> None:
    async with post() as sent:
        sent.subscribe(POSTED)
        sent.emit(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        await sent.settled()
    [got] = sent.got
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.headers["webhook-id"] == got.event["id"] == "erp-evt-0000001"
    assert Webhook(SECRET).verify(got.body, got.headers) == got.event
    time = got.event.pop("time")
    assert time.endswith("Z") and datetime.fromisoformat(time).tzinfo is not None
    assert got.event | {"time": None} == {
        "specversion": "1.0",
        "id": "erp-evt-0000001",
        "source": "/erp",
        "type": POSTED,
        "subject": "web-000001",
        "time": None,
        "datacontenttype": "application/json",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"sales_order_id": "SO-000001", "order_ref": "web-000001"},
    }


async def test_an_event_outside_a_trace_has_no_traceparent() -> None:
    async with post() as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert "traceparent" not in sent.got[0].event


async def test_the_record_tells_every_attempt() -> None:
    async with post(first(500)) as sent:
        name = sent.subscribe()
        sent.emit()
        await sent.settled()
    failed, worked = sent.record.deliveries
    assert (failed.delivery_id, worked.delivery_id) == ("erp-d0000001", "erp-d0000002")
    assert (failed.attempt, failed.status, failed.acknowledged) == (1, 500, False)
    assert (worked.attempt, worked.status, worked.acknowledged) == (2, 202, True)
    assert (worked.event_id, worked.topic, worked.subject) == ("erp-evt-0000001", POSTED, "web-000001")
    assert (worked.order_ref, worked.effect_id, worked.subscription) == ("web-000001", "erp-e0000007", name)
    assert worked.emitted_ns <= failed.at_ns <= failed.replied_ns <= worked.at_ns <= worked.replied_ns
    assert sent.record.bodies == [got.body for got in sent.got]


async def test_only_what_was_subscribed_to_arrives() -> None:
    async with post() as sent:
        sent.subscribe("invoice.posted", "credit_memo.posted")
        for topic in (POSTED, "invoice.posted", "price.changed"):
            sent.emit(topic=topic)
        await sent.settled()
    assert [got.event["type"] for got in sent.got] == ["invoice.posted"]


async def test_two_subscriptions_get_the_same_event_under_one_id() -> None:
    async with post() as sent:
        sent.subscribe(POSTED)
        sent.subscribe("*")
        sent.emit()
        await sent.settled()
    assert [got.headers["webhook-id"] for got in sent.got] == ["erp-evt-0000001"] * 2
    assert sent.got[0].body == sent.got[1].body


async def test_another_system_is_another_subscription() -> None:
    async with post() as sent:
        sent.dispatcher.subscribe("wms", sent.url, ("*",), SECRET)
        sent.emit()
        await sent.settled()
    assert sent.got == []


async def test_nobody_listening_costs_no_delivery() -> None:
    async with post() as sent:
        sent.emit()
        assert sent.dispatcher.pending == 0
    assert sent.record.deliveries == []


# What is tried again


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 422, 500, 503])
async def test_anything_but_2xx_is_tried_again_under_the_same_id(status: int) -> None:
    async with post(first(status, status)) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert sent.attempts == [(1, status, None), (2, status, None), (3, 202, None)]
    assert {got.headers["webhook-id"] for got in sent.got} == {"erp-evt-0000001"}
    assert len({got.body for got in sent.got}) == 1
    for got in sent.got:
        Webhook(SECRET).verify(got.body, got.headers)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_2xx_is_an_acknowledgement(status: int) -> None:
    async with post(first(status)) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert sent.attempts == [(1, status, None)]


async def test_the_ladder_ends() -> None:
    async with post(first(*[500] * 10)) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert [attempt for attempt, _, _ in sent.attempts] == [1, 2, 3, 4]
    assert sent.dispatcher.given_up == 1


async def test_a_receiver_that_is_silent_is_given_up_on_for_now() -> None:
    async with post(lambda number: 0.5 if number == 1 else web.Response(status=202)) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert sent.attempts == [(1, None, "timeout"), (2, 202, None)]


async def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    async with post() as sent:
        sent.dispatcher.subscribe("erp", "http://127.0.0.1:1/webhooks", ("*",), SECRET)
        sent.emit()
        await sent.settled()
    assert sent.attempts == [(number, None, "refused") for number in (1, 2, 3, 4)]


async def test_a_receiver_that_hangs_up_is_tried_again() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with post() as sent, server:
        port = server.sockets[0].getsockname()[1]
        sent.dispatcher.subscribe("erp", f"http://127.0.0.1:{port}/", ("*",), SECRET)
        sent.emit()
        await sent.settled()
    assert {error for _, _, error in sent.attempts} == {"reset"}


async def test_gone_ends_the_subscription() -> None:
    async with post(first(410)) as sent:
        name = sent.subscribe()
        sent.emit("web-000001")
        await sent.settled()
        sent.emit("web-000002")
        await sent.settled()
    assert sent.attempts == [(1, 410, None)]
    assert not sent.dispatcher.subscriptions[name].active


async def test_retry_after_is_waited_for() -> None:
    async with post(first(503, Retry_After="0.2")) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    refused, worked = sent.record.deliveries
    assert worked.at_ns - refused.replied_ns >= 200_000_000


@pytest.mark.parametrize(("status", "attempts"), [(302, 2), (400, 1), (429, 1), (500, 1)])
async def test_retry_after_is_honoured_on_every_error_and_on_nothing_else(status: int, attempts: int) -> None:
    async with post(first(status, Retry_After="3600")) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert len(sent.got) == attempts


async def test_a_retry_that_is_far_off_is_not_waited_for() -> None:
    async with post(first(503, Retry_After="3600")) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
        assert (len(sent.got), sent.dispatcher.pending) == (1, 0)


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("inf", 0.0),
        ("1e400", 0.0),
        ("nan", 0.0),
        ("99999999999999999999", 86_400.0),
        ("Fri, 26 Nov 2500 12:00:00 GMT", 86_400.0),
        ("Fri, 26 Nov 99999 12:00:00 GMT", 0.0),
    ],
)
def test_retry_after_in_seconds(retry_after: str, seconds: float) -> None:
    assert _seconds(retry_after) == seconds


def test_retry_after_as_a_date() -> None:
    when = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < _seconds(format_datetime(when, usegmt=True)) <= 100
    assert _seconds("Fri, 21 Nov 2003 12:00:00 GMT") == 0.0


async def test_many_events_are_under_way_at_once_but_not_more_than_allowed() -> None:
    under_way = most = 0

    def answer(number: int) -> web.Response | float:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        asyncio.get_running_loop().call_later(0.02, leave)
        return 0.02

    def leave() -> None:
        nonlocal under_way
        under_way -= 1

    settings = DeliverySettings(ladder_s=(0.0,), timeout_s=2.0, in_flight=4)
    async with post(answer, settings) as sent:
        sent.subscribe()
        for number in range(20):
            sent.emit(f"web-{number:06d}")
        await sent.settled()
    assert len(sent.got) == 20
    assert 2 <= most <= 5


# Faults on the way


async def test_a_duplicate_arrives_twice_under_one_id() -> None:
    async with post(fault=DuplicateDelivery(copies=3)) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert [got.headers["webhook-id"] for got in sent.got] == ["erp-evt-0000001"] * 3
    assert [one.faults for one in sent.record.deliveries] == [["injected"]] * 3


async def test_copies_are_not_tried_again_and_the_event_itself_is() -> None:
    async with post(first(500, 500), fault=DuplicateDelivery(copies=2)) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert [status for _, status, _ in sent.attempts] == [500, 500, 202, 202]


async def test_a_later_event_overtakes_a_delayed_one() -> None:
    async with post() as sent:
        slow = asked_erp()
        trigger = Trigger(Injection("injected", ReorderDelivery(delay_s=0.1)), rank=0, seed=1)
        slow.gate.arm(trigger)
        sent.dispatcher.shapes["erp"] = slow.gate.deliveries
        sent.subscribe()
        sent.emit("web-000001")
        slow.gate.heal(trigger)
        sent.emit("web-000002")
        await sent.settled()
    assert [got.event["subject"] for got in sent.got] == ["web-000002", "web-000001"]


async def test_a_dropped_event_never_arrives_and_is_recorded() -> None:
    async with post(fault=DropDelivery()) as sent:
        sent.subscribe()
        sent.emit()
        await sent.settled()
    assert sent.got == []
    assert sent.attempts == [(1, None, "dropped")]
    assert sent.record.deliveries[0].faults == ["injected"]


async def test_nothing_leaves_after_the_dispatcher_stopped() -> None:
    async with post(first(500, 500, 500)) as sent:
        sent.subscribe()
        sent.emit()
        while not sent.got:
            await asyncio.sleep(0.001)
        await sent.dispatcher.stop()
        seen = len(sent.got)
        sent.emit()
        await asyncio.sleep(0.05)
        assert len(sent.got) == seen


# Subscriptions by API


def subscribing_erp() -> tuple[AskedErp, Dispatcher]:
    erp = asked_erp()
    dispatcher = Dispatcher(KeptDeliveries(), erp.made.world.now, time_scale=0.01)
    topics = frozenset({POSTED, "invoice.posted"})
    subscriptions.declare(erp.face, dispatcher, topics, subscriptions.LOOPBACK)
    return erp, dispatcher


PATH = "/v1/webhook-subscriptions"


def test_a_subscription_shows_its_secret_once() -> None:
    erp, dispatcher = subscribing_erp()
    made = erp.ask("POST", PATH, {"url": "http://127.0.0.1:9/webhooks", "topics": [POSTED]})
    assert made.status == 201
    secret = made.document["secret"]
    assert secret.startswith("whsec_") and Webhook(secret)
    name = made.document["subscription_id"]
    assert dispatcher.subscriptions[name].secret == secret
    for seen in (erp.ask("GET", f"{PATH}/{name}"), erp.ask("GET", PATH)):
        assert (seen.status, secret.encode() in seen.reply.body) == (200, False)
    assert secret not in repr(erp.record)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/webhooks", "url_not_allowed"),
        ("http://127.0.0.1.example.com/", "url_not_allowed"),
        ("http://user@evil.example@127.0.0.2/", "url_not_allowed"),
        ("ftp://127.0.0.1/", "url_not_allowed"),
        ("http://[::1", "url_not_allowed"),
        ("http://127.0.0.1:99999999/", "url_not_allowed"),
        ("//127.0.0.1/", "url_not_allowed"),
        ("nonsense", "url_not_allowed"),
        ("http://127.0.0.1:9/web hooks", "url_not_allowed"),
        (" http://127.0.0.1:9/", "url_not_allowed"),
        ("http://127.0.0.1:9/web\r\nhooks", "url_not_allowed"),
        ("http://127.0.0.1:9/\x7f", "url_not_allowed"),
        ("", "invalid_request"),
        ("http://127.0.0.1/" + "x" * 500, "invalid_request"),
    ],
)
def test_events_go_nowhere_else(url: str, code: str) -> None:
    erp, dispatcher = subscribing_erp()
    refused = erp.ask("POST", PATH, {"url": url, "topics": ["*"]})
    assert (refused.status, refused.code) == (422, code)
    assert dispatcher.subscriptions == {}


@pytest.mark.parametrize(
    ("topics", "code"),
    [(["order.placed"], "unknown_topic"), ([POSTED, "nonsense"], "unknown_topic"), ([], "invalid_request")],
)
def test_a_topic_must_be_one_of_the_systems_own(topics: list[str], code: str) -> None:
    erp, _ = subscribing_erp()
    refused = erp.ask("POST", PATH, {"url": "http://localhost:9/", "topics": topics})
    assert (refused.status, refused.code) == (422, code)


def test_a_subscription_can_be_ended_and_is_remembered() -> None:
    erp, dispatcher = subscribing_erp()
    names = [
        erp.ask("POST", PATH, {"url": "http://127.0.0.1:9/", "topics": ["*"]}).document["subscription_id"]
        for _ in range(2)
    ]
    ended = erp.ask("DELETE", f"{PATH}/{names[0]}")
    assert (ended.status, ended.reply.body) == (204, b"")
    third = erp.ask("POST", PATH, {"url": "http://127.0.0.1:9/", "topics": ["*"]}).document
    assert third["subscription_id"] not in names
    assert set(dispatcher.subscriptions) == {names[1], third["subscription_id"]}
    seen = erp.ask("GET", f"{PATH}/{names[0]}")
    assert (seen.document["active"], seen.headers["etag"]) == (False, '"v1"')
    assert erp.ask("DELETE", f"{PATH}/{names[0]}").status == 204
    assert erp.ask("DELETE", f"{PATH}/nonsense").status == 404


def test_a_subscription_that_ended_by_410_shows_so_in_every_list() -> None:
    erp, dispatcher = subscribing_erp()
    name = erp.ask("POST", PATH, {"url": "http://127.0.0.1:9/", "topics": ["*"]}).document["subscription_id"]
    dispatcher.subscriptions[name].active = False
    assert [one["active"] for one in erp.ask("GET", PATH).document["items"]] == [False]
    assert erp.ask("GET", f"{PATH}/{name}").headers["etag"] == '"v1"'


async def test_an_attempt_far_up_the_ladder_is_waited_for_where_the_receiver_takes_webhooks() -> None:
    late = DeliverySettings(ladder_s=(0.0, 1_800.0))
    async with post(first(500), late) as sent:
        sent.subscribe()
        sent.emit()
        await sleep_until(lambda: bool(sent.record.deliveries) and not sent.dispatcher.waiting)
        assert sent.dispatcher.pending == 0, "it was turned away, and nothing says that it will be taken"
        sent.emit("web-000002")
        await sleep_until(lambda: len(sent.record.deliveries) == 2 and not sent.dispatcher.waiting)
        assert sent.dispatcher.pending == 1, (
            "the receiver takes webhooks: the other one will be taken as well"
        )


async def test_what_was_not_delivered_yet_is_owed() -> None:
    async with post(first(503), DeliverySettings(ladder_s=(0.0, 500.0))) as sent:
        sent.subscribe()
        sent.emit()
        await sleep_until(lambda: bool(sent.record.deliveries) and not sent.dispatcher.waiting)
        (owed,) = sent.dispatcher.owed("erp")
        assert (owed["order_ref"], owed["doc"]["last_status"]) == ("web-000001", 503)
        assert sent.dispatcher.owed("oms") == []


async def test_what_the_receiver_turns_away_again_and_again_is_not_owed() -> None:
    async with post(first(*(500,) * 9), DeliverySettings(ladder_s=(0.0, 0.0, 0.0, 500.0))) as sent:
        sent.subscribe()
        sent.emit()
        await sleep_until(lambda: len(sent.record.deliveries) == 3 and not sent.dispatcher.waiting)
        assert sent.dispatcher.owed("erp") == []


async def sleep_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)
