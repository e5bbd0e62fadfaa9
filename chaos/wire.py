"""Ways for a reply to leave other than as HTTP should: cut off, mangled, drop by drop, or never.

``answers`` says what a caller can read who waits for as long as it takes: a complete answer, or none that it may trust.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from .fault import Connection, Reply

End = Literal["close", "reset", "hang"]
"""How a connection ends: FIN, RST, or not until the caller gives up."""


async def _end(connection: Connection, end: End) -> None:
    if end == "reset":
        connection.reset()
        return
    if end == "hang":
        await connection.gone()
    connection.close()


class Reset:
    """The connection ends with a TCP RST; not a byte of the reply arrives."""

    __slots__ = ()
    answers = False

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await _end(connection, "reset")


class Hang:
    """The connection stays open and silent until the caller gives up."""

    __slots__ = ()
    answers = False

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await _end(connection, "hang")


class Empty:
    """The connection ends with a FIN; not a byte of the reply arrives."""

    __slots__ = ()
    answers = False

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await _end(connection, "close")


class Truncated:
    """The body ends before its Content-Length; of a reply without a body nothing arrives at all."""

    __slots__ = ("_end", "_kept")
    answers = False

    def __init__(self, kept: float, end: End) -> None:
        self._kept = kept
        self._end: End = end

    async def leave(self, reply: Reply, connection: Connection) -> None:
        if reply.body:
            await connection.begin(reply)
            await connection.add(reply.body[: int(len(reply.body) * self._kept)], last=False)
        await _end(connection, self._end)


class Garbage:
    """These bytes, which are no HTTP, and a FIN."""

    __slots__ = ("_raw",)
    answers = False

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await connection.write(self._raw)
        await _end(connection, "close")


class Paced:
    """The head at once, then the body in pieces, each after a wait; all of it arrives."""

    __slots__ = ("_piece_bytes", "_sleep", "_wait_s")
    answers = True

    def __init__(self, piece_bytes: int, wait_s: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._piece_bytes = piece_bytes
        self._wait_s = wait_s
        self._sleep = sleep

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await connection.begin(reply)
        body, size = reply.body, self._piece_bytes
        for start in range(0, len(body), size):
            await self._sleep(self._wait_s)
            if connection.is_closed:
                return
            await connection.add(body[start : start + size], last=start + size >= len(body))
        if not body:
            await connection.add(b"", last=True)


class Stale:
    """The reply arrives as it should and promises a connection that stays; then the connection ends unannounced."""

    __slots__ = ("_on_next",)
    answers = True

    def __init__(self, *, on_next: bool) -> None:
        self._on_next = on_next

    async def leave(self, reply: Reply, connection: Connection) -> None:
        await connection.send(reply)
        if self._on_next:
            connection.reset_on_next()
        else:
            connection.close()
