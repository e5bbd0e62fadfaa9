"""The timeline of injections in one run: arms and heals them at their gates, and writes the fault log.

It has no clock: its owner says what time it is and is told when to come back. Seconds are real ones, of any clock
that only grows; ``start_s`` and ``stop_s`` count from the moment of ``start``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .errors import ChaosError, unknown
from .fault import MarkSink
from .gate import Gate
from .injection import Injection, Trigger


@dataclass(frozen=True, slots=True)
class Standing:
    """How one injection stands just now."""

    id: str
    fault: str
    system: str
    operation: str | None
    state: Literal["waiting", "active", "healed"]
    fired: int
    start_s: float
    stop_s: float | None


@dataclass(slots=True)
class _Entry:
    trigger: Trigger
    gates: tuple[Gate, ...]
    state: Literal["waiting", "active", "healed"] = field(default="waiting")


class Schedule:
    """Several injections over the gates of one estate; where they meet on a call, the first listed is outermost.

    Raises ``ChaosError`` for an id used twice, a system that the estate lacks, and a cut where there is no throttle.
    """

    def __init__(
        self, injections: Sequence[Injection], gates: Mapping[str, Gate], marks: MarkSink, seed: int
    ) -> None:
        self._marks = marks
        self._origin_s: float | None = None
        self._over = False
        self._entries: dict[str, _Entry] = {}
        for rank, injection in enumerate(injections):
            if injection.id in self._entries:
                raise ChaosError(f"injection id {injection.id!r} is used twice; each needs its own")
            self._entries[injection.id] = _Entry(Trigger(injection, rank, seed), _targets(injection, gates))

    def start(self, now_s: float) -> float | None:
        """The workload starts now: arm what is due, and say when to call ``advance`` (None: nothing to come)."""
        self._origin_s = now_s
        return self.advance(now_s)

    def advance(self, now_s: float) -> float | None:
        """Arm and heal what is due by now; returns the time of the next step, in the same seconds as ``now_s``."""
        if self._origin_s is None or self._over:
            return None
        elapsed_s = now_s - self._origin_s
        to_come: list[float] = []
        for entry in self._entries.values():
            when = entry.trigger.injection.when
            if entry.state == "waiting":
                if when.start_s > elapsed_s:
                    to_come.append(when.start_s)
                    continue
                self._arm(entry)
            if entry.state == "active" and when.stop_s is not None:
                if when.stop_s > elapsed_s:
                    to_come.append(when.stop_s)
                else:
                    self._heal(entry)
        return self._origin_s + min(to_come) if to_come else None

    def heal_all(self, now_s: float) -> None:
        """Heal everything for good, and log what never fired; whatever was still to come is called off."""
        if self._over:
            return
        self.advance(now_s)
        self._over = True
        for entry in self._entries.values():
            if entry.state == "active":
                self._heal(entry)
            was_armed = entry.state == "healed"
            entry.state = "healed"
            if not entry.trigger.fired:
                self._mark(
                    "never_fired",
                    entry,
                    None if was_armed else "never armed: the run ended before its window",
                )

    def status(self) -> list[Standing]:
        """Every injection in the order of the schedule."""
        return [
            Standing(
                id=entry.trigger.injection.id,
                fault=entry.trigger.injection.fault_name,
                system=entry.trigger.injection.where.system,
                operation=entry.trigger.injection.where.operation,
                state=entry.state,
                fired=entry.trigger.fired,
                start_s=entry.trigger.injection.when.start_s,
                stop_s=entry.trigger.injection.when.stop_s,
            )
            for entry in self._entries.values()
        ]

    def _arm(self, entry: _Entry) -> None:
        entry.state = "active"
        self._mark("armed", entry)
        for gate in entry.gates:
            gate.arm(entry.trigger)

    def _heal(self, entry: _Entry) -> None:
        entry.state = "healed"
        for gate in entry.gates:
            gate.heal(entry.trigger)
        self._mark("healed", entry)

    def _mark(
        self, mark: Literal["armed", "healed", "never_fired"], entry: _Entry, detail: str | None = None
    ) -> None:
        injection = entry.trigger.injection
        where = injection.where
        self._marks(
            mark, injection.id, injection.fault_name, where.system, operation=where.operation, detail=detail
        )


def _targets(injection: Injection, gates: Mapping[str, Gate]) -> tuple[Gate, ...]:
    system = injection.where.system
    if system != "*" and system not in gates:
        raise unknown(f"system in injection {injection.id!r}", system, [*gates, "*"])
    chosen = tuple(gates.values()) if system == "*" else (gates[system],)
    if injection.fault.seam == "throttle":
        chosen = tuple(gate for gate in chosen if gate.throttle is not None)
        if not chosen:
            raise ChaosError(
                f"injection {injection.id!r}: {system} has no throttle to cut; give it one first"
            )
    return chosen
