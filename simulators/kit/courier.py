"""Hands requests over by POST, over HTTP/1.1 connections that it keeps: what webhooks need of a client, and no more.

A client for everything costs four times as much a delivery (measured), and a peak is mostly deliveries.
"""

import asyncio
import ssl
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

import httptools
from yarl import URL

KEPT_S = 30.0
"""A connection that nobody has used for so long is closed."""


class NotReached(Exception):
    """Nobody listens there, or nobody who can be trusted."""


class HungUp(Exception):
    """The connection ended, or made no sense, before there was an answer."""


class Answer(NamedTuple):
    """What a receiver said; nobody waits for the rest of it."""

    status: int
    retry_after: str | None


class _Place(NamedTuple):
    """Where connections lead to."""

    host: str
    port: int
    is_secret: bool


class Courier:
    """Keeps as many connections to a place as were ever needed at once. Made for one event loop."""

    def __init__(self, timeout_s: float) -> None:
        """``timeout_s``: how long connecting and answering may take together."""
        self._timeout_s = timeout_s
        self._idle: defaultdict[_Place, deque[_Connection]] = defaultdict(deque)
        """The one that was used last at the end."""

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, on_the_wire: Callable[[], None] | None = None
    ) -> Answer:
        """The answer's head, whatever it says. Raises TimeoutError, NotReached and HungUp.

        ``on_the_wire`` is called as soon as the request has been written.
        """
        place, head = _address(url)
        fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        request = f"{head}{fields}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._timeout_s
        connection = self._kept(place, loop.time()) or await _connected(place, until_s)
        late = loop.call_at(until_s, connection.give_up)
        try:
            answered = connection.ask(request)
            if on_the_wire is not None:
                on_the_wire()
            answer = await answered
        except BaseException:
            connection.close()
            raise
        finally:
            late.cancel()
        connection.used_last_s = loop.time()
        self._idle[place].append(connection)
        return answer

    def close(self) -> None:
        """End every connection that is not in use."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def _kept(self, place: _Place, now_s: float) -> "_Connection | None":
        idle = self._idle[place]
        while idle and idle[0].used_last_s < now_s - KEPT_S:
            idle.popleft().close()
        while idle:
            connection = idle.pop()
            if connection.is_free:
                return connection
            connection.close()
        return None


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self.used_last_s = 0.0
        self.is_free = False
        """It is open, and what was asked last has been answered to the end."""
        self._parser = httptools.HttpResponseParser(self)
        self._answered: asyncio.Future[Answer] | None = None
        self._retry_after: str | None = None

    def ask(self, request: bytes) -> asyncio.Future[Answer]:
        self.is_free = False
        self._retry_after = None
        self._answered = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self._fail(HungUp())
        else:
            self._transport.write(request)
        return self._answered

    def give_up(self) -> None:
        self._fail(TimeoutError())

    def close(self) -> None:
        self.is_free = False
        self._transport.close()

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        if self.is_free:  # an answer that nobody asked for
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(HungUp())
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_free = False
        self._fail(HungUp())

    # What the parser says

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 11 and name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if not _is_interim(status) and self._answered is not None and not self._answered.done():
            self._answered.set_result(Answer(status, self._retry_after))

    def on_message_complete(self) -> None:
        if not _is_interim(self._parser.get_status_code()):
            self.is_free = self._parser.should_keep_alive() and not self._transport.is_closing()
            if not self.is_free:
                self.close()


def _is_interim(status: int) -> bool:
    """The answer proper is still to come; after 101 there would be none that is HTTP."""
    return 100 <= status < 200 and status != 101


async def _connected(place: _Place, until_s: float) -> _Connection:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(until_s):
            _, connection = await loop.create_connection(
                _Connection, place.host, place.port, ssl=_trusted() if place.is_secret else None
            )
    except TimeoutError:
        raise
    except (OSError, ValueError) as error:
        raise NotReached from error
    return connection


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


@lru_cache(maxsize=1_024)
def _address(url: str) -> tuple[_Place, str]:
    """Where it is, and the lines with which a request to it begins. Raises NotReached."""
    try:
        address = URL(url)
    except ValueError as error:
        raise NotReached from error
    if address.scheme not in ("http", "https") or address.raw_host is None or address.port is None:
        raise NotReached
    host = f"[{address.raw_host}]" if ":" in address.raw_host else address.raw_host
    port = "" if address.is_default_port() else f":{address.port}"
    head = f"POST {address.raw_path_qs} HTTP/1.1\r\nhost: {host}{port}\r\nuser-agent: peakproof\r\n"
    if address.user is not None:
        said = b64encode(f"{address.user}:{address.password or ''}".encode()).decode()
        head += f"authorization: Basic {said}\r\n"
    return _Place(address.raw_host, address.port, address.scheme == "https"), head
