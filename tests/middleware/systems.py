"""Small stand-ins for the systems, over real sockets: each answers from a table, and remembers what it was asked."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from peakproof.middleware.settings import SystemAddress

KINDS = {"web": "marketplace", "oms": "oms", "erp": "erp", "wms": "wms", "payments": "payments"}

IDS = (
    "order_id",
    "sales_order_id",
    "fulfilment_id",
    "invoice_id",
    "capture_id",
    "refund_id",
    "credit_memo_id",
    "authorisation_id",
    "expected_return_id",
)

Behaviour = Callable[["Asked", Callable[[], web.Response]], Awaitable[web.StreamResponse]]
"""What a system does instead of its work; the work itself is handed over."""


@dataclass
class Asked:
    """One call that a system saw."""

    system: str
    method: str
    path: str
    body: Any
    key: str | None
    request: web.Request

    @property
    def name(self) -> str:
        return f"{self.system} {self.method} {self.path}"


class Systems:
    """All systems of a small estate on one port, told apart by the first part of the path."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.made: dict[str, list[dict[str, Any]]] = {}
        """Documents by ``system path``; the lists show them by order reference."""
        self.instead: dict[str, list[Behaviour]] = {}
        """What to do instead of the work, by call, one after the other."""
        self.documents: dict[str, dict[str, Any]] = {}
        """What a GET of a path answers."""
        self._numbers = itertools.count(1)
        self._keys: dict[str, web.Response] = {}
        app = web.Application()
        app.router.add_route("*", "/{system}/{path:.*}", self._answer)
        self.server = TestServer(app)

    def addresses(self) -> dict[str, SystemAddress]:
        return {
            name: SystemAddress(kind, f"http://127.0.0.1:{self.server.port}/{name}", "me", "secret")
            for name, kind in KINDS.items()
        }

    def calls(self, *, reads: bool = False) -> list[str]:
        """Changing calls, in the order in which they came."""
        return [asked.name for asked in self.asked if (asked.method == "GET") is reads]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        system, path = request.match_info["system"], "/" + request.match_info["path"]
        if path == "/oauth/token":
            return web.json_response({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
        raw = await request.read()
        body = msgspec.json.decode(raw) if raw else None
        key = request.headers.get("Idempotency-Key")
        asked = Asked(system, request.method, path, body, key, request)
        self.asked.append(asked)
        behaviours = self.instead.get(asked.name)
        if behaviours:
            return await behaviours.pop(0)(asked, lambda: self._work(asked))
        return self._work(asked)

    def _work(self, asked: Asked) -> web.Response:
        if asked.method == "GET":
            return self._show(asked)
        if asked.path.endswith("/batch"):
            results = [{"index": i, "status": 200, "problem": None} for i in range(len(asked.body["items"]))]
            return web.json_response({"results": results}, status=207)
        number = next(self._numbers)
        document: dict[str, Any] = {name: f"{name}-{number}" for name in IDS}
        document |= {
            "order_ref": "web-000001",
            "status": "made",
            "part_id": "",
            "shipment_id": "",
            "return_id": "",
        }
        document |= {"payment_id": "PAY-000001", "total": "0", "currency": "GBP", "lines": []}
        document |= self.documents.get(f"{asked.system} {asked.path.rpartition('/')[0]}", {})
        document |= {name: value for name, value in (asked.body or {}).items() if value is not None}
        self.made.setdefault(f"{asked.system} {asked.path}", []).append(document)
        return web.json_response(document, status=201)

    def _show(self, asked: Asked) -> web.Response:
        known = self.documents.get(f"{asked.system} {asked.path}")
        if known is not None:
            return web.json_response(known)
        order_ref = asked.request.query.get("order_ref")
        items = self.made.get(f"{asked.system} {asked.path}", []) if order_ref else []
        found = [item for item in items if item["order_ref"] == order_ref]
        return web.json_response({"items": found, "next_cursor": None})


async def reset(asked: Asked, work: Callable[[], web.Response]) -> web.StreamResponse:
    """The connection breaks and nothing was done."""
    assert asked.request.transport is not None
    asked.request.transport.abort()
    return web.Response()


async def lose_reply(asked: Asked, work: Callable[[], web.Response]) -> web.StreamResponse:
    """The work is done and the connection breaks."""
    work()
    return await reset(asked, work)


async def answer_late(asked: Asked, work: Callable[[], web.Response]) -> web.StreamResponse:
    """The work is done at once, and events about it overtake the answer."""
    reply = work()
    await asyncio.sleep(0.05)
    return reply


def refuse(status: int, code: str, **headers: str) -> Behaviour:
    """A problem document."""

    async def behaviour(asked: Asked, work: Callable[[], web.Response]) -> web.StreamResponse:
        problem = {"type": f"https://peakproof.invalid/problems/{code}", "status": status, "detail": "no"}
        content = msgspec.json.encode(problem)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(
            body=content, status=status, content_type="application/problem+json", headers=named
        )

    return behaviour
