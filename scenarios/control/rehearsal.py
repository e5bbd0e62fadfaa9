"""What an injection would meet, told from the record of the run so far; nothing is injected.

Every recorded call or event is put to a trigger of its own, as if the injection had stood from the start of the run:
keyed triggers answer as they would have, counted ones count from the first call, and time is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ...chaos.fault import Call, Outgoing
from ...chaos.injection import Injection, Trigger
from ...history import records
from ...history.compressed import decompressed
from .. import catalogue
from ..schedule_entry import WHOLE_SYSTEMS, names_for

R = TypeVar("R", records.Call, records.Delivery, records.Body)
SHOWN = 5
"""Subjects that are named as examples."""

UNTOLD = {
    "rule": "decisions are not recorded, so nobody can say how many it would have met",
    "throttle": "which calls it refuses depends on how fast they come",
    "connection": "connections are not recorded, so nobody can say how many it would have met",
    "process": "it strikes once, when it is injected",
}
"""Why the record cannot tell, by seam."""


def would_have_met(injection: Injection, seed: int, folder: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """``injection``, ``fault``, ``systems``, ``what`` (operation, topic, rule), ``names`` that it can match,
    ``seen`` and ``met`` calls or events (null where the record cannot tell), ``by_name``: system, name, seen, met;
    ``subjects`` as examples, and ``note``. ``kinds``: the systems of the estate by name, with their kind.
    """
    where, fault = injection.where, injection.fault
    systems = list(kinds) if where.system == "*" else [where.system]
    what, valid = names_for(fault, {kinds[name] for name in systems if name in kinds})
    if injection.changes_only:
        valid = {one for name in systems for one in catalogue.changing_operations(kinds[name])} & {*valid}
    found: dict[str, Any] = {
        "injection": injection.id,
        "fault": injection.fault_name,
        "systems": systems,
        "what": what,
        "names": sorted(valid) if where.operation is None else [where.operation],
        "whole": WHOLE_SYSTEMS.get(fault.seam),
        "seen": None,
        "met": None,
        "by_name": [],
        "subjects": [],
        "note": UNTOLD.get(fault.seam),
    }
    if found["note"] is not None:
        return found
    bodies = dict(_bodies(folder)) if where.match else {}
    seen: Counter[tuple[str, str]] = Counter()
    met: Counter[tuple[str, str]] = Counter()
    subjects: dict[str, None] = {}
    trigger = Trigger(injection, 0, seed)
    trigger.armed_for_s = injection.when.ramp_s or 0.0
    calls = () if fault.seam == "delivery" else _calls(trigger, folder, bodies)
    events = () if fault.seam == "call" else _events(trigger, folder, bodies)
    for system, name, subject, acts in chain(calls, events):
        if system not in systems:
            continue
        seen[system, name] += 1
        if acts:
            met[system, name] += 1
            subjects[subject] = None
    found |= {
        "seen": seen.total(),
        "met": met.total(),
        "by_name": [
            {"system": system, "name": name, "seen": count, "met": met[system, name]}
            for (system, name), count in sorted(seen.items())
            if met[system, name] or name == where.operation
        ],
        "subjects": list(subjects)[:SHOWN],
    }
    return found


def calls_so_far(folder: Path) -> dict[str, Any]:
    """``calls`` and ``events``: system, name and count of what the run has seen."""
    calls = Counter((one.system, one.operation) for one in _read(folder, records.Call))
    events = Counter((one.system, one.topic) for one in _read(folder, records.Delivery))
    return {
        table: [
            {"system": system, "name": name, "count": count}
            for (system, name), count in sorted(counts.items())
        ]
        for table, counts in (("calls", calls), ("events", events))
    }


def _calls(
    trigger: Trigger, folder: Path, bodies: Mapping[str, bytes]
) -> Iterator[tuple[str, str, str, bool]]:
    """System, operation, subject and whether it acts, of every call that came as far as the faults."""
    attempts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in _read(folder, records.Call):
        counts = attempts[one.system, one.operation]
        items = []
        for subject in one.subjects or ():
            counts[subject] += 1
            items.append((subject, counts[subject]))
        counts[one.subject] = max(counts[one.subject], one.attempt)
        if one.refused_by == "throttle" or trigger.injection.where.system not in ("*", one.system):
            continue
        call = Call(
            one.call_id,
            one.system,
            one.operation,
            one.subject,
            one.attempt,
            one.method,
            one.path,
            {},
            bodies.get(one.request_body or "", b""),
            one.at_ns,
            one.changes,
            one.client,
            one.order_ref,
            one.sku,
            tuple(items),
        )
        yield one.system, one.operation, one.subject, trigger.acts_on(call)


def _events(
    trigger: Trigger, folder: Path, bodies: Mapping[str, bytes]
) -> Iterator[tuple[str, str, str, bool]]:
    """System, topic, subject and whether it acts, of every attempt to hand an event over; copies count once."""
    occurrences: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    tried: set[tuple[str, int, str | None]] = set()
    for one in _read(folder, records.Delivery):
        events = occurrences[one.system, one.topic, one.subject]
        occurrence = events.setdefault(one.event_id, len(events) + 1)
        attempt = (one.event_id, one.attempt, one.subscription)
        if attempt in tried or trigger.injection.where.system not in ("*", one.system):
            continue
        tried.add(attempt)
        body = bodies.get(one.body or "", b"")
        outgoing = Outgoing(
            one.system, one.topic, one.event_id, one.subject, one.attempt, body, occurrence=occurrence
        )
        yield one.system, one.topic, one.subject, trigger.acts_on_delivery(outgoing)


def _read(folder: Path, record: type[R]) -> Iterator[R]:
    """Every whole line of a table; the last one may be on its way."""
    decode = msgspec.json.Decoder(record).decode
    for path in sorted((folder / "history").glob(f"{record.table}-*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                try:
                    yield decode(line)
                except msgspec.DecodeError:
                    continue


def _bodies(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Hash and text of every body."""
    decode = msgspec.json.Decoder(records.Body).decode
    for path in sorted((folder / "history").glob("bodies-*.jsonl.zst")):
        for line in decompressed(path).splitlines():
            body = decode(line)
            yield body.hash, body.text.encode()
