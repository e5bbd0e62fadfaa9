"""The door on real sockets: what the caller sees, what is recorded, and in which order."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from peakproof.chaos.fault import Fault
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.injection import Injection, Trigger
from peakproof.chaos.throttles.token_bucket import TokenBucket
from peakproof.history.compressed import decompressed
from peakproof.history.writer import HistoryWriter
from peakproof.simulators.kit.door import MAX_BODY_BYTES

from .doors import SUT, AskedErp, asked_erp, order_body
from .serving import Caller, served

ORDERS = "/v1/sales-orders"


class History:
    """A real writer and what is in its files just now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer = HistoryWriter(folder, "erp")

    def calls(self) -> list[dict[str, Any]]:
        return self._read("calls")

    def effects(self) -> list[dict[str, Any]]:
        return [effect for effect in self._read("effects") if effect["kind"] != "item_known"]

    def _read(self, kind: str) -> list[dict[str, Any]]:
        lines = (self.folder / f"{kind}-erp.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in lines]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path)
    yield history
    history.writer.close()


@pytest.fixture
def erp(history: History) -> AskedErp:
    return asked_erp(recorder=history.writer, sleep=asyncio.sleep)


def armed(erp: AskedErp, fault: Fault) -> Trigger:
    trigger = Trigger(Injection("injected", fault), rank=0, seed=1)
    erp.gate.arm(trigger)
    return trigger


# The record


async def test_call_and_effects_are_on_disk_when_the_reply_arrives(erp: AskedErp, history: History) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        for number in range(1, 4):
            seen = await caller.ask("POST", ORDERS, order_body(f"web-{number:06d}"))
            assert seen.status == 201
            assert [call["order_ref"] for call in history.calls()][-1] == f"web-{number:06d}"
            assert len(history.calls()) == len(history.effects()) == number
            assert history.effects()[-1]["call_id"] == history.calls()[-1]["call_id"]


async def test_the_same_holds_while_a_fault_is_armed(erp: AskedErp, history: History) -> None:
    armed(erp, Latency(seconds=0.001))
    async with served(erp.door) as port, Caller(port) as caller:
        assert (await caller.ask("POST", ORDERS, order_body())).status == 201
        [call] = history.calls()
        assert (call["outcome"], call["committed"], call["faults"]) == ("ok", True, ["injected"])
        assert len(history.effects()) == 1


async def test_calls_that_arrive_together_leave_after_one_write(
    erp: AskedErp, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def write() -> None:
        history.writer.flush_now()
        written.append(1)

    monkeypatch.setattr(erp.door.departures, "_write_record", write)
    async with served(erp.door) as port, Caller(port) as caller:
        for number in range(20):
            caller.send("GET", f"/v1/items/none-{number}")
        for number in range(20):
            assert f"none-{number}'" in (await caller.reply()).document["detail"]
    assert len(history.calls()) == 20
    assert len(written) < 5


async def test_what_cannot_be_recorded_is_not_answered(
    erp: AskedErp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(erp.door.departures, "_write_record", disk_full)
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send("GET", "/v1/items")
        assert await caller.is_closed()


async def test_no_secret_reaches_the_history(erp: AskedErp, history: History) -> None:
    form = urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": SUT.client_id,
            "client_secret": SUT.client_secret,
        }
    )
    async with served(erp.door) as port, Caller(port) as caller:
        answered = await caller.ask(
            "POST",
            "/oauth/token",
            raw=form.encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        token = answered.document["access_token"]
        assert (await caller.ask("POST", ORDERS, order_body(), token=token)).status == 201
    history.writer.flush()
    assert [call["operation"] for call in history.calls()] == ["issue_token", "create_sales_order"]
    assert "request_body" not in history.calls()[0] and "response_body" not in history.calls()[0]
    files = b"".join(path.read_bytes() for path in history.folder.iterdir() if path.suffix == ".jsonl")
    history.writer.close()
    bodies = b"".join(map(decompressed, history.folder.glob("bodies-*")))
    for secret in (SUT.client_secret, SUT.api_key, token):
        assert secret.encode() not in files + bodies
    assert b"web-000001" in bodies


# Faults and throttles as the caller meets them


async def test_an_outage_resets_the_connection_and_commits_nothing(erp: AskedErp, history: History) -> None:
    trigger = armed(erp, Outage())
    async with served(erp.door) as port:
        async with Caller(port) as caller:
            with pytest.raises(ConnectionResetError):
                await caller.ask("POST", ORDERS, order_body())
        [call] = history.calls()
        assert (call["outcome"], call["order_ref"], call["faults"]) == ("unknown", "web-000001", ["injected"])
        assert "status" not in call and "committed" not in call
        assert history.effects() == []

        erp.gate.heal(trigger)
        async with Caller(port) as caller:
            assert (await caller.ask("POST", ORDERS, order_body())).status == 201


async def test_a_lost_reply_commits_and_resets(erp: AskedErp, history: History) -> None:
    armed(erp, LostReply())
    async with served(erp.door) as port, Caller(port) as caller:
        with pytest.raises(ConnectionResetError):
            await caller.ask("POST", ORDERS, order_body())
    [call] = history.calls()
    assert (call["outcome"], call["committed"]) == ("unknown", True)
    assert "status" not in call
    assert [effect["kind"] for effect in history.effects()] == ["sales_order_received"]


async def test_a_reply_that_hangs_stays_away_until_the_caller_gives_up(
    erp: AskedErp, history: History
) -> None:
    armed(erp, LostReply(how="hang"))
    async with served(erp.door) as port:
        async with Caller(port) as caller:
            caller.send("POST", ORDERS, order_body())
            while not history.effects():
                await asyncio.sleep(0.001)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(caller.reply(), 0.05)
        async with Caller(port) as caller:
            assert (await caller.ask("GET", f"{ORDERS}/SO-000001")).status == 200


async def test_a_server_error_is_told_as_one(erp: AskedErp, history: History) -> None:
    armed(erp, ServerError())
    async with served(erp.door) as port, Caller(port) as caller:
        seen = await caller.ask("POST", ORDERS, order_body())
        assert seen.status >= 500
    assert history.calls()[0]["refused_by"] == "fault"
    assert history.effects() == []


async def test_reading_goes_on_while_only_changes_lose_their_replies(erp: AskedErp) -> None:
    armed(erp, LostReply())
    async with served(erp.door) as port, Caller(port) as caller:
        assert (await caller.ask("GET", "/v1/items")).status == 200


async def test_a_throttle_says_how_long_to_wait_and_which_bucket_it_was(
    erp: AskedErp, history: History
) -> None:
    erp.gate.throttle = TokenBucket(rate_per_s=0.1, burst=1)
    async with served(erp.door) as port, Caller(port) as caller:
        assert (await caller.ask("POST", ORDERS, order_body())).status == 201
        refused = await caller.ask("POST", ORDERS, order_body())
    assert (refused.status, refused.headers["retry-after"]) == (429, "10")
    assert refused.headers["content-type"] == "application/problem+json"
    call = history.calls()[1]
    assert (call["outcome"], call["retry_after_s"], call["bucket"]) == ("refused", 10.0, "erp/sut-erp")


async def test_a_key_whose_first_call_is_still_at_work_gets_409(history: History) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work(seconds: float) -> None:
        begun.set()
        await go_on.wait()

    erp = asked_erp(recorder=history.writer, service_s=0.1, sleep=work)
    key = {"Idempotency-Key": "k"}
    async with served(erp.door) as port, Caller(port) as first, Caller(port) as second:
        first.send("POST", ORDERS, order_body(), headers=key)
        await begun.wait()
        assert erp.door.in_flight == 1
        refused = await second.ask("POST", ORDERS, order_body(), headers=key)
        assert refused.status == 409
        assert refused.document["type"].endswith("/idempotency_key_in_use")
        go_on.set()
        assert (await first.reply()).status == 201
        again = await second.ask("POST", ORDERS, order_body(), headers=key)
        assert (again.status, again.headers["idempotent-replayed"]) == (201, "true")
    assert len(history.effects()) == 1


# HTTP as it comes


async def test_one_connection_carries_many_calls(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        for number in range(50):
            seen = await caller.ask("POST", ORDERS, order_body(f"web-{number:06d}"))
            assert (seen.status, seen.headers["content-length"]) == (201, str(len(seen.body)))


async def test_pipelined_calls_are_answered_in_their_order_whichever_way_they_go(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send("GET", "/v1/items/first")
        caller.send("GET", "/v1/items/second")
        caller.send("HEAD", "/v1/items/third")
        caller.send("GET", "/v1/items/fourth")
        caller.send("HEAD", "/v1/items/fifth")
        for name in ("first", "second", None, "fourth", None):
            if name is None:
                assert (await caller.reply("HEAD")).status == 405
            else:
                assert name in (await caller.reply()).document["detail"]


async def test_a_call_behind_a_slow_one_waits_for_it(history: History) -> None:
    erp = asked_erp(recorder=history.writer, sleep=asyncio.sleep)
    trigger = armed(erp, Latency(seconds=0.02))
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send("GET", "/v1/items/slow")
        while erp.door.in_flight == 0:
            await asyncio.sleep(0.001)
        erp.gate.heal(trigger)
        caller.send("GET", "/v1/items/quick")
        for name in ("slow", "quick"):
            assert name in (await caller.reply()).document["detail"]


async def test_a_body_may_come_in_pieces(erp: AskedErp) -> None:
    content = msgspec.json.encode(order_body())
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send(
            "POST",
            ORDERS,
            raw=b"",
            headers={
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
            },
        )
        for at in range(0, len(content), 100):
            caller.writer.write(content[at : at + 100])
            await caller.writer.drain()
            await asyncio.sleep(0)
        assert (await caller.reply()).status == 201


async def test_a_fault_that_is_armed_while_a_body_arrives_acts_on_it(erp: AskedErp) -> None:
    content = msgspec.json.encode(order_body())
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send(
            "POST",
            ORDERS,
            raw=b"",
            headers={
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
            },
        )
        caller.writer.write(content[:50])
        await asyncio.sleep(0.02)
        armed(erp, ServerError())
        caller.writer.write(content[50:])
        assert (await caller.reply()).status >= 500


async def test_a_body_may_be_chunked(erp: AskedErp) -> None:
    content = msgspec.json.encode(order_body())
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:99], content[99:]))
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send(
            "POST",
            ORDERS,
            raw=b"",
            headers={
                "Content-Type": "application/json",
                "Transfer-Encoding": "chunked",
            },
        )
        caller.writer.write(chunks + b"0\r\n\r\n")
        assert (await caller.reply()).status == 201


@pytest.mark.parametrize("size", [70_000, 500_000])
async def test_a_large_body_is_read_whole(erp: AskedErp, size: int) -> None:
    content = msgspec.json.encode(order_body())
    async with served(erp.door) as port, Caller(port) as caller:
        seen = await caller.ask("POST", ORDERS, raw=content + b" " * size)
        assert seen.status == 201
        assert (await caller.ask("GET", f"{ORDERS}/SO-000001")).status == 200


async def test_a_body_that_is_too_large_gets_413_and_the_connection_lives_on(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        seen = await caller.ask("POST", ORDERS, raw=b" " * (MAX_BODY_BYTES + 70_000))
        assert (seen.status, seen.headers["content-type"]) == (413, "application/problem+json")
        assert (await caller.ask("GET", "/v1/items")).status == 200


async def test_a_caller_that_waits_for_100_gets_it(erp: AskedErp) -> None:
    content = msgspec.json.encode(order_body())
    async with served(erp.door) as port, Caller(port) as caller:
        caller.send(
            "POST",
            ORDERS,
            raw=b"",
            headers={
                "Content-Type": "application/json",
                "Content-Length": str(len(content)),
                "Expect": "100-continue",
            },
        )
        assert (await caller.reply()).status == 100
        caller.writer.write(content)
        assert (await caller.reply()).status == 201


async def test_a_path_may_be_percent_encoded(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        assert (await caller.ask("GET", "/v1/items/%32%32423")).document["sku"] == "22423"
        assert (await caller.ask("GET", "/v1/items/%C3%BC%00%0A")).status == 404


async def test_head_is_answered_without_a_body(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        assert (await caller.ask("HEAD", "/v1/items")).status == 405
        assert (await caller.ask("GET", "/v1/items")).status == 200


async def test_a_caller_that_wants_the_connection_closed_gets_it_closed(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        seen = await caller.ask("GET", "/v1/items", headers={"Connection": "close"})
        assert (seen.status, seen.headers["connection"]) == (200, "close")
        assert await caller.is_closed()


async def test_http_1_0_is_answered_and_closed(erp: AskedErp) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        caller.writer.write(b"GET /v1/items/none HTTP/1.0\r\nauthorization: Bearer key-sut\r\n\r\n")
        assert (await caller.reply()).status == 404
        assert await caller.is_closed()


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_400_and_leaves_no_record(
    erp: AskedErp, history: History, raw: bytes
) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        caller.writer.write(raw)
        assert (await caller.reply()).status == 400
        assert await caller.is_closed()
    assert history.calls() == []


async def test_a_caller_that_leaves_in_mid_request_changes_nothing(erp: AskedErp, history: History) -> None:
    async with served(erp.door) as port:
        for size in (10, 100_000):
            async with Caller(port) as caller:
                caller.send(
                    "POST",
                    ORDERS,
                    raw=b"",
                    headers={
                        "Content-Type": "application/json",
                        "Content-Length": "200000",
                    },
                )
                caller.writer.write(b" " * size)
                await caller.writer.drain()
        async with Caller(port) as caller:
            assert (await caller.ask("GET", "/v1/items")).status == 200
    assert [call["operation"] for call in history.calls()] == ["list_items"]


async def test_a_caller_that_leaves_before_its_reply_has_had_its_way(erp: AskedErp, history: History) -> None:
    async with served(erp.door) as port:
        async with Caller(port) as caller:
            caller.send("POST", ORDERS, order_body())
            await caller.writer.drain()
        async with Caller(port) as caller:
            assert (await caller.ask("GET", f"{ORDERS}/SO-000001")).status == 200
    assert history.calls()[0]["outcome"] == "ok"


async def test_a_caller_that_leaves_while_the_system_works_cannot_know_what_came_of_it(
    history: History,
) -> None:
    started, left = asyncio.Event(), asyncio.Event()

    async def until_the_caller_has_left(seconds: float) -> None:
        started.set()
        await left.wait()

    erp = asked_erp(recorder=history.writer, service_s=1.0, sleep=until_the_caller_has_left)
    async with served(erp.door) as port:
        async with Caller(port) as caller:
            caller.send("POST", ORDERS, order_body())
            await asyncio.wait_for(started.wait(), 10)
        while erp.door.callers:
            await asyncio.sleep(0.001)
        left.set()
        while not history.calls():
            await asyncio.sleep(0.001)
    [call] = history.calls()
    assert (call["outcome"], call["committed"]) == ("unknown", True)
    assert "status" not in call
    assert [effect["kind"] for effect in history.effects()] == ["sales_order_received"]


@pytest.mark.parametrize("method", ["GET", "HEAD"], ids=["short cut", "usual way"])
async def test_an_idle_connection_is_closed_after_its_time(erp: AskedErp, method: str) -> None:
    async with served(erp.door, keep_alive_s=1) as port, Caller(port) as caller:
        for _ in range(3):
            await caller.ask(method, "/v1/items")
        async with asyncio.timeout(3):
            assert await caller.is_closed()


async def test_the_openapi_document_is_served_and_not_recorded(erp: AskedErp, history: History) -> None:
    async with served(erp.door) as port, Caller(port) as caller:
        seen = await caller.ask("GET", "/openapi.json")
        assert (seen.status, seen.document["info"]["title"]) == (200, "ERP")
    assert history.calls() == []


async def test_our_own_failure_before_the_face_is_a_500_too(erp: AskedErp) -> None:
    erp.face.operations["get_item"].sku = lambda sku: str(1 / 0)
    async with served(erp.door) as port, Caller(port) as caller:
        assert (await caller.ask("GET", "/v1/items/22423")).status == 500
        assert (await caller.ask("GET", "/v1/items")).status == 200
    assert "ZeroDivisionError" in erp.face.errors[0]
