"""An injection is on the other side of a line what it was on this one."""

import msgspec
import pytest

from peakproof.chaos.fault import Call
from peakproof.chaos.injection import Injection, Trigger, When, Where
from peakproof.chaos.registry import FAULTS
from peakproof.scenarios.apart.injections import heard, told
from peakproof.scenarios.apart.wire import Arm
from peakproof.scenarios.scenario import Scenario


def sent(injection: Injection) -> Injection:
    """As it arrives."""
    raw = msgspec.msgpack.encode(Arm(told(injection), 0, 1))
    return heard(msgspec.msgpack.decode(raw, type=Arm).injection)


@pytest.mark.parametrize("name", Scenario.names())
def test_every_injection_of_the_library_arrives_as_it_was_sent(name: str) -> None:
    injections = Scenario.load(name).injections()
    assert [sent(one) for one in injections] == injections


def test_all_that_narrows_one_arrives() -> None:
    injection = Injection(
        "some",
        FAULTS.build("server-error", {"status": 503}),
        Where("erp", "create_sales_order", None, 2, True, "SKU", "sut-erp", {"lines.sku": 7, "note": None}),
        When(1.5, None, None, 0.25, 3, 2, 10.0, 20.0, 99),
    )
    assert sent(injection) == injection


def test_it_decides_about_the_same_orders_there() -> None:
    injection = Injection("some", FAULTS.build("outage", {}), Where("erp"), When(probability=0.5))
    calls = [
        Call(f"c{n}", "erp", "create_sales_order", f"web-{n}", 1, "POST", "/", {}, b"", 0, True)
        for n in range(50)
    ]
    here, there = Trigger(injection, 0, 7), Trigger(sent(injection), 0, 7)
    acted = [here.acts_on(call) for call in calls]
    assert acted == [there.acts_on(call) for call in calls]
    assert 10 < sum(acted) < 40
