"""The verdict as one JSON document (``peakproof/verdict/1``), as in ``verdict.json``."""

import msgspec

from ...history.printable import printable_json
from ..result import Verdict


def render(verdict: Verdict) -> str:
    return printable_json(msgspec.json.format(msgspec.json.encode(verdict.document()), indent=1).decode())
