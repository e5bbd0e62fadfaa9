"""What the system under test wrote to its log and should not have: secrets that it was given."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_WORDS = (re.compile(rb"[A-Za-z0-9_-]{8,}"), re.compile(rb"[A-Za-z0-9_+/=-]{8,}"))
"""What can be a secret: without and with the signs of base64, for ``token=...`` must come apart and ``whsec_...`` must not."""

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look through a log came to."""

    lines: int
    secrets: int
    leaks: list[str]
    """``line 17: an access token of erp``: where which secret stands, never the secret itself; the first few."""

    @property
    def sentence(self) -> str:
        return f"looked for {self.secrets} secrets in {self.lines} lines"


def look_through(log: Path, secrets: Mapping[str, str]) -> Looked:
    """Look for secrets, each with its name, in a log. OSError where it cannot be read."""
    known = {secret.encode(): name for secret, name in secrets.items()}
    known |= {base64.b64encode(secret): f"{name} (base64)" for secret, name in known.items()}
    lines = 0
    leaks: list[str] = []
    with log.open("rb") as file:
        for lines, line in enumerate(file, 1):
            for name in dict.fromkeys(known[word] for word in _words(line) if word in known):
                if len(leaks) < MOST_NAMED:
                    leaks.append(f"line {lines}: {name}")
    return Looked(lines, len(secrets), leaks)


def _words(line: bytes) -> Iterator[bytes]:
    for pattern in _WORDS:
        yield from pattern.findall(line)
