"""WireMock: two stubs that say the same to everybody, without journal and log, as its makers advise for load."""

import json
from pathlib import Path

from ..servers import Answers
from .peer import Peer


def options(folder: Path, port: int, answers: Answers) -> list[str]:
    """One stub an operation."""
    (folder / "mappings").mkdir()
    stubs = (
        ("POST", {"urlPath": "/v1/sales-orders"}, 201, answers.created),
        ("GET", {"urlPathPattern": "/v1/sales-orders/.*"}, 200, answers.read),
    )
    for method, url, status, body in stubs:
        answer = {"status": status, "headers": {"Content-Type": "application/json"}, "body": body.decode()}
        stub = {"request": {"method": method, **url}, "response": answer}
        (folder / "mappings" / f"{method}.json").write_text(json.dumps(stub), "utf-8")
    quiet = ["--no-request-journal", "--disable-request-logging", "--disable-banner", "--disable-gzip"]
    lean = ["--disable-response-templating", "--use-chunked-encoding", "never", "--container-threads", "64"]
    return ["--port", str(port), "--bind-address", "127.0.0.1", "--root-dir", str(folder), *quiet, *lean]


WIREMOCK = Peer("WireMock", "java", options, jar="wiremock-standalone*.jar")
