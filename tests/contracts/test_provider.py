"""Pacts against the simulators: what agrees is verified, what does not is named, and nothing is green by accident."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from junitparser import JUnitXml
from typer.testing import CliRunner

from peakproof.cli import app
from peakproof.contracts.desk import STATE_PATH, Played, Seen
from peakproof.contracts.errors import ContractsError
from peakproof.contracts.pact_file import pact_of
from peakproof.contracts.provider import EngineFailed, outcomes, play, simulators_of, verify
from peakproof.contracts.result import Outcome, Verification
from peakproof.contracts.sources import chosen, pacts_at
from peakproof.contracts.stage import Part, Stage
from peakproof.contracts.state import ProviderState, catalogue

FOREIGN = Path(__file__).parent / "pacts"


def get(description: str, path: str, status: int = 200, **more: Any) -> dict[str, Any]:
    """An interaction of version 4 that reads."""
    request = {"method": "GET", "path": path, **more.pop("request", {})}
    response = {"status": status, **more.pop("response", {})}
    return {
        "type": "Synchronous/HTTP",
        "description": description,
        "request": request,
        "response": response,
        **more,
    }


def given(name: str, **params: Any) -> dict[str, Any]:
    return {"providerStates": [{"name": name, "params": params}]}


def body(content: Any) -> dict[str, Any]:
    return {"body": {"content": content, "contentType": "application/json", "encoded": False}}


def event(description: str, content: Any, **more: Any) -> dict[str, Any]:
    told = {"content": content, "contentType": "application/cloudevents+json", "encoded": False}
    return {"type": "Asynchronous/Messages", "description": description, "contents": told, **more}


def document(*interactions: dict[str, Any], provider: str = "erp", consumer: str = "mw") -> dict[str, Any]:
    return {
        "consumer": {"name": consumer},
        "provider": {"name": provider},
        "interactions": list(interactions),
        "metadata": {"pactSpecification": {"version": "4.0"}},
    }


def stored(folder: Path, name: str, told: object) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(told), "utf-8")
    return str(path)


BY_ID = {"path": {"type": "ProviderState", "expression": "/v1/sales-orders/${sales_order_id}"}}

ERP = document(
    get("throttled", "/v1/items", 429, **given("throttled", retry_after_s=2), response={"headers": {"Retry-After": ["2"]}}),
    get("unavailable", "/v1/items", 503, **given("unavailable")),
    get("in maintenance", "/v1/items", 503, **given("in maintenance", retry_after_s=3), response={"headers": {"Retry-After": ["3"]}}),
    get("no credentials", "/v1/items", 401),
    get("no right to", "/v1/items", 403, **given("scope revoked", scope="read")),
    get("as it was again", "/v1/items", response=body({"items": [{"sku": "MUG"}, {"sku": "TEA"}], "next_cursor": None})),
    get("waits", "/v1/x", **given("sales order is received"), request={"generators": BY_ID}, response=body({"status": "received"})),
    event("a posted order", {"type": "sales_order.posted", "data": {"order_ref": "A-1"}}, **given("sales order is posted", order_ref="A-1")),
    event("a price.changed of MUG", {"data": {"sku": "MUG", "amount": "9.00"}}, **given("price is set", amount="9.00")),
)  # fmt: skip
ERP["interactions"] += [
    get("has a list of states and one besides", "/v1/x", providerState="nothing is prepared",
        **given("sales order is posted"), request={"generators": BY_ID}, response=body({"status": "posted"})),
]  # fmt: skip
"""All of it agrees."""

BROKEN = document(
    get("another status", "/v1/items", 204),
    get("a missing field", "/v1/items", response=body({"articles": []})),
    get("a missing header", "/v1/items", response={"headers": {"X-Page": ["1"]}}),
    get("pending and wrong", "/v1/items", 204, pending=True),
    get("a state with a typo", "/v1/items", **given("sales order is postet")),
    get("a parameter with a typo", "/v1/items", **given("throttled", retry_after=1)),
    get("a parameter of another type", "/v1/items", **given("throttled", retry_after_s="soon")),
    get("a value that no state gives", "/v1/sales-orders/SO-1", **given("nothing is prepared"), request={"generators": BY_ID}),
    event("an event that did not happen", {"type": "invoice.posted"}, **given("sales order is posted")),
    event("an event of a topic with a typo", {"type": "invoice.post"}, **given("invoice is posted")),
    event("another event", {"type": "invoice.posted", "data": {"order_ref": "B"}}, **given("invoice is posted", order_ref="A")),
    {"type": "Synchronous/Messages", "description": "a question", "request": {}, "response": []},
)  # fmt: skip
"""None of it agrees."""


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Everything that takes the real engine, in one go; by description."""
    folder = tmp_path_factory.mktemp("pacts")
    found = [
        *pacts_at(str(FOREIGN)),
        *pacts_at(stored(folder, "good", ERP)),
        *pacts_at(stored(folder, "bad", BROKEN | {"provider": {"name": "Our ERP"}})),
    ]
    return {one.interaction.description: one for one in verify(found, {"Our ERP": "erp"}).outcomes}


def said(one: Outcome) -> list[tuple[str, str, str, str]]:
    return [(each.where, each.path, each.expected, each.actual) for each in one.mismatches]


@pytest.mark.parametrize(
    "description",
    [told["description"] for told in ERP["interactions"]]
    + [one.description for pact in pacts_at(str(FOREIGN)) for one in pact.interactions],
)
def test_what_agrees_is_verified(verified: dict[str, Outcome], description: str) -> None:
    assert said(verified[description]) == []


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("another status", [("status", "", "204", "200")]),
        ("pending and wrong", [("status", "", "204", "200")]),
        ("a missing header", [("header", "X-Page", '"1"', "")]),
        ("another event", [("body", "$.data.order_ref", '"B"', '"A"')]),
    ],
)
def test_what_does_not_is_named(verified: dict[str, Outcome], description: str, expected: object) -> None:
    assert said(verified[description]) == expected


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("a missing field", "body $: Actual map is missing the following keys: articles"),
        ("a state with a typo", "unknown state 'sales order is postet'; did you mean 'sales order is posted'"),
        ("a parameter with a typo", "unknown parameter of state 'throttled' 'retry_after'; did you mean 'retry_after_s'"),
        ("a parameter of another type", "retry_after_s must be a whole number like 1, got 'soon'"),
        ("a value that no state gives", "no state of it hands back 'sales_order_id'"),
        ("an event that did not happen", "no invoice.posted was emitted in these states"),
        ("an event of a topic with a typo", "unknown topic 'invoice.post'; did you mean 'invoice.posted'"),
        ("a question", "synchronous messages are not verified"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(verified: dict[str, Outcome], description: str, words: str) -> None:
    assert words in " ".join(each.sentence for each in verified[description].mismatches)


def test_credentials_that_were_put_in_are_owned_up_to(verified: dict[str, Outcome]) -> None:
    assert verified["throttled"].credentials_added
    assert not verified["no credentials"].credentials_added
    assert not verified["reads an order that it has just booked"].credentials_added


# No false green


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({}, "holds no .json file, so there is no pact to verify", id="empty folder"),
        pytest.param({"a": {"openapi": "3.1.0"}}, "is no pact", id="no pact"),
        pytest.param({"a": document()}, "holds no interaction, so it would prove nothing", id="no interaction"),
        pytest.param({"a": ERP, "b": {"x": 1}}, "b.json: is no pact", id="one that is none"),
        pytest.param(
            {"a": document(get("x", "/v1/items"), get("x", "/v1/items", 429))}, "stands there twice", id="twice in a file"
        ),
        pytest.param(
            {"a": document(get("x", "/v1/items")), "b": document(get("x", "/v1/items", 429))},
            "a.json too; Pact takes them for one",
            id="twice in a folder",
        ),
        pytest.param(
            {"a": document(get("x", "/")) | {"metadata": {"pactSpecification": {"version": "4.0"}, "plugins": [{"name": "protobuf"}]}}},
            "needs the Pact plugin protobuf",
            id="a plugin",
        ),
    ],
)  # fmt: skip
def test_what_would_prove_nothing_is_an_error(tmp_path: Path, files: dict[str, Any], words: str) -> None:
    for name, told in files.items():
        stored(tmp_path, name, told)
    with pytest.raises(ContractsError, match=words.replace("(", r"\(")):
        pacts_at(str(tmp_path))


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"consumers": ["nobody"]}, "--consumer 'nobody': no pact has this consumer; there is"),
        ({"providers": ["crm"]}, "--provider 'crm': no pact has this provider; there is"),
        ({"described": "no such thing"}, "matches no interaction, so nothing would be verified"),
        ({"described": "("}, "is no regular expression"),
        ({"consumers": ["Shop Connector"], "providers": ["erp"]}, "match no interaction"),
    ],
)
def test_a_filter_that_matches_nothing_is_an_error(filters: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractsError) as error:
        chosen(pacts_at(str(FOREIGN)), **filters)
    assert words in str(error.value)


def test_a_filter_keeps_what_it_matches() -> None:
    (pact,) = chosen(pacts_at(str(FOREIGN)), providers=["erp"], described="bills")
    assert [one.description for one in pact.interactions] == ["bills what was shipped"]
    assert [told["description"] for told in pact.told] == ["bills what was shipped"]


def test_a_provider_that_no_simulator_stands_for_is_an_error() -> None:
    pact = pact_of(document(get("x", "/v1/items"), provider="wsm"), "x.json")
    with pytest.raises(ContractsError, match="unknown provider 'wsm'; did you mean 'wms'"):
        verify([pact])
    with pytest.raises(ContractsError, match="--as 'erp': must be NAME=KIND"):
        simulators_of(["erp"])


def part_of(told: dict[str, Any], *seen: Seen, **values: Any) -> Played:
    interaction = pact_of(document(told), "x.json").interactions[0]
    return Played(interaction, told, given=values, seen=list(seen))


def outcome_of(part: Played, *results: dict[str, Any]) -> Outcome:
    pact = pact_of(document(dict(part.told)), "x.json")
    (one,) = outcomes([pact], {0: part}, results)
    return one


PLAYED = {"description": "0|x", "result": "OK", "duration": "3ms"}


def test_an_interaction_that_was_never_exercised_fails() -> None:
    part = part_of(get("x", "/v1/items"), Seen("GET", "/v1/items", b"", {}, b""))
    assert outcome_of(part, PLAYED).verified
    unspoken = outcome_of(part)
    assert "says nothing of it" in unspoken.mismatches[0].says
    unseen = outcome_of(part_of(get("x", "/v1/items")), PLAYED)
    assert "nothing reached the provider" in unseen.mismatches[0].says
    unexplained = outcome_of(part, {"description": "0|x", "result": "Error"})
    assert not unexplained.verified


@pytest.mark.parametrize(
    ("generators", "good", "bad"),
    [
        (BY_ID, Seen("GET", "/v1/sales-orders/SO-7", b"", {}, b""), Seen("GET", "/v1/sales-orders/SO-1", b"", {}, b"")),
        ({"query": {"$.order_ref": {"type": "ProviderState", "expression": "sales_order_id"}}},
         Seen("GET", "/", b"order_ref=SO-7", {}, b""), Seen("GET", "/", b"", {}, b"")),
        ({"header": {"X-Id": {"type": "ProviderState", "expression": "${sales_order_id}"}}},
         Seen("GET", "/", b"", {"x-id": "SO-7"}, b""), Seen("GET", "/", b"", {"x-id": "SO-1"}, b"")),
        ({"body": {"$.a[0].b": {"type": "ProviderState", "expression": "${sales_order_id}"}}},
         Seen("GET", "/", b"", {}, b'{"a":[{"b":"SO-7"}]}'), Seen("GET", "/", b"", {}, b'{"a":[]}')),
    ],
)  # fmt: skip
def test_a_value_that_does_not_reach_the_request_fails(generators: Any, good: Seen, bad: Seen) -> None:
    told = get("x", "/v1/sales-orders/SO-1", request={"generators": generators})
    assert outcome_of(part_of(told, good, sales_order_id="SO-7"), PLAYED).verified
    (mismatch,) = outcome_of(part_of(told, bad, sales_order_id="SO-7"), PLAYED).mismatches
    assert mismatch.where == "generator"
    assert "did not reach the request" in mismatch.says


async def test_an_engine_that_dies_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="Pact's engine ended with 1: KeyError: 'provider'"):
        await play([{"no": "job"}], tmp_path, 1)


def test_the_engine_never_runs_in_this_process() -> None:
    code = "import sys, peakproof.contracts.provider; sys.exit(any(name.startswith('pact') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# States


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path) as stood:
        yield stood


async def test_every_state_can_be_prepared_and_hands_back_what_it_says(stage: Stage) -> None:
    needs_a_request = "the same request was made before"
    made = pact_of(document(get("x", "/v1/items")), "x.json")
    number = 0
    for one in catalogue():
        if one.kind == "webhook":
            continue
        kinds = [one.kind] if one.kind != "any" else ["erp", "oms", "wms", "marketplace", "payments"]
        for kind in kinds:
            number += 1
            stage.parts[number] = Part(made.interactions[0], made.told[0], system=stage.system_for(kind))
            values = stage.prepare(number, one.name, {})
            told = {name: values.get(name) for name in one.gives}
            assert one.gives == () or any(told.values()), (one.name, kind, told)
            if one.name != needs_a_request:
                assert stage.parts[number].seen == []
            _has_the_status_that_it_names(stage, kind, one, values)


def _has_the_status_that_it_names(
    stage: Stage, kind: str, one: ProviderState, values: dict[str, Any]
) -> None:
    ledger = stage.system_for(kind).ledger
    status = one.name.partition(" is ")[2].replace(" ", "_")
    match (kind, one.name.partition(" is ")[0]):
        case ("erp", "sales order"):
            assert ledger.order(values["sales_order_id"]).status == status.replace("_for_good", "")
        case ("oms", "order"):
            assert ledger.order(values["order_id"]).status == status
        case ("wms", "fulfilment"):
            word = "shipped" if status == "short" else status
            assert ledger.fulfilment(values["fulfilment_id"]).status == word
        case ("marketplace", "order"):
            assert ledger.order(values["order_ref"]).status == status
        case ("payments", "payment"):
            assert ledger.payment(values["payment_id"]).status == status


async def test_an_interaction_finds_nothing_of_the_one_before(stage: Stage) -> None:
    made = pact_of(document(get("x", "/v1/items")), "x.json")
    for number in (1, 2):
        stage.parts[number] = Part(made.interactions[0], made.told[0], system=stage.system_for("erp"))
    for name in ("sales order is posted", "throttled", "client is registered", "duplicates are refused"):
        stage.prepare(1, name, {})
    erp = stage.system_for("erp")
    assert not erp.gate.idle
    stage.enter(2)
    assert len(erp.ledger.orders) == 0
    assert erp.gate.idle
    assert not erp.ledger.settings.strict_references
    assert "middleware" not in erp.face.authenticator._clients


async def test_a_second_request_with_the_same_key_is_answered_as_the_first(stage: Stage) -> None:
    told = get("x", "/v1/items")
    told["request"] = {
        "method": "POST",
        "path": "/v1/stock-adjustments",
        "headers": {"Idempotency-Key": ["key-1"]},
        **body({"change_id": "C", "sku": "MUG", "quantity": 1, "cause": "count"}),
    }
    made = pact_of(document(told), "x.json")
    stage.parts[1] = Part(made.interactions[0], told, system=stage.system_for("erp"))
    stage.prepare(1, "the same request was made before", {})
    assert [one.change_id for one in stage.system_for("erp").ledger.adjustments] == ["C"]
    assert stage.parts[1].seen == []


# The command


def test_the_command_says_it_as_a_table_as_json_and_as_junit(
    tmp_path: Path, verified: dict[str, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Verification((verified["throttled"], verified["another status"]))
    monkeypatch.setattr("peakproof.contracts.provider.verify", lambda pacts, named, drifts: some)
    junit = tmp_path / "junit.xml"
    asked = ["contracts", "verify", "--pacts", str(FOREIGN), "--junit", str(junit)]
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 1
    assert "✗ mw → Our ERP: 'another status'\n    status: expected 204 but was 200" in shown.stdout
    assert "FAIL: 1 of 2 interactions not as agreed" in shown.stdout
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert (told["schema"], told["verified"], told["failed"]) == ("peakproof/contracts-verify/1", False, 1)
    assert told["pacts"][1]["interactions"][0]["mismatches"][0]["expected"] == "204"
    suites = JUnitXml.fromfile(str(junit))
    assert [(one.tests, one.failures) for one in suites] == [(1, 0), (1, 1)]


async def test_a_state_of_nobody_is_refused(stage: Stage) -> None:
    async with aiohttp.ClientSession() as session:
        for state, status in (("sales order is posted", 400), ("9|sales order is posted", 400)):
            asked = {"action": "setup", "state": state, "params": {}}
            async with session.post(stage.desk.url + STATE_PATH, json=asked) as reply:
                assert reply.status == status


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["contracts", "verify", "--pacts", str(tmp_path / "nowhere")])
    assert shown.exit_code == 2
    assert "nowhere: no such file; expected a path or an http(s) URL" in shown.stderr.replace("\n", "")


def test_the_states_can_be_listed() -> None:
    shown = CliRunner().invoke(app, ["list", "states", "--json"])
    told = {one["name"]: one for one in json.loads(shown.stdout)}
    assert told["sales order is posted"]["gives"] == ["sales_order_id", "job_id"]
    assert len(told) > 40
