"""Compiles the recorded traffic of a run into pacts of version 4: one interaction for each kind of answer to each operation.

The interactions name provider states, so that they can be verified: what a document was at the moment of the call is read
off the effects before it. What no state can bring about again is left out, and said: before they are written, all of them
are verified against an estate.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..history.reader import History
from ..simulators.asyncapi import asyncapi
from ..simulators.documents import openapi
from .errors import ContractsError
from .matchers import Example, example_of
from .openapi import Api
from .pact_file import pact_of
from .provider import verify
from .schema import Side
from .situations import STATE_BEFORE_EVENT, Facts, Prepared, prepared, situation

SAMPLES = 40
"""Calls of each kind that are looked at until one can be brought about again."""
EVENT_SAMPLES = 20
TOKEN = "Bearer an-example"

CALLS = """
SELECT * FROM (
    SELECT c.*, r.kind AS system_kind,
           row_number() OVER (
               PARTITION BY r.kind, c.operation, c.status, c.error
               ORDER BY c.faults IS NOT NULL, c.order_ref IS NULL, c.response_body IS NULL, c.call_id
           ) AS place
    FROM   calls AS c JOIN systems_of_run AS r ON r.name = c.system
    WHERE  c.client = 'sut-' || c.system AND c.status IS NOT NULL AND NOT c.replayed
           AND c.operation <> 'unknown_operation'
) WHERE place <= $samples ORDER BY system_kind, operation, status, error, place
"""

EVENTS = """
SELECT * FROM (
    SELECT d.*, r.kind AS system_kind,
           row_number() OVER (PARTITION BY r.kind, d.topic ORDER BY d.delivery_id) AS place
    FROM   deliveries AS d JOIN systems_of_run AS r ON r.name = d.system
    WHERE  d.forgery IS NULL AND d.faults IS NULL AND d.effect_id IS NOT NULL AND d.body IS NOT NULL
) WHERE place <= $samples ORDER BY system_kind, topic, place
"""


@dataclass(slots=True)
class Exported:
    """What was made of a run."""

    files: dict[str, int] = field(default_factory=dict)
    """Interactions by path."""
    left_out: list[str] = field(default_factory=list)
    """One line for each kind of answer that no state brings about again."""


def export(run: Path, out: Path, consumer: str | None = None) -> Exported:
    """Write ``out/{consumer}-{kind}.json``.

    Raises ContractsError for a run without calls of a system under test, or of which nothing can be brought about again;
    EngineFailed where Pact's engine died.
    """
    with History.of_run(run) as history:
        _name_systems(history)
        calls = history.rows(CALLS, {"samples": SAMPLES})
        if not calls:
            raise ContractsError(
                f"{run}: its system under test called nothing, so there is nothing to export"
            )
        events = history.rows(EVENTS, {"samples": EVENT_SAMPLES})
        named = [row[key] for row in calls for key in ("request_body", "response_body")]
        bodies = _bodies(history, [*named, *(row["body"] for row in events)])
        effects = _effects(history, {row["order_ref"] for row in calls if row["order_ref"]})
        who = consumer or str((history.run.get("sut") or {}).get("name") or "sut")
    exported = Exported()
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for kind, interaction in _interactions(calls, bodies, effects, exported):
        by_kind.setdefault(kind, []).append(interaction)
    for kind, interaction in _messages(events, bodies):
        by_kind.setdefault(kind, []).append(interaction)
    documents = _confirmed([_document(who, *one) for one in by_kind.items()], exported)
    if not documents:
        raise ContractsError(
            f"{run}: no state brings about again what its system under test was told, so there is nothing to export"
        )
    _write(documents, who, out, exported)
    return exported


def _document(who: str, kind: str, interactions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "consumer": {"name": who},
        "provider": {"name": kind},
        "interactions": interactions,
        "metadata": {"pactSpecification": {"version": "4.0"}, "peakproof": {"exported": "1"}},
    }


def _confirmed(documents: list[dict[str, Any]], exported: Exported) -> list[dict[str, Any]]:
    """The documents with what an estate does again: of calls that overlapped, the effects may tell another order."""
    pacts = [pact_of(document, document["provider"]["name"]) for document in documents]
    failed = {(one.pact.provider, one.interaction.description): one for one in verify(pacts).failed}
    for (kind, description), one in failed.items():
        exported.left_out.append(f"{kind} {description}: {one.mismatches[0].sentence}")
    kept = [
        _document(
            document["consumer"]["name"],
            kind := document["provider"]["name"],
            [one for one in document["interactions"] if (kind, one["description"]) not in failed],
        )
        for document in documents
    ]
    return [document for document in kept if document["interactions"]]


def _write(documents: list[dict[str, Any]], who: str, out: Path, exported: Exported) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for document in documents:
            path = out / f"{_file_name(who)}-{document['provider']['name']}.json"
            path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
            exported.files[str(path)] = len(document["interactions"])
    except OSError as error:
        raise ContractsError(f"--out {out}: cannot be written: {error.strerror}") from None


def _file_name(who: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in who)


# What the history says


def _name_systems(history: History) -> None:
    systems = history.run.get("systems") or {}
    if not systems:
        raise ContractsError(
            f"{history.folder}: its run.json names no systems, so its calls cannot be told apart"
        )
    history.connection.execute("CREATE TEMP TABLE systems_of_run (name VARCHAR, kind VARCHAR)")
    for name, told in systems.items():
        history.connection.execute("INSERT INTO systems_of_run VALUES (?, ?)", [name, told["kind"]])


def _bodies(history: History, named: list[str | None]) -> dict[str, Any]:
    """The bodies of these names as JSON; those that are none are left out."""
    wanted = [name for name in dict.fromkeys(named) if name]
    rows = history.rows(
        "SELECT hash, text FROM bodies WHERE list_contains($wanted, hash)", {"wanted": wanted}
    )
    found = {}
    for row in rows:
        try:
            found[row["hash"]] = json.loads(row["text"])
        except ValueError:
            continue
    return found


def _effects(history: History, orders: set[str]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The effects about these orders by system and order, in the order in which they happened."""
    rows = history.rows(
        "SELECT effect_id, at_ns, system, kind, order_ref, document_id, ref, location, amount_text, currency, status, "
        "permanent, lines, data FROM effects WHERE list_contains($orders, order_ref) ORDER BY at_ns, effect_id",
        {"orders": sorted(orders)},
    )
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        row["data"] = json.loads(row["data"]) if row["data"] else {}
        found.setdefault((row["system"], row["order_ref"]), []).append(row)
    return found


# Interactions


def _interactions(
    calls: list[dict[str, Any]],
    bodies: Mapping[str, Any],
    effects: Mapping[tuple[str, str], list[dict[str, Any]]],
    exported: Exported,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each kind of answer the first that can be brought about again."""
    groups: dict[tuple[str, str, int, str | None], list[dict[str, Any]]] = {}
    for call in calls:
        groups.setdefault((call["system_kind"], call["operation"], call["status"], call["error"]), []).append(
            call
        )
    for (kind, operation, status, error), candidates in groups.items():
        made = None
        for call in candidates:
            before = [
                one
                for one in effects.get((call["system"], call["order_ref"] or ""), ())
                if one["at_ns"] < call["at_ns"]
            ]
            made = _interaction(kind, call, bodies, situation(kind, before, call["order_ref"]))
            if made is not None:
                yield kind, made
                break
        if made is None:
            exported.left_out.append(f"{kind} {operation}: {status}{f' {error}' if error else ''}")


def _interaction(
    kind: str, call: Mapping[str, Any], bodies: Mapping[str, Any], facts: Facts
) -> dict[str, Any] | None:
    asked, told = bodies.get(call["request_body"]), bodies.get(call["response_body"])
    found = prepared(kind, call, asked, facts)
    if found is None or (call["request_body"] and asked is None):
        return None
    listed = isinstance(told, dict) and "items" in told
    if isinstance(told, dict) and listed and not told["items"]:
        return None
    error = call["error"]
    return {
        "type": "Synchronous/HTTP",
        "description": f"{call['operation']}: {call['status']}{f' {error}' if error else ''}",
        "pending": False,
        "providerStates": [
            {"name": name, "params": dict(parameters)} if parameters else {"name": name}
            for name, parameters in found.states
        ],
        "request": _request(call, asked, found, listed),
        "response": _response(call, told, listed, _schema_of(kind, call)),
    }


def _request(call: Mapping[str, Any], asked: Any, found: Prepared, listed: bool) -> dict[str, Any]:
    headers = {"Authorization": [TOKEN]}
    rules: dict[str, Any] = {"Authorization": _regex("^Bearer .+$")}
    if call["idempotency_key"]:
        headers["Idempotency-Key"] = [f'"{call["idempotency_key"]}"']
        rules["Idempotency-Key"] = _regex("^.+$")
    request: dict[str, Any] = {"method": call["method"], "path": call["path"], "headers": headers}
    generators: dict[str, Any] = {}
    path = "/".join(found.names.get(segment, segment) for segment in call["path"].split("/"))
    if path != call["path"]:
        generators["path"] = _from_state(path)
    if listed and call["order_ref"] and found.about_order:
        request["query"] = {"order_ref": [call["order_ref"]]}
    if asked is not None:
        headers["Content-Type"] = ["application/json"]
        request["body"] = {"content": asked, "contentType": "application/json", "encoded": False}
        if isinstance(asked, dict):
            inside = {
                f"$.{name}": _from_state(found.names[value])
                for name, value in asked.items()
                if isinstance(value, str) and value in found.names
            }
            if inside:
                generators["body"] = inside
    if generators:
        request["generators"] = generators
    return {**request, "matchingRules": {"header": rules}}


def _schema_of(kind: str, call: Mapping[str, Any]) -> Side | None:
    """What the system's own document says of this answer."""
    found = next((one for one in _api(kind).operations.values() if one.name == call["operation"]), None)
    answer = found.responses.get(str(call["status"])) if found is not None else None
    return answer.content.get("application/json") if answer is not None else None


@cache
def _api(kind: str) -> Api:
    return Api(openapi(kind), kind)


def _response(call: Mapping[str, Any], told: Any, listed: bool, schema: Side | None) -> dict[str, Any]:
    status = call["status"]
    response: dict[str, Any] = {"status": status}
    rules: dict[str, Any] = {}
    if call["retry_after_s"] is not None:
        response["headers"] = {"Retry-After": [str(max(1, round(call["retry_after_s"])))]}
        rules["header"] = {"Retry-After": _regex(r"^\d+$")}
    if isinstance(told, dict):
        if status >= 400:
            code = str(call["error"])
            shown = Example(
                {"type": str(told.get("type", "")), "status": status}, {"$.type": _regex(f"^.*/{code}$")}
            )
            media = "application/problem+json"
        else:
            exact = frozenset() if listed or "results" in told else frozenset({"status", "order_ref"})
            shown, media = example_of(told, exact, frozenset({"next_cursor"}), schema), "application/json"
        response["body"] = {"content": shown.value, "contentType": media, "encoded": False}
        response.setdefault("headers", {})["Content-Type"] = [media]
        if shown.rules:
            rules["body"] = shown.rules
    return {**response, "matchingRules": rules} if rules else response


def _messages(
    events: list[dict[str, Any]], bodies: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """One message for each topic that was told."""
    done = set()
    for event in events:
        told, topic = bodies.get(event["body"]), event["topic"]
        if topic in done or not isinstance(told, dict):
            continue
        done.add(topic)
        yield event["system_kind"], message_of(topic, event["system_kind"], told)


def message_of(topic: str, kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """A message interaction of an event as it was on the wire."""
    payload = Side(messages()[topic]["payload"], asyncapi())
    shown = example_of(told, frozenset({"type", "specversion"}), frozenset({"traceparent"}), payload)
    media = "application/cloudevents+json"
    return {
        "type": "Asynchronous/Messages",
        "description": topic,
        "pending": False,
        "providerStates": [{"name": STATE_BEFORE_EVENT[topic]}],
        "contents": {"content": shown.value, "contentType": media, "encoded": False},
        "metadata": {"contentType": media},
        "matchingRules": {"body": shown.rules},
    }


@cache
def messages() -> dict[str, Any]:
    """The estate's messages by topic, as its AsyncAPI document has them."""
    found: dict[str, Any] = asyncapi()["components"]["messages"]
    return found


def _regex(form: str) -> dict[str, Any]:
    return {"combine": "AND", "matchers": [{"match": "regex", "regex": form}]}


def _from_state(expression: str) -> dict[str, str]:
    return {"type": "ProviderState", "expression": expression, "dataType": "STRING"}
