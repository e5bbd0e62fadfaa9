"""The gate's seams for documents, connections and whole processes: what fires, what does not, and what is blamed."""

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import (
    HIDDEN,
    Call,
    Document,
    FaultContext,
    Hidden,
    Leaving,
    Levers,
    Line,
    Outgoing,
    Reply,
)
from peakproof.chaos.faults.corrupt_signature import CorruptSignature
from peakproof.chaos.faults.duplicate_delivery import DuplicateDelivery
from peakproof.chaos.faults.held_deliveries import HeldDeliveries
from peakproof.chaos.faults.unsubscribed import Unsubscribed
from peakproof.chaos.injection import When

from .test_gate import EVENT, Room, a_call

DOCUMENT = Reply(status=201, body=b'{"status": "received"}', committed=True)


@dataclass(frozen=True, slots=True)
class Shout:
    """Changes a status where there is one."""

    seam: ClassVar[Literal["document"]] = "document"

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        if "status" not in document:
            return None
        return {**document, "status": document["status"].upper()}


@dataclass(frozen=True, slots=True)
class HangUp:
    seam: ClassVar[Literal["connection"]] = "connection"
    drop_open: bool = False

    async def meet(self, connection: Line, ctx: FaultContext) -> None:
        connection.reset()


@dataclass(frozen=True, slots=True)
class Forgetful:
    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "system"

    def strike(self, levers: Levers) -> None:
        levers.forget_tokens()

    def heal(self, levers: Levers) -> None:
        levers.listen_again()


class Machine:
    """Levers that say what was pulled; a process that has no tokens refuses that one."""

    def __init__(self, *, has_tokens: bool = True) -> None:
        self.pulled: list[str] = []
        self.has_tokens = has_tokens

    def __getattr__(self, name: str) -> Any:
        if name == "forget_tokens" and not self.has_tokens:
            raise ChaosError("there are no tokens")
        return lambda: self.pulled.append(name)


class Caller:
    """A connection that only says whether it was reset."""

    was_reset = False

    def reset(self) -> None:
        self.was_reset = True


async def answering(reply: Reply, room: Room, call: Call | None = None) -> Reply:
    async def face(call: Call) -> Reply:
        return reply

    return await room.gate(call or a_call(), face)


async def test_a_document_is_changed_on_its_way_out_and_the_call_knows() -> None:
    room, call = Room(), a_call()
    trigger = room.arm("mine", Shout())
    reply = await answering(DOCUMENT, room, call)
    assert (json.loads(reply.body), reply.committed) == ({"status": "RECEIVED"}, True)
    assert (call.faults, trigger.fired) == (["mine"], 1)
    assert room.marks == [("fired", "mine", "erp-web-000001")]


async def test_where_there_is_nothing_to_change_nothing_fires() -> None:
    room = Room()
    trigger = room.arm("mine", Shout(), when=When(limit=1))
    for reply in (Reply(404, b'{"status": "x"}'), Reply(204), Reply(200, b'{"id": 1}'), Reply(200, b"[1]")):
        assert await answering(reply, room) is reply
    assert (trigger.fired, room.marks) == (0, [])
    assert (await answering(DOCUMENT, room)).body != DOCUMENT.body


def test_an_events_data_is_changed_in_its_envelope() -> None:
    room = Room()
    room.arm("mine", Shout())
    event = replace(EVENT, body=b'{"id": "erp-evt-1", "data": {"status": "posted"}}')
    (leaving,) = room.gate.deliveries(event)
    assert json.loads(leaving.body) == {"id": "erp-evt-1", "data": {"status": "POSTED"}}
    assert leaving.faults == ("mine",)
    bare = replace(EVENT, body=b'{"id": "erp-evt-2", "data": {}}')
    assert room.gate.deliveries(bare) == [bare]


def test_a_document_that_cannot_be_read_goes_out_as_it_is_and_is_our_error() -> None:
    room = Room()
    room.arm("mine", Shout())
    broken = Outgoing("erp", "sales_order.posted", "erp-evt-1", "web-000001", attempt=1, body=b"{")
    assert room.gate.deliveries(broken) == [broken]
    (error,) = room.gate.errors
    assert "injection 'mine'" in error


async def test_a_connection_is_met_by_the_first_fault_that_acts_on_it() -> None:
    room, first, second = Room(), Caller(), Caller()
    assert room.gate.open
    trigger = room.arm("mine", HangUp(), when=When(limit=1))
    assert not room.gate.open
    for caller in (first, second):
        await room.gate.meet(caller)
    assert (first.was_reset, second.was_reset, trigger.fired) == (True, False, 1)
    room.gate.heal(trigger)
    assert room.gate.open


def test_a_process_is_struck_when_armed_and_made_good_when_healed() -> None:
    room, machine = Room(), Machine()
    room.gate.levers = machine
    healed: list[str] = []
    room.gate.on_heal.append(healed.append)
    trigger = room.arm("mine", Forgetful())
    assert (machine.pulled, room.marks) == (["forget_tokens"], [("fired", "mine", None)])
    room.gate.heal(trigger)
    assert (machine.pulled, healed) == (["forget_tokens", "listen_again"], ["mine"])


def test_a_lever_that_a_process_lacks_is_said_and_is_no_firing() -> None:
    for machine in (None, Machine(has_tokens=False)):
        room = Room()
        room.gate.levers = machine
        trigger = room.arm("mine", Forgetful())
        assert (trigger.fired, room.marks, len(room.gate.errors)) == (0, [], 1)


@dataclass(frozen=True, slots=True)
class Hide:
    """Says that nothing can be seen yet."""

    seam: ClassVar[Literal["document"]] = "document"

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | Hidden | None:
        return HIDDEN


async def test_a_hidden_document_is_not_found_and_what_was_done_stays_done() -> None:
    room, call = Room(), a_call()
    room.arm("mine", Hide())
    reply = await answering(DOCUMENT, room, call)
    assert (reply.status, reply.error, reply.refused_by) == (404, "not_found", "fault")
    assert (call.faults, room.marks) == (["mine"], [("fired", "mine", "erp-web-000001")])


def test_an_event_cannot_be_hidden() -> None:
    room = Room()
    room.arm("mine", Hide())
    event = replace(EVENT, body=b'{"data": {}}')
    assert room.gate.deliveries(event) == [event]
    assert len(room.gate.errors) == 1


def test_what_a_fault_leaves_alone_has_not_met_it() -> None:
    room = Room()
    trigger = room.arm("mine", Unsubscribed(after=2), when=When(limit=1))
    assert room.gate.deliveries(EVENT) == [EVENT]
    assert (trigger.fired, room.marks) == (0, [])
    (ended,) = room.gate.deliveries(replace(EVENT, failures=2))
    assert (ended.unsubscribes, trigger.fired) == (True, 1)


def test_each_injection_that_holds_a_delivery_is_named() -> None:
    room = Room()
    for name in ("mine", "yours"):
        room.arm(name, HeldDeliveries())
    room.arm("his", DuplicateDelivery())
    leaving = room.gate.deliveries(EVENT)
    assert [(one.held_by, one.copy) for one in leaving] == [(("mine", "yours"), 0), (("mine", "yours"), 1)]


def test_the_attempt_itself_is_the_first_that_is_no_extra() -> None:
    room = Room()
    room.arm("mine", CorruptSignature())
    room.arm("yours", DuplicateDelivery())
    event = replace(
        EVENT, body=b'{"type": "sales_order.posted", "subject": "web-000001", "data": {"x_id": "1"}}'
    )
    leaving = room.gate.deliveries(event)
    assert [(one.signature, one.copy) for one in leaving] == [
        ("corrupt", 1),
        ("corrupt", 2),
        ("valid", 0),
        ("valid", 3),
    ]
