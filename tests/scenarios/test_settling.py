"""When a run counts as over: quiet with things missing is over, busy at the deadline is not."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from peakproof.history.records import Call
from peakproof.scenarios.scenario import Settle
from peakproof.scenarios.settling import AttentiveWriter, Settling

SECOND_NS = 1_000_000_000
QUIET_FOR_S = 2.0


@dataclass
class World:
    """Estate, shoppers, writer and SUT in one; time passes only when somebody sleeps."""

    now_ns: int = 100 * SECOND_NS
    last_change_ns: int = 0
    last_hope_ns: int = 0
    last_act_ns: int = 0
    pending: int = 0
    far_off: int = 0
    under_way: int = 0
    alive: bool = True
    sut_back_ns: int = 0
    """A fault keeps the SUT down until then."""
    says: int | None = None
    """What the SUT answers when it is asked how much it still has to do."""
    meanwhile: list[Callable[["World"], None]] = field(default_factory=list)
    """What happens at every look."""

    def clock(self) -> int:
        return self.now_ns

    def changes(self) -> None:
        self.last_change_ns = self.last_hope_ns = self.now_ns

    async def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)
        for happens in self.meanwhile:
            happens(self)


@dataclass
class Calls:
    """What an attentive writer knows, told by hand."""

    last_change_ns: int = 0
    last_hope_ns: int = 0

    def refused_again(self, world: World) -> None:
        self.last_change_ns = world.now_ns


class Sut:
    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def is_down(self) -> bool:
        return self._world.now_ns < self._world.sut_back_ns

    @property
    def alive(self) -> bool:
        return self._world.alive

    async def pending(self) -> int | None:
        return self._world.says


async def outcome(world: World, *, interrupted: bool = False) -> tuple[bool, str, float]:
    """Whether it settled, why, and after how many seconds."""
    began_ns = world.now_ns
    user = asyncio.Event()
    if interrupted:
        user.set()
    double: Any = world
    settle = Settle(quiet_s=QUIET_FOR_S, max_s=30.0)
    sut: Any = Sut(world)
    settled, reason = await Settling(settle, double, double, double, world.clock, world.sleep).wait(sut, user)
    return settled, reason, (world.now_ns - began_ns) / SECOND_NS


async def test_quiet_from_before_counts_for_nothing_when_something_is_asked_anew() -> None:
    world = World()
    double: Any = world
    settling = Settling(
        Settle(quiet_s=QUIET_FOR_S, max_s=30.0), double, double, double, world.clock, world.sleep
    )
    assert settling.is_quiet
    settling.begin_anew()
    assert not settling.is_quiet
    await world.sleep(QUIET_FOR_S)
    assert settling.is_quiet


async def test_it_is_over_when_nothing_has_changed_for_so_long() -> None:
    world = World()
    world.changes()
    settled, reason, after_s = await outcome(world)
    assert (settled, reason) == (True, "nothing changed for 2 s")
    assert after_s == pytest.approx(QUIET_FOR_S, abs=0.2)


@pytest.mark.parametrize("busy", [World(pending=1), World(under_way=1)], ids=["estate", "shoppers"])
async def test_it_is_not_over_while_something_is_under_way(busy: World) -> None:
    settled, reason, after_s = await outcome(busy)
    assert not settled
    assert reason.startswith("still busy after 30 s (settle.max_s)")
    assert after_s == pytest.approx(30, abs=0.2)


async def test_what_the_middleware_says_is_waited_for() -> None:
    def done_at_110_s(world: World) -> None:
        if world.now_ns >= 110 * SECOND_NS:
            world.says = 0

    world = World(says=3, meanwhile=[done_at_110_s])
    settled, reason, after_s = await outcome(world)
    assert (settled, reason) == (True, "nothing changed for 2 s")
    assert after_s == pytest.approx(10, abs=0.2)


async def test_it_is_not_over_before_a_middleware_that_a_fault_ended_is_back_and_had_its_time() -> None:
    settled, reason, after_s = await outcome(World(sut_back_ns=105 * SECOND_NS))
    assert (settled, reason) == (True, "nothing changed for 2 s")
    assert after_s == pytest.approx(7, abs=0.3)


async def test_who_says_for_ever_that_there_is_more_to_do_does_not_escape() -> None:
    settled, reason, _ = await outcome(World(says=3))
    assert settled
    assert reason == "nothing changes, although the system under test says that 3 are pending"


async def test_who_never_rests_may_say_that_it_is_done() -> None:
    world = World(says=0, meanwhile=[World.changes])
    world.changes()
    settled, reason, after_s = await outcome(world)
    assert (settled, reason) == (True, "the system under test says that nothing is pending")
    assert after_s == pytest.approx(30, abs=0.2)


async def test_its_word_does_not_stand_for_what_the_estate_still_means_to_do() -> None:
    settled, reason, _ = await outcome(World(says=0, pending=1))
    assert not settled
    assert reason == "still busy after 30 s (settle.max_s); the estate still had 1 things to do"


async def test_a_death_ends_the_wait() -> None:
    settled, reason, after_s = await outcome(World(alive=False))
    assert (settled, reason, after_s) == (False, "the system under test ended", 0)


async def test_after_ctrl_c_it_settles_briefly() -> None:
    settled, reason, after_s = await outcome(World(pending=1), interrupted=True)
    assert (settled, reason) == (False, "still busy 5 s after it was interrupted")
    assert after_s == pytest.approx(5, abs=0.2)
    assert (await outcome(World(), interrupted=True))[0]


async def settle_while_refused(
    world: World, until_s: float = 1000, *, user: bool = False
) -> tuple[bool, str, int | None]:
    """Whether it settles while the same thing is asked and refused at every look, why, and since when it was in vain."""
    calls = Calls(last_change_ns=world.now_ns, last_hope_ns=world.now_ns)

    def refuse(world: World) -> None:
        if world.now_ns < until_s * SECOND_NS:
            calls.refused_again(world)

    world.meanwhile.append(refuse)
    interrupted = asyncio.Event()
    if user:
        interrupted.set()
    double: Any = world
    writer: Any = calls
    sut: Any = Sut(world)
    settling = Settling(
        Settle(quiet_s=QUIET_FOR_S, max_s=30.0), double, writer, double, world.clock, world.sleep
    )
    settled, reason = await settling.wait(sut, interrupted)
    return settled, reason, settling.in_vain_since_ns


async def test_who_asks_in_vain_for_ever_does_not_escape() -> None:
    settled, reason, since_ns = await settle_while_refused(World())
    assert settled
    assert (
        reason == "nothing changes, although the system under test keeps asking for what is refused each time"
    )
    assert since_ns == 100 * SECOND_NS


async def test_nor_does_he_where_the_systems_themselves_say_that_they_were_called() -> None:
    """As those in processes of their own do."""

    def called(world: World) -> None:
        world.last_change_ns = world.now_ns

    settled, _, since_ns = await settle_while_refused(World(meanwhile=[called]))
    assert (settled, since_ns) == (True, 100 * SECOND_NS)


async def test_who_stops_in_time_was_only_patient() -> None:
    assert await settle_while_refused(World(), until_s=125) == (True, "nothing changed for 2 s", None)


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(meanwhile=[World.changes]), id="the systems still move"),
        pytest.param(World(pending=1), id="the estate still means to do something"),
        pytest.param(World(under_way=1), id="shoppers do"),
        pytest.param(World(sut_back_ns=125 * SECOND_NS), id="it came back only now"),
    ],
)
async def test_it_is_not_in_vain_while_anything_may_still_come(world: World) -> None:
    settled, reason, in_vain_since_ns = await settle_while_refused(world)
    assert (settled, in_vain_since_ns) == (False, None)
    assert reason.startswith("still busy after 30 s (settle.max_s)")


async def test_after_ctrl_c_nothing_is_held_in_vain() -> None:
    assert await settle_while_refused(World(), user=True) == (
        False,
        "still busy 5 s after it was interrupted",
        None,
    )


def call(
    *,
    changes: bool,
    at_ns: int,
    attempt: int = 1,
    outcome: Literal["ok", "refused", "unknown"] = "refused",
    status: int | None = None,
) -> Call:
    return Call(
        call_id="c", system="erp", operation="x", subject="s", attempt=attempt, method="POST", path="/", at_ns=at_ns,
        replied_ns=at_ns, outcome=outcome, changes=changes, status=status,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "status", "attempt", "vain"),
    [
        pytest.param("refused", 409, 4, True, id="a conflict again and again"),
        pytest.param("refused", 404, 4, True, id="there is no such thing, again and again"),
        pytest.param("refused", 409, 3, False, id="not yet so often"),
        pytest.param("refused", 429, 40, False, id="throttled"),
        pytest.param("refused", 503, 40, False, id="down"),
        pytest.param("unknown", None, 40, False, id="no answer"),
        pytest.param("ok", 200, 40, False, id="done"),
    ],
)
def test_what_is_asked_in_vain(
    outcome: Literal["ok", "refused", "unknown"], status: int | None, attempt: int, vain: bool, tmp_path: Path
) -> None:
    writer = AttentiveWriter(tmp_path, "estate")
    writer.call(call(changes=True, at_ns=7, attempt=attempt, outcome=outcome, status=status))
    writer.close()
    assert (writer.last_change_ns, writer.last_hope_ns) == (7, 0 if vain else 7)


def test_a_call_that_asks_for_a_change_disturbs_and_a_read_does_not(tmp_path: Path) -> None:
    writer = AttentiveWriter(tmp_path, "estate")
    writer.call(call(changes=True, at_ns=7))
    writer.call(call(changes=False, at_ns=9))
    assert writer.last_change_ns == 7
    writer.close()
    assert (tmp_path / "calls-estate.jsonl").read_text().count("\n") == 2


async def test_deliveries_far_up_their_ladder_do_not_hold_up_the_end_of_a_run() -> None:
    settled, reason, after_s = await outcome(World(pending=2, far_off=2))
    assert (settled, reason) == (True, "nothing changes any more, and 2 deliveries are still on their ladder")
    assert after_s == pytest.approx(30, abs=0.2), "they are waited for until the deadline"


async def test_other_things_that_are_pending_still_do() -> None:
    settled, _, _ = await outcome(World(pending=3, far_off=2))
    assert not settled
