"""Serves the live view: a page, a stream of what changes, and what its buttons do. It is a client of the run's control port.

=======================  =============================================================================================
GET  /                   the page, its style and its script
GET  /events             server-sent events: the state of everything, once a second
GET  /faults             what can be injected
GET  /order?ref=…        the story of an order so far
POST /inject             an entry of a schedule, as ``POST /v1/injections`` of the control port takes it
POST /heal               ``{"id": …}``, or ``{}`` for all
POST /order              place one, ``{"channel": …}`` or ``{}``
=======================  =============================================================================================

All of it below a secret path that is made anew each time, on 127.0.0.1 only. Another web page cannot use it: a strange
``Host`` is refused, and so is a POST whose ``Origin`` is not this page's.
"""

import asyncio
import contextlib
import hmac
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..control import beacon
from ..control.client import Remote
from ..errors import RunError, UsageError
from . import shopper
from .findings import Findings, story_of
from .tail import Tail

HERE = Path(__file__).parent
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
LOOK_S = 1.0
LARGEST_BODY = 65_536
WAIT_S = 60.0
"""For the control port of the run to open."""
NICE = 10
"""The estate comes first."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class Live:
    """What the page shows of one run; ``look`` once a second."""

    def __init__(self, folder: Path, remote: Remote) -> None:
        self._folder = folder
        self._remote = remote
        self._tail = Tail(folder)
        self._findings = Findings(folder)
        self._asking: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.state: dict[str, Any] = {}

    async def keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take in what is new, and tell whoever listens."""
        try:
            status = await asyncio.to_thread(self._remote.status)
        except (UsageError, RunError) as error:
            status = {**self.state.get("status", {}), "gone": str(error)}
        await asyncio.to_thread(self._tail.read)
        if "gone" not in status:
            self._ask_invariants(float(status["elapsed_s"]))
        answers = self._tail.answers(time.time_ns())
        self.state = {
            "status": status,
            "answers": answers,
            "orders": self._tail.orders(),
            "newest": self._tail.newest,
            "findings": self._findings.found,
            "findings_count": self._findings.count,
            "findings_problem": self._findings.problem,
        }
        async with self._changed:
            self._changed.notify_all()

    def _ask_invariants(self, elapsed_s: float) -> None:
        lines = self._tail.lines
        if (self._asking is None or self._asking.done()) and self._findings.is_due(lines):
            self._asking = asyncio.create_task(asyncio.to_thread(self._findings.ask, lines, elapsed_s))

    async def events(self) -> AsyncIterator[str]:
        """The state as it is, then each time that it changed."""
        while True:
            if self.state:
                yield f"data: {json.dumps(self.state, ensure_ascii=False)}\n\n"
            async with self._changed:
                await self._changed.wait()

    # What buttons do

    async def inject(self, entry: dict[str, Any]) -> dict[str, Any]:
        return await self._act(lambda: self._remote.inject(entry))

    async def heal(self, injection_id: str | None) -> dict[str, Any]:
        if injection_id is None:
            return await self._act(lambda: {"healed": self._remote.heal_all()})
        return await self._act(lambda: self._remote.heal(injection_id))

    async def buy(self, channel: str | None) -> dict[str, Any]:
        return await self._act(lambda: {"order_ref": shopper.buy(self._remote.shoppers(), channel)})

    async def _act(self, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What came of it, and everybody sees it at once."""
        done = await asyncio.to_thread(act)
        await self.look()
        return done

    async def faults(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._remote.faults)

    async def story(self, order_ref: str) -> list[dict[str, Any]]:
        return await asyncio.to_thread(story_of, self._folder, order_ref)


def app_of(live: Live) -> Starlette:
    """The routes of the view; without its guard."""

    async def events(request: Request) -> Response:
        return StreamingResponse(live.events(), media_type="text/event-stream")

    async def faults(request: Request) -> Response:
        return JSONResponse({"faults": await live.faults()})

    async def story(request: Request) -> Response:
        order_ref = request.query_params.get("ref", "")
        return JSONResponse({"order_ref": order_ref, "moments": await live.story(order_ref)})

    async def inject(request: Request) -> Response:
        return JSONResponse(await live.inject(await _object(request)))

    async def heal(request: Request) -> Response:
        return JSONResponse(await live.heal(_text(await _object(request), "id")))

    async def buy(request: Request) -> Response:
        return JSONResponse(await live.buy(_text(await _object(request), "channel")))

    async def refused(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 409)

    return Starlette(
        routes=[
            Route("/", _file("page.html")),
            Route("/page.css", _file("page.css")),
            Route("/page.js", _file("page.js")),
            Route("/events", events),
            Route("/faults", faults),
            Route("/order", story),
            Route("/order", buy, methods=["POST"]),
            Route("/inject", inject, methods=["POST"]),
            Route("/heal", heal, methods=["POST"]),
        ],
        exception_handlers={UsageError: refused, RunError: refused},
    )


class Guard:
    """Lets only the page itself in, below its secret path; pure ASGI."""

    def __init__(self, app: ASGIApp, secret: str, port: int) -> None:
        self._app = app
        self._prefix = f"/{secret}"
        self._hosts = {f"127.0.0.1:{port}".encode(), f"localhost:{port}".encode()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope, dict(scope["headers"]))
        if refusal is not None:
            await JSONResponse({"error": refusal[1]}, refusal[0])(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        inside = {**scope, "path": scope["path"].removeprefix(self._prefix) or "/", "raw_path": None}
        await self._app(inside, receive, with_headers)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").lower()
        if host not in self._hosts:
            return 421, "this is the live view of a peakproof run, and has no other name"
        first = scope["path"][: len(self._prefix) + 1].encode()
        if not hmac.compare_digest(first, f"{self._prefix}/".encode()):
            return 404, "the whole address that peakproof printed is needed"
        if scope["method"] != "GET":
            if headers.get(b"origin") != b"http://" + host:
                return 403, "only the page itself may do that"
            length = headers.get(b"content-length", b"0")
            if b"transfer-encoding" in headers or not length.isdigit() or int(length) > LARGEST_BODY:
                return 413, f"a body needs a Content-Length of at most {LARGEST_BODY}"
        return None


def serve(folder: Path) -> None:
    """Serve the view of the run in ``folder`` until stdin ends; the first line of stdout is the page's address."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run; this process ends when the run does
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    remote = Remote(_beacon(folder))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        secret = secrets.token_urlsafe(16)
        asyncio.run(_serve(folder, remote, listening, port, secret))


async def _serve(folder: Path, remote: Remote, listening: socket.socket, port: int, secret: str) -> None:
    live = Live(folder, remote)
    server = uvicorn.Server(
        uvicorn.Config(
            Guard(app_of(live), secret, port),
            lifespan="off",
            access_log=False,
            log_level="critical",
            server_header=False,
        )
    )
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = server.force_exit = True

    def wait_for_the_end() -> None:
        sys.stdin.buffer.read()
        with contextlib.suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(end)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    looking = asyncio.create_task(live.keep_looking())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    print(f"http://127.0.0.1:{port}/{secret}/", flush=True)
    await asyncio.gather(serving, return_exceptions=True)
    looking.cancel()
    os._exit(0)  # a thread may still ask invariants of a record that nobody looks at any more


def _beacon(folder: Path) -> beacon.Beacon:
    """The run's, as soon as its control port is open."""
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            return beacon.of_folder(folder)
        except UsageError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    path = HERE / name

    async def file(request: Request) -> Response:
        return Response(path.read_bytes(), media_type=KINDS[path.suffix])

    return file


async def _object(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.body())
    except ValueError as error:
        raise UsageError(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise UsageError("the body must be a JSON object")
    return document


def _text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{key}: must be text, got {value!r}")
    return value
