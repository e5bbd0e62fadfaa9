"""Faults of events and of data as a receiver on a real socket feels them: who wrote it, when, how often, saying what."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from peakproof.chaos.fault import Fault
from peakproof.chaos.faults.changed_type import ChangedType
from peakproof.chaos.faults.corrupt_signature import CorruptSignature
from peakproof.chaos.faults.delay_delivery import DelayDelivery
from peakproof.chaos.faults.drop_delivery import DropDelivery
from peakproof.chaos.faults.duplicate_delivery import DuplicateDelivery
from peakproof.chaos.faults.duplicate_under_new_id import DuplicateUnderNewId
from peakproof.chaos.faults.early_event import EarlyEvent
from peakproof.chaos.faults.expired_signature import ExpiredSignature
from peakproof.chaos.faults.extra_field import ExtraField
from peakproof.chaos.faults.forged_signature import ForgedSignature
from peakproof.chaos.faults.held_deliveries import HeldDeliveries
from peakproof.chaos.faults.long_ids import LongIds
from peakproof.chaos.faults.missing_field import MissingField
from peakproof.chaos.faults.mutated_payload import MutatedPayload
from peakproof.chaos.faults.naive_timestamps import NaiveTimestamps
from peakproof.chaos.faults.null_for_missing import NullForMissing
from peakproof.chaos.faults.overlapping_delivery import OverlappingDelivery
from peakproof.chaos.faults.reorder_delivery import ReorderDelivery
from peakproof.chaos.faults.same_second_timestamps import SameSecondTimestamps
from peakproof.chaos.faults.unicode_text import UnicodeText
from peakproof.chaos.faults.unknown_enum_value import UnknownEnumValue
from peakproof.chaos.faults.unknown_event_type import UnknownEventType
from peakproof.chaos.faults.unsubscribed import Unsubscribed
from peakproof.chaos.injection import Injection, Trigger, Where
from peakproof.history.clock import Clock
from peakproof.history.writer import HistoryWriter
from peakproof.simulators.estate import Estate, EstateSettings, OpeningItem, SystemSettings
from peakproof.simulators.kit.events import DeliverySettings, new_secret
from peakproof.simulators.kit.orders import Address, Customer, OrderLine
from peakproof.simulators.marketplace.documents import Checkout

SECRET = new_secret()
PATIENT = DeliverySettings(ladder_s=(0.0, *[1.0] * 5), timeout_s=10.0, in_flight=1)
"""One delivery after another, so that the order of arrival is that of leaving."""
SHOP = "web"
VALID, FOREIGN, OLD = "valid", "No matching signature found", "Message timestamp too old"
FIRST = "web-evt-0000001"

Answer = Callable[["Got"], Awaitable[int]]


@dataclass
class Got:
    """One request as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event["data"]
        return data

    def verified(self, secret: str = SECRET) -> str:
        """What the library of Standard Webhooks says of it."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError as error:
            return str(error)
        return VALID


async def careful(got: Got) -> int:
    """What a right receiver answers."""
    return 202 if got.verified() == VALID else 401


@dataclass
class Shop:
    """A channel with its payment service, a receiver of its events, and what passed between them."""

    estate: Estate
    receiver_url: str
    folder: Path
    got: list[Got] = field(default_factory=list)

    def arm(self, fault: Fault, **where: Any) -> Trigger:
        trigger = Trigger(Injection("injected", fault, Where(SHOP, **where)), rank=0, seed=1)
        self.estate.gates[SHOP].arm(trigger)
        return trigger

    def heal(self, trigger: Trigger) -> None:
        self.estate.gates[SHOP].heal(trigger)

    def order(self, number: int = 1, name: str = "Zoë Müller") -> None:
        """Somebody buys two mugs."""
        self.estate.ledger(SHOP).checkout(
            Checkout(
                order_ref=f"web-{number:06d}",
                currency="GBP",
                lines=(OrderLine("1", "MUG", 2, Decimal("2.08")),),
                shipping=Decimal("4.95"),
                total=Decimal("9.11"),
                customer=Customer(name, "zoe@example.com"),
                ship_to=Address(name, "1 High Street", None, "Leeds", "LS1 1AA", "GB"),
                service_level="standard",
            )
        )

    async def settled(self) -> None:
        async with asyncio.timeout(10):
            while self.estate.dispatcher.pending:
                await asyncio.sleep(0.002)

    async def ask(self, path: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
        """Status and document of a call to the channel, over its socket."""
        address = self.estate.addresses()[SHOP]
        headers = {"Authorization": f"Bearer {address.api_key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, address.url + path, json=body) as reply,
        ):
            return reply.status, await reply.json(content_type=None)

    @property
    def arrived(self) -> list[tuple[str, str]]:
        """Id of each request, and what the library says of its signature."""
        return [(got.id, got.verified()) for got in self.got]

    @property
    def orders(self) -> list[str]:
        """Whose events arrived, in order."""
        return [got.event["subject"] for got in self.got]

    @property
    def recorded(self) -> list[dict[str, Any]]:
        """The deliveries of the record."""
        self.estate.writer.flush()
        [path] = (self.folder / "history").glob("deliveries-*.jsonl")
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@asynccontextmanager
async def shop(folder: Path, answer: Answer = careful) -> AsyncIterator[Shop]:
    systems = {SHOP: SystemSettings("marketplace"), "payments": SystemSettings("payments")}
    estate = Estate(
        EstateSettings(systems, time_scale=0.001, deliveries=PATIENT),
        HistoryWriter(folder / "history", "estate"),
        Clock(),
    )
    estate.seed([OpeningItem("MUG", "Mug", {"north": 1_000}, {"GBP": Decimal("2.08")})])

    async def receive(request: web.Request) -> web.Response:
        got = Got({name.lower(): value for name, value in request.headers.items()}, await request.read())
        standing.got.append(got)
        return web.Response(status=await answer(got))

    application = web.Application()
    application.router.add_post("/webhooks", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    standing = Shop(estate, f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks", folder)
    estate.dispatcher.subscribe(SHOP, standing.receiver_url, ("*",), SECRET)
    await estate.start()
    try:
        yield standing
    finally:
        await estate.stop()
        estate.writer.close()
        await runner.cleanup()
    assert estate.errors == []


# Who wrote it, and how often it comes


@pytest.mark.parametrize(
    ("fault", "arrived", "forgeries"),
    [
        pytest.param(DuplicateDelivery(), [(FIRST, VALID)] * 2, [None] * 2, id="duplicate-delivery"),
        pytest.param(
            DuplicateUnderNewId(),
            [(FIRST, VALID), (f"{FIRST}-again", VALID)],
            [None] * 2,
            id="duplicate-under-new-id",
        ),
        pytest.param(
            ForgedSignature(),
            [(f"{FIRST}-forged", FOREIGN), (FIRST, VALID)],
            ["forged", None],
            id="forged-signature",
        ),
        pytest.param(
            CorruptSignature(), [(FIRST, FOREIGN), (FIRST, VALID)], ["corrupt", None], id="corrupt-signature"
        ),
        pytest.param(
            ExpiredSignature(), [(FIRST, VALID), (FIRST, OLD)], [None, "expired"], id="expired-signature"
        ),
        pytest.param(
            UnknownEventType(),
            [(FIRST, VALID), (f"{FIRST}-news", VALID)],
            [None] * 2,
            id="unknown-event-type",
        ),
        pytest.param(DropDelivery(), [], [None], id="drop-delivery"),
    ],
)
async def test_what_arrives_is_signed_as_the_fault_has_it_and_comes_once(
    tmp_path: Path, fault: Fault, arrived: list[tuple[str, str]], forgeries: list[str | None]
) -> None:
    async with shop(tmp_path) as stand:
        trigger = stand.arm(fault)
        stand.order()
        await stand.settled()
        assert stand.arrived == arrived
        assert [one.get("forgery") for one in stand.recorded] == forgeries
        assert all(one["faults"] == ["injected"] for one in stand.recorded)
        assert trigger.fired == 1
        refused = [one["status"] for one in stand.recorded if one.get("forgery")]
        assert refused == [401] * len(refused)


async def test_a_forged_order_is_nobodys_and_no_effect_stands_behind_it(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        stand.arm(ForgedSignature())
        stand.order()
        await stand.settled()
        forged, real = stand.got
        assert (forged.data["order_ref"], real.data["order_ref"]) == ("forged-web-000001", "web-000001")
        assert forged.data["ship_to"]["line1"] != real.data["ship_to"]["line1"] == "1 High Street"
        told, right = stand.recorded
        assert (told["order_ref"], told.get("effect_id")) == ("forged-web-000001", None)
        assert (right["order_ref"], right["effect_id"] is None) == ("web-000001", False)
        assert (await stand.ask("/v1/orders/forged-web-000001"))[0] == 404


async def test_a_corrupt_one_lies_under_the_real_ones_id(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        stand.arm(CorruptSignature())
        stand.order()
        await stand.settled()
        corrupt, real = stand.got
        assert (corrupt.id, corrupt.event["id"]) == (real.id, real.event["id"])
        assert corrupt.data["ship_to"]["line1"] != real.data["ship_to"]["line1"]


async def test_a_mutated_payload_is_refused_and_comes_again_as_it_was_signed(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        stand.arm(MutatedPayload(), nth=1)
        stand.order()
        await stand.settled()
        assert stand.arrived == [(FIRST, FOREIGN), (FIRST, VALID)]
        mutated, real = stand.got
        assert mutated.data["ship_to"]["line1"] == "1 Forger's Yard"
        assert real.data["ship_to"]["line1"] == "1 High Street"
        assert [(one.get("forgery"), one["attempt"]) for one in stand.recorded] == [("mutated", 1), (None, 2)]


async def test_an_event_of_an_unknown_type_is_told_of_nothing(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        stand.arm(UnknownEventType("parrot.sighted"))
        stand.order()
        await stand.settled()
        assert [got.event["type"] for got in stand.got] == ["order.placed", "parrot.sighted"]
        assert [one["topic"] for one in stand.recorded] == ["order.placed", "parrot.sighted"]
        assert stand.recorded[1].get("effect_id") is None


async def test_a_forgery_that_is_refused_or_says_gone_is_not_tried_again_and_ends_nothing(
    tmp_path: Path,
) -> None:
    async def answer(got: Got) -> int:
        return 202 if got.verified() == VALID else 410

    async with shop(tmp_path, answer) as stand:
        stand.arm(ForgedSignature())
        for number in (1, 2):
            stand.order(number)
        await stand.settled()
        assert [told for _, told in stand.arrived] == [FOREIGN, VALID] * 2


# When it comes


@pytest.mark.parametrize("fault", [ReorderDelivery(delay_s=0.05), DelayDelivery(seconds=0.05)])
async def test_a_late_event_is_overtaken_by_the_next(tmp_path: Path, fault: Fault) -> None:
    async with shop(tmp_path) as stand:
        stand.arm(fault, order_ref="web-000001")
        for number in (1, 2):
            stand.order(number)
        await stand.settled()
        assert stand.orders == ["web-000002", "web-000001"]
        assert {told for _, told in stand.arrived} == {VALID}


async def test_held_events_pile_up_and_leave_at_once_when_the_fault_is_healed(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        trigger = stand.arm(HeldDeliveries())
        for number in (1, 2, 3):
            stand.order(number)
        status, _ = await stand.ask("/v1/orders/web-000003")
        assert (status, stand.got, stand.estate.pending) == (200, [], 3)
        stand.heal(trigger)
        stand.order(4)
        await stand.settled()
        assert stand.orders == ["web-000001", "web-000002", "web-000003", "web-000004"]
        assert {told for _, told in stand.arrived} == {VALID}
        assert [one.get("faults") for one in stand.recorded] == [*[["injected"]] * 3, None]


async def test_what_two_injections_hold_leaves_when_both_are_healed(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        triggers = [
            Trigger(Injection(name, HeldDeliveries(), Where(SHOP)), rank=rank, seed=1)
            for rank, name in enumerate(("first", "second"))
        ]
        for trigger in triggers:
            stand.estate.gates[SHOP].arm(trigger)
        stand.order()
        stand.heal(triggers[0])
        await stand.ask("/v1/orders/web-000001")
        assert (stand.got, stand.estate.dispatcher.pending) == ([], 1)
        stand.heal(triggers[1])
        await stand.settled()
        assert stand.orders == ["web-000001"]


async def test_what_is_held_for_somebody_who_unsubscribes_is_not_to_come(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        trigger = stand.arm(HeldDeliveries())
        stand.order()
        assert stand.estate.dispatcher.pending == 1
        stand.estate.dispatcher.unsubscribe("web-sub-0001")
        assert stand.estate.dispatcher.pending == 0
        stand.heal(trigger)
        await stand.settled()
        assert stand.got == []


async def test_an_overlapping_delivery_arrives_while_the_first_is_in_flight(tmp_path: Path) -> None:
    second = asyncio.Event()
    under_way: list[str] = []
    most = 0

    async def answer(got: Got) -> int:
        nonlocal most
        under_way.append(got.id)
        most = max(most, len(under_way))
        if len(under_way) == 2:
            second.set()
        async with asyncio.timeout(10):
            await second.wait()
        under_way.remove(got.id)
        return 202

    async with shop(tmp_path, answer) as stand:
        stand.arm(OverlappingDelivery())
        stand.order()
        await stand.settled()
        assert (most, stand.arrived) == (2, [(FIRST, VALID)] * 2)
        assert [one["acknowledged"] for one in stand.recorded] == [True, True]


async def test_nothing_overlaps_a_delivery_that_never_got_on_the_wire(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        stand.estate.dispatcher.unsubscribe("web-sub-0001")
        stand.estate.dispatcher.subscribe(SHOP, "http://127.0.0.1:1/", ("*",), SECRET)
        stand.arm(OverlappingDelivery())
        stand.order()
        await stand.settled()
        assert {one["error"] for one in stand.recorded} == {"refused"}
        assert [one["attempt"] for one in stand.recorded] == [1, 2, 3, 4, 5, 6]


async def test_after_failures_in_a_row_nothing_comes_until_somebody_subscribes_again(tmp_path: Path) -> None:
    statuses = iter([500, 202, 500, 500])

    async def answer(got: Got) -> int:
        return next(statuses, 202)

    async with shop(tmp_path, answer) as stand:
        trigger = stand.arm(Unsubscribed(after=2))
        stand.order(1)
        await stand.settled()
        assert (len(stand.got), trigger.fired) == (2, 0)
        stand.order(2)
        await stand.settled()
        stand.order(3)
        await stand.settled()
        assert (stand.orders, trigger.fired) == (["web-000001"] * 2 + ["web-000002"] * 2, 1)
        assert stand.recorded[-1]["error"] == "unsubscribed"
        stand.heal(trigger)
        wanted = {"url": stand.receiver_url, "topics": ["*"]}
        status, made = await stand.ask("/v1/webhook-subscriptions", "POST", wanted)
        assert status == 201
        stand.order(4)
        await stand.settled()
        assert stand.orders[4:] == ["web-000004"]
        assert stand.got[-1].verified(made["secret"]) == VALID


async def test_an_early_event_tells_of_a_record_that_cannot_be_read_yet(tmp_path: Path) -> None:
    async with shop(tmp_path) as stand:
        trigger = stand.arm(EarlyEvent(lag_s=3600))
        stand.order()
        await stand.settled()
        assert stand.arrived == [(FIRST, VALID)]
        status, problem = await stand.ask("/v1/orders/web-000001")
        assert (status, problem["type"].rpartition("/")[2]) == (404, "not_found")
        assert (await stand.ask("/v1/orders"))[1]["items"] == []
        assert trigger.fired == 2
        stand.heal(trigger)
        assert (await stand.ask("/v1/orders/web-000001"))[0] == 200
        assert [one["order_ref"] for one in (await stand.ask("/v1/orders"))[1]["items"]] == ["web-000001"]


# What it says


@pytest.mark.parametrize(
    ("fault", "read", "felt"),
    [
        pytest.param(
            UnknownEnumValue(), lambda data: data["status"], "awaiting_review", id="unknown-enum-value"
        ),
        pytest.param(ExtraField(), lambda data: data["loyalty_tier"], "gold", id="extra-field"),
        pytest.param(MissingField(), lambda data: "postcode" in data["ship_to"], False, id="missing-field"),
        pytest.param(NullForMissing(), lambda data: data["ship_to"]["postcode"], None, id="null-for-missing"),
        pytest.param(ChangedType(), lambda data: data["total"], 9.11, id="changed-type"),
        pytest.param(
            LongIds("payment_id"),
            lambda data: data["payment_id"] > 2**53 and int(float(data["payment_id"])) != data["payment_id"],
            True,
            id="long-ids",
        ),
        pytest.param(
            SameSecondTimestamps(),
            lambda data: (len(data["placed_at"]), data["placed_at"][-1]),
            (20, "Z"),
            id="same-second-timestamps",
        ),
        pytest.param(
            NaiveTimestamps(),
            lambda data: data["updated_at"][-1].isdigit(),
            True,
            id="naive-timestamps",
        ),
    ],
)
async def test_a_fault_of_data_is_felt_in_the_event_the_record_and_every_item_of_a_page(
    tmp_path: Path, fault: Fault, read: Callable[[Any], Any], felt: object
) -> None:
    async with shop(tmp_path) as stand:
        trigger = stand.arm(fault)
        for number in (1, 2):
            stand.order(number)
        await stand.settled()
        assert [read(got.data) for got in stand.got] == [felt, felt]
        assert {told for _, told in stand.arrived} == {VALID}
        status, document = await stand.ask("/v1/orders/web-000001")
        assert (status, read(document)) == (200, felt)
        _, page = await stand.ask("/v1/orders")
        assert [read(item) for item in page["items"]] == [felt, felt]
        assert trigger.fired == 4
        stand.heal(trigger)
        order = stand.estate.ledger(SHOP).order("web-000001")
        assert (order.status, order.total, order.ship_to.postcode) == ("placed", Decimal("9.11"), "LS1 1AA")
        status, document = await stand.ask("/v1/orders/web-000001")
        assert (document["status"], document["total"]) == ("placed", "9.11")


async def test_a_shopper_who_writes_in_any_script_is_known_so_to_ledger_event_and_record(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as stand:
        stand.arm(UnicodeText())
        stand.order(1)
        stand.order(2, name="Z" * 200)
        await stand.settled()
        for got in stand.got:
            order = stand.estate.ledger(SHOP).order(got.data["order_ref"])
            _, document = await stand.ask(f"/v1/orders/{order.order_ref}")
            for told in (got.data, document):
                assert told["customer"]["name"] == told["ship_to"]["name"] == order.customer.name
                assert (told["ship_to"]["line1"], told["ship_to"]["city"]) == (
                    order.ship_to.line1,
                    order.ship_to.city,
                )
        short, long = (got.data["customer"]["name"] for got in stand.got)
        assert short == "Zoë Müller \U0001f381\U0001f469\u200d\U0001f680"
        assert (len(long), long[-1]) == (200, "\U0001f680")
