"""The lean client against a small real estate, over real sockets: every order goes the whole way, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from peakproof.history.records import Effect
from peakproof.loadtests.bench.lean import CONNECTIONS, TOPICS, Address, Lean
from peakproof.loadtests.bench.lean_wire import Answer, Client, Listener
from peakproof.simulators.estate import Estate
from peakproof.simulators.kit.events import new_secret

from ..simulators.estates import articles, small_estate
from ..simulators.serving import Caller

ORDER = {
    "shipping": "4.95",
    "customer": {"name": "Zoë Müller", "email": "zoe@example.com"},
    "ship_to": {
        "name": "Zoë Müller",
        "line1": "1 Great Northern Road",
        "line2": None,
        "city": "Newcastle upon Tyne",
        "postcode": "NE1 4ST",
        "country": "GB",
    },
    "service_level": "express",
}


UNKNOWN = {"channel": "web", "priority": 3, "ship_by": "2026-11-28T12:00:00Z", "payment_id": "PAY-none"}
"""What a channel adds to an order, here to one that no channel has."""


def checkout(order_ref: str, units: int = 2) -> dict[str, Any]:
    lines = [
        {"line_id": f"{number}", "sku": sku, "quantity": units, "unit_price": "2.08"}
        for number, sku in enumerate(("22423", "85123"), 1)
    ]
    total = f"{4.95 + 2 * units * 2.08:.2f}"
    currency = "EUR" if order_ref.startswith("bazaar") else "GBP"
    return {**ORDER, "currency": currency, "order_ref": order_ref, "lines": lines, "total": total}


class Heard(Listener):
    """A listener of whose end can be waited for."""

    def __init__(self, lean: Lean) -> None:
        super().__init__(lean.asked)
        self.ended = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


@asynccontextmanager
async def at_work(folder: Path, units: int = 100) -> AsyncIterator[tuple[Estate, list[Effect], int]]:
    """A served estate with a lean client that it tells everything; what happens in it, and the client's port."""
    estate = small_estate(folder)
    estate.seed(articles("22423", "85123", units=units))
    seen: list[Effect] = []
    estate.observers.append(seen.append)
    await estate.start()
    addresses = {name: Address(one.kind, one.url, one.api_key) for name, one in estate.addresses().items()}
    clients = {name: Client(name, one.url, one.api_key, CONNECTIONS) for name, one in addresses.items()}
    lean = Lean(clients, {one.kind: name for name, one in addresses.items()})
    listeners: list[Heard] = []

    def listen() -> Heard:
        listeners.append(Heard(lean))
        return listeners[-1]

    server = await asyncio.get_running_loop().create_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = f"http://127.0.0.1:{port}/webhooks"
    estate.subscribe(lambda topic: address if topic in TOPICS else None, new_secret())
    try:
        yield estate, seen, port
    finally:
        server.close()
        for client in clients.values():
            client.close()
        await estate.stop()
        estate.writer.close()
        for listener in listeners:
            await listener.ended.wait()


async def bought(estate: Estate, *order_refs: str, units: int = 2) -> None:
    """On the channel that the reference names."""
    for ref in order_refs:
        channel = estate.systems[ref.partition("-")[0]]
        async with Caller(channel.socket.getsockname()[1]) as shopper:
            wanted, key = checkout(ref, units), channel.shopper.api_key
            reply = await shopper.ask("POST", "/v1/checkouts", wanted, token=key)
            assert reply.status == 201, reply.body


async def told(port: int, path: str) -> Any:
    async with Caller(port) as caller:
        return (await caller.ask("GET", path)).document


async def until_quiet(estate: Estate, port: int) -> None:
    async with asyncio.timeout(30):
        while estate.pending or (await told(port, "/pending"))["pending"]:
            await asyncio.sleep(0.01)


def kinds(seen: list[Effect], order_ref: str) -> dict[str, int]:
    """How often each thing happened to an order."""
    counts: dict[str, int] = {}
    for effect in seen:
        if effect.order_ref == order_ref:
            counts[effect.kind] = counts.get(effect.kind, 0) + 1
    return counts


async def test_every_order_is_booked_shipped_charged_and_told_once(tmp_path: Path) -> None:
    refs = [f"web-{number:06d}" for number in range(1, 9)]
    async with at_work(tmp_path) as (estate, seen, port):
        await bought(estate, *refs)
        await until_quiet(estate, port)
        assert await told(port, "/exceptions") == []
    for ref in refs:
        happened = kinds(seen, ref)
        parcels = happened["shipment_confirmed"]
        assert happened["order_acknowledged"] == happened["sales_order_posted"] == 1
        assert happened["payment_captured"] == happened["invoice_posted"] == parcels
        assert happened["shipment_recorded"] == parcels


async def test_what_cannot_be_filled_is_cancelled_everywhere(tmp_path: Path) -> None:
    """200 units of each article stand there, and each channel lists them all: one of two who want 150 gets none."""
    async with at_work(tmp_path) as (estate, seen, port):
        await bought(estate, "web-000001", "bazaar-000001", units=150)
        await until_quiet(estate, port)
        assert await told(port, "/exceptions") == []
    both = [kinds(seen, ref) for ref in ("web-000001", "bazaar-000001")]
    (empty,) = (one for one in both if "order_unfillable" in one)
    assert empty["order_cancelled"] == empty["sales_order_cancelled"] == empty["payment_voided"] == 1
    assert "payment_captured" not in empty


async def test_what_the_warehouse_does_not_find_is_given_up(tmp_path: Path) -> None:
    """Nobody tells the OMS that 150 of the 200 units have left."""
    async with at_work(tmp_path) as (estate, seen, port):
        for ref in ("web-000001", "bazaar-000001"):
            await bought(estate, ref, units=150)
            await until_quiet(estate, port)
        assert await told(port, "/exceptions") == []
    short = kinds(seen, "bazaar-000001")
    assert short["oms_lines_cancelled"] == short["sales_order_lines_cancelled"] == short["lines_cancelled"]
    assert short["payment_captured"] == short["invoice_posted"] == short["shipment_recorded"]
    assert short["payment_voided"] == 1


async def test_what_a_system_refuses_is_said_and_not_tried_again(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (estate, _, port):
        gone = {"type": "order.placed", "source": "/web", "data": {**checkout("web-000009"), **UNKNOWN}}
        async with Caller(port) as channel:
            assert (await channel.ask("POST", "/webhooks", gone)).status == 200
        await until_quiet(estate, port)
        refused = await told(port, "/exceptions")
    assert refused == [{"order_ref": "web-000009", "system": "web", "reason": "acknowledge: 404"}]


async def test_whoever_asks_for_nothing_known_is_told_so(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (_, _, port), Caller(port) as caller:
        statuses = [(await caller.ask("GET", path)).status for path in ("/health", "/nonsense", "/health")]
    assert statuses == [200, 404, 200]


# The wire


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[tuple[Client, list[bytes]]]:
    """A client of a server that answers each request with the next reply, and hangs up where that is empty."""
    left, asked = list(replies), []
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asked.append(head + await reader.readexactly(2))
                reply = left.pop(0)
                if not reply:
                    break
                for piece in (reply[:20], reply[20:]):
                    writer.write(piece)
                    await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client("erp", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "key", 1)
    try:
        yield client, asked
    finally:
        client.close()
        server.close()
        await asyncio.gather(*serving)


async def posted(client: Client, times: int = 1) -> list[Answer | None]:
    """Post so often at once, and wait for all answers."""
    loop = asyncio.get_running_loop()
    answers: list[asyncio.Future[Answer | None]] = [loop.create_future() for _ in range(times)]
    for answer in answers:
        client.post("/v1/things", b"{}", "a-key", answer.set_result)
    async with asyncio.timeout(30):
        return await asyncio.gather(*answers)


async def test_one_connection_serves_all_in_turn() -> None:
    first = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"
    second = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1.5\r\nContent-Length: 0\r\n\r\n"
    async with answering(first, second) as (client, asked):
        assert await posted(client, 2) == [Answer(201, b"{}", 0.0), Answer(429, b"", 1.5)]
    assert len(asked) == 2
    assert asked[0].startswith(b"POST /v1/things HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\nauthorization: Bearer key\r\n" in asked[0]
    assert asked[0].endswith(b'idempotency-key: "a-key"\r\ncontent-length: 2\r\n\r\n{}')


async def test_a_connection_that_ends_costs_one_more_attempt() -> None:
    good = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    async with answering(b"", good) as (client, asked):
        assert await posted(client) == [Answer(200, b"", 0.0)]
    assert asked[0] == asked[1]


async def test_whoever_never_answers_is_no_answer() -> None:
    async with answering(b"", b"") as (client, asked):
        assert await posted(client) == [None]
    assert len(asked) == 2


async def test_whoever_is_not_there_is_no_answer() -> None:
    async with answering() as (client, _):
        pass
    gone = Client("erp", client.url, "key", 1)
    assert await posted(gone, 2) == [None, None]


async def test_a_connection_that_is_to_end_is_not_used_again() -> None:
    last = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    async with answering(last, last) as (client, _):
        assert await posted(client, 2) == [Answer(200, b"", 0.0)] * 2
