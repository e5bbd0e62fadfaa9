"""The control port of an estate: who steers it from outside comes here, never to a system's data port.

It listens on 127.0.0.1 only and asks for a token that is made anew each time. A page in a browser cannot reach it, even
one whose name was made to point at this machine: a strange ``Host`` is refused, and so is every ``Origin``.
"""

import asyncio
import hmac
import json
import secrets
import socket
from collections import deque
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from .kit.face import PROBLEM_JSON
from .kit.server import Server
from .kit.wire import PROBLEM_TYPES
from .standing import Standing

LARGEST_BODY = 65_536
LOOK_S = 1.0
"""Calls are counted so often."""
LOOKS = 10
"""A rate is taken over so many looks."""


class ControlRefused(Exception):
    """A request that cannot be done: status, code and one line; ``key`` names the key of the body that is wrong."""

    def __init__(self, status: int, code: str, detail: str, key: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.key = key


class ControlPort:
    """Serves ``app`` behind its guard, on a port of its own; other rooms put their routes on ``app``."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self.app = FastAPI(title="peakproof control", docs_url=None, redoc_url=None, openapi_url=None)
        self.app.add_exception_handler(ControlRefused, _said)
        self.app.add_exception_handler(HTTPException, _not_there)
        self.app.add_exception_handler(RequestValidationError, _not_valid)
        self._socket: socket.socket | None = None
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it is open."""
        assert self._socket is not None, "open() comes first"
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def open(self) -> None:
        """Listen; returns when it answers."""
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        guarded = Guard(self.app, self.token, self._socket.getsockname()[1])
        self._server = Server(
            uvicorn.Config(
                guarded, lifespan="off", access_log=False, log_level="critical", server_header=False
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Answer nobody any more; closing twice is harmless."""
        if self._server is not None:
            self._server.should_exit = self._server.force_exit = True
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()


class Guard:
    """Lets only those in who know the token and do not come from a web page; pure ASGI."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refusal(dict(scope["headers"]))
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem(*refusal)(scope, receive, send)

    def _refusal(self, headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
        if headers.get(b"host", b"").lower() not in self._hosts:
            return 421, "wrong_host", "this is the control port of a peakproof estate, and has no other name"
        if b"origin" in headers:
            return 403, "not_for_browsers", "web pages have no business here"
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return 401, "unauthenticated", "the token in the run's control.json is needed"
        length = headers.get(b"content-length", b"0")
        if b"transfer-encoding" in headers or not length.isdigit() or int(length) > LARGEST_BODY:
            return 413, "body_too_large", f"a body needs a Content-Length of at most {LARGEST_BODY}"
        return None


class Traffic:
    """How many calls each system sees; looks once a second."""

    def __init__(self, estate: Standing) -> None:
        self._estate = estate
        self._looks: deque[tuple[float, dict[str, int]]] = deque(maxlen=LOOKS)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_looking())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def systems(self) -> list[dict[str, Any]]:
        """``name``, ``kind``, ``url``, ``calls``, ``calls_per_s`` of late, ``in_flight`` calls, ``queued`` events,
        ``throttle_factor`` (null without one)."""
        now_s, then_s, then = asyncio.get_running_loop().time(), 0.0, dict[str, int]()
        if self._looks:
            then_s, then = self._looks[0]
        found = []
        for name, system in self._estate.systems.items():
            calls, before = system.door.calls, then.get(name, 0)
            throttle = system.gate.throttle
            found.append(
                {
                    "name": name,
                    "kind": system.kind,
                    "url": system.url,
                    "calls": calls,
                    "calls_per_s": round((calls - before) / max(now_s - then_s, LOOK_S), 1),
                    "in_flight": system.door.in_flight,
                    "queued": self._estate.dispatcher.queued(name),
                    "throttle_factor": None if throttle is None else throttle.factor,
                }
            )
        return found

    async def _keep_looking(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            counts = {name: system.door.calls for name, system in self._estate.systems.items()}
            self._looks.append((loop.time(), counts))
            await asyncio.sleep(LOOK_S)


def problem(status: int, code: str, detail: str, key: str | None = None) -> JSONResponse:
    """A problem document (RFC 9457); ``key`` is the key of the request that is wrong."""
    document = {
        "type": PROBLEM_TYPES + code,
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
    }
    if key is not None:
        document["key"] = key
    return JSONResponse(document, status, media_type=PROBLEM_JSON)


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of a request. ControlRefused where it is none."""
    try:
        document = json.loads(await request.body())
    except ValueError as error:
        raise ControlRefused(400, "malformed_body", f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ControlRefused(422, "invalid", "the body must be a JSON object")
    return document


async def _said(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ControlRefused)
    return problem(error.status, error.code, str(error), error.key)


async def _not_there(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "no_such_path", f"{request.method} {request.url.path}: {error.detail}")


async def _not_valid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return problem(422, "invalid", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
