"""Drift: whether every message on the wire keeps to the document that describes it, OpenAPI or AsyncAPI.

An invariant that SQL cannot say. Requests are looked at where the system took them (what it refused is judged
elsewhere), answers and events wherever no fault had a hand in them: a fault that alters documents means to.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from ..history.reader import History
from .result import Finding, InvariantResult

ID = "messages_keep_to_their_documents"
CLAIM = "Every message on the wire keeps to the OpenAPI or AsyncAPI document that describes it."
REMEDY = (
    "The system and its document have parted. Read the document anew, have the system's owner correct one of the two, and "
    "see by `peakproof contracts compare OLD NEW` whom the difference breaks."
)
CLASS, SEVERITY = "consistency", "major"
STEP = 999
ALL_OF = 50_000
"""Calls and deliveries together: every message of a run with no more is looked at."""
OF_MORE = 2_000
"""Of each operation and status, or topic, of a larger run: so many are looked at, the first ones."""
MOST_EVIDENCE = 20

CALLS = """
WITH looked_at AS (
    SELECT call_id, system, operation, status, outcome, request_body, response_body
    FROM   calls
    WHERE  status IS NOT NULL AND faults IS NULL AND operation <> 'unknown_operation'
           AND coalesce(refused_by, '') NOT IN ('fault', 'throttle')
    QUALIFY row_number() OVER (PARTITION BY system, operation, status ORDER BY call_id) <= $most
),
named AS (SELECT request_body AS hash FROM looked_at UNION SELECT response_body FROM looked_at),
texts AS MATERIALIZED (SELECT hash, any_value(text) AS text FROM bodies SEMI JOIN named USING (hash) GROUP BY hash)
SELECT c.call_id, c.system, c.operation, c.status, c.outcome, asked.text AS asked, told.text AS told
FROM   looked_at AS c
LEFT   JOIN texts AS asked ON asked.hash = c.request_body
LEFT   JOIN texts AS told ON told.hash = c.response_body
"""

EVENTS = """
WITH looked_at AS (
    SELECT delivery_id, system, topic, body
    FROM   deliveries
    WHERE  faults IS NULL AND forgery IS NULL AND effect_id IS NOT NULL AND body IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY system, topic ORDER BY delivery_id) <= $most
)
SELECT d.delivery_id, d.system, d.topic, any_value(b.text) AS told
FROM   looked_at AS d JOIN bodies AS b ON b.hash = d.body
GROUP  BY ALL
"""


def described() -> dict[str, Any]:
    """As ``peakproof list invariants`` shows it."""
    return {"name": ID, "summary": CLAIM, "flows": ["any"], "class": CLASS, "severity": SEVERITY}


def ask(history: History) -> InvariantResult:
    """Hold every message against its document; not exercised where run.json does not say what the systems are."""
    kinds = {name: str(told["kind"]) for name, told in (history.run.get("systems") or {}).items()}
    looked_at: set[str] = set()
    found: dict[tuple[str, str], list[str]] = {}
    if kinds:
        messages = history.one("SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM deliveries)")
        most = ALL_OF if messages <= ALL_OF else OF_MORE
        for message_id, subject, wrong in (*_calls(history, kinds, most), *_events(history, kinds, most)):
            looked_at.add(subject)
            for text in wrong:
                found.setdefault((subject, text), []).append(message_id)
    findings = tuple(
        Finding(
            subject,
            f"{text} ({len(ids)} {'message' if len(ids) == 1 else 'messages'})",
            tuple(ids[:MOST_EVIDENCE]),
            guilty=ids[0],
        )
        for (subject, text), ids in sorted(found.items())
    )
    broken = len({finding.subject for finding in findings})
    return InvariantResult(
        id=ID,
        claim=CLAIM,
        flow="any",
        class_=CLASS,
        severity=SEVERITY,
        remedy=REMEDY,
        step=STEP,
        status="violated" if findings else "holds" if looked_at else "not exercised",
        examined=len(looked_at),
        findings_count=broken,
        findings=findings,
    )


Looked = tuple[str, str, list[str]]
"""Id of the message, what it is, and what is wrong with it."""


def _calls(history: History, kinds: Mapping[str, str], most: int) -> Iterator[Looked]:
    for call in history.rows(CALLS, {"most": most}):
        kind = kinds.get(call["system"])
        operation = _operations(kind).get(call["operation"]) if kind is not None else None
        if kind is None or operation is None:
            continue
        name = f"{call['system']}.{call['operation']}"
        pointer = f"{operation}/requestBody/content/application~1json/schema"
        if call["asked"] and call["outcome"] == "ok" and _at(kind, pointer):
            yield call["call_id"], f"{name} request", _wrong(kind, pointer, call["asked"])
        status = str(call["status"])
        if status not in _at(kind, f"{operation}/responses"):
            yield call["call_id"], f"{name} {status}", [f"status {status} is none that its document names"]
        elif call["told"]:
            media = "application~1problem+json" if call["status"] >= 400 else "application~1json"
            pointer = f"{operation}/responses/{status}/content/{media}/schema"
            yield call["call_id"], f"{name} {status}", _wrong(kind, pointer, call["told"])


def _events(history: History, kinds: Mapping[str, str], most: int) -> Iterator[Looked]:
    for event in history.rows(EVENTS, {"most": most}):
        if event["system"] in kinds:
            pointer = f"/components/messages/{event['topic']}/payload"
            yield (
                event["delivery_id"],
                f"{event['system']} {event['topic']}",
                _wrong("", pointer, event["told"]),
            )


def _wrong(kind: str, pointer: str, text: str) -> list[str]:
    """What a message says otherwise than its document; each deviation once."""
    validator = _validator(kind, pointer)
    if validator is None:
        return ["its document does not name such a message"]
    try:
        message = json.loads(text)
    except ValueError:
        return ["is no JSON"]
    if validator.is_valid(message):
        return []
    return list(dict.fromkeys(_in_words(error) for error in validator.iter_errors(message)))


def _in_words(error: Any) -> str:
    path = "$" + "".join("[*]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    said = " ".join(str(error.message).split())
    return f"{path}: {said if len(said) <= 160 else said[:159] + '…'}"


# The documents


@cache
def _document(kind: str) -> dict[str, Any]:
    """A kind's OpenAPI document; of ``""`` the AsyncAPI document of all."""
    if not kind:
        from ..simulators.asyncapi import asyncapi

        return asyncapi()
    from ..simulators.documents import openapi  # only what is judged pays for the import

    return openapi(kind)


@cache
def _operations(kind: str) -> dict[str, str]:
    """The JSON pointer of each operation."""
    return {
        told["operationId"]: f"/paths/{_escaped(path)}/{method}"
        for path, methods in _document(kind)["paths"].items()
        for method, told in methods.items()
    }


@cache
def _validator(kind: str, pointer: str) -> Any:
    """None where the document has nothing there. A topic's name is taken as it is, for it holds no slash."""
    if not _at(kind, pointer):
        return None
    root = {key: value for key, value in _document(kind).items() if key in ("paths", "components")}
    return jsonschema_rs.Draft202012Validator(
        {**root, "$ref": f"#{pointer.replace('{', '%7B').replace('}', '%7D')}"}
    )


def _at(kind: str, pointer: str) -> Any:
    found: Any = _document(kind)
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or name not in found:
            return {}
        found = found[name]
    return found


def _escaped(path: str) -> str:
    return re.sub("/", "~1", path.replace("~", "~0"))
