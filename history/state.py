"""Every system's own final state, read after settling: ``state/{system}.jsonl``, one document a line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import msgspec


class StateDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One document as its system showed it at the end of the run."""

    table: ClassVar[str] = "state"

    system: str
    """``sut`` for what the middleware itself says, e.g. its parked exceptions (kind ``exception``)."""
    kind: str
    """The document in the singular: ``order`` (channel and OMS), ``listing``, ``stock``, ``availability``,
    ``sales_order``, ``fulfilment``, ``payment``, ``exception``, ..."""
    id: str
    order_ref: str | None = None
    sku: str | None = None
    doc: dict[str, Any]
    """The whole document, with the names of its API."""


def write_state(folder: Path, system: str, documents: Iterable[StateDocument]) -> Path:
    """Write one system's documents to ``{folder}/{system}.jsonl``, in place of any earlier ones; returns the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{system}.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(document) + b"\n" for document in documents))
    return path
