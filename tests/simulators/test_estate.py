"""The whole estate in one process: six systems that stand, work together, and can be put back."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from peakproof.history.clock import Clock
from peakproof.history.records import Effect
from peakproof.history.writer import HistoryWriter
from peakproof.simulators.estate import (
    EarlierOrder,
    Estate,
    EstateError,
    EstateSettings,
    SystemSettings,
)
from peakproof.simulators.kit.ledger import Event
from peakproof.simulators.kit.orders import LineQuantity, PartLine

from .doors import order_body
from .estates import KINDS, articles, small_estate
from .orders import content
from .serving import Caller

ORDER = ("1", "22423", 2)
EARLIER = EarlierOrder("web", content(("1", "22423", 3), order_ref="web-900001"), "south")


@asynccontextmanager
async def standing(folder: Path, **settings: Any) -> AsyncIterator[Estate]:
    estate = small_estate(folder, **settings)
    estate.seed(articles("22423", "85123A"), [EARLIER])
    await estate.start()
    try:
        yield estate
    finally:
        await estate.stop()
        estate.writer.close()
    assert estate.errors == []


async def quiet(estate: Estate) -> None:
    """Until the systems have done what they do by themselves."""
    async with asyncio.timeout(10):
        while estate.pending:
            await asyncio.sleep(0.002)


def port_of(estate: Estate, name: str) -> int:
    port: int = estate.systems[name].socket.getsockname()[1]
    return port


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# Standing up and down


async def test_every_system_answers_on_its_own_free_port(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        addresses = estate.addresses()
        assert {name: address.kind for name, address in addresses.items()} == KINDS
        assert len({address.url for address in addresses.values()}) == 6
        for name, address in addresses.items():
            assert address.url == f"http://127.0.0.1:{port_of(estate, name)}"
            async with Caller(port_of(estate, name)) as caller:
                seen = await caller.ask("GET", "/v1/webhook-subscriptions", token=address.api_key)
                assert seen.status == 200
                document = (await caller.ask("GET", "/openapi.json")).document
                assert document["openapi"].startswith("3.1")


async def test_it_listens_where_it_is_told_and_is_known_under_its_name(tmp_path: Path) -> None:
    async with standing(tmp_path, host="127.0.0.2", reached_at="estate.local") as estate:
        erp = estate.systems["erp"]
        assert erp.socket.getsockname()[0] == "127.0.0.2"
        assert estate.addresses()["erp"].url == f"http://estate.local:{port_of(estate, 'erp')}"
        assert erp.near_url == f"http://127.0.0.2:{port_of(estate, 'erp')}"


def test_who_listens_everywhere_is_near_on_this_machine(tmp_path: Path) -> None:
    estate = small_estate(tmp_path, host="0.0.0.0", reached_at="estate.local")
    assert estate.systems["erp"].near_url == f"http://127.0.0.1:{port_of(estate, 'erp')}"
    for system in estate.systems.values():
        system.socket.close()
    estate.writer.close()


async def test_each_system_has_credentials_of_its_own(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        key = estate.addresses()["oms"].api_key
        async with Caller(port_of(estate, "erp")) as caller:
            assert (await caller.ask("GET", "/v1/items", token=key)).status == 401


async def test_the_sut_cannot_shop_and_shoppers_cannot_sell(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        web = estate.systems["web"]
        async with Caller(port_of(estate, "web")) as caller:
            assert (await caller.ask("GET", "/v1/catalogue", token=web.sut.api_key)).status == 403
            assert (await caller.ask("GET", "/v1/catalogue", token=web.shopper.api_key)).status == 200
            acknowledge = "/v1/orders/web-900001/acknowledge"
            assert (await caller.ask("POST", acknowledge, token=web.shopper.api_key)).status == 403


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EstateError) as raised:
            small_estate(tmp_path, web={"port": port})
    assert str(raised.value) == (
        f"system 'web': port {port} of 127.0.0.1 cannot be had (Address already in use); choose another or 0"
    )


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (SystemSettings("erp", rules={"colour": 1}), "colour"),
        (SystemSettings("marketplace", rules={"currencies": ("XXX",)}), "XXX"),
        (SystemSettings("crm"), "crm"),
    ],
    ids=["unknown rule", "bad rule", "unknown kind"],
)
def test_settings_that_cannot_be_are_said_in_one_line(
    tmp_path: Path, settings: SystemSettings, named: str
) -> None:
    with pytest.raises(EstateError) as raised:
        Estate(EstateSettings({"shop": settings}), HistoryWriter(tmp_path, "estate"), Clock())
    assert "shop" in str(raised.value) and named in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_its_ports_are_free_again_when_it_has_stopped(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        port = port_of(estate, "erp")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


# Before the run


async def test_the_opening_is_the_same_everywhere(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        assert estate.ledger("web").listing("22423").listed == 200
        assert estate.ledger("bazaar").listing("22423").listed == 200
        assert estate.ledger("oms").on_hand("22423") == 200
        assert estate.ledger("erp").stock.get("22423").on_hand == 200
        assert {
            level.location: level.on_hand for level in estate.ledger("wms").stock if level.sku == "22423"
        } == {
            "north": 100,
            "south": 100,
        }


async def test_an_article_that_the_erp_lacks_is_sold_and_not_booked(tmp_path: Path) -> None:
    estate = small_estate(tmp_path)
    [article] = articles("new")
    estate.seed([replace(article, known_to_erp=False)])
    for system in estate.systems.values():
        system.socket.close()
    estate.writer.close()
    assert estate.ledger("web").listing("new").listed == 200
    assert estate.ledger("erp").items.get("new") is None


async def test_an_earlier_order_is_shipped_captured_and_invoiced_and_nobody_is_told(tmp_path: Path) -> None:
    told: list[Event] = []
    estate = small_estate(tmp_path)
    estate.listeners.append(told.append)
    estate.seed(articles("22423"), [EARLIER])
    await estate.start()
    await quiet(estate)
    statuses = {
        "web": estate.ledger("web").order("web-900001").status,
        "oms": estate.ledger("oms").orders.of_order("web-900001")[0].status,
        "erp": estate.ledger("erp").orders.of_order("web-900001")[0].status,
        "wms": estate.ledger("wms").fulfilments.of_order("web-900001")[0].status,
        "payments": estate.ledger("payments").payments.of_order("web-900001")[0].status,
    }
    await estate.stop()
    estate.writer.close()
    assert statuses == {
        "web": "shipped",
        "oms": "shipped",
        "erp": "invoiced",
        "wms": "shipped",
        "payments": "captured",
    }
    assert told == []


# At work


async def checked_out(estate: Estate, order_ref: str) -> None:
    web = estate.systems["web"]
    body = order_body(order_ref)
    for name in ("priority", "ship_by", "payment_id", "channel"):
        del body[name]
    async with Caller(port_of(estate, "web")) as caller:
        seen = await caller.ask("POST", "/v1/checkouts", body, token=web.shopper.api_key)
        assert seen.status == 201, seen.body


async def test_a_checkout_authorises_the_payment_and_tells_the_subscriber(tmp_path: Path) -> None:
    told: list[Event] = []
    async with standing(tmp_path) as estate:
        estate.listeners.append(told.append)
        await checked_out(estate, "web-000001")
        order = estate.ledger("web").order("web-000001")
        payment = estate.ledger("payments").payments.get(order.payment_id)
        assert (payment.amount, payment.currency, payment.status) == (Decimal("11.19"), "GBP", "authorised")
        assert [(event.system, event.topic) for event in told] == [
            ("payments", "payment.authorised"),
            ("web", "order.placed"),
        ]


async def test_what_systems_do_later_is_pending_and_then_done(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        assert estate.pending == 0
        before_ns = estate.last_change_ns
        estate.ledger("erp").receive(content(ORDER))
        assert estate.pending == 1
        assert estate.last_change_ns > before_ns
        await quiet(estate)
        assert estate.ledger("erp").order("SO-000002").status == "posted"


async def test_the_oms_learns_of_a_return_from_the_warehouse(tmp_path: Path) -> None:
    seen: list[Effect] = []
    async with standing(tmp_path) as estate:
        estate.observers.append(seen.append)
        [order] = estate.ledger("oms").orders.of_order("web-900001")
        lines = (PartLine("1", "22423", 1),)
        estate.ledger("oms").authorise_return(return_id="R-1", order_ref="web-900001", lines=lines)
        estate.ledger("wms").expect_return(return_id="R-1", order_ref="web-900001", lines=lines)
        await quiet(estate)
        assert order.status == "partially_returned"
        assert estate.ledger("oms").authorisations.of_order("web-900001")[0].status == "received"
    assert [effect.kind for effect in seen if effect.ref == "R-1" and effect.order_ref == "web-900001"] == [
        "return_authorised",
        "return_expected",
        "return_received",
        "oms_return_received",
    ]


# Snapshot and final state


async def test_the_estate_can_be_put_back_to_what_it_was(tmp_path: Path) -> None:
    """With thousands of orders, as between two runs of a search; it takes well under a second."""
    async with standing(tmp_path, time_scale=1.0) as estate:
        erp, oms, wms = (estate.ledger(name) for name in ("erp", "oms", "wms"))
        for number in range(1, 2_001):
            order = content(ORDER, ("2", "85123A", 1), order_ref=f"web-{number:06d}")
            estate._authorise(order.order_ref, order.total, "GBP")
            erp.receive(order)
            oms.create(order)
        estate.ledger("web").publish_availability("22423", 77, 1)
        before = {name: list(estate.ledger(name).final_state()) for name in KINDS}
        encoded = {name: repr(state) for name, state in before.items()}
        pending = estate.pending

        begun_s = perf_counter()
        snapshot = estate.snapshot()
        taken_s = perf_counter()
        for number in range(1, 2_001):
            erp.cancel(erp.order(f"SO-{number + 1:06d}"), "changed", None)
        erp.receive(content(ORDER, order_ref="web-999999"))
        oms.set_stock(sku="22423", location="north", on_hand=1, version=9)
        wms.count("22423", "north", 5)
        estate.ledger("web").publish_availability("22423", 1, 2)
        changed_s = perf_counter()
        estate.restore(snapshot)
        restored_s = perf_counter()

        assert {name: repr(list(estate.ledger(name).final_state())) for name in KINDS} == encoded
        assert estate.pending >= pending
        assert erp.receive(content(ORDER)).sales_order_id == "SO-002002", "numbers go on from where they were"
        print(f"snapshot {taken_s - begun_s:.3f} s, restore {restored_s - changed_s:.3f} s")


async def test_what_was_to_come_is_still_to_come_after_a_restore(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        erp = estate.ledger("erp")
        erp.receive(content(ORDER, order_ref="web-000001"))
        snapshot = estate.snapshot()
        erp.receive(content(ORDER, order_ref="web-000002"))
        estate.restore(snapshot)
        await quiet(estate)
        assert [(order.order_ref, order.status) for order in erp.orders] == [
            ("web-900001", "invoiced"),
            ("web-000001", "posted"),
        ]


async def test_a_restore_forgets_answers_and_attempts(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        snapshot = estate.snapshot()
        key = estate.addresses()["erp"].api_key
        async with Caller(port_of(estate, "erp")) as caller:
            for _ in range(2):
                seen = await caller.ask(
                    "POST", "/v1/sales-orders", order_body(), token=key, headers={"Idempotency-Key": "k"}
                )
                assert (seen.status, "idempotent-replayed" in seen.headers) == (201, False)
                estate.restore(snapshot)
    calls = rows_of(tmp_path / "history" / "calls-estate.jsonl")
    assert [call["attempt"] for call in calls] == [1, 1]


async def test_the_final_state_of_every_system_is_written_as_it_stands(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        estate.write_state(tmp_path / "state")
    rows = {name: rows_of(tmp_path / "state" / f"{name}.jsonl") for name in KINDS}
    assert all(row["system"] == name for name, found in rows.items() for row in found)
    kinds = {name: {row["kind"] for row in found} for name, found in rows.items()}
    assert {"order", "listing"} <= kinds["web"]
    assert {"order", "stock", "availability"} <= kinds["oms"]
    assert {"sales_order", "invoice", "book_stock", "price"} >= kinds["erp"] >= {"sales_order", "invoice"}
    assert {"fulfilment", "stock"} <= kinds["wms"]
    assert kinds["payments"] == {"payment", "capture"}
    [order] = [row for row in rows["erp"] if row["kind"] == "sales_order"]
    assert (order["id"], order["order_ref"], order["sku"]) == ("SO-000001", "web-900001", None)
    assert order["doc"]["lines"] == [{"line_id": "1", "sku": "22423", "quantity": 3, "unit_price": "2.08"}]


async def test_a_shipped_line_can_be_named_by_its_units(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        erp = estate.ledger("erp")
        order = erp.receive(content(ORDER))
        await quiet(estate)
        erp.invoice(
            order,
            shipment_id="SHP-1",
            currency="GBP",
            lines=(LineQuantity("1", 2),),
            shipping=Decimal("4.95"),
            total=Decimal("9.11"),
        )
        await quiet(estate)
        assert (order.status, erp.stock.get("22423").on_hand) == ("invoiced", 198)
