"""Checks of settings: each raises ``ChaosError`` with the setting, what was expected, and what it got."""

from collections.abc import Iterable

from .errors import ChaosError


def at_least(low: float, **settings: float) -> None:
    """Finite and not below ``low``; NaN is neither."""
    for name, value in settings.items():
        if not low <= value < float("inf"):
            raise ChaosError(f"{name} must be at least {low:g}, got {value}")


def above(low: float, **settings: float) -> None:
    """Finite and above ``low``."""
    for name, value in settings.items():
        if not low < value < float("inf"):
            raise ChaosError(f"{name} must be above {low:g}, got {value}")


def one_of(valid: Iterable[object], **settings: object) -> None:
    """One of these values."""
    for name, value in settings.items():
        if value not in (choices := list(valid)):
            *most, last = map(str, choices)
            raise ChaosError(f"{name} must be {', '.join(most)} or {last}, got {value!r}")
