"""What the system under test answers to a question of ours never ends a run: it is one line in the record."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.sut import Sut

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(handler: Handler, folder: Path) -> AsyncIterator[Sut]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    (folder / "peakproof.toml").write_text(
        f'[sut]\nurl = "http://127.0.0.1:{port}"\nflows = ["order-to-erp"]\npending_url = "/pending"\n'
        'exceptions_url = "/exceptions"\nreplay_url = "/replay/{order_ref}"\napi_key = "0123456789abcdef0123"\n'
    )
    sut = Sut(SutConfig.load(folder / "peakproof.toml"), {}, "whsec_x", folder)
    try:
        yield sut
    finally:
        await sut.stop()
        await runner.cleanup()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 100_000, id="opened for ever"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="nested deeper than a parser goes"),
        pytest.param(
            '[{"order_ref": "A", "reason": ' + "[" * 60 + "]" * 60 + "}]", id="nested deeper than sense"
        ),
        pytest.param("NaN", id="no JSON"),
        pytest.param('{"pending": ' + "9" * 5_001 + "}", id="a number of 5,001 digits"),
        pytest.param("[1, 2]", id="another type"),
        pytest.param("\xff\xfe", id="no UTF-8"),
    ],
)
async def test_an_answer_that_is_none_is_a_complaint(text: str, tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=text.encode("latin-1"), content_type="application/json")

    async with answering(answer, tmp_path) as sut:
        assert await sut.pending() is None
        assert all(len(repr(one)) < 2_000 for one in await sut.exceptions())
        assert sut.complaints
        assert all(len(one) < 300 and one.isprintable() for one in sut.complaints)


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPFound("/somewhere")

    async with answering(elsewhere, tmp_path) as sut:
        assert await sut.pending() is None
        assert await sut.replay("A") is False
    assert "/somewhere" not in seen
