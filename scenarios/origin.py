"""How the system under test of a stored run was named on the command line that made it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..history.facts import run_facts


def origin_of(folder: Path) -> Mapping[str, str]:
    """What run.json says of it (``SutChoice.origin``); empty where it says nothing."""
    try:
        sut: Any = run_facts(folder).get("sut")
    except ValueError:
        return {}
    origin = sut.get("origin") if isinstance(sut, dict) else None
    if not isinstance(origin, dict):
        return {}
    return {name: value for name, value in origin.items() if isinstance(value, str)}
