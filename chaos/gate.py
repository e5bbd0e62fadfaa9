"""The gate in front of one system: its throttle, and the faults that are active just now.

One order of decisions, for every call:

1. faults that hide the system altogether (``hides``: an outage), for who is down counts and refuses nothing;
2. the throttle, which refuses, lets the call wait for its turn, or lets it in; the storefront's own callers are exempt,
   for a vendor throttles its API, not its shop;
3. every other fault on calls;
4. the face.

On the way back the throttle learns that the call has ended, whatever happened to it, and its headers join the reply.

Order of faults, in 1 and in 3: as the schedule lists them, the first outermost. An outer fault that does not forward a
call hides it from the inner ones, which then neither act nor count. A fault that raises is our own error: the call goes
on untouched, exactly once, and the error is kept in ``Gate.errors``, which makes the run inconclusive.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Generic, TypeVar

from .errors import ChaosError
from .fault import (
    HIDDEN,
    Call,
    CallFault,
    ChoosyFault,
    ConnectionFault,
    Decision,
    DeliveryFault,
    DescribedFault,
    Document,
    DocumentFault,
    FaultContext,
    Forward,
    Hidden,
    Leaving,
    Levers,
    Line,
    MarkSink,
    Outgoing,
    Reply,
    RuleFault,
    Throttle,
    ThrottleFault,
    WatchfulFault,
)
from .injection import Trigger
from .problem import refusal

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


def _numbered(leaving: list[Outgoing]) -> list[Outgoing]:
    """The first that is no extra is the attempt itself, number 0; the others are its copies."""
    itself = next((place for place, one in enumerate(leaving) if not one.extra), 0)
    copies = iter(range(1, len(leaving)))
    return [replace(one, copy=0 if place == itself else next(copies)) for place, one in enumerate(leaving)]


class Gate:
    """Stands between a system's door and its face, and before its deliveries and decisions.

    ``sleep`` takes real seconds. Faults come and go by ``arm`` and ``heal``, which a schedule calls.
    """

    __slots__ = (
        "_asked",
        "_calls",
        "_connections",
        "_cuts",
        "_deliveries",
        "_exempt",
        "_hiding",
        "_marks",
        "_now",
        "_rules",
        "_sleep",
        "_throttle",
        "_watching",
        "errors",
        "idle",
        "levers",
        "on_heal",
        "on_rules",
        "open",
        "reset_standing",
        "rules",
        "system",
    )

    def __init__(
        self,
        system: str,
        throttle: Throttle | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]],
        now: Callable[[], int],
        marks: MarkSink,
        levers: Levers | None = None,
        exempt: frozenset[str] = frozenset(),
    ) -> None:
        self.system = system
        self.levers = levers
        """What can be done to the process behind this gate."""
        self.on_heal: list[Callable[[str], None]] = []
        """Told the id of every injection that is healed here."""
        self.rules: frozenset[str] = frozenset()
        """The rules about which an injection may decide just now."""
        self.on_rules: list[Callable[[frozenset[str]], None]] = []
        """Told of them whenever they change."""
        self.open = True
        """No fault on connections is armed: a caller that connects needs no look."""
        self.reset_standing: Callable[[], int] = lambda: 0
        """End every connection that a caller holds just now with a TCP RST; returns how many there were."""
        self.idle = True
        """Nothing has to be waited for: no fault on calls is armed, and the throttle lets nobody wait."""
        self.errors: list[str] = []
        """One line for each fault that raised."""
        self._sleep = sleep
        self._now = now
        self._marks = marks
        self._exempt = exempt
        self._connections: tuple[_Active[ConnectionFault], ...] = ()
        self._hiding: tuple[_Active[CallFault | DocumentFault], ...] = ()
        self._calls: tuple[_Active[CallFault | DocumentFault], ...] = ()
        self._watching: tuple[_Active[WatchfulFault], ...] = ()
        self._deliveries: tuple[_Active[DeliveryFault | DocumentFault], ...] = ()
        self._cuts: tuple[_Active[ThrottleFault], ...] = ()
        self._rules: tuple[_Active[RuleFault], ...] = ()
        self._asked: dict[tuple[str, str], int] = {}
        self.throttle = throttle

    @property
    def counts_alone(self) -> bool:
        """The gates of one process share what an injection counts."""
        return False

    @property
    def throttle(self) -> Throttle | None:
        return self._throttle

    @throttle.setter
    def throttle(self, throttle: Throttle | None) -> None:
        self._throttle = throttle
        self._settle()

    def arm(self, trigger: Trigger) -> None:
        """Let an injection act from now on."""
        fault = trigger.injection.fault
        context = FaultContext(sleep=self._sleep, dice=trigger.dice, now=self._now, armed_ns=self._now())
        match fault.seam:
            case "connection":
                self._connections = _added(self._connections, trigger, fault, context)
                if fault.drop_open:
                    self._drop_open(trigger)
            case "call" if getattr(fault, "hides", False):
                self._hiding = _added(self._hiding, trigger, fault, context)
            case "call":
                self._calls = _added(self._calls, trigger, fault, context)
                if isinstance(fault, WatchfulFault):
                    self._watching = _added(self._watching, trigger, fault, context)
            case "document":
                self._calls = _added(self._calls, trigger, fault, context)
                self._deliveries = _added(self._deliveries, trigger, fault, context)
            case "delivery":
                self._deliveries = _added(self._deliveries, trigger, fault, context)
            case "rule":
                self._rules = _added(self._rules, trigger, fault, context)
            case "throttle":
                self._cuts = _added(self._cuts, trigger, fault, context)
            case "process":
                if self._pull(trigger, fault.strike):
                    trigger.fired += 1
                    self._mark(trigger)
        self._settle()

    def heal(self, trigger: Trigger) -> None:
        """Let an injection act no more; calls that it already holds go their way. Unknown ones are ignored."""
        fault = trigger.injection.fault
        if fault.seam == "process" and trigger.fired:
            self._pull(trigger, fault.heal)
        self._connections = _without(self._connections, trigger)
        self._hiding = _without(self._hiding, trigger)
        self._calls = _without(self._calls, trigger)
        self._watching = _without(self._watching, trigger)
        self._deliveries = _without(self._deliveries, trigger)
        self._cuts = _without(self._cuts, trigger)
        self._rules = _without(self._rules, trigger)
        self._settle()
        for told in self.on_heal:
            told(trigger.injection.id)

    def _pull(self, trigger: Trigger, pull: Callable[[Levers], None]) -> bool:
        """Whether it could be; if not, that is our own error, and keeps nothing else from being armed or healed."""
        try:
            if self.levers is None:
                raise ChaosError(f"{self.system} has no process that a fault can reach")
            pull(self.levers)
        except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the run goes on
            self._blame(trigger, error, "its process")
            return False
        return True

    def _settle(self) -> None:
        throttle = self._throttle
        self.idle = not (self._calls or self._hiding or (throttle is not None and throttle.waits))
        self.open = not self._connections
        if not self._rules:
            self._asked.clear()
        rules = frozenset(entry.fault.rule for entry in self._rules)
        if rules != self.rules:
            self.rules = rules
            for told in self.on_rules:
                told(rules)
        if throttle is not None:
            throttle.factor = prod(cut.fault.factor for cut in self._cuts)

    def admit(self, call: Call, now_ns: int) -> Decision | None:
        """Ask the throttle; None where there is none. A refusal during a cut is the cut's doing, and marked so."""
        if self._throttle is None or call.client in self._exempt:
            return None
        decision = self._throttle.admit(call, now_ns)
        call.bucket = decision.bucket
        if decision.refusal is not None:
            for cut in self._cuts:
                cut.trigger.fired += 1
                self._note(cut.trigger, call)
        return decision

    async def meet(self, connection: Line) -> None:
        """Let the first fault that acts on it meet a caller who has just connected."""
        for entry in self._connections:
            if not entry.trigger.acts_on_connection(self.system):
                continue
            self._mark(entry.trigger)
            try:
                await entry.fault.meet(connection, entry.context)
            except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the caller is let in
                self._blame(entry.trigger, error, "a connection")
            return

    def described(self, document: Document) -> Document:
        """The system's OpenAPI document as the faults that are armed here make it."""
        for active in self._calls:
            if isinstance(active.fault, DescribedFault):
                document = active.fault.described(document, active.trigger.injection.where.operation)
        return document

    def pass_at_once(self, call: Call, answer: Callable[[Call], Reply]) -> Reply:
        """The whole way of a call through an idle gate; ``answer`` is the face's."""
        decision = self.admit(call, call.at_ns)
        if decision is None:
            return answer(call)
        if decision.refusal is not None:
            return decision.refusal
        if decision.release is None:
            reply = answer(call)
        else:
            try:
                reply = answer(call)
            finally:
                decision.release()
        return _told(reply, decision)

    async def __call__(self, call: Call, forward: Forward) -> Reply:
        """Hand a call to the face past the throttle and through every active fault that acts on it."""
        if self._watching:
            forward = self._watched(forward)
        if not self._hiding:
            return await self._admitted(call, forward)

        async def onward(call: Call) -> Reply:
            return await self._admitted(call, forward)

        return await self._pass(self._hiding, call, onward)

    async def _admitted(self, call: Call, forward: Forward) -> Reply:
        decision = self.admit(call, call.at_ns)
        if decision is None:
            return await self._pass(self._calls, call, forward)
        if decision.refusal is not None:
            return decision.refusal
        try:
            if decision.turn is not None:
                await decision.turn
            if decision.wait_s > 0:
                await self._sleep(decision.wait_s)
            reply = await self._pass(self._calls, call, forward)
        finally:
            if decision.release is not None:
                decision.release()
        return _told(reply, decision)

    def _drop_open(self, trigger: Trigger) -> None:
        dropped = self.reset_standing()
        if dropped:
            trigger.fired += 1
            self._mark(trigger, detail=f"reset {dropped} standing connections")

    def _watched(self, forward: Forward) -> Forward:
        """The same, with the faults looking on that must know what went past."""

        async def forward_and_tell(call: Call) -> Reply:
            reply = await forward(call)
            for entry in self._watching:
                try:
                    entry.fault.watch(call, reply, entry.context)
                except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the call goes its way
                    self._blame(entry.trigger, error, f"call {call.call_id}")
            return reply

        return forward_and_tell

    def _concerns(self, entry: _Active[Any], call: Call) -> bool:
        """Whether there is something in this call for the fault to break."""
        if not isinstance(entry.fault, ChoosyFault):
            return True
        try:
            return entry.fault.concerns(call, entry.context)
        except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the call goes its way
            self._blame(entry.trigger, error, f"call {call.call_id}")
            return False

    async def _pass(
        self, active: tuple[_Active[CallFault | DocumentFault], ...], call: Call, forward: Forward
    ) -> Reply:
        for place, entry in enumerate(active):
            if self._concerns(entry, call) and entry.trigger.acts_on(call):
                inner = active[place + 1 :]
                fault = entry.fault
                if fault.seam == "document":
                    return self._rewrite(entry, fault, call, await self._pass(inner, call, forward))
                if getattr(fault, "carried_out_only", False):
                    return await self._afterwards(entry, fault, call, await self._pass(inner, call, forward))
                self._note(entry.trigger, call)

                async def onward(
                    call: Call, inner: tuple[_Active[CallFault | DocumentFault], ...] = inner
                ) -> Reply:
                    return await self._pass(inner, call, forward)

                return await self._apply(entry, fault, call, onward)
        return await forward(call)

    async def _afterwards(self, entry: _Active[Any], fault: CallFault, call: Call, reply: Reply) -> Reply:
        """What a fault makes of the reply of a call that was carried out; any other goes its way."""
        if not reply.carried_out(call):
            entry.trigger.fired -= 1
            return reply
        self._note(entry.trigger, call)

        async def carried_out(call: Call) -> Reply:
            return reply

        return await self._apply(entry, fault, call, carried_out)

    def _rewrite(self, entry: _Active[Any], fault: DocumentFault, call: Call, reply: Reply) -> Reply:
        """A reply whose document a fault has changed; as it was where there is nothing to change."""
        changed = None
        if reply.status < 300 and reply.body[:1] == b"{":
            leaving = Leaving(
                call.system,
                call.operation,
                call.subject,
                call.attempt,
                is_event=False,
                changes=call.changes,
            )
            changed = self._changed(entry, fault, reply.body, leaving)
        if changed is None:
            entry.trigger.fired -= 1
            return reply
        self._note(entry.trigger, call)
        if changed is HIDDEN:
            detail = f"{call.operation} found nothing"
            return refusal("not_found", "Not found", 404, detail, refused_by="fault")
        return replace(reply, body=changed)

    def _changed(
        self, entry: _Active[Any], fault: DocumentFault, body: bytes, leaving: Leaving
    ) -> bytes | Hidden | None:
        """The document of a reply, or the data of an event in its envelope, as changed."""
        try:
            document = json.loads(body)
            if not leaving.is_event:
                changed = fault.change(document, leaving, entry.context)
            else:
                data = fault.change(document["data"], leaving, entry.context)
                if data is HIDDEN:
                    raise ChaosError("only a reply can be hidden")
                changed = None if data is None else {**document, "data": data}
        except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the document goes out as it is
            self._blame(entry.trigger, error, f"{leaving.name} about {leaving.subject}")
            return None
        if changed is None or changed is HIDDEN:
            return changed
        return json.dumps(changed, ensure_ascii=False).encode()

    async def _apply(self, entry: _Active[Any], fault: CallFault, call: Call, forward: Forward) -> Reply:
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
            return await fault.apply(call, watched, entry.context)
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
            fault = entry.fault
            if fault.seam == "document":
                shaped = self._reworded(entry, fault, leaving)
            else:
                shaped = self._reshaped(entry, fault, leaving)
            if shaped is None:
                entry.trigger.fired -= 1
                continue
            name = entry.trigger.injection.id
            leaving = [replace(one, faults=(*one.faults, name)) for one in shaped]
            self._mark(
                entry.trigger,
                operation=outgoing.topic,
                call_id=outgoing.event_id,
                detail=f"attempt {outgoing.attempt}",
            )
        if len(leaving) > 1:
            return _numbered(leaving)
        return leaving

    def _reshaped(
        self, entry: _Active[Any], fault: DeliveryFault, leaving: list[Outgoing]
    ) -> list[Outgoing] | None:
        """What a fault makes of deliveries; None where it fails or leaves them alone, which is then no firing."""
        try:
            shaped = [result for one in leaving for result in fault.apply(one, entry.context)]
        except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the delivery goes on
            self._blame(entry.trigger, error, f"event {leaving[0].event_id}")
            return None
        if shaped == leaving:
            return None
        holder = entry.trigger.injection.id
        return [
            replace(one, held=False, held_by=(*one.held_by, holder)) if one.held else one for one in shaped
        ]

    def _reworded(
        self, entry: _Active[Any], fault: DocumentFault, leaving: list[Outgoing]
    ) -> list[Outgoing] | None:
        """Every delivery with its event changed, where it can be; None where there is nothing to change at all."""
        shaped = []
        for one in leaving:
            about = Leaving(one.system, one.topic, one.subject, one.attempt, is_event=True)
            body = self._changed(entry, fault, one.body, about)
            shaped.append(replace(one, body=body) if isinstance(body, bytes) else one)
        return None if shaped == leaving else shaped

    def decide(self, rule: str, subject: str) -> dict[str, Any] | None:
        """The injected decision of a rule, or None: the ledger decides as it always does. The first listed wins."""
        if not self._rules:
            return None
        attempt = self._asked[rule, subject] = self._asked.get((rule, subject), 0) + 1
        for entry in self._rules:
            if entry.fault.rule != rule:
                continue
            asked = 1 if getattr(entry.fault, "lasting", False) else attempt
            if not entry.trigger.acts_on_rule(self.system, rule, subject, asked):
                continue
            try:
                decision = entry.fault.decision(subject, entry.context)
            except Exception as error:  # noqa: BLE001 - whatever a fault does wrong, the ledger decides itself
                self._blame(entry.trigger, error, f"rule {rule} about {subject}")
                continue
            self._mark(entry.trigger, operation=rule, detail=subject)
            return decision
        return None

    def _note(self, trigger: Trigger, call: Call) -> None:
        name = trigger.injection.id
        if name not in call.faults:
            call.faults.append(name)
        self._mark(trigger, operation=call.operation, call_id=call.call_id)

    def _mark(
        self,
        trigger: Trigger,
        *,
        operation: str | None = None,
        call_id: str | None = None,
        detail: str | None = None,
    ) -> None:
        injection = trigger.injection
        self._marks(
            "fired",
            injection.id,
            injection.fault_name,
            self.system,
            operation=operation,
            call_id=call_id,
            detail=detail,
        )

    def _blame(self, trigger: Trigger, error: Exception, about: str) -> None:
        injection = trigger.injection
        self.errors.append(
            f"fault {injection.fault_name} (injection {injection.id!r}) raised "
            f"{type(error).__name__} on {about} of {self.system}: {error}"
        )


def _told(reply: Reply, decision: Decision) -> Reply:
    """The reply with what the throttle tells; never changed in place, for a stored answer may be given again."""
    if not decision.headers and decision.extensions is None:
        return reply
    body = reply.body
    if decision.extensions is not None and body[:1] == b"{" and body[-1:] == b"}":
        comma = b"," if body[1:-1].strip() else b""
        body = b'%b%b"extensions":%b}' % (body[:-1], comma, decision.extensions)
    return replace(reply, body=body, headers=[*reply.headers, *decision.headers])
