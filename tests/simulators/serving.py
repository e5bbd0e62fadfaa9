"""Doors on real sockets, and a caller that sees every byte."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import uvicorn

from peakproof.simulators.kit.connection import WireProtocol
from peakproof.simulators.kit.door import Door

from .doors import SUT


@asynccontextmanager
async def served(door: Door, *, keep_alive_s: int = 75) -> AsyncIterator[int]:
    """The port of a door on 127.0.0.1, served as the estate serves it."""
    config = uvicorn.Config(
        door,
        port=0,
        http=WireProtocol,
        lifespan="off",
        access_log=False,
        log_level="error",
        timeout_keep_alive=keep_alive_s,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.001)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving


@dataclass
class Seen:
    """A reply as it was on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return msgspec.json.decode(self.body)


class Caller:
    """One connection; use it in an ``async with`` block."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        token: str = SUT.api_key,
        headers: Mapping[str, str] | None = None,
    ) -> Seen:
        self.send(method, target, body, raw=raw, token=token, headers=headers)
        return await self.reply(method)

    def send(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        token: str = SUT.api_key,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Put one request on the wire without waiting for the reply."""
        content = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        sent = {"Host": "127.0.0.1", "Authorization": f"Bearer {token}"}
        if content:
            sent |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
        sent |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self.writer.write(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + content)

    async def reply(self, method: str = "GET") -> Seen:
        """The next reply. IncompleteReadError or ConnectionResetError where the connection ends instead."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        return Seen(int(first.split(" ")[1]), headers, await self.reader.readexactly(length))

    async def is_closed(self) -> bool:
        """Wait for the other side to end the connection, by FIN or RST; True if it does so without another byte."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True
