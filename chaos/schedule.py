"""The timeline of injections in one run: arms and heals them at their gates, and writes the fault log.

It has no clock: its owner says what time it is and is told when to come back. Seconds are real ones, of any clock
that only grows; ``start_s`` and ``stop_s`` count from the moment of ``start``, ``ttl_s`` and ``ramp_s`` from arming. What is to
fire a number of times first (``until_fired``) may outlast its end and the workload's, by ``stretch_s`` at most.

Where several injections meet on a call, there is one order, the first outermost: the planned ones as the schedule
lists them, then those added by hand as they came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, Protocol

from .errors import ChaosError, unknown
from .fault import Fault, MarkSink
from .injection import Injection, Trigger

STEP_S = 0.1
"""A growing probability is brought up to date so often, and what is stretched looked at."""

State = Literal["waiting", "active", "healed"]

SUT = "sut"
"""The system under test as a place for faults of its process; ``*`` never means it."""


class Place(Protocol):
    """Where injections are armed: ``gate.Gate``, or who speaks for one in another process."""

    @property
    def throttle(self) -> Any:
        """None where it has none."""

    @property
    def counts_alone(self) -> bool:
        """What an injection counts here is not counted together with what it counts in other places."""

    @property
    def errors(self) -> list[str]: ...

    def arm(self, trigger: Trigger) -> None: ...

    def heal(self, trigger: Trigger) -> None: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How one injection stands just now."""

    id: str
    fault: str
    system: str
    operation: str | None
    state: State
    fired: int
    start_s: float
    stop_s: float | None
    by_hand: bool = False
    """Added in mid-run; its start counts for nothing."""
    wait_s: float | None = None
    """Until it is armed; None where that is over, or nobody can say."""
    left_s: float | None = None
    """Until it heals by itself; None unless it is active and will."""


@dataclass(slots=True)
class _Entry:
    trigger: Trigger
    gates: tuple[Place, ...]
    by_hand: bool = False
    state: State = field(default="waiting")
    armed_s: float = 0.0
    """On the owner's clock."""


class Schedule:
    """Several injections over the gates of one estate.

    Raises ``ChaosError`` for an id used twice, a system that the estate lacks, and a cut where there is no throttle.
    """

    def __init__(
        self, injections: Sequence[Injection], gates: Mapping[str, Place], marks: MarkSink, seed: int
    ) -> None:
        self._gates = gates
        self._marks = marks
        self._seed = seed
        self._origin_s: float | None = None
        self._ended_s: float | None = None
        self._over = False
        self._entries: dict[str, _Entry] = {}
        for injection in injections:
            self._put(injection, by_hand=False)

    @property
    def is_over(self) -> bool:
        """Everything has been healed for good."""
        return self._over

    def start(self, now_s: float) -> float | None:
        """The workload starts now: arm what is due, and say when to call ``advance`` (None: nothing to come)."""
        self._origin_s = now_s
        return self.advance(now_s)

    def advance(self, now_s: float) -> float | None:
        """Arm and heal what is due by now; returns the time of the next step, in the same seconds as ``now_s``."""
        if self._over:
            return None
        steps = [self._step(entry, now_s) for entry in self._entries.values()]
        return min((step_s for step_s in steps if step_s is not None), default=None)

    def new_id(self, system: str, fault: str) -> str:
        """An id that nothing has yet, to add an injection under: ``erp-outage-1``."""
        name = f"{'all' if system == '*' else system}-{fault}"
        return next(one for number in count(1) if (one := f"{name}-{number}") not in self._entries)

    def add(self, injection: Injection, now_s: float) -> None:
        """Arm an injection by hand, now, whether or not the workload has started; it is inside of all others.

        Call ``advance`` afterwards to learn when it heals. ChaosError where it cannot be, or everything has been healed.
        """
        if self._over or self._ended_s is not None:
            raise ChaosError("everything has been healed for good: this run takes no more faults")
        if injection.when.start_s or injection.when.stop_s is not None:
            raise ChaosError(
                f"injection {injection.id!r} starts now: give when.ttl_s, not start_s and stop_s"
            )
        self._arm(self._put(injection, by_hand=True), now_s)

    def check(self, injection: Injection) -> None:
        """ChaosError where ``add`` would refuse its place here."""
        _targets(injection, self._gates)

    @property
    def strikes_sut(self) -> bool:
        """The system under test is a place here: it was started by us."""
        return SUT in self._gates

    def heal(self, injection_id: str) -> None:
        """Heal one for good, or call it off before its window; one that is healed stays so. ChaosError if unknown."""
        entry = self._entries.get(injection_id)
        if entry is None:
            raise unknown("injection", injection_id, self._entries)
        if entry.state == "active":
            self._heal(entry)
        elif entry.state == "waiting":
            self._call_off(entry, "never armed: called off by hand")

    def heal_active(self) -> list[str]:
        """Heal whatever acts just now and return the ids; what is planned for later still comes."""
        active = [name for name, entry in self._entries.items() if entry.state == "active"]
        for name in active:
            self._heal(self._entries[name])
        return active

    @property
    def is_stretched(self) -> bool:
        """The workload is over, and something still acts because it has not fired so often as it should."""
        return self._ended_s is not None and any(entry.state == "active" for entry in self._entries.values())

    def end_workload(self, now_s: float) -> None:
        """Heal what need not be stretched, and call off whatever was still to come. Go on calling ``advance``."""
        if self._over or self._ended_s is not None:
            return
        self.advance(now_s)
        self._ended_s = now_s
        for entry in self._entries.values():
            if entry.state == "waiting":
                self._call_off(entry, "never armed: the run ended before its window")
            elif entry.state == "active" and not _is_short_of(entry.trigger):
                self._heal(entry)

    def heal_all(self, now_s: float) -> None:
        """Heal everything for good; whatever was still to come is called off."""
        if self._over:
            return
        self.advance(now_s)
        self._over = True
        for entry in self._entries.values():
            if entry.state == "active":
                self._heal(entry)
            elif entry.state == "waiting":
                self._call_off(entry, "never armed: the run ended before its window")

    def status(self, now_s: float | None = None) -> list[Standing]:
        """Every injection in the order of composition; times to come only where ``now_s`` is given."""
        return [self._standing(entry, now_s) for entry in self._entries.values()]

    def _put(self, injection: Injection, *, by_hand: bool) -> _Entry:
        if injection.id in self._entries:
            raise ChaosError(f"injection id {injection.id!r} is used twice; each needs its own")
        gates = _targets(injection, self._gates)
        entry = _Entry(Trigger(injection, len(self._entries), self._seed), gates, by_hand)
        self._entries[injection.id] = entry
        return entry

    def _step(self, entry: _Entry, now_s: float) -> float | None:
        """Bring one up to date; returns when to look again."""
        if entry.state == "waiting":
            start_s = self._start_s(entry)
            if start_s is None or start_s > now_s:
                return start_s
            self._arm(entry, now_s)
        if entry.state == "healed":
            return None
        stop_s = self._stop_s(entry)
        if stop_s is not None and stop_s <= now_s:
            self._heal(entry)
            return None
        entry.trigger.armed_for_s = now_s - entry.armed_s
        ramp_s = entry.trigger.injection.when.ramp_s
        grows = ramp_s is not None and entry.trigger.armed_for_s < ramp_s
        if not grows and not (stop_s is not None and _is_short_of(entry.trigger)):
            return stop_s
        step_s = now_s + STEP_S
        return step_s if stop_s is None else min(step_s, stop_s)

    def _start_s(self, entry: _Entry) -> float | None:
        return None if self._origin_s is None else self._origin_s + entry.trigger.injection.when.start_s

    def _stop_s(self, entry: _Entry) -> float | None:
        """When one that is armed heals by itself, on the owner's clock."""
        when = entry.trigger.injection.when
        stop_s = self._ended_s
        if when.ttl_s is not None:
            stop_s = entry.armed_s + when.ttl_s
        elif when.stop_s is not None and self._origin_s is not None:
            stop_s = self._origin_s + when.stop_s
        stretches = stop_s is not None and _is_short_of(entry.trigger)
        return stop_s + when.stretch_s if stop_s is not None and stretches else stop_s

    def _standing(self, entry: _Entry, now_s: float | None) -> Standing:
        injection = entry.trigger.injection
        start_s, stop_s = self._start_s(entry), self._stop_s(entry)
        return Standing(
            id=injection.id,
            fault=injection.fault_name,
            system=injection.where.system,
            operation=injection.where.operation,
            state=entry.state,
            fired=entry.trigger.fired,
            start_s=injection.when.start_s,
            stop_s=injection.when.stop_s,
            by_hand=entry.by_hand,
            wait_s=start_s - now_s
            if now_s is not None and start_s is not None and entry.state == "waiting"
            else None,
            left_s=max(0.0, stop_s - now_s)
            if now_s is not None and stop_s is not None and entry.state == "active"
            else None,
        )

    def _arm(self, entry: _Entry, now_s: float) -> None:
        entry.state = "active"
        entry.armed_s = now_s
        self._mark("armed", entry)
        for gate in entry.gates:
            gate.arm(entry.trigger)

    def _heal(self, entry: _Entry) -> None:
        entry.state = "healed"
        for gate in entry.gates:
            gate.heal(entry.trigger)
        self._mark("healed", entry)
        if not entry.trigger.fired:
            self._mark("never_fired", entry)

    def _call_off(self, entry: _Entry, why: str) -> None:
        entry.state = "healed"
        self._mark("never_fired", entry, why)

    def _mark(
        self, mark: Literal["armed", "healed", "never_fired"], entry: _Entry, detail: str | None = None
    ) -> None:
        injection = entry.trigger.injection
        where = injection.where
        self._marks(
            mark,
            injection.id,
            injection.fault_name,
            where.system,
            operation=where.operation,
            detail=detail,
            by_hand=entry.by_hand,
        )


def _is_short_of(trigger: Trigger) -> bool:
    """It has not fired so often as it should before it ends."""
    wanted = trigger.injection.when.until_fired
    return wanted is not None and trigger.fired < wanted


def strikes_sut(fault: Fault | type[Fault]) -> bool:
    """It is a fault of the system under test itself."""
    return fault.seam == "process" and fault.target == "sut"


def misplaced(fault: Fault | type[Fault], system: str) -> str | None:
    """Why this fault cannot be there, in words: the system under test and the estate's systems have faults of their own."""
    if strikes_sut(fault) and system != SUT:
        return f"it strikes the system under test itself; write {SUT!r}, got {system!r}"
    if system == SUT and not strikes_sut(fault):
        return f"it acts on systems of the estate; {SUT!r}, the system under test, can only be killed, paused or restarted"
    return None


def counts_together(injection: Injection) -> str | None:
    """Why it needs all systems in one process, in words; None where it does not."""
    when = injection.when
    counted = {
        "limit": when.limit,
        "every": when.every,
        "after": when.after or None,
        "until": when.until_fired,
    }
    keys = [name for name, value in counted.items() if value is not None]
    if injection.where.system != "*" or not keys:
        return None
    return (
        f"{' and '.join(keys)} {'count' if len(keys) > 1 else 'counts'} over all systems, and each has a process of its own: name one system in place of '*', "
        f"or leave {' and '.join(keys)} out"
    )


def _targets(injection: Injection, gates: Mapping[str, Place]) -> tuple[Place, ...]:
    system = injection.where.system
    if (why := misplaced(injection.fault, system)) is not None:
        raise ChaosError(f"injection {injection.id!r}: {injection.fault_name}: {why}")
    if system == SUT and SUT not in gates:
        raise ChaosError(
            f"injection {injection.id!r}: {injection.fault_name} strikes the process of the system under test, "
            "and there is none here that was started by peakproof"
        )
    systems = {name: gate for name, gate in gates.items() if name != SUT}
    if system not in ("*", SUT) and system not in systems:
        raise unknown(f"system in injection {injection.id!r}", system, [*systems, "*"])
    chosen = tuple(systems.values()) if system == "*" else (gates[system],)
    if any(gate.counts_alone for gate in chosen) and (why := counts_together(injection)) is not None:
        raise ChaosError(f"injection {injection.id!r}: {why}")
    if injection.fault.seam == "throttle":
        chosen = tuple(gate for gate in chosen if gate.throttle is not None)
        if not chosen:
            raise ChaosError(
                f"injection {injection.id!r}: {system} has no throttle to cut; give it one first"
            )
    return chosen
