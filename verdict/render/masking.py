"""Secrets in recorded bodies are masked before anybody sees them."""

import re
from typing import Any

import msgspec

SECRET = re.compile(
    r"token|secret|passw|authori[sz]ation$|api_?key|credential|cvv|card_?number|signature", re.IGNORECASE
)
"""A field of such a name holds a secret (`authorization` alone: an order's `payment_authorisation_id` is none)."""
SPELT_OUT = re.compile(
    r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+|([\w-]*(?:token|secret|password|api_?key)[\w-]*)\s*[=:]\s*[^&\s,;\"']+"
)
MASK = "•••"


def masked(text: str) -> str:
    """A body as people read it: JSON indented, with the values of secret fields hidden; other text with secrets cut out."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return SPELT_OUT.sub(lambda found: f"{found[1] or found[2]} {MASK}", text)
    if not isinstance(document, dict | list):
        return text
    return msgspec.json.format(msgspec.json.encode(_hidden(document)), indent=2).decode()


def _hidden(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: MASK if SECRET.search(name) and not isinstance(inner, dict | list) else _hidden(inner)
                for name, inner in value.items()
            }
        case list():
            return [_hidden(inner) for inner in value]
    return value
