"""The caller's connection: how it is met, and how a reply leaves, as HTTP should or below HTTP (RST, FIN, raw bytes)."""

import socket
import struct
from asyncio import BaseTransport, Event, Transport
from asyncio import Protocol as TransportProtocol
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ...chaos.fault import Line, Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PROTOCOL = "peakproof.protocol"
"""Where the protocol leaves itself in the ASGI scope."""

PLAIN_METHODS = frozenset({b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"})
BODILESS = frozenset({204, 304})
"""Statuses whose replies must not tell a length (RFC 9110 section 8.6)."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


RawHeaders = Iterable[tuple[bytes, bytes]]
"""Names in lower case."""


class Departures:
    """The replies of one turn of the event loop: they leave together, when all that they tell has been written."""

    __slots__ = ("_waiting", "_write_record")

    def __init__(self, write_record: Callable[[], None]) -> None:
        self._write_record = write_record
        self._waiting: list[tuple[WireProtocol, bytes]] = []

    def add(self, protocol: "WireProtocol", reply: bytes) -> None:
        if not self._waiting:
            protocol.loop.call_soon(self._leave)
        self._waiting.append((protocol, reply))

    def _leave(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            self._write_record()
        except OSError:
            for protocol, _ in waiting:
                protocol.transport.abort()  # what is not on record is not answered
            raise
        for protocol, reply in waiting:
            protocol.leave(reply)


class HeldApplication(Protocol):
    """What the protocol needs of an ASGI application."""

    departures: Departures
    callers: "set[Any]"

    @property
    def is_prompt(self) -> bool: ...

    @property
    def is_open(self) -> bool: ...

    async def meet(self, connection: Line) -> None: ...

    def answer_at_once(
        self, method: str, path: str, query: bytes, raw_headers: RawHeaders, body: bytes
    ) -> Reply: ...


class WireProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol, with its transport within reach of the gate and a short cut for plain calls.

    A plain call to an application that is prompt just then is answered as soon as it has been read, without an ASGI
    task and its messages (measured: they cost as much again as all the rest that uvicorn does). What is large,
    unusual or waits behind a slow call goes uvicorn's way.
    """

    _plain = False
    _body = b""
    _idle_since_s: float | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        application: HeldApplication = self.config.loaded_app
        application.callers = self.connections
        if not application.is_open:
            meeting = self.loop.create_task(Meeting(self).hold(application.meet))
            meeting.add_done_callback(self.tasks.discard)
            self.tasks.add(meeting)

    def on_message_begin(self) -> None:
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        self._body = b""
        self._plain = (
            self.parser.get_method() in PLAIN_METHODS
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
        )
        if not self._plain:
            self._go_the_usual_way()

    def on_body(self, body: bytes) -> None:
        if self._plain:
            self._body += body
            if len(self._body) > HIGH_WATER_LIMIT:
                self._go_the_usual_way()
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._plain:
            application: HeldApplication = self.config.loaded_app
            if application.is_prompt:
                application.departures.add(self, self._answered_by(application))
                return
            self._go_the_usual_way()
        super().on_message_complete()

    def leave(self, reply: bytes) -> None:
        """Let a plain call's reply go."""
        if not self.transport.is_closing():
            self.transport.write(reply)
            self.server_state.total_requests += 1
            self._idle_since_s = self.loop.time()
            if self.timeout_keep_alive_task is None:
                self._watch_idleness(self.timeout_keep_alive)

    # uvicorn cancels and sets a timer for every request; one that looks at the last reply costs much less.

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since_s = None

    def on_response_complete(self) -> None:
        super()._unset_keepalive_if_required()
        super().on_response_complete()
        self._idle_since_s = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        super()._unset_keepalive_if_required()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since_s is None:
            return
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._watch_idleness(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _watch_idleness(self, wait_s: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(wait_s, self.timeout_keep_alive_handler)

    def _answered_by(self, application: HeldApplication) -> bytes:
        target = httptools.parse_url(self.url)
        path = target.path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        method = self.parser.get_method().decode("ascii")
        return as_bytes(
            application.answer_at_once(method, path, target.query or b"", self.headers, self._body)
        )

    def _go_the_usual_way(self) -> None:
        """Let uvicorn see what has been read so far."""
        self._plain = False
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        self.scope[PROTOCOL] = self  # type: ignore[literal-required]  # our own key
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)


class RawConnection:
    """A connection below HTTP: the part of ``chaos.fault.Line`` that needs no waiting."""

    def __init__(self, protocol: WireProtocol) -> None:
        self._protocol = protocol
        self._transport: Transport = protocol.transport

    @property
    def is_closed(self) -> bool:
        return self._transport.is_closing()

    async def write(self, raw: bytes) -> None:
        self._transport.write(raw)

    def reset(self) -> None:
        """Linger zero makes the kernel answer with RST instead of FIN (socket(7), SO_LINGER)."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None and not self._transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()


class StandIn(TransportProtocol):
    """Takes the place of a connection's protocol for a while; all but what is read still goes to the protocol."""

    def __init__(self, protocol: WireProtocol) -> None:
        self._protocol = protocol
        protocol.transport.set_protocol(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


class Trap(StandIn):
    """Resets the connection as soon as another byte comes."""

    def data_received(self, data: bytes) -> None:
        RawConnection(self._protocol).reset()


class Meeting(StandIn):
    """A caller who has just connected and whom a fault may meet; what he sends meanwhile is kept, unread."""

    MAX_KEPT_BYTES = 65_536

    def __init__(self, protocol: WireProtocol) -> None:
        super().__init__(protocol)
        self._ended = Event()
        self._kept = b""

    async def hold(self, meet: Callable[[Line], Awaitable[None]]) -> None:
        """Let him be met, and then in, if he still is there."""
        protocol, transport = self._protocol, self._protocol.transport
        await meet(MetConnection(protocol, self._ended))
        if transport.is_closing():
            return
        transport.set_protocol(protocol)
        transport.resume_reading()
        if self._kept:
            protocol.data_received(self._kept)

    def data_received(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > self.MAX_KEPT_BYTES:
            self._protocol.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()
        super().connection_lost(exc)


class MetConnection(RawConnection):
    """A connection on which nothing has been asked yet, as ``chaos.fault.Line``."""

    def __init__(self, protocol: WireProtocol, ended: Event) -> None:
        super().__init__(protocol)
        self._ended = ended

    async def gone(self) -> None:
        await self._ended.wait()


class HttpConnection(RawConnection):
    """One exchange's connection, as ``chaos.fault.Connection``."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope[PROTOCOL])
        self._receive = receive
        self._send = send

    async def send(self, reply: Reply) -> None:
        await send_reply(self._send, reply)

    async def begin(self, reply: Reply) -> None:
        await self._send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})

    async def add(self, piece: bytes, *, last: bool) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": not last})

    def reset_on_next(self) -> None:
        Trap(self._protocol)

    async def gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def send_reply(send: Send, reply: Reply) -> None:
    """Answer as HTTP should."""
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    await send({"type": "http.response.body", "body": reply.body})


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    if reply.status not in BODILESS:
        headers.append((b"content-length", b"%d" % len(reply.body)))
    return headers


def as_bytes(reply: Reply) -> bytes:
    """A reply as it is on the wire of HTTP/1.1."""
    lines = [_STATUS_LINES[reply.status]]
    lines += [f"{name}: {value}\r\n" for name, value in reply.headers]
    if reply.status not in BODILESS:
        lines.append(f"content-length: {len(reply.body)}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1") + reply.body
