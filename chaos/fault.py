"""The small interfaces between faults and the estate, one for each seam.

==============  ====================================================================================
``connection``  a caller connects: before anything is read
``call``        a request is here: before, in and after the commit, and how the reply leaves (``Wire``)
``document``    a JSON document leaves the system, in a reply or in an event
``delivery``    an event is about to leave
``rule``        a face or a ledger asks for a decision by name
``throttle``    the system's normal rate
``process``     a whole process: a system's (its port, clock, tokens) or that of the system under test
==============  ====================================================================================

A fault is a frozen dataclass of settings plus one method. It never asks *whether* it acts: its injection decides
that once. It speaks only the interface of its own seam and knows no HTTP server. What it must remember between two
calls lies in ``FaultContext.memory``, which ends with the injection.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

from .dice import Dice

Seam = Literal["connection", "call", "document", "delivery", "rule", "throttle", "process"]


@dataclass(slots=True)
class Call:
    """One request as a fault may see it. ``about`` is the face's own (decoded arguments); faults leave it alone."""

    call_id: str
    system: str
    operation: str
    subject: str
    attempt: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at_ns: int
    changes: bool
    """The operation is one that changes state."""
    client: str | None = None
    order_ref: str | None = None
    sku: str | None = None
    subjects: tuple[tuple[str, int], ...] = ()
    """A bulk call's items: subject and attempt of each."""
    faults: list[str] = field(default_factory=list)
    """Ids of the injections that acted on it, in order."""
    about: Any = None
    bucket: str | None = None
    """The throttle's bucket that it was counted in; the gate says."""


class Line(Protocol):
    """The caller's connection below HTTP."""

    @property
    def is_closed(self) -> bool:
        """One side has ended it: nothing that is sent now arrives."""

    async def write(self, raw: bytes) -> None:
        """Put bytes on the wire as they are."""

    def reset(self) -> None:
        """End the connection with a TCP RST."""

    def close(self) -> None:
        """End the connection with a FIN, whatever has been sent."""

    async def gone(self) -> None:
        """Wait until the connection has ended."""


class Connection(Line, Protocol):
    """The connection on which a call came, for replies that leave in an unusual way."""

    async def send(self, reply: "Reply") -> None:
        """Answer as HTTP should."""

    async def begin(self, reply: "Reply") -> None:
        """Send status and headers only; Content-Length promises the whole body."""

    async def add(self, piece: bytes, *, last: bool) -> None:
        """Send the next piece of the body that was begun; with the last one the reply is complete."""

    def reset_on_next(self) -> None:
        """End the connection with a TCP RST as soon as the caller sends another byte."""


class Wire(Protocol):
    """A way for a reply to leave other than as HTTP should."""

    @property
    def answers(self) -> bool:
        """The caller can read a complete answer all the same."""

    async def leave(self, reply: "Reply", connection: Connection) -> None: ...


@dataclass(slots=True)
class Reply:
    """What goes back to the caller, and what really happened behind it."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Without content-length; lower-case names."""
    committed: bool = False
    """The ledger carried the operation out."""
    error: str | None = None
    """The refusal's code."""
    refused_by: str | None = None
    """``auth``, ``validation``, ``throttle``, ``fault`` or ``ledger``."""
    permanent: bool = False
    replayed: bool = False
    retry_after_s: float | None = None
    bucket: str | None = None
    wire: Wire | None = None

    def carried_out(self, call: Call) -> bool:
        """What was asked was done by this very call: a change was committed, a read was answered."""
        return self.committed if call.changes else self.status < 300


Forward = Callable[[Call], Awaitable[Reply]]
"""Hand a call on towards the ledger; what comes back is the true reply."""


@dataclass(slots=True)
class FaultContext:
    """What a fault may use: time that tests can jump, and dice of its own injection."""

    sleep: Callable[[float], Awaitable[None]]
    """Real seconds: a fault's times are what the SUT feels, so the time scale does not touch them."""
    dice: Dice
    now: Callable[[], int]
    """Nanoseconds since the Unix epoch, as the system's own clock says."""
    memory: dict[Any, Any] = field(default_factory=dict)
    """One for each injection and gate, empty when it is armed."""
    armed_ns: int = 0
    """When the injection was armed, by the same clock as ``now``."""


@runtime_checkable
class ConnectionFault(Protocol):
    """Meets a caller that has just connected, before a byte of the request is read.

    Only new connections are met. ``drop_open`` says whether those that stand when it is armed are reset, so that
    callers who keep connections in a pool have to connect anew and feel it too; that counts as one firing.
    """

    seam: ClassVar[Literal["connection"]]

    @property
    def drop_open(self) -> bool: ...

    async def meet(self, connection: Line, ctx: FaultContext) -> None: ...


@runtime_checkable
class CallFault(Protocol):
    """Acts on a call before, in or after the commit. It never changes a call in place: it forwards a changed copy.

    A class variable ``changes_only = True`` says that it acts on state-changing operations only, unless its
    injection says otherwise. ``hides = True`` says that the system is not there at all: it acts before the throttle is
    asked, for who is down counts nothing and refuses nothing. ``carried_out_only = True`` says that there is something
    for it only in the reply of a call that the system carried out (``Reply.carried_out``): any other reply goes its
    way, which is then no firing.
    """

    seam: ClassVar[Literal["call"]]

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply: ...


@runtime_checkable
class ChoosyFault(CallFault, Protocol):
    """Acts only on calls in which there is something for it to break."""

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        """Asked before the injection decides and counts: a call that cannot be broken is no firing."""


@runtime_checkable
class WatchfulFault(CallFault, Protocol):
    """Has to know what went past before: every call at its gate, wherever its injection acts."""

    def watch(self, call: Call, reply: Reply, ctx: FaultContext) -> None:
        """One call that the system has answered, with its true reply."""


Document = dict[str, Any]


@runtime_checkable
class DescribedFault(CallFault, Protocol):
    """Is another version of the API, of which the system's own document tells, too."""

    def described(self, document: Document, operation: str | None) -> Document:
        """The OpenAPI document, changed as the answers of this operation are, or of all."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where a JSON document is going."""

    system: str
    name: str
    """The operation that it answers, or the topic of the event."""
    subject: str
    attempt: int
    is_event: bool
    """It is an event's data; else the document of a reply, whether an item or a page of them."""
    changes: bool = False
    """It answers a call that changes state."""


@runtime_checkable
class DocumentFault(Protocol):
    """Changes a JSON document on its way out; what the system itself knows stays as it is."""

    seam: ClassVar[Literal["document"]]

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> "Document | Hidden | None":
        """A changed copy; None where there is nothing in it to change, which is then no firing.

        HIDDEN, for a reply only: the caller is told 404, as if the document did not exist.
        """


class Hidden(Enum):
    """What ``DocumentFault.change`` says of a document that cannot be seen yet."""

    HIDDEN = "hidden"


HIDDEN = Hidden.HIDDEN

Signature = Literal["valid", "forged", "corrupt", "expired", "mutated"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attempt to hand an event over, as it is about to leave."""

    system: str
    topic: str
    event_id: str
    subject: str
    attempt: int
    body: bytes
    occurrence: int = 1
    """This is the k-th event with equal system, topic and subject, from 1: keyed dice tell events apart by it."""
    wait_s: float = 0.0
    """Real seconds before it leaves."""
    copy: int = 0
    """0 is the attempt itself; copies of it are numbered from 1."""
    dropped: bool = False
    """It never leaves, and its system believes that it did: there is no retry."""
    held: bool = False
    """It stays back until the injection that held it is healed, and then leaves with all others."""
    held_by: tuple[str, ...] = ()
    """Ids of the injections that hold it; the gate's own, set where a fault says ``held``."""
    overlaps: bool = False
    """It leaves as soon as the attempt itself is on the wire, while that has no answer yet."""
    signature: Signature = "valid"
    """How it is signed: with another secret, with a mangled signature, with a timestamp of long ago, or for what the
    body was before it was altered."""
    extra: bool = False
    """It comes beside the attempt, which leaves all the same: never tried again, and its answer changes nothing."""
    invented: bool = False
    """No such event happened: it reports nothing of what its system knows."""
    failures: int = 0
    """So many attempts to hand anything to this receiver have failed one after the other, up to now."""
    unsubscribes: bool = False
    """It never leaves: its system ends the subscription instead."""
    faults: tuple[str, ...] = ()
    """Ids of the injections that acted on it, in order."""


@runtime_checkable
class DeliveryFault(Protocol):
    """Turns one outgoing delivery into others: none, several, later, changed."""

    seam: ClassVar[Literal["delivery"]]

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        """What leaves in its place; the same alone where there is nothing to do, which is then no firing."""


@runtime_checkable
class ThrottleFault(Protocol):
    """Changes a system's throttle while it is active."""

    seam: ClassVar[Literal["throttle"]]

    @property
    def factor(self) -> float:
        """What it leaves of the normal rate."""


@runtime_checkable
class RuleFault(Protocol):
    """Changes a decision that a ledger asks about by name.

    A class variable ``lasting = True`` says that dice decide about a subject once, and not anew at each attempt.
    """

    seam: ClassVar[Literal["rule"]]
    rule: ClassVar[str]

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]: ...


class Levers(Protocol):
    """What can be done to one process as a whole; a process has those that fit it, and refuses the others.

    Each raises ``ChaosError`` where this process has no such lever.
    """

    def stop_listening(self) -> None:
        """Close the port and every connection: who connects is refused."""

    def listen_again(self) -> None:
        """Open the same port again."""

    def skew_clock(self, seconds: float) -> None:
        """Every time that the system tells from now on is so much later than it was (earlier where negative)."""

    def forget_tokens(self) -> None:
        """Every token given out so far stops working."""

    def kill(self) -> None:
        """SIGKILL."""

    def start(self) -> None:
        """Start it again as it was started first."""

    def pause(self) -> None:
        """SIGSTOP."""

    def go_on(self) -> None:
        """SIGCONT."""

    def restart(self) -> None:
        """SIGTERM, and start it again once it has ended."""


@runtime_checkable
class ProcessFault(Protocol):
    """Strikes a whole process once, when it is armed, and makes it good when it is healed."""

    seam: ClassVar[Literal["process"]]
    target: ClassVar[Literal["system", "sut"]]

    def strike(self, levers: Levers) -> None: ...

    def heal(self, levers: Levers) -> None: ...


Fault = ConnectionFault | CallFault | DocumentFault | DeliveryFault | RuleFault | ThrottleFault | ProcessFault


class Throttle(Protocol):
    """A system's normal rate rule: admits a call or refuses it correctly. Not a fault.

    It keeps whole nanoseconds and whole numbers, and knows no clock: what it decides follows from the times it is given.
    """

    factor: float
    """What is left of the normal rate just now, above 0 and at most 1; a cut at the peak lowers it."""

    @property
    def waits(self) -> bool:
        """It may let a call wait before it goes on, so that nobody may be answered at once."""

    def admit(self, call: Call, now_ns: int) -> "Decision":
        """Count the call and let it in, or refuse it."""

    def figures(self, call: Call, now_ns: int) -> "Figures":
        """Where the call's bucket stands, with nothing counted; asked after ``admit``, by who tells the caller."""


class Decision(NamedTuple):
    """A throttle's answer about one call."""

    bucket: str
    refusal: Reply | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """What the vendor tells with an admitted call's reply; lower-case names."""
    extensions: bytes | None = None
    """A JSON document that joins an admitted call's body as its member ``extensions``, as GraphQL has it."""
    wait_s: float = 0.0
    """Admitted, but only goes on so many real seconds from now."""
    turn: Awaitable[None] | None = None
    """Admitted, but only goes on when this is done."""
    release: Callable[[], None] | None = None
    """To be called once, when the admitted call has ended, however it ended: answered, failed, given up in its queue."""
    refund: int = 0
    """What ``release`` will give back of the cost that was counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Where one bucket stands: what refusals and headers are made of."""

    limit: int
    """Calls, or points of cost, that fit in all."""
    left: int
    """That still fit now."""
    window_ns: int
    """The time that ``limit`` is meant for; 0 where it counts calls under way."""
    reset_ns: int
    """Until all of the limit is free again, if nobody calls; 0 where nobody can know."""
    wait_ns: int | None
    """Until such a call would be admitted; None where nobody can know."""
    cost: int = 1
    actual_cost: int = 1


class MarkSink(Protocol):
    """Where the fault log goes."""

    def __call__(
        self,
        mark: Literal["armed", "fired", "healed", "never_fired"],
        injection: str,
        fault: str,
        system: str,
        *,
        operation: str | None = None,
        call_id: str | None = None,
        detail: str | None = None,
        by_hand: bool = False,
    ) -> None: ...
