"""``--drift PLACE:CHANGE[:FIELD[=TO]]``: a system that serves another version of an operation, before a vendor ships it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from ..chaos.errors import ChaosError
from ..chaos.registry import FAULTS
from ..scenarios.errors import unknown
from ..scenarios.scenario import Scenario
from ..scenarios.schedule_entry import ScheduleEntry
from ..simulators.documents import openapi
from ..simulators.registry import KINDS
from .errors import ContractsError

LIKE = "e.g. erp.create_sales_order:rename:sales_order_id=id"


@dataclass(frozen=True, slots=True)
class Drift:
    """One change of one operation, or of all of a system."""

    system: str
    operation: str | None
    settings: dict[str, Any]

    @classmethod
    def of_text(cls, text: str) -> "Drift":
        """Raises ContractsError."""
        place, *rest = text.split(":", 2)
        if not place or not rest:
            raise ContractsError(f"--drift {text!r}: must be SYSTEM.OPERATION:CHANGE:FIELD=TO, {LIKE}")
        system, _, operation = place.partition(".")
        field, _, to = (rest[1] if len(rest) > 1 else "").partition("=")
        settings: dict[str, Any] = {"change": rest[0], "field": field or None, "to": to or None}
        if rest[0] == "status":
            settings |= {"field": None, "to": to or field or None}
        try:
            FAULTS.build("drifted", settings)
        except ChaosError as error:
            raise ContractsError(f"--drift {text!r}: {error}") from None
        return cls(system, operation or None, settings)

    def check(self, kind: str) -> None:
        """Raises ContractsError for an operation that this kind of system does not have."""
        if self.operation is None:
            return
        known = [
            told["operationId"] for methods in openapi(kind)["paths"].values() for told in methods.values()
        ]
        if self.operation not in known:
            raise ContractsError(f"--drift {self.system}: {unknown('operation', self.operation, known)}")


def drifts_of(texts: Iterable[str]) -> list[Drift]:
    """Every ``--drift`` of the command line, for simulators named by their kind. Raises ContractsError."""
    found = [Drift.of_text(text) for text in texts]
    for one in found:
        if one.system not in KINDS:
            raise ContractsError(f"--drift {one.system}: {unknown('simulator', one.system, KINDS)}")
        one.check(one.system)
    return found


def drifting(scenario: Scenario, texts: Iterable[str]) -> Scenario:
    """The scenario with these drifts from its beginning to the end of its workload. Raises ContractsError."""
    systems = scenario.estate.standing
    taken = {entry.id for entry in scenario.schedule}
    ids = (f"drift-{number}" for number in count(1) if f"drift-{number}" not in taken)
    entries = []
    for drift in map(Drift.of_text, texts):
        named = [name for name, system in systems.items() if drift.system in (name, system.kind)]
        if not named:
            kinds = [*systems, *(system.kind for system in systems.values())]
            raise ContractsError(f"--drift {drift.system}: {unknown('system', drift.system, kinds)}")
        for name in named:
            drift.check(systems[name].kind)
            on = name if drift.operation is None else f"{name}.{drift.operation}"
            entry = {"id": next(ids), "fault": "drifted", "on": on, "set": drift.settings}
            entries.append(ScheduleEntry.model_validate(entry))
    return scenario.model_copy(update={"schedule": (*entries, *scenario.schedule)})
