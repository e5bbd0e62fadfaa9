"""A world for one ledger under test: a clock that stands still until told, steps run by hand, everything kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from peakproof.chaos.dice import Dice
from peakproof.history.records import Effect
from peakproof.simulators.kit.ledger import Event, World

NOON_NS = 1_795_780_800_000_000_000
"""2026-11-27T12:00:00Z."""


@dataclass
class MadeWorld:
    """What a ledger is given (``world``) and what came of it (``effects``, ``events``)."""

    world: World
    effects: list[Effect]
    events: list[Event]
    decisions: dict[str, dict[str, Any]]
    """What the rule seam answers, by rule; empty is "as usual"."""
    now_ns: int = NOON_NS
    _to_come: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _scheduled: int = 0

    def advance(self, seconds: float) -> None:
        """Let that much time pass; what falls due on the way is done at its own time, in order."""
        until_ns = self.now_ns + round(seconds * 1_000_000_000)
        while self._to_come and self._to_come[0][0] <= until_ns:
            due_ns, _, action = heappop(self._to_come)
            self.now_ns = due_ns
            action()
        self.now_ns = until_ns

    def later(self, delay_s: float, action: Callable[[], None], /) -> None:
        self._scheduled += 1
        heappush(self._to_come, (self.now_ns + round(delay_s * 1_000_000_000), self._scheduled, action))

    def kinds(self) -> list[str]:
        """The kinds of all effects so far."""
        return [effect.kind for effect in self.effects]

    def of_kind(self, kind: str) -> list[Effect]:
        return [effect for effect in self.effects if effect.kind == kind]

    def of_topic(self, topic: str) -> list[Event]:
        return [event for event in self.events if event.topic == topic]


def make_world(seed: int = 1) -> MadeWorld:
    """A world of its own, at noon on Black Friday 2026."""
    effects: list[Effect] = []
    events: list[Event] = []
    decisions: dict[str, dict[str, Any]] = {}
    world = World(
        now=lambda: NOON_NS,
        later=lambda delay_s, action, /: None,
        dice=Dice(seed),
        record=effects.append,
        emit=events.append,
        decide=lambda rule, subject, /: decisions.get(rule),
    )
    made = MadeWorld(world, effects, events, decisions)
    world.now, world.later = lambda: made.now_ns, made.later
    return made
