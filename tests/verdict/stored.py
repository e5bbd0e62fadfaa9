"""Runs in folders of their own, as a runner leaves them."""

import json
from pathlib import Path
from typing import Any

import msgspec

from peakproof.history.records import Call, Delivery, Effect
from peakproof.history.seal import seal_run
from peakproof.history.state import StateDocument, write_state
from peakproof.history.writer import HistoryWriter

from .test_judge import GOOD, RUN

DOUBLE = 40


def made(folder: Path, *, closed: bool = True, **told: Any) -> Path:
    """A good run as a runner leaves it: one order, and orders enough of another kind that there is something to cut."""
    writer = HistoryWriter(folder / "history", "estate")
    for row in GOOD:
        match row:
            case Call():
                name = writer.body(b'{"order_ref": "A"}')
                writer.call(replace_body(row, name))
            case Effect():
                writer.effect(row)
            case Delivery():
                writer.delivery(row)
    for number in range(DOUBLE):
        writer.body(b'{"number": %d}' % number)
    if closed:
        writer.close()
    else:
        writer.flush()
    for document in [row for row in GOOD if isinstance(row, StateDocument)]:
        path = folder / "state" / f"{document.system}.jsonl"
        if not path.exists():
            same = [row for row in GOOD if isinstance(row, StateDocument) and row.system == document.system]
            write_state(folder / "state", document.system, same)
    facts = {**RUN, "history_version": 1, "seal": 1, **told}
    (folder / "run.json").write_text(json.dumps({key: one for key, one in facts.items() if one is not None}))
    if closed:
        seal_run(folder)
    return folder


def replace_body(row: Call, name: str) -> Call:
    return msgspec.structs.replace(row, request_body=name)
