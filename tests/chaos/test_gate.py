"""The gate: who hides the system, the throttle, then faults in the schedule's order; a broken fault never hurts a call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import pytest

from peakproof.chaos.fault import (
    Call,
    Decision,
    Fault,
    FaultContext,
    Figures,
    Forward,
    Outgoing,
    Reply,
    Throttle,
)
from peakproof.chaos.faults.drop_delivery import DropDelivery
from peakproof.chaos.faults.duplicate_delivery import DuplicateDelivery
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.rejected_later import RejectedLater
from peakproof.chaos.faults.reorder_delivery import ReorderDelivery
from peakproof.chaos.faults.throttle_cut import ThrottleCut
from peakproof.chaos.gate import Gate
from peakproof.chaos.injection import Injection, Trigger, When, Where
from peakproof.chaos.throttles.token_bucket import TokenBucket

EVENT = Outgoing("erp", "sales_order.posted", "erp-evt-1", "web-000001", attempt=1, body=b"")


def a_call(subject: str = "web-000001") -> Call:
    return Call(
        call_id=f"erp-{subject}",
        system="erp",
        operation="create_sales_order",
        subject=subject,
        attempt=1,
        method="POST",
        path="/v1/sales-orders",
        headers={},
        body=b"",
        at_ns=0,
        changes=True,
        client="sut",
    )


@dataclass(frozen=True, slots=True)
class Noop:
    """Does nothing, and says when: the smallest fault there can be."""

    seam: ClassVar[Literal["call"]] = "call"
    note: Callable[[str], None]
    name: str

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        self.note(f"{self.name} before")
        reply = await forward(call)
        self.note(f"{self.name} after")
        return reply


@dataclass(frozen=True, slots=True)
class Broken:
    """Raises, after forwarding so many times."""

    seam: ClassVar[Literal["call"]] = "call"
    forwards: int = 0

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        for _ in range(self.forwards):
            await forward(call)
        raise KeyError("oops")


@dataclass(frozen=True, slots=True)
class BrokenDelivery:
    seam: ClassVar[Literal["delivery"]] = "delivery"

    def apply(self, outgoing: Outgoing, ctx: FaultContext) -> list[Outgoing]:
        raise KeyError("oops")


@dataclass(frozen=True, slots=True)
class BrokenRule:
    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "post_sales_order"

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        raise KeyError("oops")


def answering(reply: Reply) -> Forward:
    """A face that always answers so."""

    async def face(call: Call) -> Reply:
        return reply

    return face


class Room:
    """A gate with a face behind it that commits whatever reaches it."""

    def __init__(self, throttle: Throttle | None = None, exempt: frozenset[str] = frozenset()) -> None:
        self.marks: list[tuple[str, str, str | None]] = []
        self.trail: list[str] = []
        self.slept_s: list[float] = []
        self.gate = Gate("erp", throttle, sleep=self._sleep, now=lambda: 0, marks=self._mark, exempt=exempt)
        self.failure: Exception | None = None

    async def _sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)

    def _mark(
        self,
        mark: str,
        injection: str,
        fault: str,
        system: str,
        *,
        operation: str | None = None,
        call_id: str | None = None,
        detail: str | None = None,
        by_hand: bool = False,
    ) -> None:
        assert system == "erp"
        self.marks.append((mark, injection, call_id or detail))

    async def face(self, call: Call) -> Reply:
        if self.failure is not None:
            raise self.failure
        self.trail.append("commit")
        return Reply(status=201, committed=True)

    def arm(
        self,
        injection_id: str,
        fault: Fault,
        where: Where | None = None,
        when: When | None = None,
        rank: int = 0,
    ) -> Trigger:
        trigger = Trigger(Injection(injection_id, fault, where or Where(), when or When()), rank, seed=1)
        self.gate.arm(trigger)
        return trigger


async def test_an_idle_gate_passes_calls_deliveries_and_decisions_through() -> None:
    room = Room()
    call = a_call()
    assert room.gate.idle
    assert room.gate.admit(call, 0) is None
    assert (await room.gate(call, room.face)).status == 201
    assert room.gate.deliveries(EVENT) == [EVENT]
    assert room.gate.decide("post_sales_order", "web-000001") is None
    assert (call.faults, room.marks) == ([], [])


async def test_the_first_listed_fault_is_outermost_in_whatever_order_they_are_armed() -> None:
    room = Room()
    room.arm("b", Noop(room.trail.append, "inner"), rank=1)
    room.arm("a", Noop(room.trail.append, "outer"), rank=0)
    call = a_call()
    await room.gate(call, room.face)
    assert room.trail == ["outer before", "inner before", "commit", "inner after", "outer after"]
    assert call.faults == ["a", "b"]
    assert room.marks == [("fired", "a", "erp-web-000001"), ("fired", "b", "erp-web-000001")]


async def test_faults_compose() -> None:
    room = Room()
    room.arm("slow", Latency(seconds=2), rank=0)
    room.arm("lost", LostReply(), rank=1)
    reply = await room.gate(a_call(), room.face)
    assert (room.slept_s, room.trail, reply.committed, reply.wire is None) == ([2.0], ["commit"], True, False)


async def test_a_lost_reply_is_one_of_a_call_that_was_carried_out() -> None:
    """A refusal and the repeated answer to a known key arrive; neither is a firing, nor counts against the limit."""
    room = Room()
    trigger = room.arm("lost", LostReply(), when=When(limit=1))
    for reply in (Reply(422, error="amount_mismatch"), Reply(429), Reply(201, replayed=True)):
        call = a_call()
        assert await room.gate(call, answering(reply)) is reply
        assert (call.faults, trigger.fired, room.marks) == ([], 0, [])
    lost = await room.gate(a_call(), room.face)
    assert (lost.committed, lost.wire is None, trigger.fired) == (True, False, 1)
    assert room.marks == [("fired", "lost", "erp-web-000001")]
    assert (await room.gate(a_call(), room.face)).wire is None


async def test_which_carried_out_calls_lose_their_reply_does_not_depend_on_the_refused_ones() -> None:
    """Keyed dice look at the call alone: refusals in between move the fault to no other order."""

    async def lost(*, refused_first: bool) -> list[str]:
        room = Room()
        room.arm("lost", LostReply(), when=When(probability=0.3))
        found = []
        for number in range(40):
            call = a_call(f"web-{number:06}")
            if refused_first:
                await room.gate(call, answering(Reply(429)))
            if (await room.gate(call, room.face)).wire is not None:
                found.append(call.subject)
        return found

    assert await lost(refused_first=True) == await lost(refused_first=False)
    assert 4 < len(await lost(refused_first=False)) < 20


async def test_a_read_that_was_answered_can_lose_its_answer_where_that_is_asked_for() -> None:
    room = Room()
    room.arm("lost", LostReply(), Where(changes_only=False))
    read = replace(a_call(), operation="get_sales_order", method="GET", changes=False)
    assert (await room.gate(read, answering(Reply(404)))).wire is None
    assert (await room.gate(read, answering(Reply(200)))).wire is not None
    assert room.marks == [("fired", "lost", "erp-web-000001")]


async def test_a_fault_behind_an_outage_neither_acts_nor_counts() -> None:
    room = Room()
    room.arm("down", Outage(), rank=0)
    hidden = room.arm("lost", LostReply(), when=When(limit=1), rank=1)
    call = a_call()
    await room.gate(call, room.face)
    assert (call.faults, room.trail, hidden.fired) == (["down"], [], 0)


async def test_a_healed_fault_acts_no_more() -> None:
    room = Room()
    trigger = room.arm("down", Outage())
    assert not room.gate.idle
    room.gate.heal(trigger)
    assert room.gate.idle
    assert (await room.gate(a_call(), room.face)).status == 201


async def test_only_the_calls_that_it_is_about_feel_a_fault() -> None:
    room = Room()
    room.arm("down", Outage(), Where("erp", order_ref="web-000002"))
    assert (await room.gate(a_call("web-000001"), room.face)).status == 201
    assert (await room.gate(a_call("web-000002"), room.face)).wire is not None
    assert room.marks == [("fired", "down", "erp-web-000002")]


@pytest.mark.parametrize("forwards", [0, 1, 2])
async def test_a_broken_fault_lets_the_call_through_and_is_reported(forwards: int) -> None:
    room = Room()
    room.arm("mine", Broken(forwards))
    reply = await room.gate(a_call(), room.face)
    assert (reply.status, reply.wire) == (201, None)
    assert room.trail == ["commit"] * max(1, forwards)
    assert room.gate.errors == [
        "fault broken (injection 'mine') raised KeyError on call erp-web-000001 of erp: 'oops'"
    ]


async def test_a_broken_fault_does_not_take_the_others_with_it() -> None:
    room = Room()
    room.arm("mine", Broken(), rank=0)
    room.arm("lost", LostReply(), rank=1)
    reply = await room.gate(a_call(), room.face)
    assert (room.trail, reply.wire is None) == (["commit"], False)


async def test_an_error_of_the_face_is_not_blamed_on_a_fault() -> None:
    room = Room()
    room.failure = ZeroDivisionError()
    room.arm("slow", Latency(seconds=1))
    with pytest.raises(ZeroDivisionError):
        await room.gate(a_call(), room.face)
    assert room.gate.errors == []


async def test_a_refusal_during_a_cut_is_the_cuts_doing() -> None:
    room = Room(TokenBucket(rate_per_s=1, burst=4))
    trigger = room.arm("cut", ThrottleCut(0.5))
    refused = [a_call(f"web-{n}") for n in range(3)]
    decisions = [room.gate.admit(call, 0) for call in refused]
    assert [decision is not None and decision.refusal is None for decision in decisions] == [
        True,
        True,
        False,
    ]
    assert [call.faults for call in refused] == [[], [], ["cut"]]
    assert (room.marks, trigger.fired) == ([("fired", "cut", "erp-web-2")], 1)
    assert room.gate.idle
    room.gate.heal(trigger)
    assert room.gate.throttle is not None
    assert room.gate.throttle.factor == 1


def test_a_refusal_without_a_cut_is_no_fault() -> None:
    room = Room(TokenBucket(rate_per_s=1))
    room.gate.admit(a_call(), 0)
    late = a_call()
    decision = room.gate.admit(late, 0)
    assert decision is not None
    assert decision.refusal is not None
    assert (late.faults, room.marks) == ([], [])


def test_two_cuts_multiply() -> None:
    room = Room(TokenBucket(rate_per_s=1))
    room.arm("a", ThrottleCut(0.5))
    room.arm("b", ThrottleCut(0.5))
    assert room.gate.throttle is not None
    assert room.gate.throttle.factor == 0.25


class Telling:
    """A throttle that answers as it is told, and says when a call has ended."""

    waits = False

    def __init__(self, **decision: Any) -> None:
        self.factor = 1.0
        self.ended = 0
        self._decision = Decision("erp/sut", release=self._release, **decision)

    def admit(self, call: Call, now_ns: int) -> Decision:
        return self._decision

    def figures(self, call: Call, now_ns: int) -> Figures:
        return Figures(limit=1, left=1, window_ns=0, reset_ns=0, wait_ns=0)

    def _release(self) -> None:
        self.ended += 1


async def test_an_outage_wins_over_the_throttle_and_counts_nothing() -> None:
    room = Room(TokenBucket(rate_per_s=1))
    trigger = room.arm("down", Outage())
    call = a_call()
    for _ in range(3):
        assert (await room.gate(call, room.face)).error == "outage"
    assert call.bucket is None
    room.gate.heal(trigger)
    assert room.gate.idle
    assert (await room.gate(call, room.face)).status == 201
    assert call.bucket == "erp/sut"
    assert (await room.gate(call, room.face)).status == 429


async def test_an_outage_that_does_not_act_leaves_the_call_to_the_throttle_and_the_other_faults() -> None:
    room = Room(TokenBucket(rate_per_s=1))
    room.arm("slow", Noop(room.trail.append, "slow"), rank=0)
    room.arm("down", Outage(), Where(order_ref="web-000009"), rank=1)
    assert (await room.gate(a_call(), room.face)).status == 201
    assert (await room.gate(a_call(), room.face)).status == 429
    assert room.trail == ["slow before", "commit", "slow after"]


async def test_an_admitted_call_waits_as_long_as_the_throttle_says_before_any_fault_meets_it() -> None:
    throttle = Telling(wait_s=1.5)
    room = Room(throttle)
    room.arm("slow", Latency(seconds=4))
    assert (await room.gate(a_call(), room.face)).status == 201
    assert room.slept_s == [1.5, 4]
    assert throttle.ended == 1


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_throttle_learns_that_a_call_has_ended_even_if_it_failed(at_once: bool) -> None:
    throttle = Telling()
    room = Room(throttle)

    def fails(call: Call) -> Reply:
        raise KeyError("oops")

    room.failure = KeyError("oops")
    with pytest.raises(KeyError):
        if at_once:
            room.gate.pass_at_once(a_call(), fails)
        else:
            await room.gate(a_call(), room.face)
    assert throttle.ended == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{}", b'{"extensions":{"cost":1}}'),
        (b'{"id":"1"}', b'{"id":"1","extensions":{"cost":1}}'),
        (b"[1]", b"[1]"),
        (b"", b""),
    ],
)
def test_what_the_throttle_tells_joins_the_reply_and_leaves_the_stored_one_alone(
    body: bytes, told: bytes
) -> None:
    room = Room(Telling(headers=(("x-left", "3"),), extensions=b'{"cost":1}'))
    stored = Reply(200, body, [("content-type", "application/json")])
    reply = room.gate.pass_at_once(a_call(), lambda call: stored)
    assert reply.body == told
    assert reply.headers == [("content-type", "application/json"), ("x-left", "3")]
    assert (stored.body, stored.headers) == (body, [("content-type", "application/json")])


async def test_exempt_callers_never_meet_the_throttle() -> None:
    room = Room(TokenBucket(rate_per_s=1, scope="system"), exempt=frozenset({"shopper"}))
    for _ in range(3):
        assert (await room.gate(replace(a_call(), client="shopper"), room.face)).status == 201
    assert (await room.gate(a_call(), room.face)).status == 201
    assert (await room.gate(a_call(), room.face)).status == 429


def test_delivery_faults_compose_and_number_the_copies() -> None:
    room = Room()
    room.arm("twice", DuplicateDelivery(copies=2, gap_s=1), rank=0)
    room.arm("twice-more", DuplicateDelivery(copies=2, gap_s=0.25), rank=1)
    room.arm("late", ReorderDelivery(delay_s=3), rank=2)
    left = room.gate.deliveries(EVENT)
    assert [(one.copy, one.wait_s) for one in left] == [(0, 3.0), (1, 3.25), (2, 4.0), (3, 4.25)]
    assert {one.faults for one in left} == {("twice", "twice-more", "late")}
    assert [mark[1] for mark in room.marks] == ["twice", "twice-more", "late"]


def test_a_dropped_delivery_says_by_whom() -> None:
    room = Room()
    room.arm("gone", DropDelivery(), Where("erp", "sales_order.posted"))
    assert room.gate.deliveries(EVENT) == [replace(EVENT, dropped=True, faults=("gone",))]
    other = replace(EVENT, topic="invoice.posted")
    assert room.gate.deliveries(other) == [other]


def test_a_broken_delivery_fault_lets_the_event_through() -> None:
    room = Room()
    room.arm("mine", BrokenDelivery())
    assert room.gate.deliveries(EVENT) == [EVENT]
    assert room.gate.errors == [
        "fault broken-delivery (injection 'mine') raised KeyError on event erp-evt-1 of erp: 'oops'"
    ]


def test_a_rule_is_decided_for_its_subject_and_attempt() -> None:
    room = Room()
    room.arm("late-no", RejectedLater("period_closed"), Where("erp", order_ref="web-000001", nth=1))
    assert room.gate.decide("pick", "web-000001") is None
    assert room.gate.decide("post_sales_order", "web-000002") is None
    assert room.gate.decide("post_sales_order", "web-000001") == {
        "reason": "period_closed",
        "permanent": False,
    }
    assert room.gate.decide("post_sales_order", "web-000001") is None
    assert room.marks == [("fired", "late-no", "web-000001")]


def test_a_broken_rule_leaves_the_decision_to_the_next_and_then_to_the_ledger() -> None:
    room = Room()
    room.arm("mine", BrokenRule())
    assert room.gate.decide("post_sales_order", "web-000001") is None
    assert room.gate.errors == [
        "fault broken-rule (injection 'mine') raised KeyError on rule post_sales_order about web-000001 of erp: 'oops'"
    ]
