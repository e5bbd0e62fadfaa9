"""Objectives that are broken beyond repair: when that is known, and when it is not known yet."""

from collections.abc import Sequence

import pytest

from peakproof.history.records import Call, Effect
from peakproof.scenarios.abort import Watched, check_watched, those_to_watch, watched
from peakproof.scenarios.errors import UsageError
from peakproof.simulators.kit.orders import PartLine
from peakproof.verdict.errors import ObjectiveError

SECOND_NS = 1_000_000_000


def effect(at_s: float, kind: str, order_ref: str, **more: object) -> Effect:
    return Effect(
        effect_id=f"{kind}-{order_ref}",
        at_ns=round(at_s * SECOND_NS),
        system="any",
        kind=kind,
        order_ref=order_ref,
        **more,  # type: ignore[arg-type]  # literal fields of a test
    )


def placed(number: int, at_s: float = 0.0) -> Effect:
    return effect(at_s, "order_placed", f"o{number}")


def posted(number: int, at_s: float) -> Effect:
    return effect(at_s, "sales_order_posted", f"o{number}")


def why(objective: str, orders: int, seen: Sequence[Effect], at_s: float) -> str | None:
    watched = Watched(objective, orders)
    for one in seen:
        watched.see(one)
    return watched.why_broken(round(at_s * SECOND_NS))


def late(count: int) -> list[Effect]:
    """So many orders that were posted after 6 s."""
    return [one for number in range(count) for one in (placed(number), posted(number, 6.0))]


def test_one_late_order_more_than_the_percentile_forgives_and_nothing_can_mend_it() -> None:
    goal = "order_sync_latency_p95 <= 5"
    assert why(goal, 101, late(5), 7) is None, (
        "the 95 others may still be quick, and the 96th of 101 is the p95"
    )
    assert why(goal, 101, late(6), 7) == (
        "order_sync_latency_p95 <= 5 cannot be met any more: 6 of at most 101 orders took longer, 0 of them still waiting"
    )


def test_the_median_forgives_half_and_a_p99_one_of_a_hundred() -> None:
    assert why("order_sync_latency_p50 <= 5", 10, late(5), 7) is None
    assert why("order_sync_latency_p50 <= 5", 10, late(6), 7) is not None
    assert why("order_sync_latency_p99 <= 5", 101, late(1), 7) is None
    assert why("order_sync_latency_p99 <= 5", 101, late(2), 7) is not None


def test_an_order_that_waits_too_long_counts_before_it_gets_there() -> None:
    waiting = [placed(1, at_s=0), placed(2, at_s=1)]
    goal = "order_sync_latency_p50 <= 5"
    assert why(goal, 3, waiting, 5) is None
    assert why(goal, 3, waiting, 5.5) is None, "one of three is not half of them"
    assert "2 of at most 3 orders took longer, 2 of them still waiting" in str(why(goal, 3, waiting, 6.5))


def test_it_counts_once_also_when_it_gets_there_in_the_end() -> None:
    watched = Watched("order_sync_latency_p50 <= 5", 3)
    watched.see(placed(1))
    assert watched.why_broken(6 * SECOND_NS) is None
    watched.see(posted(1, 7))
    watched.see(posted(1, 8))
    assert watched.why_broken(9 * SECOND_NS) is None


def test_an_order_that_will_never_get_there_is_no_sample() -> None:
    gone = [
        placed(1),
        placed(2),
        placed(3),
        effect(1, "order_cancelled", "o1"),
        effect(1, "order_unfillable", "o2"),
        effect(1, "sales_order_rejected", "o3", permanent=True),
    ]
    assert why("order_sync_latency_p50 <= 5", 3, gone, 60) is None
    again = [placed(1), placed(2), placed(3), effect(1, "sales_order_rejected", "o1", permanent=False)]
    assert why("order_sync_latency_p50 <= 5", 3, again, 60) is not None


def test_at_the_threshold_it_depends_on_the_sign() -> None:
    exact = [placed(1), posted(1, 5.0)]
    assert why("order_sync_latency_p50 <= 5", 1, exact, 6) is None
    assert why("order_sync_latency_p50 < 5", 1, exact, 6) is not None


def test_orders_from_before_the_run_and_parcels_without_content_are_nobodys() -> None:
    before = effect(0, "order_placed", "o1", actor="before-run")
    assert why("order_sync_latency_p50 <= 5", 1, [before], 60) is None
    empty = [placed(1), effect(1, "shipment_confirmed", "o1", lines=[])]
    assert why("fulfilment_latency_p50 <= 5", 1, empty, 60) is not None
    full = [placed(1), effect(1, "shipment_confirmed", "o1", lines=[("1", "A", 1, None)])]
    assert why("fulfilment_latency_p50 <= 5", 1, full, 60) is None


def call(
    outcome: str,
    *,
    error: str | None = None,
    status: int | None = None,
    changes: bool = True,
    client: str | None = "sut",
) -> Call:
    return Call(
        call_id="c", system="erp", operation="x", subject="s", attempt=1, method="POST", path="/", at_ns=0, replied_ns=0,
        outcome=outcome, changes=changes, error=error, status=status, client=client,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("exception_volume <= 5", False),
        ("exception_volume < 5", True),
        ("exception_volume <= 4", True),
        ("exception_volume[throttled] <= 2", False),
        ("exception_volume[throttled] <= 1", True),
        ("exception_volume[no_answer] < 1", True),
        ("exception_volume[http_503] < 1", True),
        ("exception_volume[period_closed] < 1", True),
        ("exception_volume[order_invalid] <= 0", False),
        ("oversold_units <= 5", False),
        ("oversold_units < 5", True),
    ],
)
def test_what_only_grows_is_too_much_for_good(text: str, broken: bool) -> None:
    one = watched(text, 100)
    assert one.why_broken(0) is None
    for each in (
        call("refused", error="throttled", status=429),
        call("refused", error="throttled", status=429),
        call("unknown"),
        call("unknown", status=503, client=None),
        call("ok", status=201),
        call("refused", error="throttled", changes=False),
        call("refused", error="out_of_stock", client="shopper-web"),
    ):
        one.hear(each)
    one.see(effect(1, "sales_order_rejected", "o1", cause="period_closed until Monday"))
    one.see(
        effect(2, "order_unfillable", "o2", data={"missing": (PartLine("1", "A", 2), PartLine("2", "B", 3))})
    )
    one.see(effect(2, "order_placed", "o3"))
    assert (one.why_broken(0) is not None) == broken


def test_it_says_how_much_it_is() -> None:
    one = watched("exception_volume[throttled] <= 0", 100)
    one.hear(call("refused", error="throttled", status=429))
    assert one.why_broken(0) == (
        "exception_volume[throttled] <= 0 cannot be met any more: it is 1 already and can only grow"
    )


def test_of_a_single_system_it_is_known_at_the_end_only() -> None:
    check_watched(["exception_volume[throttled] <= 3"], ("erp", "web"))
    with pytest.raises(
        UsageError, match=r"of one reason, e\.g\. .*; of a system such as 'web' give --objective"
    ):
        check_watched(["exception_volume[web] <= 3"], ("erp", "web"))


def test_where_systems_have_processes_of_their_own_calls_are_known_at_the_end_only() -> None:
    check_watched(["oversold_units <= 3"], apart=True)
    with pytest.raises(UsageError, match=r"with estate\.processes calls are known at the end only"):
        check_watched(["exception_volume <= 3"], apart=True)
    wanted = [
        "exception_volume <= 3",
        "oversold_units <= 3",
        "exception_volume[web] < 2",
        "checkout_latency_p50 < 1",
    ]
    assert those_to_watch(wanted, ("web",), apart=True) == ["oversold_units <= 3"]
    assert those_to_watch(wanted, ("web",)) == ["exception_volume <= 3", "oversold_units <= 3"]


@pytest.mark.parametrize(
    "text",
    [
        "oversold_units[web] <= 3",
        "exception_volume >= 3",
        "order_sync_latency_p95 > 5",
        "checkout_latency_p95 < 1",
    ],
)
def test_what_cannot_be_known_in_mid_run_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError,
        match=r"^--abort-on '.*': in mid-run only an upper bound is known .* for all else give --objective$",
    ):
        check_watched([text])
    assert those_to_watch([text, "order_release_latency_p50 < 1"]) == ["order_release_latency_p50 < 1"]


def test_what_is_no_objective_is_refused() -> None:
    with pytest.raises(ObjectiveError, match="cannot be read"):
        check_watched(["order_sync_latency_p95"])
