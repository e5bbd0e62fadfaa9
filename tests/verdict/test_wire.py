"""Drift: a message that says otherwise than its document is found, with where and what, and nothing else is."""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from peakproof.history.reader import History
from peakproof.history.records import Body, Call, Delivery
from peakproof.simulators.documents import openapi
from peakproof.verdict import wire
from peakproof.verdict.judge import conclude
from peakproof.verdict.result import InvariantResult, Validity

ADJUSTMENT = {
    "adjustment_id": "ADJ-1",
    "change_id": "CHG-1",
    "sku": "MUG",
    "quantity": 5,
    "cause": "receipt",
    "created_at": "2026-11-27T12:00:00Z",
    "version": 1,
    "updated_at": "2026-11-27T12:00:00Z",
}
ASKED = {"change_id": "CHG-1", "sku": "MUG", "quantity": 5, "cause": "receipt"}
CHANGED = {"sku": "MUG", "available": 7, "version": 2}
EVENT = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/oms",
    "type": "availability.changed",
    "subject": "MUG",
    "time": "2026-11-27T12:00:00Z",
    "datacontenttype": "application/json",
    "data": CHANGED,
}
PROBLEM = {"type": "x/not_found", "title": "no", "status": 404, "detail": "no"}


def body(document: Any) -> Body:
    """Named as the writer names it."""
    text = json.dumps(document)
    return Body(hash=blake2b(text.encode(), digest_size=12).hexdigest(), text=text)


def exchange(asked: Any = ASKED, told: Any = ADJUSTMENT, status: int = 201, **more: Any) -> list[Call | Body]:
    bodies = [body(asked), body(told)]
    facts: dict[str, Any] = {
        "outcome": "ok" if status < 400 else "refused",
        "refused_by": None if status < 400 else "ledger",
        "request_body": bodies[0].hash,
        "response_body": bodies[1].hash,
    }
    call = Call(
        system="erp",
        operation="create_stock_adjustment",
        subject="MUG",
        attempt=1,
        method="POST",
        path="/v1/stock-adjustments",
        at_ns=1,
        replied_ns=2,
        changes=True,
        status=status,
        **{"call_id": "erp-c1", **facts, **more},
    )
    return [call, *bodies]


def event(told: Any = EVENT, **more: Any) -> list[Delivery | Body]:
    delivery = Delivery(
        delivery_id="oms-d1",
        event_id="e1",
        system="oms",
        topic="availability.changed",
        subject="MUG",
        attempt=1,
        at_ns=1,
        emitted_ns=1,
        replied_ns=2,
        acknowledged=True,
        effect_id="oms-e1",
        body=body(told).hash,
        **more,
    )
    return [delivery, body(told)]


def asked_of(rows: list[Any], **run: Any) -> InvariantResult:
    systems = {"erp": {"kind": "erp"}, "oms": {"kind": "oms"}}
    with History.of_records(rows, run={"systems": systems, **run}) as history:
        return wire.ask(history)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        pytest.param([], "not exercised", id="nothing was said"),
        pytest.param(exchange(), "holds", id="a request and its answer"),
        pytest.param(exchange(told=PROBLEM, status=404), "holds", id="a refusal"),
        pytest.param(event(), "holds", id="an event"),
        pytest.param(exchange(asked={"nonsense": 1}, told=PROBLEM, status=422), "holds", id="a request that was refused"),
        pytest.param(exchange(told={}, faults=["f"]), "not exercised", id="a fault had a hand in it"),
        pytest.param(exchange(told={}, status=503, refused_by="throttle"), "not exercised", id="a throttle's own words"),
        pytest.param(event({}, faults=["f"]), "not exercised", id="an event that a fault altered"),
        pytest.param(event({}, forgery="mutated"), "not exercised", id="a forged event"),
        pytest.param(exchange(told=ADJUSTMENT | {"more": 1}), "holds", id="a field more"),
    ],
)  # fmt: skip
def test_what_keeps_to_its_document_holds(rows: list[Any], status: str) -> None:
    found = asked_of(rows)
    assert (found.status, found.findings) == (status, ())


@pytest.mark.parametrize(
    ("rows", "subject", "words"),
    [
        (exchange(told=ADJUSTMENT | {"quantity": "5"}), "erp.create_stock_adjustment 201", '$.quantity: "5" is not of type "integer"'),
        (exchange(told={k: v for k, v in ADJUSTMENT.items() if k != "cause"}), "erp.create_stock_adjustment 201",
         '$: "cause" is a required property'),
        (exchange(asked=ASKED | {"cause": "theft"}), "erp.create_stock_adjustment request", '$.cause: "theft" is not one of'),
        (exchange(status=418), "erp.create_stock_adjustment 418", "status 418 is none that its document names"),
        (event(EVENT | {"data": CHANGED | {"available": None}}), "oms availability.changed", "$.data.available: null is not of type"),
        (event(EVENT | {"type": "availability.moved"}), "oms availability.changed", "$.type: "),
    ],
)  # fmt: skip
def test_what_differs_is_a_finding(rows: list[Any], subject: str, words: str) -> None:
    found = asked_of(rows)
    assert found.status == "violated"
    (finding,) = found.findings
    assert finding.subject == subject
    assert words in finding.finding
    assert finding.evidence in (("erp-c1",), ("oms-d1",))


@pytest.mark.parametrize(("all_of", "status"), [(2, "violated"), (1, "holds")])
def test_of_a_run_with_very_many_messages_the_first_of_each_kind_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, all_of: int, status: str
) -> None:
    monkeypatch.setattr(wire, "ALL_OF", all_of)
    monkeypatch.setattr(wire, "OF_MORE", 1)
    assert asked_of([*exchange(), *exchange(told={}, call_id="erp-c2")]).status == status


def test_a_run_that_does_not_name_its_systems_cannot_be_asked() -> None:
    assert asked_of(exchange(told={}), systems={}).status == "not exercised"


def test_messages_alone_earn_no_pass() -> None:
    found = asked_of(exchange())
    assert conclude([found], Validity(()), [])[0] == "inconclusive"


def test_the_documents_are_those_that_are_printed() -> None:
    stored = json.loads((Path(__file__).parents[2] / "docs" / "openapi" / "erp.json").read_text("utf-8"))
    assert set(stored["paths"]) == set(openapi("erp")["paths"])
