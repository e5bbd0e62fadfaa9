"""Makes the reference middleware's own contracts: its client and steps play every expectation against a mock server.

``python -m peakproof.contracts.consumer DIR`` writes ``DIR/middleware-*.json``. A process of its own, for it imports
Pact's engine; nobody imports this module. It ends with 1 and says why when the middleware does not ask, or does not
cope, as its expectations say.
"""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from pact import Pact, match

from ..middleware.client import SystemClient, new_session
from ..middleware.documents import Availability, Price, StockChange
from ..middleware.flows.price_publish import PricePublish
from ..middleware.flows.stock_sync import StockSync
from ..middleware.order import Request
from ..middleware.policies import Policies, Reply, Verdict
from ..middleware.publisher import Publisher
from ..middleware.settings import SystemAddress
from ..middleware.store import Store
from .expectations import REF, Expectation, Is, Looks, expectations, order
from .matchers import of_form

CONSUMER = "middleware"
TOKEN = "a-token"
PATIENCE_S = 10.0

STOCK = StockChange("CHG-000001", "MUG", "north", 93, 2, 5, "receipt")
AVAILABILITY = Availability("MUG", 5, 3)
PRICE = Price("MUG", "GBP", "5.25", "2026-11-20T12:00:00Z", 3)


def main(folder: str) -> int:
    """Play all of them; 0 when all went as they should."""
    wrong = asyncio.run(_play_all(Path(folder)))
    for path in Path(folder).glob(f"{CONSUMER}-*.json"):
        _hold_to_types(path)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


def _hold_to_types(path: Path) -> None:
    """Let a text of some form be a text: Pact's regular expressions alone would take a number for its digits."""
    document = json.loads(path.read_text("utf-8"))
    for one in document["interactions"]:
        for rule in one["response"].get("matchingRules", {}).get("body", {}).values():
            if rule["matchers"][0]["match"] == "regex":
                rule["matchers"] = of_form(rule["matchers"][0]["regex"])
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


async def _play_all(folder: Path) -> list[str]:
    wrong = []
    async with new_session() as session:
        for one in expectations():
            wrong += [
                f"{one.provider}: {one.description}: {text}" for text in await _play(one, folder, session)
            ]
    return wrong


async def _play(one: Expectation, folder: Path, session: Any) -> list[str]:
    """What goes otherwise than it should; writes the pact where nothing does."""
    pact = Pact(CONSUMER, one.provider)
    _expect_token(pact)
    _expect(pact, one)
    policies = Policies()
    with pact.serve("127.0.0.1", raises=False, verbose=False) as server:
        address = SystemAddress(one.provider, str(server.url).rstrip("/"), "middleware", "secret")
        name = "web" if one.provider == "marketplace" else one.provider
        client = SystemClient(name, address, session, policies, timeout_s=PATIENCE_S)
        async with asyncio.timeout(PATIENCE_S):
            wrong = await _ask(one, client, policies)
        if not server.matched:
            wrong.append(f"was not asked as expected: {[str(each) for each in server.mismatches]}")
        if not wrong:
            server.write_file(folder)
    return wrong


async def _ask(one: Expectation, client: SystemClient, policies: Policies) -> list[str]:
    """Ask as the middleware asks."""
    if one.path.endswith("/batch"):
        return await _publish(one, client, policies)
    step = one.step
    if step is None:
        reply = await _plainly(one, client)
        reads = one.reads
    elif one.looks:
        assert step.search is not None, f"{step.name} is never looked up"
        reply, items = await client.read_list(step.search.path(order(), one.ref), step.search.reads)
        found = any(step.search.matches(order(), one.ref, item) for item in items)
        return [] if found else [f"is not found in what came: {reply}"]
    else:
        request = step.request(order(), one.ref)
        key = policies.idempotency.key(f"{REF}:{step.key(one.ref)}", 0)
        reply = await client.call(request, key=key)
        reads = step.reads
    return _judged(one, reply, reads, policies)


async def _plainly(one: Expectation, client: SystemClient) -> Reply:
    """A call that no step of the reference makes, through its client where that can say it."""
    if one.method == "GET":
        return await client.call(Request("GET", one.path, b""))
    body = b"" if one.body is None else msgspec.json.encode(one.body)
    headers = {"Authorization": f"Bearer {await client._tokens.token()}", **one.headers}
    if body:
        headers["Content-Type"] = "application/json"
    return await client._exchange(one.method, one.path, body or None, headers)


def _judged(one: Expectation, reply: Reply, reads: Any, policies: Policies) -> list[str]:
    """Whether the middleware makes of the answer what it should."""
    wrong = []
    if reply.status != one.status:
        wrong.append(f"got {reply.status} {reply.body[:200]!r}")
    if policies.retry.verdict(reply) is not one.verdict:
        wrong.append(f"takes {reply.code} for {policies.retry.verdict(reply).value}, not {one.verdict.value}")
    if "Retry-After" in one.reply_headers and reply.retry_after_s != 1.0:
        wrong.append(f"reads Retry-After as {reply.retry_after_s}")
    if one.verdict is Verdict.DONE and reads is not None and not wrong:
        try:
            msgspec.json.decode(reply.body, type=reads)
        except msgspec.DecodeError as error:
            wrong.append(f"cannot read the answer: {error}")
    return wrong


async def _publish(one: Expectation, client: SystemClient, policies: Policies) -> list[str]:
    """Have a value published as the middleware publishes it."""
    with TemporaryDirectory() as name:
        store = Store(Path(name) / "store.sqlite3")
        clients = {client.name: client}
        stock = StockSync(clients, store, policies, gather_s=0.0)
        prices = PricePublish(clients, store, policies, gather_s=0.0)
        stock.stock_changed(STOCK)
        stock.availability_changed(AVAILABILITY)
        prices.price_changed(PRICE)
        publishers = [
            each for each in (*stock.publishers, *prices.publishers) if one.path.endswith(_tail_of(each))
        ]
        running = [asyncio.create_task(each.run()) for each in publishers]
        try:
            while any(each.pending() for each in publishers):
                await asyncio.sleep(0.002)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await store.close()
    return [] if publishers else ["nobody publishes there"]


def _tail_of(publisher: Publisher) -> str:
    return publisher._path


# What the mock server is told


def _expect_token(pact: Pact) -> None:
    form = "grant_type=client_credentials&client_id=middleware&client_secret=secret"
    (
        pact.upon_receiving("ask for a token")
        .given("client is registered", {"client_id": "middleware", "client_secret": "secret"})
        .with_request("POST", "/oauth/token")
        .with_body(form, "application/x-www-form-urlencoded")
        .will_respond_with(200)
        .with_body({"access_token": match.like(TOKEN), "expires_in": match.number(3600)}, "application/json")
    )


def _expect(pact: Pact, one: Expectation) -> None:
    asked = pact.upon_receiving(one.description)
    for name, parameters in one.states:
        asked = asked.given(name, dict(parameters)) if parameters else asked.given(name)
    method, path = one.method, one.path
    if one.looks:
        assert one.step is not None
        assert one.step.search is not None
        method, path = "GET", one.step.search.path(order(), one.ref).partition("?")[0]
        asked = asked.with_request(method, path).with_query_parameters({"order_ref": REF, "limit": "500"})
    else:
        asked = asked.with_request(method, path)
    asked = asked.with_header("Authorization", match.regex(f"Bearer {TOKEN}", regex="^Bearer .+$"))
    if one.keyed and method == "POST":
        key = f'"{REF}:{one.step.key(one.ref)}"' if one.step is not None else '"any"'
        asked = asked.with_header("Idempotency-Key", match.regex(key, regex='^".+"$'))
    for name, value in one.headers.items():
        asked = asked.with_header(name, value)
    if one.body is not None and not one.looks:
        asked = asked.with_body(one.body, "application/json")
    told = asked.will_respond_with(one.status)
    for name, value in one.reply_headers.items():
        told = told.with_header(name, _matcher(value))
    if one.reply is not None:
        media = "application/problem+json" if one.status >= 400 else "application/json"
        told.with_body(_matcher(one.reply), media)


def _matcher(value: Any) -> Any:
    """What Pact takes for an expected answer."""
    if isinstance(value, Is):
        return value.value
    if isinstance(value, Looks):
        return match.regex(value.example, regex=value.form)
    if isinstance(value, dict):
        return {name: _matcher(one) for name, one in value.items()}
    if isinstance(value, list):
        return match.each_like(_matcher(value[0]), min=1)
    return match.like(value)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
