"""The whole service over real sockets, against small systems that fail as systems do."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from peakproof.middleware.defects import DEFECTS
from peakproof.middleware.intake import BadSignature, Malformed
from peakproof.middleware.policies import Backoff, Policies
from peakproof.middleware.service import Service
from peakproof.middleware.settings import Settings

from .orders import PARTS, REF, channel_order
from .systems import Systems, answer_late, lose_reply, refuse, reset

SECRET = "whsec_" + "A" * 32
BOOK = "erp POST /v1/sales-orders"

Start = Callable[..., Awaitable[Service]]


@pytest.fixture
async def systems() -> AsyncIterator[Systems]:
    systems = Systems()
    await systems.server.start_server()
    yield systems
    await systems.server.close()


@pytest.fixture
async def start(systems: Systems, tmp_path: Path) -> AsyncIterator[Start]:
    services: list[Service] = []

    async def start(policies: Policies | None = None, poll_s: float = 1000.0) -> Service:
        settings = Settings(
            systems.addresses(), SECRET, tmp_path, poll_s=poll_s, timeout_s=2.0, gather_s=0.001
        )
        quick = policies or Policies(retry=Backoff(base_s=0.001, cap_s=0.005))
        service = Service(settings, quick)
        await service.start()
        services.append(service)
        return service

    yield start
    for service in services:
        if service.ready:
            await service.stop()


def signed(body: bytes, event_id: str, secret: str = SECRET) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body.decode()),
    }


async def tell(service: Service, source: str, topic: str, data: object, event_id: str | None = None) -> None:
    name = event_id or f"{topic}-{time.monotonic_ns()}"
    event = {"specversion": "1.0", "id": name, "source": source, "type": topic, "data": data}
    body = msgspec.json.encode(event)
    await service.intake.receive(body, signed(body, name))


async def quiet(service: Service) -> None:
    """Until nothing is left to do."""
    async with asyncio.timeout(5):
        while service.pending():
            await asyncio.sleep(0.002)


async def place(service: Service, event_id: str = "web-evt-1") -> None:
    await tell(service, "/web", "order.placed", channel_order(), event_id)


async def ship(service: Service) -> None:
    """From allocation to a confirmed shipment of everything."""
    await tell(service, "/oms", "order.allocated", {"order_id": "O", "order_ref": REF, "parts": PARTS})
    await tell(service, "/erp", "sales_order.posted", {"sales_order_id": "S", "order_ref": REF})
    lines = [line for part in PARTS for line in part.lines]
    parcel = {"fulfilment_id": "F", "order_ref": REF, "shipment_id": "SHP-1", "lines": lines, "short": []}
    await tell(service, "/wms", "shipment.confirmed", parcel)


def booked(systems: Systems) -> int:
    return len(systems.made.get("erp /v1/sales-orders", []))


async def test_an_order_goes_all_the_way(start: Start, systems: Systems) -> None:
    service = await start()
    systems.instead["oms POST /v1/orders"] = [answer_late]
    await place(service)
    await ship(service)
    await quiet(service)
    assert sorted(systems.calls()) == [
        "erp POST /v1/invoices",
        BOOK,
        "oms POST /v1/orders",
        "oms POST /v1/orders/O/ship",
        "payments POST /v1/payments/PAY-000001/captures",
        f"web POST /v1/orders/{REF}/acknowledge",
        f"web POST /v1/orders/{REF}/shipments",
        "wms POST /v1/fulfilments",
        "wms POST /v1/fulfilments",
    ]


async def test_an_event_that_comes_twice_is_worked_off_once(start: Start, systems: Systems) -> None:
    service = await start()
    await asyncio.gather(place(service), place(service))
    await place(service, event_id="the same under another id")
    await quiet(service)
    assert booked(systems) == 1


async def test_a_lost_reply_books_once(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [lose_reply]
    service = await start()
    await place(service)
    await quiet(service)
    assert (booked(systems), systems.calls().count(BOOK)) == (1, 1)


@pytest.mark.parametrize(
    "failure", [reset, refuse(503, "unavailable"), refuse(429, "throttled"), refuse(408, "timeout")]
)
async def test_what_passes_is_tried_again_under_the_same_key(
    start: Start, systems: Systems, failure: Any
) -> None:
    systems.instead[BOOK] = [failure, failure]
    service = await start()
    await place(service)
    await quiet(service)
    keys = [asked.key for asked in systems.asked if asked.name == BOOK]
    assert (booked(systems), keys) == (1, [f'"{REF}:book"'] * 3)


async def test_a_conflict_that_comes_too_early_gets_a_key_of_its_own(start: Start, systems: Systems) -> None:
    systems.instead["erp POST /v1/invoices"] = [refuse(409, "not_posted")]
    service = await start()
    await place(service)
    await ship(service)
    await quiet(service)
    keys = [asked.key for asked in systems.asked if asked.name == "erp POST /v1/invoices"]
    assert keys == [f'"{REF}:invoice:SHP-1"', f'"{REF}:invoice:SHP-1~1"']


async def test_nobody_calls_a_system_before_retry_after(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [refuse(429, "throttled", Retry_After="1")]
    service = await start()
    await place(service)
    other = channel_order(order_ref="web-000002")
    while not systems.calls().count(BOOK):
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    before = time.monotonic()
    await tell(service, "/web", "order.placed", other)
    await asyncio.sleep(0.05)
    assert systems.calls().count(BOOK) == 1
    assert systems.calls().count("oms POST /v1/orders") == 2
    await quiet(service)
    assert time.monotonic() - before > 0.8
    assert booked(systems) == 2


async def test_retry_after_holds_over_a_restart(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [refuse(429, "throttled", Retry_After="60")]
    first = await start()
    await place(first)
    async with asyncio.timeout(5):
        while first.store.cursor("pause of erp") is None:
            await asyncio.sleep(0.002)
    await first.stop()
    second = await start()
    await tell(second, "/web", "order.placed", channel_order(order_ref="web-000002"))
    async with asyncio.timeout(5):
        while systems.calls().count("oms POST /v1/orders") < 2:
            await asyncio.sleep(0.002)
    assert systems.calls().count(BOOK) == 1


async def test_what_is_refused_for_good_is_parked_and_not_asked_again(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [refuse(422, "amount_mismatch")]
    service = await start()
    await place(service)
    await quiet(service)
    await service.store.commit()
    parked = service.store.parked()
    assert [(each.order_ref, each.system, each.reason) for each in parked] == [
        (REF, "erp", "amount_mismatch: no")
    ]
    assert systems.calls().count(BOOK) == 1
    assert service.worker.replay(REF) == 1
    await quiet(service)
    await service.store.commit()
    assert (booked(systems), service.store.parked()) == (1, [])
    assert [asked.key for asked in systems.asked if asked.name == BOOK][-1] == f'"{REF}:book~1"'


async def test_a_replay_uses_a_key_that_was_never_used(start: Start, systems: Systems) -> None:
    invoice = "erp POST /v1/invoices"
    systems.instead[invoice] = [refuse(409, "not_posted"), refuse(422, "amount_mismatch")]
    service = await start()
    await place(service)
    await ship(service)
    await quiet(service)
    await service.store.commit()
    service.worker.replay(REF)
    await quiet(service)
    keys = [asked.key for asked in systems.asked if asked.name == invoice]
    assert len(keys) == len(set(keys)) == 3


async def test_a_look_that_finds_nothing_leads_to_another_attempt(start: Start, systems: Systems) -> None:
    shipment = f"web POST /v1/orders/{REF}/shipments"
    systems.instead[shipment] = [reset]
    systems.instead[f"web GET /v1/orders/{REF}"] = [refuse(404, "not_found")]
    service = await start()
    await place(service)
    await ship(service)
    await quiet(service)
    await service.store.commit()
    assert (systems.calls().count(shipment), service.store.parked()) == (2, [])


async def test_what_was_open_goes_on_after_a_restart(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [lose_reply, reset, reset]
    first = await start(Policies(retry=Backoff(base_s=0.2, dice=lambda: 1.0)))
    await place(first)
    async with asyncio.timeout(5):
        while not systems.calls().count(BOOK):
            await asyncio.sleep(0.002)
    await first.stop()
    second = await start()
    await quiet(second)
    assert (booked(systems), systems.calls().count(BOOK)) == (1, 1)
    await place(second)
    await quiet(second)
    assert booked(systems) == 1


async def test_an_order_that_no_event_told_of_is_found_by_polling(start: Start, systems: Systems) -> None:
    service = await start()
    order = {**msgspec.to_builtins(channel_order()), "updated_at": "2026-11-27T09:30:00Z"}
    systems.documents["web /v1/orders"] = {"items": [order], "next_cursor": None}
    await service.reconciliation.poll()
    await quiet(service)
    assert booked(systems) == 1


async def test_what_was_placed_between_two_processes_is_found_by_polling(
    start: Start, systems: Systems
) -> None:
    first = await start()
    began = first.reconciliation._since["web/v1/orders"]
    await first.stop()  # before it has polled anything
    second = await start()
    assert second.reconciliation._since["web/v1/orders"] == began


async def test_a_wish_for_an_unknown_order_is_looked_up_and_granted(start: Start, systems: Systems) -> None:
    systems.documents[f"web /v1/orders/{REF}"] = msgspec.to_builtins(channel_order())
    service = await start()
    wish = {"request_id": "C-1", "order_ref": REF, "reason": "changed my mind"}
    await tell(service, "/web", "cancellation.requested", wish)
    await quiet(service)
    assert sorted(systems.calls()) == [
        "payments POST /v1/payments/PAY-000001/void",
        "web POST /v1/cancellation-requests/C-1/accept",
    ]


async def test_a_warehouse_that_has_begun_declines_the_wish(start: Start, systems: Systems) -> None:
    systems.instead["wms POST /v1/fulfilments/cancel"] = [refuse(409, "too_late")]
    service = await start()
    await place(service)
    await tell(service, "/oms", "order.allocated", {"order_id": "O", "order_ref": REF, "parts": PARTS})
    await tell(service, "/erp", "sales_order.posted", {"sales_order_id": "S", "order_ref": REF})
    await quiet(service)
    for request_id in ("C-1", "C-2"):
        await tell(service, "/web", "cancellation.requested", {"request_id": request_id, "order_ref": REF})
        await quiet(service)
    assert [name for name in systems.calls() if "cancel" in name] == [
        "wms POST /v1/fulfilments/cancel",
        "web POST /v1/cancellation-requests/C-1/decline",
        "web POST /v1/cancellation-requests/C-2/decline",
    ]


async def test_stock_goes_to_the_oms_and_corrections_to_the_erp(start: Start, systems: Systems) -> None:
    service = await start()
    for version, cause in ((2, "shipment"), (3, "count"), (1, "receipt")):
        change = {"change_id": f"CHG-{version}", "sku": "MUG", "location": "north", "on_hand": 10 * version}
        change |= {"version": version, "delta": -1, "cause": cause}
        await tell(service, "/wms", "stock.changed", change)
    await quiet(service)
    sent = [
        item for asked in systems.asked if asked.path == "/v1/stock/batch" for item in asked.body["items"]
    ]
    assert [item["version"] for item in sent][-1] == 3
    assert sorted(item["version"] for item in sent) == [item["version"] for item in sent]
    adjusted = [a for a in systems.asked if a.path == "/v1/stock-adjustments/batch"]
    assert sorted(item["change_id"] for asked in adjusted for item in asked.body["items"]) == [
        "CHG-1",
        "CHG-3",
    ]


async def test_a_price_waits_for_its_day(start: Start, systems: Systems) -> None:
    service = await start()
    price = {"sku": "MUG", "currency": "GBP", "amount": "4.95", "version": 1}
    soon = datetime.fromtimestamp(time.time() + 0.1, UTC).isoformat()
    await tell(service, "/erp", "price.changed", {**price, "valid_from": soon})
    assert service.pending() == 0
    async with asyncio.timeout(5):
        while not systems.asked:
            await asyncio.sleep(0.005)
    assert datetime.now(UTC).isoformat() >= soon
    assert systems.asked[0].body["items"][0]["amount"] == "4.95"


async def test_a_bad_signature_is_refused(start: Start, systems: Systems) -> None:
    service = await start()
    body = msgspec.json.encode({"id": "1", "source": "/web", "type": "order.placed", "data": {}})
    stale = {**signed(body, "1"), "webhook-timestamp": "1000000000"}
    for headers in (
        {},
        signed(body, "1", "whsec_" + "B" * 32),
        {**signed(body, "1"), "webhook-id": "2"},
        stale,
    ):
        with pytest.raises(BadSignature):
            await service.intake.receive(body, headers)
    garbled = {**signed(body, "1"), "webhook-signature": "nonsense"}
    with pytest.raises(BadSignature):
        await service.intake.receive(body, garbled)


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b'{"id":"1","source":"/web","type":"order.placed","data":{"order_ref":"web-1"}}',
        b'{"id":"1","source":"/erp","type":"price.changed","data":'
        + b'{"sku":"M","currency":"GBP","amount":"1","version":1,"valid_from":"tomorrow"}}',
    ],
    ids=["no JSON", "no event", "data of another shape", "a time that is none"],
)
async def test_a_malformed_event_is_refused(start: Start, body: bytes) -> None:
    service = await start()
    with pytest.raises(Malformed):
        await service.intake.receive(body, signed(body, "1"))


async def test_an_unknown_topic_is_taken_and_ignored(start: Start, systems: Systems) -> None:
    service = await start()
    await tell(service, "/payments", "payment.captured", {"anything": 1})
    assert (service.pending(), systems.asked) == (0, [])


async def test_the_naive_defect_books_twice_where_the_reference_books_once(
    start: Start, systems: Systems
) -> None:
    systems.instead[BOOK] = [lose_reply]
    service = await start(DEFECTS["naive"].policies())
    await place(service)
    await quiet(service)
    assert booked(systems) == 2


async def test_dropping_on_5xx_forgets_without_a_word(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [refuse(503, "unavailable")]
    service = await start(DEFECTS["drops-on-5xx"].policies())
    await place(service)
    await quiet(service)
    await service.store.commit()
    assert (booked(systems), service.store.parked()) == (0, [])


async def test_ignoring_retry_after_calls_at_once(start: Start, systems: Systems) -> None:
    systems.instead[BOOK] = [refuse(429, "throttled", Retry_After="60")]
    service = await start(DEFECTS["ignores-retry-after"].policies())
    await place(service)
    await quiet(service)
    assert booked(systems) == 1


async def test_acknowledging_first_loses_events_while_work_piles_up(start: Start, systems: Systems) -> None:
    service = await start(DEFECTS["ack-before-durable"].policies())
    systems.instead = {BOOK: [reset] * 1000}
    for number in range(60):
        order = channel_order(order_ref=f"web-{number:06d}")
        await tell(service, "/web", "order.placed", order)
    systems.instead = {}
    await quiet(service)
    await asyncio.sleep(0.1)
    await quiet(service)
    assert booked(systems) < 60
