"""What the tab key offers: systems of the running estate, else the usual ones; faults; operations, topics and rules.

The system under test is offered as ``sut`` where a fault can strike it; and nothing but faults of processes there.
"""

from collections.abc import Mapping
from pathlib import Path

from ...chaos.schedule import SUT, misplaced
from . import beacon


def systems(out: Path) -> list[str]:
    """Names of systems, ``sut`` and ``*``."""
    found = beacon.running(out)
    return [*_kinds(out), *([SUT] if found is None or found.strikes_sut else []), "*"]


def faults(system: str | None = None) -> list[tuple[str, str]]:
    """Every fault that can be there, with its sentence."""
    from ...chaos.registry import FAULTS

    return [
        (entry.name, entry.summary)
        for entry in FAULTS.entries()
        if system is None or misplaced(FAULTS.type_of(entry.name), system) is None
    ]


def operations(out: Path, system: str | None, fault: str | None) -> list[str]:
    """What ``--on`` may be for this fault on this system; of all systems where none is known."""
    from ...chaos.registry import FAULTS
    from .. import catalogue
    from ..schedule_entry import names_for

    known = _kinds(out)
    kinds = {known[system]} if system is not None and system in known else set(known.values())
    if fault in FAULTS.names():
        return sorted(names_for(FAULTS.type_of(fault), kinds)[1])
    return sorted({name for kind in kinds for name in catalogue.operations(kind)})


def settings(fault: str | None) -> list[tuple[str, str]]:
    """``key=`` for every setting of a fault, with what it must be."""
    from ...chaos.registry import FAULTS

    if fault not in FAULTS.names():
        return []
    return [(f"{one.name}=", one.expected) for one in FAULTS.entry(fault).settings]


def injections(out: Path) -> list[tuple[str, str]]:
    """What can be healed in the running estate."""
    found = beacon.running(out)
    if found is None:
        return []
    from .client import Remote

    return [
        (one["id"], f"{one['fault']} on {one['system']}, {one['state']}")
        for one in Remote(found).status()["faults"]
        if one["state"] != "healed"
    ]


def _kinds(out: Path) -> Mapping[str, str]:
    found = beacon.running(out)
    if found is not None:
        return found.systems
    from ..estate_choice import USUAL_SYSTEMS

    return {name: str(system["kind"]) for name, system in USUAL_SYSTEMS.items()}
