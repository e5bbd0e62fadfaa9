"""Create-and-read-back order traffic: every connection posts an order, waits, reads it back, waits, and begins again.

The client is a bare asyncio protocol, so that it stays cheaper than any server it measures.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice, takewhile
from math import ceil
from time import perf_counter
from typing import cast

LINES = 9
"""Lines of an order: with these the request's body is about 1 KB."""

_ORDER = """\
{"order_ref":"%s","currency":"GBP","lines":[%s],"shipping":"4.95","total":"%s",\
"customer":{"name":"Zoë Müller %d","email":"zoe.mueller.%d@example.com"},\
"ship_to":{"name":"Zoë Müller %d","line1":"%d Great Northern Road","line2":null,\
"city":"Newcastle upon Tyne","postcode":"NE%d 4ST","country":"GB"},\
"service_level":"express","priority":3,"ship_by":"2026-11-28T12:00:00Z","payment_id":"PAY-%06d","channel":"web"}"""
"""Names, addresses and payments differ from order to order, or a system would hold them only once."""
_ID = re.compile(rb'"sales_order_id": ?"?([^",\s}]+)')
"""Where an answer says the order's id: a string with us, a number with some peer."""
_LINE = '{"line_id":"%d","sku":"%s","quantity":%d,"unit_price":"2.08"}'

_numbers = count(1)
MOST_SILENT_S = 20.0


SKUS = [str(20_000 + number) for number in range(4_000)]
"""Five characters, as in the trace."""


def order(number: int, lines: int = LINES, skus: Sequence[str] = SKUS) -> tuple[str, bytes]:
    """An order's reference and its body, as a system takes it; about 1 KB with the usual lines."""
    order_ref = f"web-{number:06d}"
    units = [1 + (number + line) % 12 for line in range(lines)]
    listed = ",".join(
        _LINE % (line + 1, skus[(number * 7 + line * 131) % len(skus)], quantity)
        for line, quantity in enumerate(units)
    )
    pence = 495 + 208 * sum(units)
    total = f"{pence // 100}.{pence % 100:02d}"
    return order_ref, (_ORDER % (order_ref, listed, total, *[number] * 6)).encode()


@dataclass(frozen=True, slots=True)
class Target:
    """A server to send orders to."""

    name: str
    port: int
    token: str
    path: str = "/v1/sales-orders"


@dataclass(frozen=True, slots=True)
class Burst:
    """What a burst of traffic was like for the client."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


async def send(target: Target, *, orders: int, connections: int) -> Burst:
    """Post and read back so many orders over so many connections. RuntimeError for any answer but 201 and 200."""
    return await _burst(target, islice(_requests(target), orders), connections)


async def send_for(target: Target, *, seconds: float, connections: int) -> Burst:
    """Post and read back orders for so long. RuntimeError as for ``send``, or for whoever leaves a request unanswered."""
    until = perf_counter() + seconds
    work = takewhile(lambda _: perf_counter() < until, _requests(target))
    try:
        async with asyncio.timeout(seconds + MOST_SILENT_S):
            return await _burst(target, work, connections)
    except TimeoutError:
        raise RuntimeError(f"{target.name} left a request unanswered for {MOST_SILENT_S:g} s") from None


async def _burst(target: Target, requests: Iterable[bytes], connections: int) -> Burst:
    loop = asyncio.get_running_loop()
    work = iter(requests)
    clients = [
        (await loop.create_connection(lambda: _Client(target, work), "127.0.0.1", target.port))[1]
        for _ in range(connections)
    ]
    begun = perf_counter()
    for client in clients:
        client.begin()
    await asyncio.gather(*(client.done for client in clients))
    seconds = perf_counter() - begun
    waits = sorted(wait for client in clients for wait in client.waits_s)
    return Burst(len(waits), seconds, _percentile(waits, 0.5) * 1e3, _percentile(waits, 0.99) * 1e3)


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, ceil(share * len(ordered)) - 1)]


def _requests(target: Target) -> Iterator[bytes]:
    for number in _numbers:
        order_ref, body = order(number)
        yield b"".join(
            (
                b"POST ",
                target.path.encode(),
                b" HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n",
                b"content-type: application/json\r\nauthorization: Bearer ",
                target.token.encode(),
                b'\r\nidempotency-key: "book-',
                order_ref.encode(),
                b'"\r\ncontent-length: ',
                str(len(body)).encode(),
                b"\r\n\r\n",
                body,
            )
        )


class _Client(asyncio.Protocol):
    """One connection: takes an order from the common work, posts it, and reads back what came of it."""

    def __init__(self, target: Target, work: Iterator[bytes]) -> None:
        self._read_back = (
            b" HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\nauthorization: Bearer %b\r\n\r\n"
            % target.token.encode()
        )
        self._name = target.name
        self._order = f"GET {target.path}/".encode()
        self._work = work
        self._buffer = b""
        self._sent_s = 0.0
        self._posted = False
        self.waits_s: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        request = next(self._work, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._posted = True
        self._sent_s = perf_counter()
        self._transport.write(request)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            why = f": {error}" if error else " in mid-round"
            self.done.set_exception(RuntimeError(f"{self._name} closed the connection{why}"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        if head < 0 or not _is_whole(buffer, head):
            return
        self._buffer = b""
        self.waits_s.append(perf_counter() - self._sent_s)
        if not self._posted:
            self._expect(buffer, b"HTTP/1.1 200")
            self.begin()
            return
        self._expect(buffer, b"HTTP/1.1 201")
        order_id = _ID.search(buffer, head)
        if order_id is None:
            self._fail(f"answered without an id: {buffer[:400]!r}")
            return
        self._posted = False
        self._sent_s = perf_counter()
        self._transport.write(self._order + order_id[1] + self._read_back)

    def _expect(self, reply: bytes, start: bytes) -> None:
        if not reply.startswith(start):
            self._fail(f"answered {reply[:400]!r}")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"{self._name} {why}"))
        self._transport.abort()


def _is_whole(reply: bytes, head: int) -> bool:
    """Whether the body of which the head ends there has come in full; some peers send theirs in chunks."""
    names = reply[:head].lower()
    at = names.find(b"content-length: ")
    if at < 0:
        return reply.endswith(b"0\r\n\r\n") and len(reply) > head + 4
    at += 16
    end = names.find(b"\r", at)
    return len(reply) >= head + 4 + int(names[at : end if end > 0 else head])
