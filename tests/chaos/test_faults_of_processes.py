"""Faults of whole processes: what they pull, and what a caller of a real system or a real process then feels."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Fault, ProcessFault
from peakproof.chaos.faults.clock_skew import ClockSkew
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.refused import Refused
from peakproof.chaos.faults.sut_kill import SutKill
from peakproof.chaos.faults.sut_pause import SutPause
from peakproof.chaos.faults.sut_restart import SutRestart
from peakproof.chaos.faults.token_rotation import TokenRotation
from peakproof.chaos.gate import Gate
from peakproof.chaos.injection import Injection, Trigger, Where
from peakproof.chaos.schedule import Schedule
from peakproof.history.clock import from_rfc3339
from peakproof.history.records import Effect
from peakproof.simulators.estate import Estate

from ..simulators.doors import order_body
from ..simulators.estates import articles, small_estate


class Pulled:
    """Levers that only note what was pulled."""

    def __init__(self) -> None:
        self.levers: list[object] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *settings: self.levers.append((name, *settings))


@pytest.mark.parametrize(
    ("fault", "struck", "healed"),
    [
        (ClockSkew(-90.0), [("skew_clock", -90.0)], [("skew_clock", 90.0)]),
        (TokenRotation(), [("forget_tokens",)], []),
        (Refused(), [("stop_listening",)], [("listen_again",)]),
        (SutKill(), [("kill",)], [("start",)]),
        (SutPause(), [("pause",)], [("go_on",)]),
        (SutRestart(), [("restart",)], []),
    ],
)
def test_a_fault_pulls_its_levers_once_and_makes_it_good(
    fault: ProcessFault, struck: list[object], healed: list[object]
) -> None:
    pulled = Pulled()
    fault.strike(pulled)
    assert pulled.levers == struck
    fault.heal(pulled)
    assert pulled.levers == struck + healed


@pytest.mark.parametrize("seconds", [0.0, float("nan"), float("inf"), -40_000_000.0])
def test_a_clock_is_wrong_by_something_that_can_be(seconds: float) -> None:
    with pytest.raises(ChaosError, match="seconds must be above or below 0 and at most a year"):
        ClockSkew(seconds)


def test_the_system_under_test_is_a_place_of_its_own() -> None:
    marks: list[tuple[object, ...]] = []

    async def no_sleep(seconds: float) -> None: ...

    def gate(name: str) -> Gate:
        def mark(*about: object, **more: object) -> None:
            marks.append(about)

        return Gate(name, sleep=no_sleep, now=lambda: 0, marks=mark, levers=Pulled())

    gates = {"erp": gate("erp"), "sut": gate("sut")}

    def schedule(fault: Fault, system: str) -> Schedule:
        return Schedule([Injection("x", fault, Where(system))], gates, gates["erp"]._marks, seed=1)

    with pytest.raises(
        ChaosError, match="sut-kill: it strikes the system under test itself; write 'sut', got 'erp'"
    ):
        schedule(SutKill(), "erp")
    with pytest.raises(ChaosError, match=r"sut-pause: it strikes .*got '\*'"):
        schedule(SutPause(), "*")
    with pytest.raises(ChaosError, match="outage: it acts on systems of the estate; 'sut', "):
        schedule(Outage(), "sut")
    with pytest.raises(ChaosError, match="none here that was started by peakproof"):
        Schedule(
            [Injection("x", SutKill(), Where("sut"))], {"erp": gates["erp"]}, gates["erp"]._marks, seed=1
        )

    schedule(Refused(), "*").start(0.0)
    assert [mark for mark in marks if mark[0] == "fired"] == [("fired", "x", "refused", "erp")]
    struck = schedule(SutKill(), "sut")
    struck.start(0.0)
    struck.heal_all(1.0)
    levers = gates["sut"].levers
    assert isinstance(levers, Pulled)
    assert levers.levers == [("kill",), ("start",)]
    assert marks[-1] == ("healed", "x", "sut-kill", "sut")


# Journeys: a real system, and a client that feels it


@asynccontextmanager
async def standing(folder: Path, **settings: Any) -> AsyncIterator[Estate]:
    estate = small_estate(folder, **settings)
    estate.seed(articles("22423", "85123A"))
    await estate.start()
    try:
        yield estate
    finally:
        await estate.stop()
        estate.writer.close()
    assert estate.errors == []


def struck(estate: Estate, system: str, fault: ProcessFault) -> Trigger:
    trigger = Trigger(Injection("x", fault, Where(system)), rank=0, seed=1)
    estate.gates[system].arm(trigger)
    assert trigger.fired == 1
    return trigger


class Client:
    """The SUT's, with a connection that it keeps."""

    def __init__(self, estate: Estate, system: str, session: aiohttp.ClientSession) -> None:
        self.address = estate.addresses()[system]
        self.session = session
        self.token = self.address.api_key

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self.session.request(
            method, self.address.url + path, json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def fetch_token(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.address.client_id,
            "client_secret": self.address.client_secret,
        }
        async with self.session.post(f"{self.address.url}/oauth/token", data=form) as answer:
            self.token = (await answer.json())["access_token"]


async def test_a_closed_port_resets_who_is_there_refuses_who_comes_and_is_back_at_the_same_number(
    tmp_path: Path,
) -> None:
    async with standing(tmp_path) as estate, aiohttp.ClientSession() as session:
        erp = Client(estate, "erp", session)
        port = estate.systems["erp"].port.address[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /v1/items HTTP/1.1\r\nHost: erp\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401")

        trigger = struck(estate, "erp", Refused())
        with pytest.raises(ConnectionResetError):
            while await reader.read(1000):
                pass
        writer.close()
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        assert (await Client(estate, "wms", session).ask("GET", "/v1/stock"))[0] == 200

        estate.gates["erp"].heal(trigger)
        assert (await erp.ask("GET", "/v1/items"))[0] == 200
        assert estate.systems["erp"].url.endswith(f":{port}")

        again, beside = struck(estate, "erp", Refused()), struck(estate, "erp", Refused())
        estate.gates["erp"].heal(again)
        with pytest.raises(aiohttp.ClientConnectorError):
            await erp.ask("GET", "/v1/items")
        estate.gates["erp"].heal(beside)
        assert (await erp.ask("GET", "/v1/items"))[0] == 200


async def test_an_estate_that_ends_while_a_port_is_closed_leaves_nothing_open(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        port = estate.systems["erp"].port.address[1]
        struck(estate, "erp", Refused())
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_skewed_system_tells_wrong_times_everywhere_and_the_record_tells_true_ones(
    tmp_path: Path,
) -> None:
    heard: list[tuple[str, Any]] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append((request.headers["webhook-timestamp"], await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hear)
    receiver = web.AppRunner(app)
    await receiver.setup()
    await web.TCPSite(receiver, "127.0.0.1", 0).start()
    hook = f"http://127.0.0.1:{receiver.addresses[0][1]}/hook"

    async with standing(tmp_path) as estate, aiohttp.ClientSession() as session:
        estate.subscribe(lambda topic: hook if topic == "sales_order.posted" else None, "whsec_c2VjcmV0")
        effects: list[Effect] = []
        estate.observers.append(effects.append)
        erp = Client(estate, "erp", session)
        behind = struck(estate, "erp", ClockSkew(-3600.0))
        status, order = await erp.ask("POST", "/v1/sales-orders", order_body())
        assert status == 201
        booked_ns = effects[0].at_ns
        assert effects[0].kind == "sales_order_received"
        assert from_rfc3339(order["created_at"]) == pytest.approx(booked_ns - 3600e9, abs=1e9)

        async with asyncio.timeout(10):
            while not heard:
                await asyncio.sleep(0.005)
        timestamp, event = heard[0]
        assert int(timestamp) == pytest.approx(booked_ns / 1e9 - 3600, abs=10)
        assert from_rfc3339(event["time"]) == pytest.approx(booked_ns - 3600e9, abs=10e9)
        assert from_rfc3339(event["data"]["posted_at"]) == pytest.approx(booked_ns - 3600e9, abs=10e9)

        since_true = _stamp(datetime.fromisoformat(order["created_at"]) + timedelta(minutes=30))
        since_told = _stamp(datetime.fromisoformat(order["created_at"]) - timedelta(seconds=1))
        assert (await erp.ask("GET", f"/v1/sales-orders?updated_since={since_true}"))[1]["items"] == []
        assert len((await erp.ask("GET", f"/v1/sales-orders?updated_since={since_told}"))[1]["items"]) == 1

        estate.gates["erp"].heal(behind)
        _, later = await erp.ask("POST", "/v1/sales-orders", order_body("web-000002"))
        assert from_rfc3339(later["created_at"]) == pytest.approx(booked_ns, abs=10e9)
        _, page = await erp.ask("GET", f"/v1/sales-orders?updated_since={since_true}")
        assert [one["order_ref"] for one in page["items"]] == ["web-000002"]
    await receiver.cleanup()


async def test_a_list_finds_what_changed_since_although_the_clock_was_put_back(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate, aiohttp.ClientSession() as session:
        wms = Client(estate, "wms", session)
        ahead = struck(estate, "wms", ClockSkew(3600.0))
        estate.ledger("wms").receive("22423", "north", 1)
        estate.gates["wms"].heal(ahead)
        estate.ledger("wms").receive("85123A", "north", 2)
        soon = _stamp(datetime.fromisoformat(_told(estate, "wms")) + timedelta(minutes=30))
        for path in ("/v1/stock", "/v1/stock-movements"):
            _, page = await wms.ask("GET", f"{path}?updated_since={soon}")
            assert [one["sku"] for one in page["items"]] == ["22423"], path
        started = _stamp(datetime.fromisoformat(_told(estate, "wms")) - timedelta(minutes=30))
        _, first = await wms.ask("GET", f"/v1/stock-movements?updated_since={started}&limit=5")
        _, rest = await wms.ask(
            "GET", f"/v1/stock-movements?updated_since={started}&limit=5&cursor={first['next_cursor']}"
        )
        found = [one["change_id"] for page in (first, rest) for one in page["items"]]
        assert len(found) == len(set(found)) == 6
        assert rest["next_cursor"] is None


async def test_a_rotated_token_is_refused_and_a_new_one_is_good(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate, aiohttp.ClientSession() as session:
        erp = Client(estate, "erp", session)
        await erp.fetch_token()
        assert (await erp.ask("GET", "/v1/items"))[0] == 200
        struck(estate, "erp", TokenRotation())
        status, problem = await erp.ask("GET", "/v1/items")
        assert (status, problem["type"].rpartition("/")[2]) == (401, "unauthenticated")
        await erp.fetch_token()
        assert (await erp.ask("GET", "/v1/items"))[0] == 200
        erp.token = erp.address.api_key
        assert (await erp.ask("GET", "/v1/items"))[0] == 200


async def test_a_simulator_cannot_be_killed_and_says_so(tmp_path: Path) -> None:
    async with standing(tmp_path) as estate:
        trigger = Trigger(Injection("x", SutKill(), Where("erp")), rank=0, seed=1)
        estate.gates["erp"].arm(trigger)
        assert trigger.fired == 0
        assert estate.gates["erp"].errors == [
            (
                "fault sut-kill (injection 'x') raised ChaosError on its process of erp: "
                "erp is a simulator and cannot be killed; only the system under test can be"
            )
        ]
        estate.gates["erp"].errors.clear()


def _told(estate: Estate, system: str) -> str:
    at: str = next(iter(estate.ledger(system).movements)).updated_at
    return at


def _stamp(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"
