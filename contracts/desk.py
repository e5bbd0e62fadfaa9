"""The address at which Pact's engine asks for provider states and for messages; and what is seen there."""

import asyncio
import json
import socket
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from ..simulators.kit.server import Server
from .pact_file import Interaction
from .result import Mismatch

STATE_PATH = "/state"
MESSAGE_PATH = "/message"
METADATA_HEADER = "Pact-Message-Metadata"
TIMEOUT_MS = 10_000
"""So long a provider may take over one answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it reached the provider; of a message what it said."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """Its body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(slots=True)
class Played:
    """One interaction as it is played: what came of it besides what the engine says."""

    interaction: Interaction
    told: Mapping[str, Any]
    """As it was read."""
    given: dict[str, Any] = field(default_factory=dict)
    """Values that its states handed back."""
    seen: list[Seen] = field(default_factory=list)
    complaints: list[Mismatch] = field(default_factory=list)
    """Why it could not be played at all."""
    credentials_added: bool = False
    """It shows no credentials, and the simulator would refuse without."""


class Desk:
    """Serves some routes on a port of its own. Use it in an ``async with``."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._socket = socket.socket(
            proto=socket.IPPROTO_TCP
        )  # else asyncio sets no TCP_NODELAY on connections
        self._socket.bind(("127.0.0.1", 0))
        self._server = Server(
            uvicorn.Config(
                Starlette(routes=routes),
                lifespan="off",
                access_log=False,
                log_level="error",
                server_header=False,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            await asyncio.sleep(0.002)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)
        self._socket.close()

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def job(self, provider: str, url: str | None = None) -> dict[str, Any]:
        """What the engine is to do with a provider at ``url``, at the desk itself unless said; ``pacts`` is empty yet."""
        return {
            "provider": provider,
            "url": url or self.url,
            "state_url": self.url + STATE_PATH,
            "desk_port": self.port,
            "message_path": MESSAGE_PATH,
            "timeout_ms": TIMEOUT_MS,
            "pacts": [],
        }


def message_reply(body: bytes, metadata: Mapping[str, Any], media: str) -> Response:
    """A message as the engine takes it."""
    headers = {METADATA_HEADER: b64encode(json.dumps(metadata).encode()).decode()}
    return Response(body, headers={**headers, "Content-Type": media} if media else headers)
