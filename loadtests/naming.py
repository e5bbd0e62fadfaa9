"""How a name that does not exist is said, with the nearest one that does."""

from collections.abc import Sequence
from difflib import get_close_matches


def unknown(what: str, given: str, valid: Sequence[str]) -> str:
    """``unknown key 'pek'; did you mean 'peak'? (valid: …)``."""
    near = get_close_matches(given, valid, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {given!r}{hint} (valid: {', '.join(valid)})"
