"""One system behind its door, without a socket: what is asked is answered at once, and what is recorded is kept."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from peakproof.chaos.fault import Reply
from peakproof.chaos.gate import Gate
from peakproof.history.records import Call
from peakproof.history.writer import HistoryWriter
from peakproof.simulators.erp.ledger import ErpLedger, ErpSettings
from peakproof.simulators.erp.routes import declare
from peakproof.simulators.kit.auth import Authenticator, Client
from peakproof.simulators.kit.door import Door
from peakproof.simulators.kit.face import Face
from peakproof.simulators.kit.idempotency import IdempotencyStore, KeyMode

from .world import MadeWorld, make_world

SUT = Client("sut-erp", "sut-secret", frozenset({"read", "write"}), "key-sut")
READER = Client("reader", "reader-secret", frozenset({"read"}), "key-reader")

ADDRESS = {
    "name": "Zoë Müller",
    "line1": "1 High Street",
    "line2": None,
    "city": "Leeds",
    "postcode": "LS1 1AA",
    "country": "GB",
}


def order_body(order_ref: str = "web-000001", **changed: Any) -> dict[str, Any]:
    """An order as the SUT sends it: two lines, 11.19 GBP in all."""
    return {
        "order_ref": order_ref,
        "currency": "GBP",
        "lines": [
            {"line_id": "1", "sku": "22423", "quantity": 2, "unit_price": "2.08"},
            {"line_id": "2", "sku": "85123A", "quantity": 1, "unit_price": "2.08"},
        ],
        "shipping": "4.95",
        "total": "11.19",
        "customer": {"name": "Zoë Müller", "email": "zoe@example.com"},
        "ship_to": ADDRESS,
        "service_level": "standard",
        "priority": 5,
        "ship_by": "2026-11-28T12:00:00Z",
        "payment_id": "PAY-000001",
        "channel": "web",
    } | changed


@dataclass
class KeptRecord:
    """A recorder that writes nowhere."""

    calls: list[Call] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def call(self, call: Call) -> None:
        self.calls.append(call)

    def body(self, raw: bytes) -> str:
        name = f"body-{len(self.bodies)}"
        self.bodies[name] = raw
        return name

    def flush_now(self) -> None:
        pass


@dataclass
class Answered:
    """A reply, read."""

    reply: Reply
    document: Any

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def code(self) -> str | None:
        """The refusal's."""
        return self.reply.error

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.reply.headers)


@dataclass
class AskedErp:
    """An ERP that can be asked; ``made`` is its world."""

    made: MadeWorld
    ledger: ErpLedger
    face: Face
    gate: Gate
    door: Door
    record: KeptRecord

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        token: str | None = SUT.api_key,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """One call. A body is sent as JSON; ``raw`` as it is."""
        sent = {"content-type": "application/json"} if raw is not None or body is not None else {}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        sent |= headers or {}
        content = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        path, _, query = target.partition("?")
        reply = self.door.answer_at_once(
            method,
            path,
            query.encode(),
            [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
            content,
        )
        return Answered(reply, msgspec.json.decode(reply.body) if reply.body else None)

    def book(self, order_ref: str = "web-000001", key: str | None = None, **changed: Any) -> Answered:
        """Send an order to be booked."""
        headers = {} if key is None else {"idempotency-key": key}
        return self.ask("POST", "/v1/sales-orders", order_body(order_ref, **changed), headers=headers)

    def state(self) -> bytes:
        """All that the ledger shows, to see that nothing changed."""
        return msgspec.json.encode(list(self.ledger.final_state()))


def asked_erp(
    *,
    recorder: HistoryWriter | None = None,
    service_s: float = 0.0,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    keys: KeyMode = KeyMode.OPTIONAL,
    key_lifetime_s: float = 86_400.0,
    token_lifetime_s: float = 3_600.0,
    deprecation: Mapping[str, str] | None = None,
    page_items: int | None = None,
    **rules: Any,
) -> AskedErp:
    """An ERP that knows two articles, with a client that may write and one that may only read.

    With a ``recorder`` calls and effects are written there instead of kept.
    """
    made = make_world()
    if recorder is not None:
        made.world.record = recorder.effect
    record = KeptRecord()
    ledger = ErpLedger(made.world, ErpSettings(**rules))
    face = Face(
        "erp",
        title="ERP",
        description="",
        world=made.world,
        authenticator=Authenticator([SUT, READER], made.world.now, token_lifetime_s),
        idempotency=IdempotencyStore(keys, key_lifetime_s, made.world.now),
        deprecation=deprecation,
        page_items=page_items,
    )
    declare(face, ledger)
    for sku in ("22423", "85123A"):
        ledger.seed_item(sku, f"Article {sku}", on_hand=100)
    gate = Gate("erp", sleep=sleep or _no_sleep, now=made.world.now, marks=lambda *_, **__: None)
    door = Door(face, gate, recorder or record, made.world.now, service_s=service_s, sleep=sleep)
    return AskedErp(made, ledger, face, gate, door, record)


async def _no_sleep(seconds: float) -> None:
    raise AssertionError("nothing waits in these tests")
