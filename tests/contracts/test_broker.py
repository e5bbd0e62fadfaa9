"""A broker, by its documented HAL API, against a small stand-in for it; and the matrix of stored results without one."""

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from peakproof.cli import app
from peakproof.contracts.broker import Broker, selector_of
from peakproof.contracts.errors import ContractsError
from peakproof.contracts.offline_matrix import can_i_deploy
from peakproof.contracts.pact_file import pact_of
from peakproof.contracts.result import Mismatch, Outcome, Verification

PACT: dict[str, Any] = {
    "consumer": {"name": "shop"},
    "provider": {"name": "erp"},
    "interactions": [
        {
            "description": "read the items",
            "request": {"method": "GET", "path": "/v1/items"},
            "response": {"status": 200},
        }
    ],
    "metadata": {"pactSpecification": {"version": "2.0.0"}},
}


@dataclass
class StandIn:
    """What a broker was asked, and what it holds."""

    url: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    authorization: str | None = None
    pacts: dict[str, Any] = field(default_factory=dict)
    deployable: bool = True

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        path = urlsplit(target).path
        match method, path.strip("/").split("/"):
            case "GET", [""]:
                return 200, {
                    "_links": {
                        "pb:publish-contracts": {"href": f"{self.url}/contracts/publish"},
                        "pb:provider-pacts-for-verification": {
                            "href": f"{self.url}/pacts/provider/{{provider}}/for-verification",
                            "templated": True,
                        },
                    }
                }
            case "POST", ["contracts", "publish"]:
                for one in body["contracts"]:
                    self.pacts[one["providerName"]] = json.loads(b64decode(one["content"]))
                return 200, {"notices": [{"type": "success", "text": "Pact successfully published"}]}
            case "POST", ["pacts", "provider", provider, "for-verification"]:
                if provider not in self.pacts:
                    return 404, {"error": "No provider with that name"}
                links = {"self": {"href": f"{self.url}/pacts/{provider}"}}
                return 200, {"_embedded": {"pacts": [{"_links": links}]}}
            case "GET", ["pacts", provider]:
                href = f"{self.url}/results/{provider}"
                return 200, self.pacts[provider] | {
                    "_links": {"pb:publish-verification-results": {"href": href}}
                }
            case "POST", ["results", _]:
                return 201, {}
            case "PUT", ["pacticipants", _, "branches", _, "versions", _]:
                return 200, {}
            case "POST", ["pact-messages"]:
                known = body["description"] == "an order was shipped"
                return (200, {"order_ref": "A-1"}) if known else (404, {})
            case "GET", ["matrix"]:
                row = {"consumer": {"name": "shop"}, "provider": {"name": "erp"}}
                row["verificationResult"] = {"success": self.deployable}  # type: ignore[dict-item]
                reason = "All required verification results are published and successful"
                return 200, {"summary": {"deployable": self.deployable, "reason": reason}, "matrix": [row]}
        return 500, {"error": f"{method} {path}"}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            body = json.loads(raw) if raw else None
            stand_in.asked.append((self.command, self.path, body))
            stand_in.authorization = self.headers.get("Authorization")
            status, told = stand_in.answer(self.command, self.path, body)
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/hal+json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = _handle

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("PACT_BROKER_BASE_URL", stand_in.url)
    monkeypatch.setenv("PACT_BROKER_TOKEN", "a-token")
    yield stand_in
    server.shutdown()
    thread.join()
    server.server_close()


def test_pacts_are_published_under_a_version(broker: StandIn, tmp_path: Path) -> None:
    (tmp_path / "shop-erp.json").write_text(json.dumps(PACT), "utf-8")
    asked = ["contracts", "publish", "--pacts", str(tmp_path), "--version", "1.2", "--branch", "main"]
    shown = CliRunner().invoke(app, asked)
    assert (shown.exit_code, shown.stdout) == (0, "published 1 pacts\n")
    assert "Pact successfully published" in shown.stderr
    _, _, body = broker.asked[-1]
    assert (body["pacticipantName"], body["pacticipantVersionNumber"], body["branch"]) == (
        "shop",
        "1.2",
        "main",
    )
    assert broker.pacts == {"erp": PACT}
    assert broker.authorization == "Bearer a-token"


def test_pacts_are_fetched_by_selector_verified_and_their_results_published(broker: StandIn) -> None:
    broker.pacts["erp"] = PACT
    asked = ["contracts", "verify", "--selector", "main-branch", "--selector", "environment=prod", "--json"]
    shown = CliRunner().invoke(app, [*asked, "--provider-version", "7", "--publish-results"])
    assert shown.exit_code == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert (told["interactions"], told["versions"]["provider"]) == (1, "7")
    selected = [body for method, path, body in broker.asked if path.endswith("/erp/for-verification")]
    wanted = [{"mainBranch": True}, {"environment": "prod"}]
    assert selected == [{"consumerVersionSelectors": wanted, "includePendingStatus": False}]
    method, path, body = broker.asked[-1]
    assert (method, path, body["success"], body["providerApplicationVersion"]) == (
        "POST",
        "/results/erp",
        True,
        "7",
    )


@pytest.mark.parametrize(
    "more",
    [
        ("--interaction", "items"),
        ("--consumer", "shop"),
        ("--drift", "erp:gone"),
        ("--middleware", "reference"),
    ],
)
def test_a_part_of_a_pact_is_never_published_as_the_whole(broker: StandIn, more: tuple[str, str]) -> None:
    asked = [
        "contracts",
        "verify",
        "--selector",
        "latest",
        "--provider-version",
        "7",
        "--publish-results",
        *more,
    ]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 2
    assert "tells of whole pacts" in shown.stderr.replace("\n", " ")
    assert broker.asked == []


def test_pacts_of_your_own_messages_come_from_a_broker_and_their_results_go_there(broker: StandIn) -> None:
    contents = {"content": {"order_ref": "A-1"}, "contentType": "application/hal+json", "encoded": False}
    shipped = {"type": "Asynchronous/Messages", "description": "an order was shipped", "contents": contents}
    broker.pacts["mw"] = PACT | {
        "provider": {"name": "mw"},
        "interactions": [shipped],
        "metadata": {"pactSpecification": {"version": "4.0"}},
    }
    asked = ["contracts", "verify", "--selector", "latest", "--messages-url", f"{broker.url}/pact-messages"]
    shown = CliRunner().invoke(
        app, [*asked, "--provider", "mw", "--provider-version", "7", "--publish-results"]
    )
    assert (shown.exit_code, shown.stderr) == (0, "")
    method, path, body = broker.asked[-1]
    assert (method, path, body["success"]) == ("POST", "/results/mw", True)
    unnamed = CliRunner().invoke(app, asked)
    assert unnamed.exit_code == 2
    assert "what your middleware is called there: --provider NAME" in unnamed.stderr


def test_a_failure_is_published_as_one(broker: StandIn) -> None:
    broker.pacts["erp"] = PACT
    (pact,) = Broker(broker.url).fetch(["erp"], ["latest"])
    wrong = Outcome(
        pact, pact.interactions[0], (Mismatch("status", "", "200", "500", "expected 200 but was 500"),)
    )
    assert Broker(broker.url).publish_results(Verification((wrong,)), "7", "main") == 1
    (_, branched, _), (_, _, body) = broker.asked[-2:]
    assert branched == "/pacticipants/erp/branches/main/versions/7"
    assert body["success"] is False
    assert body["testResults"][0]["mismatches"][0]["attribute"] == "status"


@pytest.mark.parametrize(("deployable", "code", "word"), [(True, 0, "yes"), (False, 1, "NO")])
def test_what_may_be_deployed_is_asked(broker: StandIn, deployable: bool, code: int, word: str) -> None:
    broker.deployable = deployable
    asked = ["contracts", "can-i-deploy", "--pacticipant", "shop", "--version", "1.2", "--to", "prod"]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == code
    assert shown.stdout.splitlines()[-1].startswith(f"{word}: ")
    query = parse_qs(urlsplit(broker.asked[-1][1]).query)
    assert query["q[][pacticipant]"] == ["shop"]
    assert query["environment"] == ["prod"]
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert told["deployable"] is deployable
    assert told["matrix"] == [{"consumer": "shop", "provider": "erp", "agree": deployable}]


def test_what_a_broker_does_not_know_is_an_error(broker: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ContractsError, match="no pact is selected, so nothing would be verified"):
        Broker(broker.url).fetch(["erp", "oms"], ["latest"])
    with pytest.raises(ContractsError, match="the broker answers 500"):
        Broker(broker.url + "/elsewhere")._get(broker.url + "/elsewhere")
    with pytest.raises(ContractsError, match="did not come from a broker"):
        pact = pact_of(PACT, "x.json")
        Broker(broker.url).publish_results(Verification((Outcome(pact, pact.interactions[0], ()),)), "7")
    with pytest.raises(ContractsError, match="--selector 'newest': must be one of main-branch"):
        selector_of("newest")
    with pytest.raises(ContractsError, match="no broker answers"):
        Broker("http://127.0.0.1:9").publish([], "1")
    monkeypatch.delenv("PACT_BROKER_BASE_URL")
    with pytest.raises(ContractsError, match="give --broker URL or set PACT_BROKER_BASE_URL"):
        Broker.of_environment()


def test_a_password_goes_as_basic_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACT_BROKER_USERNAME", "me")
    monkeypatch.setenv("PACT_BROKER_PASSWORD", "geheim")
    monkeypatch.delenv("PACT_BROKER_TOKEN", raising=False)
    with pytest.raises(ContractsError) as error:
        Broker.of_environment("http://127.0.0.1:9").publish([], "1")
    assert "geheim" not in str(error.value)
    assert Broker.of_environment("http://127.0.0.1:9")._authorization == "Basic bWU6Z2VoZWlt"


# Without a broker


def stored(folder: Path, name: str, agree: bool, at: str, version: str = "1.2") -> None:
    pact = pact_of(PACT, "x.json")
    wrong = () if agree else (Mismatch("status", "", "200", "500", "expected 200 but was 500"),)
    found = Verification((Outcome(pact, pact.interactions[0], wrong),))
    found = replace(found, consumer_version=version, provider_version="7", verified_at=at)
    (folder / f"{name}.json").write_text(json.dumps(found.document()), "utf-8")


def test_the_latest_stored_result_of_a_version_decides(tmp_path: Path) -> None:
    stored(tmp_path, "b", True, "2026-11-21T10:00:00+00:00")
    assert can_i_deploy(tmp_path, "shop", "1.2").yes
    assert can_i_deploy(tmp_path, "erp", "7").yes
    stored(tmp_path, "a", False, "2026-11-21T11:00:00+00:00")
    found = can_i_deploy(tmp_path, "shop", "1.2")
    assert (found.yes, found.reason) == (False, "1 of 1 pairs do not agree")
    asked = [
        "contracts",
        "can-i-deploy",
        "--pacticipant",
        "shop",
        "--version",
        "1.2",
        "--results",
        str(tmp_path),
    ]
    shown = CliRunner().invoke(app, asked)
    assert (shown.exit_code, shown.stdout) == (
        1,
        "shop and erp do not agree\nNO: 1 of 1 pairs do not agree\n",
    )


def test_a_version_that_was_never_verified_may_not_be_deployed(tmp_path: Path) -> None:
    with pytest.raises(ContractsError, match=r"holds no \.json file"):
        can_i_deploy(tmp_path, "shop", "1.2")
    stored(tmp_path, "a", True, "2026-11-21T10:00:00+00:00")
    with pytest.raises(ContractsError, match=r"version '1\.3' of 'shop'; those of it that are: 1\.2"):
        can_i_deploy(tmp_path, "shop", "1.3")
    (tmp_path / "b.json").write_text("{}", "utf-8")
    with pytest.raises(ContractsError, match="is no result of contracts verify --json"):
        can_i_deploy(tmp_path, "shop", "1.2")
