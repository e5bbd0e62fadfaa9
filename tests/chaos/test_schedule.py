"""The timeline: armed, fired, healed, never fired; its owner brings the time."""

import re

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Call, Reply
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.outage import Outage
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
    ) -> None:
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
            Injection("inner", Outage(), Where("erp")),
        ],
        gates,
        log,
        seed=1,
    )
    schedule.start(0.0)
    schedule.advance(5.0)
    await gates["erp"](CALL, face)
    assert [line[1] for line in log.lines if line[0] == "fired"] == ["outer", "inner"]


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
