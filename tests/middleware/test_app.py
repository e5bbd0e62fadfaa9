"""The service's HTTP door, and the service that does nothing."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from standardwebhooks import Webhook

from peakproof.middleware import do_nothing
from peakproof.middleware.__main__ import main
from peakproof.middleware.app import build
from peakproof.middleware.service import Service
from peakproof.middleware.settings import Settings, SettingsError

SECRET = "whsec_" + "A" * 32


async def served(app: Any) -> AsyncIterator[str]:
    """Its address, while it is served."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await running


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async for address in served(build(Service(Settings({}, SECRET, tmp_path)))):
        yield address


def signed(body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(SECRET).sign("evt-1", now, body.decode())
    stamp = str(int(now.timestamp()))
    return {"webhook-id": "evt-1", "webhook-timestamp": stamp, "webhook-signature": signature}


async def test_it_answers_as_the_contract_says(url: str) -> None:
    event = b'{"id":"evt-1","source":"/web","type":"something.else","data":{}}'
    async with aiohttp.ClientSession() as session:

        async def ask(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
            async with session.request(
                method, url + path, data=io.BytesIO(body) if body else None, headers=headers
            ) as reply:
                kind = reply.content_type
                return reply.status, await reply.json(content_type=kind) if "json" in kind else None

        assert await ask("GET", "/health") == (200, None)
        assert await ask("GET", "/pending") == (200, {"pending": 0})
        assert await ask("GET", "/exceptions") == (200, [])
        assert (await ask("POST", "/exceptions/web-1/replay"))[0] == 404
        assert await ask("POST", "/webhooks", event, **signed(event)) == (202, None)
        status, problem = await ask("POST", "/webhooks", event)
        assert (status, problem["title"]) == (401, "bad_signature")
        status, problem = await ask("POST", "/webhooks", b"{", **signed(b"{"))
        assert (status, problem["title"]) == (400, "malformed_event")
        huge = b" " * 1_048_577
        assert (await ask("POST", "/webhooks", huge, **signed(huge)))[0] == 413


async def test_the_service_that_does_nothing_says_yes_to_everything() -> None:
    async for url in served(do_nothing.app):
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{url}/webhooks", data=b"anything") as reply:
                assert reply.status == 200
            async with session.get(f"{url}/exceptions") as reply:
                assert await reply.json() == []


def test_settings_come_from_the_environment() -> None:
    systems = '{"erp":{"kind":"erp","url":"http://x","client_id":"a","client_secret":"b","api_key":"c"}}'
    settings = Settings.read(
        {"PEAKPROOF_SYSTEMS": systems, "PEAKPROOF_WEBHOOK_SECRET": SECRET, "PORT": "81", "SUT_POLL_S": "0.5"}
    )
    assert (settings.systems["erp"].url, settings.port, settings.poll_s) == ("http://x", 81, 0.5)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"PEAKPROOF_SYSTEMS": ""}, "PEAKPROOF_SYSTEMS is not set"),
        ({"PEAKPROOF_SYSTEMS": "[]"}, "PEAKPROOF_SYSTEMS: "),
        ({"PORT": "http"}, "PORT is 'http'"),
        ({"SUT_POLL_S": "-1"}, "SUT_POLL_S is '-1'"),
    ],
)
def test_a_wrong_setting_is_named(changed: dict[str, str], said: str) -> None:
    good = {"PEAKPROOF_SYSTEMS": "{}", "PEAKPROOF_WEBHOOK_SECRET": SECRET}
    with pytest.raises(SettingsError, match=said.replace("[", "\\[")):
        Settings.read({**good, **changed})


def test_without_settings_it_says_so_and_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PEAKPROOF_SYSTEMS", raising=False)
    assert main([]) == 2
    assert "PEAKPROOF_SYSTEMS is not set" in capsys.readouterr().err
