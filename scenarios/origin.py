"""How the system under test of a stored run was named on the command line that made it."""

import json
from pathlib import Path
from typing import Any


def origin_of(folder: Path) -> dict[str, Any]:
    """What run.json says of it (``SutChoice.origin``); empty where it says nothing."""
    try:
        origin = json.loads((folder / "run.json").read_text("utf-8"))["sut"]["origin"]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return origin if isinstance(origin, dict) else {}
