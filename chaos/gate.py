"""The gate in front of one system: its throttle first, then the faults that are active just now.

Order of faults: as the schedule lists them, the first outermost. An outer fault that does not forward a call hides it
from the inner ones, which then neither act nor count. A fault that raises is our own error: the call goes on
untouched, exactly once, and the error is kept in ``Gate.errors``, which makes the run inconclusive.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Generic, TypeVar

from .fault import (
    Call,
    CallFault,
    Decision,
    DeliveryFault,
    FaultContext,
    Forward,
    MarkSink,
    Outgoing,
    Reply,
    RuleFault,
    Throttle,
    ThrottleFault,
)
from .injection import Trigger

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class _Active(Generic[F]):
    """A fault that is armed at this gate, with what decides for it and what it may use."""

    trigger: Trigger
    fault: F
    context: FaultContext


def _added(
    active: tuple[_Active[F], ...], trigger: Trigger, fault: F, context: FaultContext
) -> tuple[_Active[F], ...]:
    return tuple(sorted((*active, _Active(trigger, fault, context)), key=lambda entry: entry.trigger.rank))


def _without(active: tuple[_Active[F], ...], trigger: Trigger) -> tuple[_Active[F], ...]:
    return tuple(entry for entry in active if entry.trigger is not trigger)


class Gate:
    """Stands between a system's door and its face, and before its deliveries and decisions.

    ``sleep`` takes real seconds. Faults come and go by ``arm`` and ``heal``, which a schedule calls.
    """

    __slots__ = (
        "_asked",
        "_calls",
        "_cuts",
        "_deliveries",
        "_marks",
        "_rules",
        "_sleep",
        "errors",
        "idle",
        "system",
        "throttle",
    )

    def __init__(
        self,
        system: str,
        throttle: Throttle | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]],
        marks: MarkSink,
    ) -> None:
        self.system = system
        self.throttle = throttle
        self.idle = True
        """No fault on calls is armed: the door may hand a call straight to the face."""
        self.errors: list[str] = []
        """One line for each fault that raised."""
        self._sleep = sleep
        self._marks = marks
        self._calls: tuple[_Active[CallFault], ...] = ()
        self._deliveries: tuple[_Active[DeliveryFault], ...] = ()
        self._cuts: tuple[_Active[ThrottleFault], ...] = ()
        self._rules: tuple[_Active[RuleFault], ...] = ()
        self._asked: dict[tuple[str, str], int] = {}

    def arm(self, trigger: Trigger) -> None:
        """Let an injection act from now on."""
        fault = trigger.injection.fault
        context = FaultContext(sleep=self._sleep, dice=trigger.dice)
        match fault.seam:
            case "call":
                self._calls = _added(self._calls, trigger, fault, context)
            case "delivery":
                self._deliveries = _added(self._deliveries, trigger, fault, context)
            case "throttle":
                self._cuts = _added(self._cuts, trigger, fault, context)
            case "rule":
                self._rules = _added(self._rules, trigger, fault, context)
        self._settle()

    def heal(self, trigger: Trigger) -> None:
        """Let an injection act no more; calls that it already holds go their way. Unknown ones are ignored."""
        self._calls = _without(self._calls, trigger)
        self._deliveries = _without(self._deliveries, trigger)
        self._cuts = _without(self._cuts, trigger)
        self._rules = _without(self._rules, trigger)
        self._settle()

    def _settle(self) -> None:
        self.idle = not self._calls
        if not self._rules:
            self._asked.clear()
        if self.throttle is not None:
            self.throttle.factor = prod(cut.fault.factor for cut in self._cuts)

    def admit(self, call: Call, now_ns: int) -> Decision | None:
        """Ask the throttle; None where there is none. A refusal during a cut is the cut's doing, and marked so."""
        if self.throttle is None:
            return None
        decision = self.throttle.admit(call, now_ns)
        if decision.refusal is not None:
            for cut in self._cuts:
                cut.trigger.fired += 1
                self._note(cut.trigger, call)
        return decision

    async def __call__(self, call: Call, forward: Forward) -> Reply:
        """Hand a call to the face through every active fault that acts on it."""
        if self.idle:
            return await forward(call)
        return await self._pass(self._calls, call, forward)

    async def _pass(self, active: tuple[_Active[CallFault], ...], call: Call, forward: Forward) -> Reply:
        for place, entry in enumerate(active):
            if entry.trigger.acts_on(call):
                inner = active[place + 1 :]
                self._note(entry.trigger, call)

                async def onward(call: Call, inner: tuple[_Active[CallFault], ...] = inner) -> Reply:
                    return await self._pass(inner, call, forward)

                return await self._apply(entry, call, onward)
        return await forward(call)

    async def _apply(self, entry: _Active[CallFault], call: Call, forward: Forward) -> Reply:
        """One fault on one call; whatever the fault does, the call is never carried out twice on our account."""
        started = False
        replies: list[Reply] = []
        failures: list[Exception] = []

        async def watched(call: Call) -> Reply:
            nonlocal started
            started = True
            try:
                reply = await forward(call)
            except Exception as failure:
                failures.append(failure)
                raise
            replies.append(reply)
            return reply

        try:
            return await entry.fault.apply(call, watched, entry.context)
        except Exception as error:
            if error in failures:
                raise
            self._blame(entry.trigger, error, f"call {call.call_id}")
        if replies:
            return replies[0]
        if failures:
            raise failures[0]
        if started:
            raise RuntimeError(f"call {call.call_id} was given up by a fault in mid-commit")
        return await forward(call)

    def deliveries(self, outgoing: Outgoing) -> list[Outgoing]:
        """What really leaves in place of one attempt to hand an event over; copies are numbered from 1."""
        leaving = [outgoing]
        for entry in self._deliveries:
            if not entry.trigger.acts_on_delivery(outgoing):
                continue
            injection = entry.trigger.injection
            self._marks(
                "fired",
                injection.id,
                injection.fault_name,
                self.system,
                operation=outgoing.topic,
                call_id=outgoing.event_id,
                detail=f"attempt {outgoing.attempt}",
            )
            try:
                leaving = [
                    replace(result, faults=(*one.faults, injection.id))
                    for one in leaving
                    for result in entry.fault.apply(one, entry.context)
                ]
            except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the delivery goes on
                self._blame(entry.trigger, error, f"event {outgoing.event_id}")
        if len(leaving) > 1:
            return [replace(one, copy=number) for number, one in enumerate(leaving)]
        return leaving

    def decide(self, rule: str, subject: str) -> dict[str, Any] | None:
        """The injected decision of a rule, or None: the ledger decides as it always does. The first listed wins."""
        if not self._rules:
            return None
        attempt = self._asked[rule, subject] = self._asked.get((rule, subject), 0) + 1
        for entry in self._rules:
            if entry.fault.rule != rule:
                continue
            if not entry.trigger.acts_on_rule(self.system, rule, subject, attempt):
                continue
            injection = entry.trigger.injection
            try:
                decision = entry.fault.decision(subject, entry.context)
            except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the ledger decides itself
                self._blame(entry.trigger, error, f"rule {rule} about {subject}")
                continue
            self._marks(
                "fired", injection.id, injection.fault_name, self.system, operation=rule, detail=subject
            )
            return decision
        return None

    def _note(self, trigger: Trigger, call: Call) -> None:
        injection = trigger.injection
        if injection.id not in call.faults:
            call.faults.append(injection.id)
        self._marks(
            "fired",
            injection.id,
            injection.fault_name,
            self.system,
            operation=call.operation,
            call_id=call.call_id,
        )

    def _blame(self, trigger: Trigger, error: Exception, about: str) -> None:
        injection = trigger.injection
        self.errors.append(
            f"fault {injection.fault_name} (injection {injection.id!r}) raised "
            f"{type(error).__name__} on {about} of {self.system}: {error}"
        )
