"""What a fault can do to one simulator as a whole: close its port, put its clock wrong, forget its tokens."""

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import Never

import uvicorn

from ..chaos.errors import ChaosError
from .kit.auth import Authenticator
from .kit.ledger import World

BACKLOG = 2048
UNACKED_AT = 24
"""Where ``tcpi_unacked`` stands in Linux's ``struct tcp_info``."""
RESET = struct.pack("ii", 1, 0)
"""Linger zero: the kernel ends the connection with RST instead of FIN (socket(7), SO_LINGER)."""


class Port:
    """One system's listening socket, which can be closed and opened again at the same number.

    While it is closed, a bound socket that does not listen keeps the number: who connects is refused, and nobody else
    can take it.
    """

    def __init__(self, host: str, port: int) -> None:
        """Raises OSError where the port cannot be had."""
        self.socket = _bound(host, port)
        self.address: tuple[str, int] = self.socket.getsockname()[:2]
        self._server: uvicorn.Server | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Somebody serves it, or is about to."""
        return self._server is not None and (bool(self._server.servers) or self._opening is not None)

    def served_by(self, server: uvicorn.Server) -> None:
        """From now on this server listens; it has started."""
        self._server = server

    @property
    def connections_waiting(self) -> int | None:
        """As ``yet_to_be_accepted``; None while it is closed."""
        return yet_to_be_accepted(self.socket) if self.is_open else None

    def shut(self) -> None:
        """Reset every connection and refuse new ones; does nothing the second time."""
        if self._server is None or not self.is_open:
            return
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        for server in self._server.servers:
            server.close()
        self._server.servers.clear()
        self.socket.close()
        self.socket = _bound(*self.address)
        for protocol in list(self._server.server_state.connections):
            transport = protocol.transport
            connection = transport.get_extra_info("socket")
            if connection is not None:
                with suppress(OSError):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            transport.abort()

    def open(self) -> None:
        """Listen again; who connects from now on is served."""
        if self._server is None or self.is_open:
            return
        self.socket.listen(BACKLOG)
        self._opening = asyncio.get_running_loop().create_task(self._serve(self._server))

    async def _serve(self, server: uvicorn.Server) -> None:
        config, state = server.config, server.server_state
        protocol = config.http_protocol_class
        listening = await asyncio.get_running_loop().create_server(
            lambda: protocol(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
            sock=self.socket,
            backlog=BACKLOG,
        )
        self._opening = None
        server.servers.append(listening)

    def close(self) -> None:
        """For good."""
        if self._opening is not None:
            self._opening.cancel()
        self.socket.close()


def yet_to_be_accepted(listening: socket.socket) -> int | None:
    """Connections that the kernel holds ready and nobody has accepted; None where it does not say.

    Of a listening socket Linux has them in the field that else counts unacknowledged segments (tcp(7), TCP_INFO).
    """
    if not hasattr(socket, "TCP_INFO"):
        return None
    try:
        info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, UNACKED_AT + 4)
    except OSError:
        return None
    return int.from_bytes(info[UNACKED_AT:], sys.byteorder)


class SystemLevers:
    """As ``chaos.fault.Levers``; a simulator lives in peakproof's own process, so that cannot be killed or paused.

    Of faults that overlap, the last one to heal opens the port again; clocks that are wrong twice are wrong by the sum.
    """

    def __init__(self, system: str, port: Port, world: World, authenticator: Authenticator) -> None:
        self._system = system
        self._port = port
        self._world = world
        self._authenticator = authenticator
        self._closings = 0

    def stop_listening(self) -> None:
        self._port.shut()
        self._closings += 1

    def listen_again(self) -> None:
        self._closings -= 1
        if not self._closings:
            self._port.open()

    def skew_clock(self, seconds: float) -> None:
        self._world.skew_ns += round(seconds * 1e9)

    def forget_tokens(self) -> None:
        self._authenticator.forget_tokens()

    def kill(self) -> None:
        self._refuse("killed")

    def start(self) -> None:
        self._refuse("started")

    def pause(self) -> None:
        self._refuse("paused")

    def go_on(self) -> None:
        self._refuse("continued")

    def restart(self) -> None:
        self._refuse("restarted")

    def _refuse(self, what: str) -> Never:
        raise ChaosError(
            f"{self._system} is a simulator and cannot be {what}; only the system under test can be"
        )


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener
