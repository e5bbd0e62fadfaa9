"""An injection on its way to another process: its fault by name, and all else in plain values."""

from dataclasses import fields
from typing import Any

from ...chaos.injection import Injection, When, Where
from ...chaos.registry import FAULTS
from .wire import Injected


def told(injection: Injection) -> Injected:
    """As it is sent."""
    return Injected(
        injection.id,
        injection.fault_name,
        _values(injection.fault),
        _values(injection.where),
        _values(injection.when),
    )


def heard(injected: Injected) -> Injection:
    """As it was sent. ChaosError, TypeError and ValueError where it is none."""
    return Injection(
        injected.id,
        FAULTS.build(injected.fault, injected.settings),
        Where(**injected.where),
        When(**injected.when),
    )


def _values(made: Any) -> dict[str, Any]:
    return {one.name: getattr(made, one.name) for one in fields(made) if one.init}
