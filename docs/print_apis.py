"""Prints the machine-readable documents: ``python docs/print_apis.py`` writes docs/asyncapi.json and docs/openapi/*.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peakproof.history.clock import Clock
from peakproof.history.writer import HistoryWriter
from peakproof.simulators.asyncapi import asyncapi
from peakproof.simulators.estate import Estate, EstateSettings, SystemSettings
from peakproof.simulators.registry import KINDS

HERE = Path(__file__).parent


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Path below docs/ and content of each."""
    yield "asyncapi.json", asyncapi()
    with TemporaryDirectory() as folder:
        writer = HistoryWriter(Path(folder), "docs")
        estate = Estate(EstateSettings({kind: SystemSettings(kind) for kind in KINDS}), writer, Clock())
        for system in estate.systems.values():
            yield f"openapi/{system.name}.json", system.face.openapi()
            system.socket.close()
        writer.close()


def text_of(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, document in documents():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(document), "utf-8")
