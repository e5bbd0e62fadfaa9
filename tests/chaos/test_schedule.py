"""The timeline: armed, fired, healed, never fired; its owner brings the time."""

import re

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Call, Reply
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.faults.throttle_cut import ThrottleCut
from peakproof.chaos.gate import Gate
from peakproof.chaos.injection import Injection, When, Where
from peakproof.chaos.schedule import Schedule
from peakproof.chaos.throttles.token_bucket import TokenBucket

CALL = Call(
    call_id="erp-1",
    system="erp",
    operation="create_sales_order",
    subject="web-000001",
    attempt=1,
    method="POST",
    path="/v1/sales-orders",
    headers={},
    body=b"",
    at_ns=0,
    changes=True,
)


class Log:
    """A fault log in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.details: list[str | None] = []
        self.by_hand: set[str] = set()
        """Injections that were marked so."""

    def __call__(
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
        if by_hand:
            self.by_hand.add(injection)
        self.lines.append((mark, injection, system))
        self.details.append(detail)


async def no_sleep(seconds: float) -> None:
    return None


async def face(call: Call) -> Reply:
    return Reply(status=201, committed=True)


def gates_of(log: Log) -> dict[str, Gate]:
    return {
        "erp": Gate("erp", TokenBucket(rate_per_s=1), sleep=no_sleep, now=lambda: 0, marks=log),
        "wms": Gate("wms", sleep=no_sleep, now=lambda: 0, marks=log),
    }


async def test_a_window_is_armed_and_healed_on_time() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule([Injection("down", Outage(), Where("erp"), When(10, 15))], gates, log, seed=1)
    assert schedule.start(100.0) == 110.0
    assert gates["erp"].idle
    assert schedule.advance(105.0) == 110.0
    assert schedule.advance(110.0) == 115.0
    assert not gates["erp"].idle
    assert gates["wms"].idle
    assert (await gates["erp"](CALL, face)).wire is not None
    assert schedule.advance(115.0) is None
    assert gates["erp"].idle
    schedule.heal_all(120.0)
    assert log.lines == [("armed", "down", "erp"), ("fired", "down", "erp"), ("healed", "down", "erp")]


def test_an_injection_over_all_systems_is_armed_at_every_gate() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule([Injection("slow", Latency())], gates, log, seed=1)
    assert schedule.start(0.0) is None
    assert not gates["erp"].idle
    assert not gates["wms"].idle
    schedule.heal_all(1.0)
    assert gates["erp"].idle
    assert gates["wms"].idle


def test_healing_heals_for_good_and_names_what_never_fired() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule(
        [
            Injection("idle", Outage(), Where("erp")),
            Injection("late", Outage(), Where("wms"), When(start_s=60)),
        ],
        gates,
        log,
        seed=1,
    )
    schedule.start(0.0)
    schedule.heal_all(30.0)
    schedule.heal_all(31.0)
    assert schedule.advance(70.0) is None
    assert gates["wms"].idle
    assert log.lines == [
        ("armed", "idle", "erp"),
        ("healed", "idle", "erp"),
        ("never_fired", "idle", "erp"),
        ("never_fired", "late", "wms"),
    ]
    assert log.details[2:] == [None, "never armed: the run ended before its window"]


async def test_status_says_how_each_stands() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule(
        [
            Injection("a", Outage(), Where("erp", "create_sales_order"), When(0, 5)),
            Injection("b", Outage(), Where("wms"), When(9)),
        ],
        gates,
        log,
        seed=1,
    )
    assert [one.state for one in schedule.status()] == ["waiting", "waiting"]
    schedule.start(0.0)
    await gates["erp"](CALL, face)
    first, second = schedule.status()
    assert (first.id, first.fault, first.operation, first.state, first.fired) == (
        "a",
        "outage",
        "create_sales_order",
        "active",
        1,
    )
    assert (second.state, second.start_s, second.stop_s) == ("waiting", 9, None)
    schedule.advance(5.0)
    assert [one.state for one in schedule.status()] == ["healed", "waiting"]


async def test_the_order_of_the_schedule_is_the_order_of_composition_whatever_the_windows() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule(
        [
            Injection("outer", Latency(), Where("erp"), When(start_s=5)),
            Injection("inner", ServerError(), Where("erp")),
        ],
        gates,
        log,
        seed=1,
    )
    schedule.start(0.0)
    schedule.advance(5.0)
    await gates["erp"](CALL, face)
    assert [line[1] for line in log.lines if line[0] == "fired"] == ["outer", "inner"]


# By hand


async def test_one_added_by_hand_acts_at_once_and_heals_by_itself() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule([], gates, log, seed=1)
    schedule.start(100.0)
    name = schedule.new_id("erp", "outage")
    schedule.add(Injection(name, Outage(), Where("erp"), When(ttl_s=5)), 130.0)
    assert (await gates["erp"](CALL, face)).wire is not None
    assert schedule.advance(130.0) == 135.0
    (standing,) = schedule.status(131.5)
    assert (standing.state, standing.fired, standing.left_s, standing.by_hand) == ("active", 1, 3.5, True)
    assert schedule.advance(135.0) is None
    assert gates["erp"].idle
    assert schedule.status(136.0)[0].left_s is None
    assert log.lines == [
        ("armed", "erp-outage-1", "erp"),
        ("fired", "erp-outage-1", "erp"),
        ("healed", "erp-outage-1", "erp"),
    ]
    assert log.by_hand == {"erp-outage-1"}


def test_one_can_be_added_before_the_workload_starts() -> None:
    log = Log()
    gates = gates_of(log)
    planned = Injection("later", Outage(), Where("wms"), When(start_s=2))
    schedule = Schedule([planned], gates, log, seed=1)
    schedule.add(Injection("now", Outage(), Where("erp"), When(ttl_s=1)), 10.0)
    assert not gates["erp"].idle
    assert schedule.advance(10.5) == 11.0
    assert schedule.start(11.0) == 13.0
    assert gates["erp"].idle
    assert [(one.wait_s, one.state) for one in schedule.status(12.0)] == [(1.0, "waiting"), (None, "healed")]


async def test_those_added_by_hand_are_inside_of_the_planned_ones_in_order_of_arrival() -> None:
    log = Log()
    gates = gates_of(log)
    planned = [
        Injection("first", Latency(), Where("erp"), When(start_s=9)),
        Injection("second", Latency(), Where("erp")),
    ]
    schedule = Schedule(planned, gates, log, seed=1)
    schedule.start(0.0)
    schedule.add(Injection("third", Latency(), Where("erp")), 1.0)
    schedule.add(Injection("fourth", Latency(), Where("erp")), 2.0)
    schedule.advance(9.0)
    await gates["erp"](CALL, face)
    fired = [line[1] for line in log.lines if line[0] == "fired"]
    assert fired == ["first", "second", "third", "fourth"]


def test_ids_are_numbered_by_system_and_fault() -> None:
    log = Log()
    schedule = Schedule([Injection("erp-outage-1", Outage(), Where("erp"))], gates_of(log), log, seed=1)
    assert schedule.new_id("erp", "outage") == "erp-outage-2"
    assert schedule.new_id("*", "outage") == "all-outage-1"


def test_healing_one_leaves_the_others_and_says_what_never_fired() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule(
        [Injection("a", Outage(), Where("erp")), Injection("b", Outage(), Where("wms"), When(start_s=60))],
        gates,
        log,
        seed=1,
    )
    schedule.start(0.0)
    schedule.add(Injection("c", Outage(), Where("wms")), 1.0)
    schedule.heal("c")
    schedule.heal("c")
    schedule.heal("b")
    assert schedule.advance(70.0) is None
    assert gates["wms"].idle
    assert not gates["erp"].idle
    schedule.heal_all(80.0)
    assert log.lines == [
        ("armed", "a", "erp"),
        ("armed", "c", "wms"),
        ("healed", "c", "wms"),
        ("never_fired", "c", "wms"),
        ("never_fired", "b", "wms"),
        ("healed", "a", "erp"),
        ("never_fired", "a", "erp"),
    ]
    assert log.details[4] == "never armed: called off by hand"


def test_healing_what_acts_spares_what_is_to_come() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule(
        [Injection("a", Outage(), Where("erp")), Injection("b", Outage(), Where("wms"), When(start_s=5))],
        gates,
        log,
        seed=1,
    )
    schedule.start(0.0)
    assert schedule.heal_active() == ["a"]
    assert gates["erp"].idle
    schedule.advance(5.0)
    assert not gates["wms"].idle


def test_what_cannot_be_added_or_healed_is_refused() -> None:
    log = Log()
    schedule = Schedule([], gates_of(log), log, seed=1)
    schedule.add(Injection("erp-outage-1", Outage(), Where("erp")), 0.0)
    with pytest.raises(ChaosError, match="injection id 'erp-outage-1' is used twice"):
        schedule.add(Injection("erp-outage-1", Outage(), Where("erp")), 0.0)
    with pytest.raises(ChaosError, match=r"starts now: give when\.ttl_s, not start_s and stop_s"):
        schedule.add(Injection("b", Outage(), Where("erp"), When(start_s=3)), 0.0)
    with pytest.raises(ChaosError, match="unknown injection 'erp-outage'; did you mean 'erp-outage-1'"):
        schedule.heal("erp-outage")
    schedule.heal_all(1.0)
    with pytest.raises(ChaosError, match="this run takes no more faults"):
        schedule.add(Injection("c", Outage(), Where("erp")), 2.0)


def test_a_ramp_is_brought_up_to_date_until_it_is_up() -> None:
    log = Log()
    gates = gates_of(log)
    schedule = Schedule(
        [Injection("ramp", Latency(), Where("erp"), When(start_s=10, ramp_s=20))], gates, log, seed=1
    )
    assert schedule.start(0.0) == 10.0
    assert schedule.advance(10.0) == pytest.approx(10.1)
    assert schedule.advance(29.95) == pytest.approx(30.05)
    assert schedule.advance(30.05) is None


def test_a_cut_over_all_systems_is_armed_where_there_is_a_throttle() -> None:
    log = Log()
    gates = gates_of(log)
    Schedule([Injection("cut", ThrottleCut(0.5))], gates, log, seed=1).start(0.0)
    assert gates["erp"].throttle is not None
    assert gates["erp"].throttle.factor == 0.5


@pytest.mark.parametrize(
    ("injections", "message"),
    [
        (
            [Injection("a", Outage()), Injection("a", Latency())],
            "injection id 'a' is used twice; each needs its own",
        ),
        (
            [Injection("a", Outage(), Where("epr"))],
            "unknown system in injection 'a' 'epr'; did you mean 'erp'? (valid: *, erp, wms)",
        ),
        (
            [Injection("a", ThrottleCut(), Where("wms"))],
            "injection 'a': wms has no throttle to cut; give it one first",
        ),
    ],
)
def test_what_the_estate_cannot_do_is_refused_before_it_starts(
    injections: list[Injection], message: str
) -> None:
    log = Log()
    with pytest.raises(ChaosError, match=f"^{re.escape(message)}$"):
        Schedule(injections, gates_of(log), log, seed=1)
    assert log.lines == []


def stretched(log: Log, when: When) -> tuple[Schedule, Gate]:
    gates = gates_of(log)
    schedule = Schedule([Injection("lost", Latency(), Where("wms"), when)], gates, log, seed=1)
    schedule.start(100.0)
    return schedule, gates["wms"]


async def test_an_end_is_put_off_until_the_fault_has_fired_so_often() -> None:
    log = Log()
    schedule, gate = stretched(log, When(0, 5, until_fired=2, stretch_s=10))
    await gate(CALL, face)
    assert schedule.advance(106.0) is not None, "one is too few"
    assert not gate.idle
    await gate(CALL, face)
    schedule.advance(106.1)
    assert gate.idle
    assert [mark for mark, *_ in log.lines] == ["armed", "fired", "fired", "healed"]


async def test_an_end_is_not_put_off_for_what_has_fired_enough() -> None:
    log = Log()
    schedule, gate = stretched(log, When(0, 5, until_fired=1, stretch_s=10))
    for _ in range(3):
        await gate(CALL, face)
    assert not gate.idle, "until says how often at least, limit how often at most"
    schedule.advance(105.0)
    assert gate.idle


def test_an_end_is_put_off_by_so_long_at_most() -> None:
    log = Log()
    schedule, gate = stretched(log, When(0, 5, until_fired=1, stretch_s=10))
    schedule.advance(114.9)
    assert not gate.idle
    schedule.advance(115.0)
    assert gate.idle
    assert [mark for mark, *_ in log.lines] == ["armed", "healed", "never_fired"]


async def test_the_end_of_the_workload_is_outlasted_as_well() -> None:
    log = Log()
    schedule, gate = stretched(log, When(until_fired=1, stretch_s=10))
    schedule.end_workload(120.0)
    assert schedule.is_stretched
    with pytest.raises(ChaosError, match="this run takes no more faults"):
        schedule.add(Injection("late", Outage(), Where("erp")), 121.0)
    await gate(CALL, face)
    schedule.advance(122.0)
    assert gate.idle
    assert not schedule.is_stretched


def test_the_end_of_the_workload_heals_all_that_need_not_be_stretched() -> None:
    log = Log()
    gates = gates_of(log)
    planned = [
        Injection("down", Outage(), Where("erp")),
        Injection("later", Outage(), Where("erp"), When(50)),
        Injection("lost", Latency(), Where("wms"), When(until_fired=1)),
    ]
    schedule = Schedule(planned, gates, log, seed=1)
    schedule.start(100.0)
    schedule.end_workload(120.0)
    assert {one.id: one.state for one in schedule.status()} == {
        "down": "healed",
        "later": "healed",
        "lost": "active",
    }
    schedule.heal_all(121.0)
    assert not schedule.is_stretched


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"until_fired": 0}, "when.until_fired must be at least 1, got 0"),
        ({"until_fired": 1, "stretch_s": 0}, "when.stretch_s must be above 0, got 0"),
        ({"until_fired": 3, "limit": 2}, r"when.until_fired \(3\) is above when.limit \(2\)"),
    ],
)
def test_a_stretch_that_cannot_be_is_refused(given: dict[str, int], complaint: str) -> None:
    with pytest.raises(ChaosError, match=complaint):
        When(**given)
