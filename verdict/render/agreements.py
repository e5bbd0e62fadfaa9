"""What checks of contracts that were stored with a run came to, as `peakproof contracts verify --run RUN` leaves them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

FOLDER = "contracts"
"""Below the run's: one document ``peakproof/contracts-verify/1`` for each check."""
SCHEMA = "peakproof/contracts-verify/1"


@dataclass(frozen=True, slots=True)
class Broken:
    """One interaction that is not as agreed."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One pact, as one check found it."""

    consumer: str
    provider: str
    checked_at: str
    interactions: int
    broken: tuple[Broken, ...]


def agreements_of(run_folder: Path) -> tuple[list[Agreement], list[str]]:
    """Every pact of every check, the newest check first; and a sentence for each document that cannot be read."""
    found: list[Agreement] = []
    problems: list[str] = []
    for path in sorted((run_folder / FOLDER).glob("*.json"), reverse=True):
        try:
            document = msgspec.json.decode(path.read_bytes())
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']!r}, expected {SCHEMA!r}")
            found += _read(document)
        except (OSError, msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError) as problem:
            why = f"it has no {problem}" if isinstance(problem, KeyError) else str(problem)
            problems.append(
                f"The check of contracts {FOLDER}/{path.name} cannot be read and is not shown: {why}."
            )
    return found, problems


def _read(document: Mapping[str, Any]) -> Iterator[Agreement]:
    checked_at = str(document["verified_at"] or "")[:19].replace("T", " ")
    for pact in document["pacts"]:
        told = pact["interactions"]
        yield Agreement(
            str(pact["consumer"]),
            str(pact["provider"]),
            checked_at,
            len(told),
            tuple(_broken(one) for one in told if not one["verified"]),
        )


def _broken(one: Mapping[str, Any]) -> Broken:
    states = " and ".join(str(state["name"]) for state in one["states"])
    title = f"{one['description']} (given {states})" if states else str(one["description"])
    return Broken(title, tuple(_sentence(each) for each in one["mismatches"]))


def _sentence(mismatch: Mapping[str, Any]) -> str:
    at = f"{mismatch['where']} {mismatch['path']}".strip()
    return f"{at}: {mismatch['says']} (expected {mismatch['expected'] or 'nothing'}, got {mismatch['actual'] or 'nothing'})"
