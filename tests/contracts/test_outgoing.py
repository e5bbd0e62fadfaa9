"""A middleware's own messages: what it tells is verified as it is, and nothing is green that nobody answered for."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from typer.testing import CliRunner

from peakproof.cli import app
from peakproof.contracts.errors import ContractsError
from peakproof.contracts.outgoing import verify_messages
from peakproof.contracts.pact_file import Pact, pact_of
from peakproof.contracts.result import Outcome

WEBHOOKS = Path(__file__).parents[2] / "contracts" / "webhooks"
JSON = {"Content-Type": "application/json"}
SHIPPED = {"order_ref": "A-1", "parcels": 2}


def metadata(told: object) -> dict[str, str]:
    return {"Pact-Message-Metadata": base64.b64encode(json.dumps(told).encode()).decode()}


Answer = tuple[int, dict[str, str], bytes]

ANSWERS: dict[str, Answer] = {
    "order shipped": (200, {**JSON, **metadata({"topic": "orders"})}, json.dumps(SHIPPED).encode()),
    "with a charset": (
        200,
        {"Content-Type": "application/json; charset=utf-8"},
        json.dumps(SHIPPED).encode(),
    ),
    "plain words": (200, {"Content-Type": "text/plain"}, b"shipped"),
    "only metadata": (200, metadata({"topic": "orders"}), b""),
    "fails though its body is right": (500, JSON, json.dumps(SHIPPED).encode()),
    "web page": (200, {"Content-Type": "text/html"}, b"<html>\n<b>\x1b[2Jhello</b>"),
    "nothing": (200, JSON, b""),
    "null": (200, JSON, b"null"),
    "elsewhere": (307, {"Location": "http://127.0.0.1:1/"}, b""),
    "broken metadata": (200, {**JSON, "Pact-Message-Metadata": "{}"}, json.dumps(SHIPPED).encode()),
    "another field": (200, JSON, b'{"reference": "A-1"}'),
    "another topic": (200, {**JSON, **metadata({"topic": "items"})}, json.dumps(SHIPPED).encode()),
    "takes a value of its states": (200, JSON, json.dumps(SHIPPED).encode()),
    "anything": (200, JSON, b'{"x": 1}'),
    "hangs up": (0, {}, b""),
}


class Middleware(ThreadingHTTPServer):
    """Tells its messages as a hand-written endpoint would; 404 for what it does not know, unless ``always`` says more."""

    always: Answer = (404, {}, b"")

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Endpoint)
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/pact-messages"


class Endpoint(BaseHTTPRequestHandler):
    server: Middleware

    def do_GET(self) -> None:
        self._answer(200, {}, b"ready")

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/webhooks":
            self._answer(204, {}, b"")
            return
        self.server.asked.append(question)
        status, headers, body = ANSWERS.get(question["description"], self.server.always)
        if status != 0:
            self._answer(status, headers, body)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serving() -> Iterator[Middleware]:
    with Middleware() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


middleware = pytest.fixture(serving)
shared_middleware = pytest.fixture(serving, scope="module")


def message(
    description: str, content: Any = SHIPPED, media: str = "application/json", **more: Any
) -> dict[str, Any]:
    """Of version 4."""
    contents = {"content": content, "contentType": media, "encoded": False}
    return {"type": "Asynchronous/Messages", "description": description, "contents": contents, **more}


def pact(*interactions: dict[str, Any], version: str = "4.0", provider: str = "mw") -> dict[str, Any]:
    return {
        "consumer": {"name": "crm"},
        "provider": {"name": provider},
        "messages" if version < "4" else "interactions": list(interactions),
        "metadata": {"pactSpecification": {"version": version}},
    }


HTTP = {
    "type": "Synchronous/HTTP",
    "description": "asks by HTTP",
    "request": {"method": "GET", "path": "/"},
    "response": {"status": 200},
}
STATES = [{"name": "order is shipped", "params": {"order_ref": "A-1"}}, {"name": "by two parcels"}]
BY_STATE = {"body": {"$.order_ref": {"type": "ProviderState", "expression": "order_ref"}}}
V4 = pact(
    message("order shipped", providerStates=STATES, metadata={"topic": "orders", "contentType": "application/json"}),
    message("with a charset"),
    message("plain words", "shipped", "text/plain"),
    {"type": "Asynchronous/Messages", "description": "only metadata", "metadata": {"topic": "orders"}},
    *(message(name) for name in ("fails though its body is right", "web page", "nothing", "null", "elsewhere", "broken metadata")),
    message("nobody knows this"),
    message("another field"),
    message("another topic", metadata={"topic": "orders"}),
    message("pending and wrong", pending=True),
    message("takes a value of its states", generators=BY_STATE),
    message("hangs up"),
    {"type": "Asynchronous/Messages", "description": "anything", "contents": {}},
    {"type": "Synchronous/Messages", "description": "a question", "request": {}, "response": []},
    HTTP,
)  # fmt: skip
V3 = pact(
    {
        "description": "order shipped",
        "providerState": "order is shipped",
        "contents": {"order_ref": "B-7", "parcels": 1},
        "matchingRules": {"body": {"$.*": {"combine": "AND", "matchers": [{"match": "type"}]}}},
        "metaData": {"topic": "orders"},
    },
    version="3.0.0",
)


@pytest.fixture(scope="module")
def verified(shared_middleware: Middleware) -> dict[str, Outcome]:
    """Everything that takes the real engine, in one go; by source and description."""
    found = verify_messages([pact_of(V4, "v4"), pact_of(V3, "v3")], shared_middleware.url)
    return {f"{one.pact.source} {one.interaction.description}": one for one in found.outcomes}


@pytest.mark.parametrize(
    "name",
    ["v4 order shipped", "v4 with a charset", "v4 plain words", "v4 only metadata", "v3 order shipped"],
)
def test_what_agrees_is_verified(verified: dict[str, Outcome], name: str) -> None:
    assert verified[name].mismatches == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fails though its body is right", '/pact-messages answers 500: {"order_ref": "A-1", "parcels": 2}'),
        ("web page", r"answers with text/html, which is no JSON: <html> <b>\x1b[2Jhello</b>"),
        ("nothing", "answers 200 with nothing: it does not know this description"),
        ("null", "body $: Type mismatch"),
        ("elsewhere", "answers 307, a redirect, which is not followed"),
        ("broken metadata", "answers with a Pact-Message-Metadata that is no JSON object in base64: '{}'"),
        ("nobody knows this", "answers 404: it does not know this description, or is at another path"),
        ("another field", "body $: Actual map is missing the following keys: order_ref, parcels"),
        ("another topic", "metadata topic: Expected metadata key 'topic' to have value"),
        ("pending and wrong", "answers 404: it does not know this description"),
        ("takes a value of its states", "generator order_ref: no state of it hands back 'order_ref'"),
        ("hangs up", "/pact-messages does not answer any more: Server disconnected"),
        ("anything", "it expects neither contents nor metadata: any message would do"),
        ("a question", "synchronous messages are not verified"),
        ("asks by HTTP", "it is about HTTP, and only messages are asked for here"),
    ],
)
def test_what_does_not_agree_is_one_clear_line(verified: dict[str, Outcome], name: str, words: str) -> None:
    first, *more = verified[f"v4 {name}"].mismatches
    assert words in first.sentence
    assert more == []
    assert "\n" not in first.sentence


def test_it_is_asked_as_pact_asks(verified: dict[str, Outcome], shared_middleware: Middleware) -> None:
    assert verified
    asked = [one for one in shared_middleware.asked if one["description"] == "order shipped"]
    assert asked == [
        {"description": "order shipped", "providerStates": STATES},
        {"description": "order shipped", "providerStates": [{"name": "order is shipped"}]},
    ]


# No false green: before anything is verified


@pytest.mark.parametrize(
    ("always", "words"),
    [
        ((200, JSON, b'{"ok": true}'), "answers 200 to a description that nobody has: {\"ok\": true}; let it answer 404"),
        ((201, {}, b"<html>"), "answers 201 to a description that nobody has: <html>; let it answer 404"),
    ],
)  # fmt: skip
def test_who_has_a_message_for_everything_proves_nothing(
    middleware: Middleware, always: Answer, words: str
) -> None:
    middleware.always = always
    with pytest.raises(ContractsError) as error:
        verify_messages([pact_of(pact(message("order shipped")), "x.json")], middleware.url)
    assert words in str(error.value)


def test_where_nobody_answers_there_is_one_line() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/pact-messages"
        with pytest.raises(
            ContractsError, match="nobody tells messages there: Connection refused; start your"
        ):
            verify_messages([pact_of(pact(message("order shipped")), "x.json")], url)


@pytest.mark.parametrize(
    ("pacts", "words"),
    [
        ([pact(message("a")), pact(message("b"), provider="mv")],
         "these pacts are of several providers, mw, mv; say which is your middleware: --provider 'mw'"),
        ([pact(message("a"), provider="erp")], "its provider 'erp' is a simulator, no middleware"),
        ([pact(message("a")), pact(HTTP)], "x.json: holds no message, so nothing of it would be verified"),
    ],
)  # fmt: skip
def test_pacts_that_are_not_of_a_middlewares_messages_are_refused(
    pacts: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(ContractsError) as error:
        verify_messages([pact_of(one, "x.json") for one in pacts], "http://127.0.0.1:1/")
    assert words in str(error.value)


# The command


def stored(folder: Path, told: object) -> Path:
    path = folder / "crm-mw.json"
    path.write_text(json.dumps(told), "utf-8")
    return path


def test_the_command_verifies_them_and_keeps_what_came_of_it(tmp_path: Path, middleware: Middleware) -> None:
    path = stored(tmp_path, pact(message("order shipped"), message("another field")))
    junit = tmp_path / "junit.xml"
    asked = ["contracts", "verify", "--pacts", str(path), "--messages-url", middleware.url]
    shown = CliRunner().invoke(app, [*asked, "--provider", "mw", "--junit", str(junit)])
    assert shown.exit_code == 1
    assert "✗ crm → mw: 'another field'\n    body $: Actual map is missing the" in shown.stdout
    assert "FAIL: 1 of 2 interactions not as agreed" in shown.stdout
    assert [(one.tests, one.failures) for one in JUnitXml.fromfile(str(junit))] == [(2, 1)]
    (tmp_path / "run" / "history").mkdir(parents=True)
    (tmp_path / "run" / "run.json").write_text("{}")
    shown = CliRunner().invoke(
        app, [*asked, "--interaction", "shipped", "--json", "--run", str(tmp_path / "run")]
    )
    assert shown.exit_code == 0
    told = json.loads(shown.stdout)
    assert (told["verified"], told["interactions"]) == (True, 1)
    assert told["pacts"][0]["interactions"][0]["kind"] == "message"
    (kept,) = (tmp_path / "run" / "contracts").iterdir()
    assert json.loads(kept.read_text("utf-8")) == told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--messages-url", "localhost:80"], "must be a URL like http://127.0.0.1:8080/pact-messages"),
        (["--messages-url", "http://127.0.0.1:1/", "--provider", "nw"], "no pact has this provider; there is mw"),
        (["--messages-url", "http://127.0.0.1:1/", "--drift", "erp:gone"], "--drift changes the simulators' answers"),
        (["--messages-url", "http://127.0.0.1:1/", "--as", "x=erp"], "--as names simulators, and none takes part"),
        (["--middleware", "reference"], "where reference tells them must be said: sut.messages_url"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path, given: list[str], words: str) -> None:
    path = stored(tmp_path, pact(message("order shipped")))
    shown = CliRunner().invoke(app, ["contracts", "verify", "--pacts", str(path), *given])
    assert shown.exit_code == 2
    assert words in shown.stderr


@pytest.mark.parametrize("given", [[], ["--selector", "latest"]])
def test_whose_messages_has_to_be_said(given: list[str]) -> None:
    shown = CliRunner().invoke(app, ["contracts", "verify", "--messages-url", "http://127.0.0.1:1/", *given])
    assert shown.exit_code == 2
    assert "needs to know" in shown.stderr


def test_a_configured_middleware_is_asked_for_messages_beside_its_webhooks(
    tmp_path: Path, middleware: Middleware
) -> None:
    """One command for both, of one folder of pacts."""
    webhooks = json.loads((WEBHOOKS / "oms.json").read_text("utf-8"))
    webhooks["interactions"] = webhooks["interactions"][:1]
    (tmp_path / "webhooks.json").write_text(json.dumps(webhooks), "utf-8")
    stored(tmp_path, pact(message("order shipped")))
    config = tmp_path / "peakproof.toml"
    config.write_text(
        f"""
[sut]
url = "http://127.0.0.1:{middleware.server_port}"
api_key = "a-key-of-16-characters"
flows = ["order-to-erp"]
webhooks = {{"*" = "/webhooks"}}
messages_url = "/pact-messages"
""",
        "utf-8",
    )
    asked = ["contracts", "verify", "--pacts", str(tmp_path), "--config", str(config), "--json"]
    told = json.loads(CliRunner().invoke(app, asked).stdout)
    assert [(one["consumer"], one["verified"]) for one in told["pacts"]] == [("oms", True), ("crm", True)]


def test_a_pact_in_several_pieces_keeps_its_texts() -> None:
    whole = pact_of(V4, "v4")
    kept: Pact = whole.only(lambda one, _: one.kind == "http")
    assert [told["description"] for told in kept.told] == ["asks by HTTP"]
