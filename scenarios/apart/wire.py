"""What the processes of an estate say to each other: a closed list of messages, msgpack in frames with their length.

Nothing else can be asked of a process, and nothing that comes is ever run.
"""

from decimal import Decimal
from typing import Any

import msgspec

from ...history.records import Effect
from ...simulators.back_office import DeskAct
from ...simulators.estate import EarlierOrder, OpeningItem
from ...simulators.kit.orders import OrderLine, PartLine

LENGTH = 4
"""Bytes in front of each frame, big-endian: how long it is."""
LARGEST_GREETING = 4_096
"""Of a frame from somebody who has not shown the token."""
LARGEST = 256 * 1024 * 1024


class Said(msgspec.Struct, frozen=True, tag_field="says", tag=str.lower):
    """One message."""


class Errand(msgspec.Struct, frozen=True):
    """What a process of the same machine is told on its standard input, before there is a line."""

    system: str
    host: str
    port: int
    token: str


# How two processes greet each other; the one that was called asks for the token.


class Hello(Said, frozen=True):
    """Who calls."""

    version: str
    system: str
    host: str
    pid: int
    nonce: str


class Challenge(Said, frozen=True):
    """Who was called has the token, and the caller shall show that it does."""

    nonce: str
    proof: str


class Proof(Said, frozen=True):
    proof: str


class Refusal(Said, frozen=True):
    """There is nothing to be had here, in one line for the user."""

    why: str


class Welcome(Said, frozen=True):
    """The caller is taken."""


class AskTime(Said, frozen=True):
    pass


class Time(Said, frozen=True):
    now_ns: int


# From the run to a system


class Stand(Said, frozen=True):
    """Stand this system up; ``folder`` is the run's, where both see the same disk."""

    scenario: dict[str, Any]
    seed: int
    sut_key: str | None
    sut_host: str | None
    folder: str | None


class Neighbour(msgspec.Struct, frozen=True):
    """Where another system takes what systems tell each other."""

    kind: str
    host: str
    port: int


class SeedItems(Said, frozen=True):
    number: int
    items: list[OpeningItem]


class Preload(Said, frozen=True):
    number: int
    orders: list[EarlierOrder]


class Begin(Said, frozen=True):
    """Serve; the neighbours stand."""

    number: int
    neighbours: dict[str, Neighbour]


class Subscribe(Said, frozen=True):
    """Tell the SUT of these topics, each at its URL."""

    urls: dict[str, str]
    secret: str


class Watch(Said, frozen=True):
    """Effects of these kinds are waited for."""

    kinds: list[str]


class Injected(msgspec.Struct, frozen=True):
    """An injection in plain values."""

    id: str
    fault: str
    settings: dict[str, Any]
    where: dict[str, Any]
    when: dict[str, Any]


class Arm(Said, frozen=True):
    injection: Injected
    rank: int
    seed: int


class Heal(Said, frozen=True):
    injection: str


class AtTheDesk(Said, frozen=True):
    number: int
    act: DeskAct


class KeepState(Said, frozen=True):
    number: int


class AskSecrets(Said, frozen=True):
    number: int


class Stop(Said, frozen=True):
    pass


# From a system to the run


class Stood(Said, frozen=True):
    """Where the system is and with what it is called; all of it is secret."""

    port: int
    host: str
    """Under which name or address others reach it."""
    sut_secret: str
    sut_key: str
    shopper_secret: str
    shopper_key: str
    neighbour: Neighbour
    ahead_ns: int
    """How far the run's clock is ahead of this process's own."""
    uncertainty_ns: int


class Answer(Said, frozen=True):
    """To the message of that number: ``done``, or the orders with what was filled in, or tokens."""

    number: int
    done: bool = True
    orders: list[EarlierOrder] = []
    secrets: list[str] = []


class Status(Said, frozen=True):
    """How a system stands just now."""

    last_change_ns: int = 0
    """Of its ledger, or a call that asked for one."""
    last_hope_ns: int = 0
    """The same without calls that were asked in vain."""
    pending: int = 0
    far_off: int = 0
    deliveries: int = 0
    given_up: int = 0
    queued: int = 0
    calls: int = 0
    in_flight: int = 0
    connections: int | None = None
    throttle_factor: float | None = None
    fired: dict[str, int] = {}
    """How often each injection has fired here."""
    errors: list[str] = []
    lags_s: list[float] = []
    """How much later than meant its loop came back, each time since the last status."""
    cpu_s: float = 0.0


class Seen(Said, frozen=True):
    """Effects that somebody waits for, in their order."""

    effects: list[Effect]


class Healed(Said, frozen=True):
    injection: str
    fired: int


class Piece(Said, frozen=True):
    """More of one file of the record, of a system that sees another disk."""

    path: str
    data: bytes


class Farewell(Said, frozen=True):
    """The last word: everything has been written and sent."""

    status: Status


# Between systems


class Authorise(Said, frozen=True):
    order_ref: str
    amount: Decimal
    currency: str


class Authorised(Said, frozen=True):
    payment_id: str


class Denied(Said, frozen=True):
    """As a ``Refused`` of the payment service."""

    code: str
    status: int
    title: str
    permanent: bool
    detail: str
    extensions: dict[str, Any]


class Placed(Said, frozen=True):
    """A channel has just sold."""

    order_ref: str
    lines: tuple[OrderLine, ...]
    currency: str


class Returned(Said, frozen=True):
    """The warehouse has got something back."""

    return_id: str
    order_ref: str
    lines: tuple[PartLine, ...]


FromCaller = Hello | Proof
FromCalled = Challenge | Refusal | Welcome
ToSystem = (
    Time
    | Stand
    | SeedItems
    | Preload
    | Begin
    | Subscribe
    | Watch
    | Arm
    | Heal
    | AtTheDesk
    | KeepState
    | AskSecrets
    | Stop
    | Refusal
)
FromSystem = AskTime | Stood | Answer | Status | Seen | Healed | Piece | Farewell | Refusal
BetweenSystems = Authorise | Placed | Returned
ToNeighbour = Authorised | Denied

replace = msgspec.structs.replace
_encode = msgspec.msgpack.Encoder().encode


def framed(message: Said) -> bytes:
    """A message as it goes over the line."""
    raw = _encode(message)
    return len(raw).to_bytes(LENGTH, "big") + raw
