"""What a user can get wrong about faults and throttles: one line each, with the value and what was expected."""

from collections.abc import Iterable
from difflib import get_close_matches


class ChaosError(ValueError):
    """A fault, throttle or injection that cannot be; its text is one line for the user."""


def unknown(what: str, value: str, valid: Iterable[str]) -> ChaosError:
    """The error for a name that does not exist, with the nearest one that does and all valid ones."""
    names = sorted(valid)
    near = get_close_matches(value, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ChaosError(f"unknown {what} {value!r}{hint} (valid: {', '.join(names) or 'none'})")
