"""HTTP/1.1 of the lean client, no more than it needs: a few kept connections to each system, and a door for events."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

ATTEMPTS = 2
"""A kept connection may just have been closed; the second attempt goes over a new one."""


class Answer(NamedTuple):
    """What a system said."""

    status: int
    body: bytes
    retry_after_s: float


Then = Callable[[Answer | None], None]
"""Takes the answer; None where there was none."""


class _Sent(NamedTuple):
    request: bytes
    then: Then
    attempts_left: int


class Client:
    """Posts to one system over at most so many connections, one request at a time on each."""

    def __init__(self, name: str, url: str, api_key: str, connections: int) -> None:
        parts = urlsplit(url)
        self.name = name
        self.url = url
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._fixed = (
            f"host: {parts.netloc}\r\nauthorization: Bearer {api_key}\r\ncontent-type: application/json\r\n"
        )
        self._most = connections
        self._open = 0
        self._idle: list[_Connection] = []
        self._waiting: deque[_Sent] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._closed = False

    def post(self, path: str, body: bytes, key: str, then: Then) -> None:
        """Send it when a connection is free; ``then`` hears of the answer."""
        head = (
            f"POST {path} HTTP/1.1\r\n{self._fixed}"
            f'idempotency-key: "{key}"\r\ncontent-length: {len(body)}\r\n\r\n'
        )
        self._send(_Sent(head.encode() + body, then, ATTEMPTS))

    def close(self) -> None:
        self._closed = True
        for task in self._connecting:
            task.cancel()
        for connection in self._idle:
            connection.close()

    def _send(self, sent: _Sent) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                connection.send(sent)
                return
        self._waiting.append(sent)
        if self._open < self._most:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
        except OSError:
            self._open -= 1
            if not self._open:
                waiting, self._waiting = self._waiting, deque()
                for sent in waiting:
                    sent.then(None)
            return
        self.is_free(connection)

    def is_free(self, connection: "_Connection") -> None:
        """It takes what waits, or waits itself."""
        if self._waiting:
            connection.send(self._waiting.popleft())
        elif self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def is_lost(self, sent: _Sent | None) -> None:
        """A connection has ended, with a request that has no answer or without."""
        self._open -= 1
        if self._closed:
            return
        if sent is None or sent.attempts_left > 1:
            if sent is not None:
                self._send(sent._replace(attempts_left=sent.attempts_left - 1))
            elif self._waiting:
                self._send(self._waiting.popleft())
        else:
            sent.then(None)


class _Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._buffer = b""
        self._sent: _Sent | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self.is_open = True

    def send(self, sent: _Sent) -> None:
        self._sent = sent
        self._transport.write(sent.request)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        head_end = buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = buffer[:head_end].lower()
        whole = head_end + 4 + int(_header(head, b"content-length") or b"0")
        if len(buffer) < whole:
            return
        self._buffer = buffer[whole:]
        sent, self._sent = self._sent, None
        answer = Answer(
            int(head[9:12]), buffer[head_end + 4 : whole], float(_header(head, b"retry-after") or b"0")
        )
        if _header(head, b"connection") == b"close":
            self.is_open = False
            self._transport.close()
        else:
            self._client.is_free(self)
        if sent is not None:
            sent.then(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        sent, self._sent = self._sent, None
        self._client.is_lost(sent)


def _header(head: bytes, name: bytes) -> bytes:
    """Its value in a head of lower-case letters; empty where it is not there."""
    at = head.find(b"\r\n" + name + b": ")
    if at < 0:
        return b""
    end = head.find(b"\r\n", at + 2)
    return head[at + len(name) + 4 : end if end > 0 else len(head)]


class Listener(asyncio.Protocol):
    """One connection of somebody who asks; ``asked`` takes method, path and body and returns status and body."""

    def __init__(self, asked: Callable[[str, str, bytes], tuple[int, bytes]]) -> None:
        self._asked = asked
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._path = self._body = b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status, body = self._asked(
            self._parser.get_method().decode(), self._path.decode("latin-1"), self._body
        )
        head = f"HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
