"""The ground every ledger stands on: the world it may ask (time, dice, later) and the effects and events it leaves."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Protocol

from ...chaos.dice import Dice
from ...history.records import Effect, Lines
from .collection import Collection
from .past import Past
from .refusal import ORDER_INVALID


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a system and that others may want to know: becomes one CloudEvent."""

    system: str
    topic: str
    subject: str
    """Order reference, or SKU for stock, availability and prices."""
    at_ns: int
    """The true time; the one that is told is as wrong as the system's clock."""
    data: dict[str, Any]
    effect_id: str
    order_ref: str | None = None
    sku: str | None = None
    version: int | None = None
    traceparent: str | None = None
    skew_ns: int = 0
    """How wrong the system's clock is."""


@dataclass(slots=True)
class Cause:
    """Who makes the ledger move just now; the face sets it before each call, and it is recorded on every effect."""

    call_id: str | None = None
    traceparent: str | None = None
    actor: str | None = None
    at_ns: int | None = None
    """The instant at which all of its changes are dated."""


class Later(Protocol):
    """Have something done after a nominal delay in seconds; the estate shortens it by its time scale."""

    def __call__(self, delay_s: float, action: Callable[[], None], /) -> None: ...


class Decide(Protocol):
    """The rule seam: ask whether an injected rule changes a decision; returns the rule's settings or None."""

    def __call__(self, rule: str, subject: str, /) -> dict[str, Any] | None: ...


def _undecided(rule: str, subject: str, /) -> dict[str, Any] | None:
    return None


@dataclass(slots=True)
class World:
    """All that a ledger may know of the outside: no clock, dice or sink is its own."""

    now: Callable[[], int]
    """Nanoseconds since the Unix epoch: the true time."""
    later: Later
    """Let one of the system's own steps come after a nominal delay; it is owed until then."""
    dice: Dice
    record: Callable[[Effect], None]
    emit: Callable[[Event], None]
    decide: Decide = _undecided
    cause: Cause = field(default_factory=Cause)
    skew_ns: int = 0
    """How wrong the system's own clock is: what it tells is skewed, what is recorded of it is not."""
    rules: frozenset[str] = frozenset()
    """Rules that an injection may decide about just now."""
    past: Past | None = None
    """How documents stood, while a fault wants it."""
    time_scale: float = 1.0
    """Real seconds of a nominal second, for a delay that a fault names in real ones."""
    lapse: Later | None = None
    """As ``later``, for the end of a lifetime (an authorisation expires), which nobody waits for; ``later`` by default."""

    def told(self) -> int:
        """The present time as the system's own clock has it."""
        return self.now() + self.skew_ns

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Effects inside are this actor's (back office, stand-in, before-run), not the SUT's."""
        before, self.cause = self.cause, Cause(actor=actor, at_ns=self.cause.at_ns)
        try:
            yield
        finally:
            self.cause = before


@dataclass(slots=True)
class _ToCome:
    delay_s: float
    name: str
    arguments: tuple[str, ...]
    traceparent: str | None
    lapses: bool = False


class Ledger:
    """A system's rules and state. Every method is synchronous and whole: it refuses and changes nothing, or it acts.

    Subclasses number their own documents (``self.number("SO")``), record every change (``self.effect``) and tell the
    world (``self.event``). What a system does by itself, later, goes through ``self.later``.
    """

    outside: ClassVar[frozenset[str]] = frozenset({"world", "_life"})
    """Attributes that are no part of a snapshot; a ledger with ports to other systems adds theirs."""

    def __init__(self, system: str, world: World) -> None:
        self.system = system
        self.world = world
        self._effects = 0
        self._numbers: dict[str, int] = {}
        self._steps = 0
        self._to_come: dict[int, _ToCome] = {}
        self._life = 0

    def now(self) -> int:
        """The instant that dates what this step changes; the same from its beginning to its end.

        It is the system's own clock that says so, which may be wrong.
        """
        world = self.world
        at_ns = world.cause.at_ns
        return (world.now() if at_ns is None else at_ns) + world.skew_ns

    def number(self, prefix: str) -> str:
        """The next document number with this prefix, e.g. ``SO-000042``."""
        count = self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
        return f"{prefix}-{count:06d}"

    def effect(
        self,
        kind: str,
        *,
        order_ref: str | None = None,
        document_id: str | None = None,
        ref: str | None = None,
        sku: str | None = None,
        location: str | None = None,
        quantity: int | None = None,
        on_hand: int | None = None,
        version: int | None = None,
        amount: str | None = None,
        currency: str | None = None,
        status: str | None = None,
        cause: str | None = None,
        permanent: bool | None = None,
        lines: Lines | None = None,
        data: dict[str, Any] | None = None,
    ) -> str:
        """Record one change that has just been made; returns the effect's id."""
        self._effects += 1
        effect_id = f"{self.system}-e{self._effects:07d}"
        why = self.world.cause
        self.world.record(
            Effect(
                effect_id=effect_id,
                at_ns=self.world.now(),
                system=self.system,
                kind=kind,
                order_ref=order_ref,
                document_id=document_id,
                ref=ref,
                sku=sku,
                location=location,
                quantity=quantity,
                on_hand=on_hand,
                version=version,
                amount=amount,
                currency=currency,
                status=status,
                cause=cause,
                permanent=permanent,
                lines=lines,
                data=data,
                call_id=why.call_id,
                actor=why.actor,
            )
        )
        return effect_id

    def event(
        self,
        topic: str,
        effect_id: str,
        data: dict[str, Any],
        *,
        order_ref: str | None = None,
        sku: str | None = None,
        version: int | None = None,
    ) -> None:
        """Tell the subscribers; nothing of a time before the run is told."""
        if self.world.cause.actor == "before-run":
            return
        subject = order_ref or sku or effect_id
        self.world.emit(
            Event(
                system=self.system,
                topic=topic,
                subject=subject,
                at_ns=self.world.now(),
                data=data,
                effect_id=effect_id,
                order_ref=order_ref,
                sku=sku,
                version=version,
                traceparent=self.world.cause.traceparent,
                skew_ns=self.world.skew_ns,
            )
        )

    def later(self, delay_s: float, step: Callable[..., None], *arguments: str) -> None:
        """Do one of this ledger's own steps after a nominal delay, in the trace of what caused it.

        The step is kept by name, so that a snapshot holds what is still to come.
        """
        self._note(_ToCome(delay_s, step.__name__, arguments, self.world.cause.traceparent))

    def lapses(self, lifetime_s: float, step: Callable[..., None], *arguments: str) -> None:
        """As ``later``, at the end of a nominal lifetime: a run does not wait for it to settle."""
        self._note(_ToCome(lifetime_s, step.__name__, arguments, self.world.cause.traceparent, lapses=True))

    def _note(self, step: _ToCome) -> None:
        self._steps += 1
        self._to_come[self._steps] = step
        self._set_timer(self._steps, step)

    def _set_timer(self, number: int, step: _ToCome) -> None:
        world = self.world
        timer = world.lapse if step.lapses and world.lapse is not None else world.later
        timer(step.delay_s, partial(self._step, self._life, number))

    def rules_changed(self, rules: frozenset[str]) -> None:
        """Injections may now decide about these rules, and about no others."""
        world = self.world
        world.rules = rules
        if ("read_document" in rules) != (world.past is not None):
            world.past = Past() if "read_document" in rules else None
            for collection in vars(self).values():
                if isinstance(collection, Collection):
                    collection.keep_past(world.past)

    def validate(self, order_ref: str) -> None:
        """Refuse the orders that an injection says can never pass, with ``order_invalid``."""
        refused = self.world.decide("validate_order", order_ref)
        if refused is not None:
            raise ORDER_INVALID.because(f"order {order_ref}: {refused['reason']}")

    def snapshot(self) -> bytes:
        """Everything this ledger knows, with what it still means to do."""
        return pickle.dumps({name: value for name, value in vars(self).items() if name not in self.outside})

    def restore(self, snapshot: bytes) -> None:
        """Be as at the snapshot; what was to come then starts its wait anew, what was to come since is forgotten."""
        vars(self).update(pickle.loads(snapshot))
        self._life += 1
        for number, step in self._to_come.items():
            self._set_timer(number, step)

    def _step(self, life: int, number: int) -> None:
        if life != self._life:
            return
        step = self._to_come.pop(number)
        world = self.world
        before, world.cause = world.cause, Cause(traceparent=step.traceparent, at_ns=world.now())
        try:
            getattr(self, step.name)(*step.arguments)
        finally:
            world.cause = before
