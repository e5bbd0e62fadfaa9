"""What each kind of system can be asked and what it tells: the names that a schedule may use."""

from functools import cache
from typing import Any, cast

from ..chaos.dice import Dice
from ..simulators.kit import subscriptions
from ..simulators.kit.auth import Authenticator
from ..simulators.kit.face import Face
from ..simulators.kit.idempotency import IdempotencyStore, KeyMode
from ..simulators.kit.ledger import World
from ..simulators.registry import KINDS, rules_of

LEDGER = cast("Any", None)
"""No operation is called here, so none needs the ledger behind it."""


@cache
def face_of(kind: str) -> Face:
    """A face of this kind that nobody will ever call: only its names are wanted."""
    world = World(
        now=lambda: 0,
        later=lambda delay_s, action, /: None,
        dice=Dice(0),
        record=lambda effect: None,
        emit=lambda event: None,
    )
    entry = KINDS[kind]
    face = Face(
        kind,
        title=entry.title,
        description=entry.description,
        world=world,
        authenticator=Authenticator([], world.now, 1.0),
        idempotency=IdempotencyStore(KeyMode.OPTIONAL, 1.0, world.now),
    )
    entry.declare(face, LEDGER)
    subscriptions.declare(face, LEDGER, frozenset(entry.topics), subscriptions.LOOPBACK)
    return face


def operations(kind: str) -> frozenset[str]:
    """The ``operationId`` of every endpoint of this kind of system."""
    return frozenset(face_of(kind).operations)


def changing_operations(kind: str) -> frozenset[str]:
    """Those of them that change state."""
    return frozenset(name for name, operation in face_of(kind).operations.items() if operation.changes)


def topics(kind: str) -> frozenset[str]:
    """What this kind of system tells the world."""
    return frozenset(KINDS[kind].topics)


def rules(kind: str) -> frozenset[str]:
    """What this kind of system asks injections about."""
    return frozenset(rules_of(kind))


def all_topics() -> frozenset[str]:
    """Every topic of every kind."""
    return frozenset().union(*(topics(kind) for kind in KINDS))
