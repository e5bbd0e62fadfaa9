"""What became of each injection, and what is said of one that never fired."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from peakproof.history.records import FaultMark, WorkloadItem
from peakproof.verdict.injections import of_run
from peakproof.verdict.result import InjectionResult

from .histories import START_NS, Row, at, call, history_of, told

WORKLOAD = WorkloadItem(at_ns=START_NS, kind="phase", detail="workload")
LOST = {
    "id": "refund-reply-lost",
    "fault": "lost-reply",
    "where": "payments.refund_payment",
    "seam": "call",
    "changes_only": True,
    "optional": None,
    "left_out": None,
}


def mark(what: str, at_s: float) -> FaultMark:
    return FaultMark(
        at_ns=START_NS + round(at_s * 1e9),
        injection="refund-reply-lost",
        fault="lost-reply",
        mark=what,
        system="payments",
        operation="refund_payment",
    )


ARMED, HEALED = mark("armed", 4), mark("healed", 14)


def refund(at_s: float, client: str = "sut") -> Row:
    return at(at_s, call(system="payments", operation="refund_payment", client=client))


def result(rows: Sequence[Row], **plan: Any) -> InjectionResult:
    run: Mapping[str, Any] = {"settled": True, "injections": [{**LOST, **plan}]}
    with history_of([WORKLOAD, *rows], run=run) as history:
        (found,) = of_run(history)
        return found


@pytest.mark.parametrize(
    ("rows", "missed"),
    [
        pytest.param([], "no matching call came", id="nobody called"),
        pytest.param(
            [refund(15), refund(16)],
            "2 matching calls came, all after 14.0 s, when it had healed",
            id="too late",
        ),
        pytest.param(
            [refund(1)], "1 matching call came, all before 4.0 s, when it was armed", id="too early"
        ),
        pytest.param(
            [refund(1), refund(2), refund(20)],
            "3 matching calls came, 2 before it was armed at 4.0 s and 1 after it had healed at 14.0 s",
            id="on both sides",
        ),
        pytest.param(
            [refund(5), refund(15)],
            "2 matching calls came, 1 of them while it was armed (4.0 s to 14.0 s), and none met its condition",
            id="spared by the dice",
        ),
        pytest.param(
            [refund(15, client="shopper-web"), at(15, call(system="payments", operation="capture_payment"))],
            "no matching call came",
            id="others' calls and other calls do not match",
        ),
    ],
)
def test_what_came_besides_is_counted(rows: list[Row], missed: str) -> None:
    assert result([ARMED, HEALED, *rows]).missed == missed


def test_of_events_deliveries_count() -> None:
    plan = {"fault": "drop-delivery", "where": "web.order.placed", "seam": "delivery", "changes_only": False}
    found = result([ARMED, HEALED, at(15, told("order.placed"))], **plan)
    assert found.missed == "1 matching event came, all after 14.0 s, when it had healed"


def test_of_one_that_fired_nothing_is_said() -> None:
    found = result([ARMED, mark("fired", 5), HEALED, refund(5)], optional="only a bulk middleware meets it")
    assert (found.fired, found.missed, found.left_out, found.outcome) == (1, None, None, "1")


def test_an_optional_one_that_never_fired_is_left_out_with_its_reason() -> None:
    found = result([ARMED, HEALED], optional="only a bulk middleware meets it")
    assert (found.left_out, found.outcome) == (
        "only a bulk middleware meets it",
        "left out: only a bulk middleware meets it",
    )


def test_an_optional_one_that_was_never_armed_is_not_excused() -> None:
    assert result([], optional="only a bulk middleware meets it").left_out is None


def test_one_that_the_run_left_out_says_why() -> None:
    found = result([], left_out="the middleware's flows never call payments (sut.flows)")
    assert (found.armed, found.left_out) == (0, "the middleware's flows never call payments (sut.flows)")
