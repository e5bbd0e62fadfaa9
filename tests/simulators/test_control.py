"""The control port lets in who knows the token, and no web page."""

import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from peakproof.simulators.control import LARGEST_BODY, ControlPort, ControlRefused, Guard

TOKEN = "only-this-test-knows"
GOOD = {"host": "127.0.0.1:4711", "authorization": f"Bearer {TOKEN}"}


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'"inside"'})


async def asked(app: Any, headers: dict[str, str], path: str = "/v1/status") -> tuple[int, Any]:
    """Status and document of a GET."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw, "query_string": b""}
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(GOOD, 200, id="the token"),
        pytest.param({**GOOD, "host": "localhost:4711"}, 200, id="by its other name"),
        pytest.param({"host": GOOD["host"]}, 401, id="no token"),
        pytest.param({**GOOD, "authorization": "Bearer guessed"}, 401, id="another token"),
        pytest.param({**GOOD, "authorization": TOKEN}, 401, id="no bearer"),
        pytest.param({**GOOD, "host": "evil.example:4711"}, 421, id="a name made to point here"),
        pytest.param({**GOOD, "host": "127.0.0.1:80"}, 421, id="another port"),
        pytest.param({"authorization": GOOD["authorization"]}, 421, id="no host"),
        pytest.param({**GOOD, "origin": "http://127.0.0.1:4711"}, 403, id="a page in a browser"),
        pytest.param({**GOOD, "content-length": str(LARGEST_BODY + 1)}, 413, id="a large body"),
        pytest.param({**GOOD, "transfer-encoding": "chunked"}, 413, id="a body of unknown length"),
    ],
)
async def test_who_is_let_in(headers: dict[str, str], status: int) -> None:
    got, document = await asked(Guard(inside, TOKEN, 4711), headers)
    assert got == status
    assert document == "inside" or document["status"] == status
    assert TOKEN not in json.dumps(document)


async def test_what_is_refused_is_a_problem_document_that_names_the_key() -> None:
    port = ControlPort()

    @port.app.get("/v1/status")
    async def status() -> None:
        raise ControlRefused(422, "invalid", "must be at most 1, got 1.2", "probability")

    assert await asked(port.app, {}) == (
        422,
        {
            "type": "https://peakproof.invalid/problems/invalid",
            "title": "invalid",
            "status": 422,
            "detail": "must be at most 1, got 1.2",
            "key": "probability",
        },
    )
    code, document = await asked(port.app, {}, "/v1/nothing")
    assert (code, document["detail"]) == (404, "GET /v1/nothing: Not Found")


def test_each_port_has_a_token_of_its_own_that_nobody_guesses() -> None:
    first, second = ControlPort().token, ControlPort().token
    assert first != second
    assert len(first) >= 43
