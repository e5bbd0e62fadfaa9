"""Faults that act only where there is something to break, that must know what went past, and that end connections."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from peakproof.chaos.fault import Call, FaultContext, Forward, Reply
from peakproof.chaos.faults.reset_on_connect import ResetOnConnect
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.injection import When, Where

from .test_gate import Room, a_call


@dataclass(frozen=True, slots=True)
class SecondTime:
    """Refuses what it has seen before; ``broken`` raises instead of choosing or looking."""

    seam: ClassVar[Literal["call"]] = "call"
    broken: str = ""

    def watch(self, call: Call, reply: Reply, ctx: FaultContext) -> None:
        if self.broken == "watch":
            raise KeyError("oops")
        ctx.memory[call.subject] = reply.status

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        if self.broken == "concerns":
            raise KeyError("oops")
        return call.subject in ctx.memory

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        return Reply(status=409)


async def ask(room: Room, subject: str = "web-000001") -> int:
    async def face(call: Call) -> Reply:
        return Reply(status=201, committed=True)

    return (await room.gate(a_call(subject), face)).status


async def test_what_cannot_be_broken_is_no_firing() -> None:
    room = Room()
    trigger = room.arm("mine", SecondTime(), when=When(limit=1))
    assert [await ask(room), await ask(room, "web-000002"), trigger.fired] == [201, 201, 0]
    assert [await ask(room), await ask(room), trigger.fired] == [409, 201, 1]
    assert room.marks == [("fired", "mine", "erp-web-000001")]


async def test_it_sees_what_its_injection_does_not_match_and_the_true_replies() -> None:
    room = Room()
    room.arm("outer", ServerError(when="after"), when=When(limit=1))
    trigger = room.arm("mine", SecondTime(), where=Where(order_ref="web-000009"))
    assert [await ask(room), await ask(room), trigger.fired] == [503, 201, 0]
    [watching] = room.gate._watching
    assert watching.context.memory == {"web-000001": 201}
    room.gate.heal(trigger)
    assert room.gate._watching == ()


async def test_a_fault_that_cannot_choose_or_look_leaves_the_call_alone() -> None:
    for broken in ("watch", "concerns"):
        room = Room()
        trigger = room.arm("mine", SecondTime(broken))
        assert [await ask(room), trigger.fired] == [201, 0]
        [error] = room.gate.errors
        assert error.startswith("fault second-time (injection 'mine') raised KeyError on call erp-web-000001")


def test_connections_that_stand_are_reset_where_that_is_asked_for() -> None:
    for drop_open, standing, fired in ((True, 3, 1), (True, 0, 0), (False, 3, 0)):
        room = Room()
        asked: list[int] = []

        def reset(standing: int = standing, asked: list[int] = asked) -> int:
            asked.append(standing)
            return standing

        room.gate.reset_standing = reset
        trigger = room.arm("mine", ResetOnConnect(drop_open))
        assert (bool(asked), trigger.fired, len(room.marks)) == (drop_open, fired, fired)


async def test_a_refusal_after_the_commit_needs_a_commit() -> None:
    for when, status, fired in (("before", 503, 1), ("after", 422, 0)):
        room = Room()
        trigger = room.arm("mine", ServerError(when=when))  # type: ignore[arg-type] # one of them

        async def face(call: Call) -> Reply:
            return Reply(status=422)

        assert ((await room.gate(a_call(), face)).status, trigger.fired) == (status, fired)
