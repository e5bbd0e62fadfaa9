"""WireMock, without journal and log, as its makers advise for load: two stubs that say the same to everybody, and two that
check what is posted against a JSON Schema and answer by template.

By itself it keeps nothing of a request, so that the order that is read back has only its reference from the one posted.
"""

import json
from pathlib import Path
from typing import Any

from ..servers import Answers
from .peer import Peer
from .schema import ORDER

POST: dict[str, Any] = {"method": "POST", "urlPath": "/v1/sales-orders"}
GET: dict[str, Any] = {"method": "GET", "urlPathPattern": "/v1/sales-orders/[^/]+"}
MERGED = """\
{{#assign 'given'}}{"sales_order_id": "{{jsonPath request.body '$.order_ref'}}", "status": "received", "version": 0}{{/assign}}\
{{jsonMerge request.body given}}"""
ASKED_FOR = "{{request.pathSegments.[2]}}"


def canned(folder: Path, port: int, answers: Answers) -> list[str]:
    """The same bytes for every order."""
    _stub(folder, POST, 201, answers.created.decode())
    _stub(folder, GET, 200, answers.read.decode())
    return [*_options(folder, port), "--disable-response-templating"]


def templated(folder: Path, port: int, answers: Answers) -> list[str]:
    """What is posted comes back with an id, and the id that is asked for in an order that is otherwise always the same."""
    checked = {"bodyPatterns": [{"matchesJsonSchema": ORDER, "schemaVersion": "V202012"}]}
    read = json.loads(answers.read) | {"sales_order_id": ASKED_FOR, "order_ref": ASKED_FOR}
    _stub(folder, POST | checked, 201, MERGED, transformers=["response-template"])
    _stub(folder, GET, 200, json.dumps(read), transformers=["response-template"])
    return _options(folder, port)


def _stub(folder: Path, request: dict[str, Any], status: int, body: str, **how: list[str]) -> None:
    (folder / "mappings").mkdir(exist_ok=True)
    answer = {"status": status, "headers": {"Content-Type": "application/json"}, "body": body, **how}
    stub = json.dumps({"request": request, "response": answer})
    (folder / "mappings" / f"{request['method']}.json").write_text(stub, "utf-8")


def _options(folder: Path, port: int) -> list[str]:
    quiet = ["--no-request-journal", "--disable-request-logging", "--disable-banner", "--disable-gzip"]
    lean = ["--use-chunked-encoding", "never", "--container-threads", "64"]
    return ["--port", str(port), "--bind-address", "127.0.0.1", "--root-dir", str(folder), *quiet, *lean]


JAR = "wiremock-standalone*.jar"
WARM_UP_S = 60.0
"""With one processor, Java takes so long to compile what it runs: measured 2,800 us an order at first, 90 at last."""
WIREMOCK = Peer("WireMock", "java", templated, jar=JAR, warm_up_s=WARM_UP_S)
WIREMOCK_CANNED = Peer("WireMock, canned", "java", canned, jar=JAR, warm_up_s=WARM_UP_S)
