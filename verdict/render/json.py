"""The verdict as one JSON document (``peakproof/verdict/1``), as in ``verdict.json``."""

import msgspec

from ..result import Verdict


def render(verdict: Verdict) -> str:
    return msgspec.json.format(msgspec.json.encode(verdict.document()), indent=1).decode()
