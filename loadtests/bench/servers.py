"""The servers that are measured, each in a process of its own: the ERP as it is, and a bare ASGI app beside it."""

import asyncio
import gc
import http.client
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from ...chaos.fault import Call, Document, Forward, Line, Reply, Throttle
from ...chaos.throttles.token_bucket import TokenBucket
from ...history.clock import Clock
from ...history.writer import HistoryWriter
from ...simulators.estate import Estate, EstateSettings, OpeningItem, SystemSettings
from .traffic import SKUS, Target, order


@dataclass(frozen=True, slots=True)
class Answers:
    """What the bare app answers: bytes and headers that the ERP itself gave."""

    created: bytes
    created_headers: tuple[tuple[bytes, bytes], ...]
    read: bytes
    read_headers: tuple[tuple[bytes, bytes], ...]


def answers_of(target: Target) -> Answers:
    """One order created and read back: the bytes that whoever keeps no state gives to every request."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
    headers = {"authorization": f"Bearer {target.token}", "content-type": "application/json"}
    connection.request("POST", target.path, order(999_999)[1], headers)
    created, created_headers = _answer(connection)
    connection.request("GET", f"{target.path}/SO-000001", headers=headers)
    read, read_headers = _answer(connection)
    connection.close()
    return Answers(created, created_headers, read, read_headers)


def _answer(connection: http.client.HTTPConnection) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    reply = connection.getresponse()
    return reply.read(), tuple((name.encode(), value.encode()) for name, value in reply.getheaders())


class Server(AbstractContextManager["Server"]):
    """A server in a child process; knows its address and the CPU that it has used."""

    def __init__(self, serve: Callable[..., None], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()
        self.target: Target = self._pipe.recv()

    def cpu_s(self) -> float:
        """CPU seconds of the process so far, user and system."""
        self._pipe.send("cpu")
        spent: float = self._pipe.recv()
        return spent

    def __exit__(self, *_: object) -> None:
        self._pipe.send("stop")
        self._process.join(10)
        self._process.kill()


def serve_erp(pipe: Connection, folder: Path, profile: Path | None = None) -> None:
    """The ERP with everything on: door, throttle, idle gate, validation, auth, ledger, history."""
    throttle = TokenBucket(rate_per_s=1e6, burst=1_000_000)
    _serve_estate(pipe, erp_estate(folder, throttle), "erp", profile)


def serve_gated(pipe: Connection, folder: Path) -> None:
    """The ERP without a throttle, its gate idle."""
    _serve_estate(pipe, erp_estate(folder), "idle gate")


def serve_ungated(pipe: Connection, folder: Path) -> None:
    """The ERP without a throttle and without a gate."""
    estate = erp_estate(folder)
    estate.systems["erp"].door.gate = _NoGate()
    _serve_estate(pipe, estate, "no gate")


class _NoGate:
    """Hands every call straight to the face."""

    idle = True
    open = True
    reset_standing: Callable[[], int]

    async def meet(self, connection: Line) -> None:
        pass

    def pass_at_once(self, call: Call, answer: Callable[[Call], Reply]) -> Reply:
        return answer(call)

    def described(self, document: Document) -> Document:
        return document

    async def __call__(self, call: Call, forward: Forward) -> Reply:
        return await forward(call)


def _serve_estate(pipe: Connection, estate: Estate, name: str, profile: Path | None = None) -> None:
    async def serve() -> None:
        await estate.start()
        erp = estate.systems["erp"]
        token = erp.face.authenticator.issue(
            f"grant_type=client_credentials&client_id={erp.sut.client_id}"
            f"&client_secret={erp.sut.client_secret}".encode(),
            None,
        )
        await _obey(pipe, Target(name, erp.socket.getsockname()[1], token.access_token))
        await estate.stop()
        if estate.errors:
            raise SystemExit(f"the simulator failed: {estate.errors[0]}")

    _run(serve, profile)


def erp_estate(folder: Path, throttle: Throttle | None = None) -> Estate:
    """An estate of one ERP that knows every SKU of the traffic."""
    settings = EstateSettings(systems={"erp": SystemSettings("erp", throttle=throttle)})
    estate = Estate(settings, HistoryWriter(folder, "bench"), Clock())
    estate.seed(OpeningItem(sku, f"Article {sku}", {"north": 1_000}, {}) for sku in SKUS)
    return estate


def serve_bare(pipe: Connection, answers: Answers) -> None:
    """An ASGI app that reads each request and answers what the ERP answered, without looking at it."""
    created = {"type": "http.response.start", "status": 201, "headers": list(answers.created_headers)}
    created_body = {"type": "http.response.body", "body": answers.created}
    read = {"type": "http.response.start", "status": 200, "headers": list(answers.read_headers)}
    read_body = {"type": "http.response.body", "body": answers.read}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        body = message["body"]
        while message["more_body"]:
            message = await receive()
            body += message["body"]
        if scope["method"] == "POST":
            await send(created)
            await send(created_body)
        else:
            await send(read)
            await send(read_body)

    async def serve() -> None:
        config = uvicorn.Config(
            app,
            port=0,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="error",
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        gc.freeze()
        gc.set_threshold(50_000, 50, 1_000)
        await _obey(pipe, Target("bare", server.servers[0].sockets[0].getsockname()[1], "x" * 43))
        server.should_exit = True
        await serving

    _run(serve)


def _run(serve: Callable[[], Awaitable[None]], profile: Path | None = None) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if profile is None:
            runner.run(serve())  # type: ignore[arg-type]  # every serve is a coroutine function
            return
        import cProfile  # only when asked for: it is no part of a measurement

        with cProfile.Profile() as profiler:
            runner.run(serve())  # type: ignore[arg-type]
        profiler.dump_stats(profile)


async def _obey(pipe: Connection, target: Target) -> None:
    """Say where the server is, then tell its CPU time whenever asked, until told to stop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()

    def answer() -> None:
        if pipe.recv() == "cpu":
            pipe.send(time.process_time())
        else:
            stopped.set()

    loop.add_reader(pipe.fileno(), answer)
    pipe.send(target)
    await stopped.wait()
    loop.remove_reader(pipe.fileno())
