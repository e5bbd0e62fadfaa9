"""What the systems say of themselves: an OpenAPI document for each kind, without an estate that stands."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..history.clock import Clock
from ..history.writer import HistoryWriter
from .estate import Estate, EstateSettings, SystemSettings
from .registry import KINDS


@cache
def openapi(kind: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of one kind of system, in its neutral dialect; made once, not to be changed."""
    with TemporaryDirectory() as folder:
        writer = HistoryWriter(Path(folder), "documents")
        estate = Estate(EstateSettings({kind: SystemSettings(kind)}), writer, Clock())
        (system,) = estate.systems.values()
        document = system.face.openapi()
        system.socket.close()
        writer.close()
    return document


def all_openapi() -> dict[str, dict[str, Any]]:
    """Every kind's document."""
    return {kind: openapi(kind) for kind in KINDS}
