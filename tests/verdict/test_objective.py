"""Objectives: their form, their units, parts of a figure, and why one could not be said."""

import pytest

from peakproof.verdict.errors import ObjectiveError
from peakproof.verdict.objective import Objective
from peakproof.verdict.result import KpiValue, ObjectiveResult

LATENCY = KpiValue(
    "order_sync_latency_p95", 30.0, "s", 40, "lower", "", "", {"web": (12.0, 25), "bazaar": (None, 15)}
)
SHARE = KpiValue(
    "manual_touch_rate", 0.57, "ratio", 100, "lower", "", "", {"web": (0.4, 60)}, measure="share"
)
PARKED = KpiValue(
    "parked_exceptions",
    4.0,
    "orders",
    4,
    "lower",
    "",
    "",
    {"bazaar": (4.0, 4)},
    parts={"reason": {"unknown_item": (4.0, 4)}},
    measure="total",
)
OUTAGE = KpiValue(
    "recovery_time", None, "s", 2, "lower", "", "", parts={"injection": {"i1": (3.0, 1)}}, measure="longest"
)
FIGURES = (LATENCY, SHARE, PARKED, OUTAGE)


def checked(text: str) -> ObjectiveResult:
    return Objective.of_text(text).check(FIGURES)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("order_sync_latency_p95 <= 30", True),
        ("order_sync_latency_p95 < 30s", False),
        ("order_sync_latency_p95<=30000 ms", True),
        ("order_sync_latency_p95 < 29999ms", False),
        ("order_sync_latency_p95 <= 0.5 min", True),
        ("order_sync_latency_p95 < 1 hour", True),
        ("manual_touch_rate <= 57%", True),
        ("manual_touch_rate <= 57 percent", True),
        ("manual_touch_rate < .57", False),
        ("manual_touch_rate >= 0.57 ratio", True),
        ("parked_exceptions <= 4 orders", True),
        ("parked_exceptions <= 3", False),
        ("parked_exceptions > 1 order", True),
        ("order_sync_latency_p95[web] < 12.5 s", True),
        ("order_sync_latency_p95[ web ] < 12 s", False),
        ("parked_exceptions[unknown_item] <= 4", True),
        ("parked_exceptions[timeout] <= 0", True),
        ("parked_exceptions[web] <= 0", True),
        ("recovery_time[i1] <= 3s", True),
    ],
)
def test_a_threshold_is_compared_in_the_figures_own_unit(text: str, met: bool) -> None:
    assert checked(text).met is met


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("recovery_time < 60s", "that never came"),
        ("order_sync_latency_p95[bazaar] < 60s", "there were too few samples (15)"),
        ("order_sync_latency_p95[wbe] < 60s", "it is not measured of 'wbe', but of bazaar, web"),
        ("recovery_time[i2] < 60s", "it is not measured of 'i2', but of i1"),
        ("manual_touch_rate[bazaar] < 1%", "it is not measured of 'bazaar', but of web"),
    ],
)
def test_a_figure_that_cannot_be_said_has_not_met_it_and_it_is_said_why(text: str, why: str) -> None:
    result = checked(text)
    assert (result.value, result.met, result.said) == (None, None, why)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("be fast", "cannot be read; expected e.g. 'order_sync_latency_p95 <= 5s'"),
        ("order_sync_latency_p95 = 5", "cannot be read"),
        ("order_sync_latency_p95 < 1.2.3", "cannot be read"),
        ("order_sync_latency_p95 < -1", "cannot be read"),
        ("order_sync_latency_p95[] < 5", "cannot be read"),
        ("order_sync_latency_p95 < 5 s or so...", "cannot be read"),
        ("order_sync_p95 < 30s", "there is no key figure 'order_sync_p95'; nearest: order_sync_latency_p95"),
        ("order_sync_latency_p95 < 30 furlongs", "cannot be given in 'furlongs'; expected ms, s, min or h"),
        ("order_sync_latency_p95 < 5%", "cannot be given in '%'; expected ms, s, min or h"),
        ("manual_touch_rate < 5 s", "cannot be given in 's'; expected %, or a ratio such as 0.05"),
        ("parked_exceptions < 5 %", "cannot be given in '%'; expected orders"),
        ("manual_touch_rate < 5", "is a share between 0 and 1, got 5; write 5% or 0.05"),
    ],
)
def test_what_cannot_be_meant_is_one_line_that_says_what_can(text: str, complaint: str) -> None:
    with pytest.raises(ObjectiveError) as raised:
        checked(text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_it_says_of_each_channel_whether_it_alone_would_meet_it() -> None:
    assert checked("manual_touch_rate < 50%").by_channel == {"web": True}
    assert checked("order_sync_latency_p95[web] < 50s").by_channel == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("order_sync_latency_p95<30s", "order_sync_latency_p95 < 30 s"),
        (" manual_touch_rate <=  5 % ", "manual_touch_rate <= 5%"),
        ("parked_exceptions[unknown_item] <= 1000000", "parked_exceptions[unknown_item] <= 1000000"),
    ],
)
def test_it_is_shown_as_it_was_meant(text: str, shown: str) -> None:
    assert str(Objective.of_text(text)) == shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("manual_touch_rate < 5%", "it was 57 %"),
        ("order_sync_latency_p95 < 5 s", "it was 30 s"),
        ("parked_exceptions[web] < 1", "it was 0 orders"),
    ],
)
def test_what_the_figure_was_is_said_with_its_unit(text: str, said: str) -> None:
    assert checked(text).said == said
