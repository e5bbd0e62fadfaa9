"""Prints the machine-readable documents: ``python docs/print_apis.py`` writes docs/asyncapi.json and docs/openapi/*.json."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peakproof.simulators.asyncapi import asyncapi
from peakproof.simulators.documents import all_openapi

HERE = Path(__file__).parent


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Path below docs/ and content of each."""
    yield "asyncapi.json", asyncapi()
    for kind, document in all_openapi().items():
        yield f"openapi/{kind}.json", document


def text_of(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, document in documents():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(document), "utf-8")
