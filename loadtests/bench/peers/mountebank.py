"""mountebank: an imposter that keeps what is posted by a few lines of injected JavaScript, and one that only answers."""

import json
from pathlib import Path
from typing import Any

from ..servers import Answers
from .peer import Peer, free_port

HEADERS = {"Content-Type": "application/json", "Connection": "Keep-Alive"}
"""By itself it closes the connection after each answer."""
KEEP = """config => {
  const order = JSON.parse(config.request.body);
  order.sales_order_id = 'SO-' + (config.state.orders = (config.state.orders || 0) + 1);
  const body = config.state[order.sales_order_id] = JSON.stringify(order);
  return { statusCode: 201, headers: HEADERS, body };
}"""
READ = """config => ({
  statusCode: 200, headers: HEADERS, body: config.state[config.request.path.split('/').pop()]
})"""


def options(folder: Path, port: int, _: Answers) -> list[str]:
    """An imposter that keeps what is posted."""
    keep, read = ({"inject": code.replace("HEADERS", json.dumps(HEADERS))} for code in (KEEP, READ))
    return [*_imposter(folder, port, keep, read), "--allowInjection"]


def canned(folder: Path, port: int, answers: Answers) -> list[str]:
    """An imposter that says the same to everybody."""
    created, read = (
        {"is": {"statusCode": status, "headers": HEADERS, "body": body.decode()}}
        for status, body in ((201, answers.created), (200, answers.read))
    )
    return _imposter(folder, port, created, read)


def _imposter(folder: Path, port: int, created: dict[str, Any], read: dict[str, Any]) -> list[str]:
    stubs = [
        {"predicates": [{"equals": {"method": method}}], "responses": [response]}
        for method, response in (("POST", created), ("GET", read))
    ]
    imposter = {"port": port, "host": "127.0.0.1", "protocol": "http", "stubs": stubs}
    (folder / "imposters.json").write_text(json.dumps({"imposters": [imposter]}), "utf-8")
    quiet = ["--nologfile", "--loglevel", "error", "--localOnly", "--port", str(free_port())]
    return ["start", "--noParse", "--configfile", str(folder / "imposters.json"), *quiet]


MOUNTEBANK = Peer("mountebank", "mb", options)
MOUNTEBANK_CANNED = Peer("mountebank, canned", "mb", canned)
