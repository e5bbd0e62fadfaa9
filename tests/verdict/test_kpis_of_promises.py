"""Key figures of promises, exceptions and agreement: literal histories."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest

from peakproof.history.records import Effect
from peakproof.verdict.judge import judge_history
from peakproof.verdict.kpi import HOME, Kpi, note_invariants, note_objectives
from peakproof.verdict.result import InvariantResult, KpiValue, ObjectiveResult

from .histories import (
    Row,
    accepted,
    at,
    booked,
    cancelled,
    channel_told,
    document,
    effect,
    failed,
    history_of,
    no_reply,
    parked,
    posted,
    refund_confirmed,
    refused,
    rejected,
    return_received,
    shipped,
    unfillable,
)


def measured(kpi: str, rows: Sequence[Row], flows: tuple[str, ...] = ()) -> KpiValue:
    """Its first figure."""
    with history_of(rows, run={"settled": True, "flows": list(flows)}) as history:
        return Kpi.of_file(HOME / f"{kpi}.sql").take(history)[0]


def promised_by(order: str, ship_by: str, channel: str = "web") -> Effect:
    """An order of two mugs and a tea, to leave by then; the run began on 26 November 2025 at 23:33:20."""
    row = accepted(order, channel=channel)
    return msgspec.structs.replace(row, data={**(row.data or {}), "ship_by": ship_by})


SOON = "2025-11-26T23:34:20Z"
"""A minute into the run."""


@pytest.mark.parametrize(
    ("rows", "share", "count"),
    [
        pytest.param([], None, 0, id="nobody was promised anything"),
        pytest.param([promised_by("A", SOON), at(59, shipped())], 0.0, 1, id="in time"),
        pytest.param([promised_by("A", SOON), at(61, shipped())], 1.0, 1, id="a second late"),
        pytest.param(
            [promised_by("A", SOON), at(9, shipped(lines=[("1", "mug", 2, None)])), at(70, posted())],
            1.0,
            1,
            id="a part never left",
        ),
        pytest.param([promised_by("A", SOON), at(30, posted())], None, 0, id="there is time left"),
        pytest.param([promised_by("A", SOON), at(70, posted())], 1.0, 1, id="nothing left at all"),
        pytest.param([promised_by("A", SOON), at(70, cancelled())], None, 0, id="cancelled"),
        pytest.param(
            [
                promised_by("A", SOON),
                at(9, shipped(lines=[("1", "mug", 2, None)])),
                effect("web", "lines_cancelled", order_ref="A", lines=[("2", "tea", 1, None)]),
                at(70, posted()),
            ],
            0.0,
            1,
            id="the rest was cancelled",
        ),
    ],
)
def test_late_to_promise_is_what_leaves_after_the_date_or_never(
    rows: list[Row], share: float | None, count: int
) -> None:
    figure = measured("late_to_promise", rows)
    assert (figure.reason, figure.value, figure.count) == (None, share, count)


def test_late_to_promise_is_said_of_each_channel() -> None:
    rows = [promised_by("A", SOON), at(9, shipped()), promised_by("B", SOON, "bazaar"), at(70, shipped("B"))]
    assert measured("late_to_promise", rows).by_channel == {"bazaar": (1.0, 1), "web": (0.0, 1)}


def test_an_order_ages_until_it_is_shipped_cancelled_or_the_record_ends() -> None:
    done = msgspec.structs.replace(channel_told("A"), status="shipped")
    part = msgspec.structs.replace(channel_told("B"), status="partially_shipped")
    rows = [
        at(0, accepted("A")),
        at(4, done),
        at(0, accepted("B")),
        at(5, part),
        at(0, accepted("C")),
        at(1, cancelled("C")),
        at(10, effect("erp", "item_known", sku="mug")),
    ]
    assert (measured("order_age", rows).value, measured("order_age", rows).count) == (4.0, 3)
    assert measured("order_age", rows[2:4]).value == 5.0, "a part leaves it open"
    assert measured("order_age", []).value is None


@pytest.mark.parametrize(
    ("flows", "age"), [(("order-to-erp",), 3.0), (("order-to-ship",), 8.0), (("cancel",), 8.0)]
)
def test_where_only_the_way_to_the_erp_is_judged_an_order_closes_when_it_is_posted(
    flows: tuple[str, ...], age: float
) -> None:
    rows = [at(0, accepted()), at(3, posted()), at(8, effect("erp", "item_known", sku="mug"))]
    assert measured("order_age", rows, flows).value == age


def test_the_highest_percentiles_of_order_age_need_their_samples() -> None:
    rows: list[Row] = [at(0, accepted(f"{n}")) for n in range(20)]
    with history_of([*rows, at(6, posted())]) as history:
        figures = Kpi.of_file(HOME / "order_age.sql").take(history)
    assert [(one.name, one.value, one.count) for one in figures] == [
        ("order_age_p50", 6.0, 20),
        ("order_age_p95", 6.0, 20),
        ("order_age_p99", None, 20),
    ]


def test_exception_volume_is_counted_by_reason_and_by_system() -> None:
    rows: list[Row] = [
        accepted(),
        failed(),
        failed(),
        refused(),
        no_reply(operation="create_fulfilment", system="wms"),
        rejected(),
        accepted("B", channel="bazaar"),
        failed(order="B"),
    ]
    figure = measured("exception_volume", rows)
    assert figure.value == 6
    assert figure.by_channel == {"bazaar": (1.0, 1), "web": (5.0, 5)}
    assert figure.parts["reason"] == {
        "no_answer": (1.0, 1),
        "unavailable": (3.0, 3),
        "unknown_item": (2.0, 2),
    }
    assert figure.parts["system"] == {"erp": (5.0, 5), "wms": (1.0, 1)}


def test_nothing_that_went_wrong_is_no_exception_rather_than_an_unknown_number() -> None:
    figure = measured("exception_volume", [accepted(), booked()])
    assert (figure.value, figure.parts) == (0.0, {"reason": {}, "system": {}})


def test_parked_exceptions_are_counted_by_the_last_refusal_of_their_order() -> None:
    rows: list[Row] = [
        accepted("A"),
        failed(order="A"),
        refused(order="A"),
        parked("A"),
        accepted("B"),
        rejected("B", cause="credit_limit 400"),
        parked("B", reason="ask Zoë"),
        accepted("C"),
        parked("C"),
    ]
    assert measured("parked_exceptions", rows).parts == {
        "reason": {"credit_limit": (1.0, 1), "never_refused": (1.0, 1), "unknown_item": (1.0, 1)}
    }


def test_oversell_rate_is_units_missing_over_units_sold() -> None:
    rows = [accepted(), unfillable(quantity=2), accepted("B", channel="bazaar")]
    figure = measured("oversell_rate", rows)
    assert (figure.value, figure.count) == (0.333333, 6)
    assert figure.by_channel == {"bazaar": (0.0, 3), "web": (0.666667, 3)}


def test_refund_cycle_time_runs_from_the_goods_to_the_confirmed_refund() -> None:
    rows = [at(2, return_received()), at(7, refund_confirmed()), at(8, return_received(ref="RET-2"))]
    figure = measured("refund_cycle_time", rows)
    assert (figure.value, figure.count, figure.by_channel) == (5.0, 1, {"web": (5.0, 1)})


def result(id: str, examined: int, violated: int = 0, indeterminate: int = 0) -> InvariantResult:
    return InvariantResult(
        id, "", "", "", "", "", 1, "holds", examined, violated, indeterminate=indeterminate
    )


def test_reconciliation_accuracy_is_the_share_of_records_that_agree() -> None:
    asked = [
        result("money_balances", 8, 2),
        result("stock_agrees_after_settling", 2, 0, 1),
        result("statuses_agree_after_settling", 0),
        result("no_order_lost", 50, 50),
    ]
    with history_of([]) as history:
        note_invariants(history, asked)
        (figure,) = Kpi.of_file(HOME / "reconciliation_accuracy.sql").take(history)
    assert (figure.value, figure.count, figure.better) == (0.7, 10, "higher")
    assert figure.parts == {"record": {"money": (0.75, 8), "stock": (0.5, 2)}}


def test_priority_inversions_are_the_orders_that_were_overtaken() -> None:
    with history_of([]) as history:
        note_invariants(history, [result("no_priority_inversion", 4, 1)])
        (figure,) = Kpi.of_file(HOME / "priority_inversions.sql").take(history)
        note_invariants(history, [])
        (nothing,) = Kpi.of_file(HOME / "priority_inversions.sql").take(history)
    assert (figure.value, figure.count) == (0.25, 4)
    assert nothing.value is None, "nothing examined is not a share of none"


def test_adherence_counts_each_objective_over_all_and_on_each_channel() -> None:
    met = ObjectiveResult("a <= 1", "a", 0.5, True, {"web": True, "bazaar": False})
    unsaid = replace(met, met=None, value=None, by_channel={})
    with history_of([]) as history:
        note_objectives(history, [met, unsaid])
        (figure,) = Kpi.of_file(HOME / "objective_adherence.sql").take(history)
    assert (figure.value, figure.count) == (0.5, 4)
    assert figure.by_channel == {"bazaar": (0.0, 1), "web": (1.0, 1)}


def test_what_judging_found_reaches_the_figures_about_it() -> None:
    rows: list[Row] = [
        at(0, accepted("A")),
        at(2, posted("A")),
        at(0, accepted("B", channel="bazaar")),
        at(9, posted("B")),
        document("web", "order", "shipped"),
        document("erp", "sales_order", "received"),
    ]
    wanted = ["order_sync_latency_p50 < 6s", "objective_adherence[web] >= 100%", "objective_adherence >= 1"]
    with history_of(rows) as history:
        verdict = judge_history(history, objectives=wanted)
        again = judge_history(history, objectives=wanted)
    figures = {one.name: one for one in verdict.kpis}
    assert figures["objective_adherence"].by_channel == {"bazaar": (0.0, 1), "web": (1.0, 1)}
    assert [one.met for one in verdict.objectives] == [True, True, False]
    assert figures["reconciliation_accuracy"].parts["record"]["status"][1] == 2
    assert again.kpis == verdict.kpis, "a second look at the same history sees the same"
