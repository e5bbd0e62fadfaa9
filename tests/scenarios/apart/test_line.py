"""Who may talk on a line between two processes, and what can be said."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from peakproof import __version__
from peakproof.scenarios.apart.line import Called, Caller, Line, LineError, Unreachable
from peakproof.scenarios.apart.wire import Authorise, Authorised, BetweenSystems, Hello, Proof, framed

TOKEN = "of-no-use-to-anybody-after-this-test"


@dataclass
class Listener:
    port: int
    heard: list[object] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@asynccontextmanager
async def listening(why_not: str | None = None) -> AsyncIterator[Listener]:
    """Somebody who answers every payment."""
    here = Listener(0)

    async def hear(line: Line, hello: Hello) -> None:
        while True:
            said = await line.hear(BetweenSystems)
            here.heard.append(said)
            line.tell(Authorised("PAY-000001"))

    called = Called(TOKEN, hear, lambda hello: why_not, here.refused.append)
    here.port = await called.listen("127.0.0.1")
    try:
        yield here
    finally:
        await called.close()


async def call(port: int, token: str = TOKEN) -> Caller:
    return await asyncio.to_thread(Caller, "127.0.0.1", port, "web", token)


async def test_who_has_the_token_is_heard_and_answered() -> None:
    wanted = Authorise("web-1", Decimal("10.50"), "GBP")
    async with listening() as here:
        caller = await call(here.port)
        caller.tell(wanted)
        assert await asyncio.to_thread(caller.hear, Authorised) == Authorised("PAY-000001")
        caller.close()
    assert here.heard == [wanted]


async def test_the_token_itself_is_never_said() -> None:
    said = bytearray()

    async def overhear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.extend(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(overhear, "127.0.0.1", 0)
    with pytest.raises(LineError, match="the line is cut"):
        await call(server.sockets[0].getsockname()[1])
    server.close()
    assert b"web" in said
    assert TOKEN.encode() not in said


async def test_another_token_is_noticed_by_the_caller_first() -> None:
    async with listening() as here:
        with pytest.raises(LineError, match="it has another token; give both sides the same"):
            await call(here.port, "a-guess-of-somebody-on-this-machine")
    assert here.heard == []


async def test_who_only_claims_to_have_the_token_is_refused() -> None:
    async with listening() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(framed(Hello(__version__, "web", "host", 1, "nonce")))
        await reader.readexactly(4)
        writer.write(framed(Proof("0" * 64)))
        answer = await reader.read()
        writer.close()
    assert b"it has another token" in answer
    assert here.refused == [
        "web (host, process 1) was refused: it has another token; give both sides the same"
    ]


async def test_another_version_is_refused_in_one_line() -> None:
    async with listening() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(framed(Hello("0.0.1", "web", "host", 1, "nonce")))
        answer = await reader.read()
        writer.close()
    assert f"it is peakproof 0.0.1 and we are {__version__}".encode() in answer


async def test_who_is_not_wanted_hears_why() -> None:
    async with listening("web is here already") as here:
        with pytest.raises(LineError, match="web is here already"):
            await call(here.port)


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", id="a browser"),
        pytest.param(b"\x00\x00\x00\x05hello", id="no msgpack"),
        pytest.param(framed(Authorised("PAY-1")), id="a message that nobody may begin with"),
        pytest.param(b"\x7f\xff\xff\xff", id="a frame without end"),
    ],
)
async def test_whoever_says_something_else_is_hung_up_on(noise: bytes) -> None:
    async with listening() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(noise)
        assert await reader.read() == b""
        writer.close()
    assert here.heard == []


async def test_what_is_no_message_ends_a_line_that_was_taken() -> None:
    async with listening() as here:
        caller = await call(here.port)
        caller.socket.sendall(b"\x00\x00\x00\x01\xc0")
        with pytest.raises(LineError, match="the line is cut"):
            await asyncio.to_thread(caller.hear, Authorised)
        caller.close()


async def test_where_nobody_listens_is_one_line() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(Unreachable, match=rf"nobody answers at 127.0.0.1:{port}: Connection refused"):
            await call(port)
