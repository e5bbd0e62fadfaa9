"""A line between two processes: greeted with a token that neither says, then messages in frames.

Who calls waits as a thread does (``Caller``); who is called listens in an event loop (``Called``).
"""

import asyncio
import hmac
import os
import platform
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from secrets import token_hex
from typing import Any, TypeVar

import msgspec

from ... import __version__
from ...loadtests.generator.muster import proof
from .wire import (
    LARGEST,
    LARGEST_GREETING,
    LENGTH,
    Challenge,
    FromCalled,
    FromCaller,
    Hello,
    Proof,
    Refusal,
    Said,
    Welcome,
    framed,
)

GREETING_S = 10.0
"""So long a greeting may take."""
GONE_MS = 30_000
"""What nobody has taken for so long ends the line: the other side's machine is gone."""
NONCE_BYTES = 16
CALLER, CALLED = "caller", "called"

M = TypeVar("M")
_decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


class LineError(Exception):
    """The other side is gone, or is none of ours; one line."""


class Unreachable(LineError):
    """Nobody answers there."""


def _decoded(raw: bytes, kinds: type[M] | Any) -> M:
    decoder = _decoders.get(kinds)
    if decoder is None:
        decoder = _decoders[kinds] = msgspec.msgpack.Decoder(kinds)
    try:
        message: M = decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise LineError(f"what came is no message of peakproof {__version__}: {error}") from None
    return message


class Caller:
    """The calling end. LineError wherever the other side is gone, or says why it does not want us."""

    def __init__(
        self, host: str, port: int, system: str, token: str, *, patience_s: float = GREETING_S
    ) -> None:
        """Call, and greet."""
        try:
            self.socket = socket.create_connection((host, port), timeout=patience_s)
        except OSError as error:
            raise Unreachable(f"nobody answers at {host}:{port}: {error.strerror or error}") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)
        try:
            self._greet(system, token)
        except LineError:
            self.close()
            raise

    def _greet(self, system: str, token: str) -> None:
        nonce = token_hex(NONCE_BYTES)
        self.tell(Hello(__version__, system, platform.node(), os.getpid(), nonce))
        challenge = self._greeted()
        if not isinstance(challenge, Challenge):
            raise LineError("it does not greet as peakproof does")
        if not hmac.compare_digest(challenge.proof, proof(token, CALLED, nonce, challenge.nonce)):
            raise LineError("it has another token; give both sides the same")
        self.tell(Proof(proof(token, CALLER, nonce, challenge.nonce)))
        if not isinstance(self._greeted(), Welcome):
            raise LineError("it does not greet as peakproof does")

    @property
    def own_host(self) -> str:
        """Our address on this line: the one under which the other side's network reaches us."""
        return str(self.socket.getsockname()[0])

    def tell(self, message: Said) -> None:
        try:
            self.socket.sendall(framed(message))
        except OSError as error:
            raise LineError(f"the line is cut: {error.strerror or error}") from None

    def hear(self, kinds: Any, largest: int = LARGEST) -> Any:
        """The next message, one of these kinds."""
        length = int.from_bytes(self._read(LENGTH), "big")
        if length > largest:
            raise LineError(f"a frame of {length:,} bytes is none of ours")
        return _decoded(self._read(length), kinds)

    def close(self) -> None:
        self.socket.close()

    def _greeted(self) -> FromCalled:
        said: FromCalled = self.hear(FromCalled, LARGEST_GREETING)
        if isinstance(said, Refusal):
            raise LineError(said.why)
        return said

    def _read(self, length: int) -> bytes:
        parts = bytearray()
        while len(parts) < length:
            try:
                part = self.socket.recv(length - len(parts))
            except OSError as error:
                raise LineError(f"the line is cut: {error.strerror or error}") from None
            if not part:
                raise LineError("the line is cut")
            parts += part
        return bytes(parts)


class Line:
    """One greeted line in an event loop. ``hear`` raises LineError when it is over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def tell(self, message: Said) -> None:
        """Returns at once; whoever is gone hears nothing."""
        with suppress(OSError, RuntimeError):
            self._writer.write(framed(message))

    async def drain(self) -> None:
        """Until most of what was told has left."""
        with suppress(OSError):
            await self._writer.drain()

    async def hear(self, kinds: Any, largest: int = LARGEST) -> Any:
        """The next message, one of these kinds."""
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH), "big")
            if length > largest:
                raise LineError(f"a frame of {length:,} bytes is none of ours")
            raw = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            raise LineError("the line is cut") from None
        return _decoded(raw, kinds)

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError, asyncio.CancelledError):
            await self._writer.wait_closed()


Answering = Callable[[Line, Hello], Coroutine[Any, Any, None]]


class Called:
    """Listens for callers who have the token; each that is taken is handed to ``on_line``.

    ``why_not`` may refuse one in a line; ``on_refused`` hears who was refused, and why.
    """

    def __init__(
        self,
        token: str,
        on_line: Answering,
        why_not: Callable[[Hello], str | None] = lambda hello: None,
        on_refused: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._token = token
        self._on_line = on_line
        self._why_not = why_not
        self._on_refused = on_refused
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int = 0) -> int:
        """Returns the port. OSError where it cannot be had."""
        self._server = await asyncio.start_server(self._take, host, port)
        found: tuple[Any, ...] = self._server.sockets[0].getsockname()
        return int(found[1])

    async def close(self) -> None:
        """Nobody is taken or heard any more."""
        if self._server is not None:
            self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server calls in tasks"
        self._lines.add(task)
        line = Line(reader, writer)
        try:
            async with asyncio.timeout(GREETING_S):
                hello = await self._greet(line)
            if hello is not None:
                await self._on_line(line, hello)
        except (LineError, TimeoutError):
            pass  # whoever watches for it misses it
        except asyncio.CancelledError:
            pass  # we close
        finally:
            self._lines.discard(task)
            writer.close()

    async def _greet(self, line: Line) -> Hello | None:
        hello = await line.hear(FromCaller, LARGEST_GREETING)
        if not isinstance(hello, Hello):
            return None
        why = self._difference(hello) or self._why_not(hello)
        if why is None:
            nonce = token_hex(NONCE_BYTES)
            line.tell(Challenge(nonce, proof(self._token, CALLED, hello.nonce, nonce)))
            shown = await line.hear(FromCaller, LARGEST_GREETING)
            expected = proof(self._token, CALLER, hello.nonce, nonce)
            if not isinstance(shown, Proof) or not hmac.compare_digest(shown.proof, expected):
                why = "it has another token; give both sides the same"
        if why is not None:
            self._on_refused(f"{hello.system} ({hello.host}, process {hello.pid}) was refused: {why}")
            line.tell(Refusal(why))
            await line.drain()
            return None
        line.tell(Welcome())
        return hello

    @staticmethod
    def _difference(hello: Hello) -> str | None:
        if hello.version == __version__:
            return None
        return f"it is peakproof {hello.version} and we are {__version__}; have the same version everywhere"
