"""Key figures: literal histories, and silence where there are too few samples."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from peakproof.history.records import FaultMark, WorkloadItem
from peakproof.verdict.errors import HeaderError, ObjectiveError
from peakproof.verdict.kpi import HOME, Kpi, catalogue
from peakproof.verdict.objective import Objective
from peakproof.verdict.result import KpiValue

from .histories import (
    Row,
    accepted,
    at,
    before_run,
    booked,
    call,
    cancelled,
    computed,
    created,
    credit_posted,
    failed,
    history_of,
    listed,
    moved,
    no_reply,
    parked,
    posted,
    price_set,
    refund_confirmed,
    refunded,
    requested,
    return_requested,
    shipped,
    stock_set,
    unfillable,
)


def measured(kpi: str, rows: Sequence[Row]) -> dict[str, KpiValue]:
    with history_of(rows) as history:
        return {figure.name: figure for figure in Kpi.of_file(HOME / f"{kpi}.sql").take(history)}


def mark(second: float, word: str) -> Row:
    return at(second, FaultMark(at_ns=0, injection="i1", fault="outage", mark=word, system="erp"))


def test_every_key_figure_works_on_nothing() -> None:
    with history_of([]) as history:
        figures = [figure for kpi in catalogue() for figure in kpi.take(history)]
    assert [figure.name for figure in figures if figure.reason] == []
    assert {figure.value for figure in figures} <= {None, 0}


def test_order_sync_latency_runs_from_placed_to_posted() -> None:
    rows = [at(0, accepted()), at(1, booked()), at(3, posted()), at(9, accepted("B"))]
    figures = measured("order_sync_latency", rows)
    assert (figures["order_sync_latency_p50"].value, figures["order_sync_latency_p50"].count) == (3.0, 1)
    assert figures["order_sync_latency_p50"].by_channel == {"web": (3.0, 1)}


def test_a_percentile_is_not_said_of_too_few_samples() -> None:
    rows: list[Row] = [row for n in range(20) for row in (at(0, accepted(f"{n}")), at(n, posted(f"{n}")))]
    figures = measured("order_sync_latency", rows)
    assert figures["order_sync_latency_p50"].value == 9.5
    assert figures["order_sync_latency_p95"].value == pytest.approx(18.05)
    assert figures["order_sync_latency_p99"].value is None


def test_orders_from_before_the_run_do_not_count() -> None:
    figures = measured("order_sync_latency", [before_run(accepted()), before_run(posted())])
    assert figures["order_sync_latency_p50"].value is None


def test_order_release_latency_runs_to_the_first_request() -> None:
    rows = [at(0, accepted()), at(4, requested()), at(6, requested(document="FUL-2"))]
    assert measured("order_release_latency", rows)["order_release_latency_p50"].value == 4.0


def test_stock_sync_latency_ends_with_this_version_or_a_newer_one() -> None:
    rows = [
        at(0, moved(-1, 9, version=1)),
        at(1, moved(-1, 8, version=2)),
        at(3, stock_set(8, version=2)),
        at(5, stock_set(9, version=1)),
        at(6, moved(-1, 7, version=3)),
    ]
    figure = measured("stock_sync_latency", rows)["stock_sync_latency_p50"]
    assert (figure.value, figure.count) == (2.5, 2)


def test_availability_publish_latency_is_taken_for_each_channel() -> None:
    rows = [at(0, computed(7)), at(1, listed(7)), at(3, listed(7, channel="bazaar"))]
    figure = measured("availability_publish_latency", rows)["availability_publish_latency_p50"]
    assert figure.by_channel == {"bazaar": (3.0, 1), "web": (1.0, 1)}


def test_return_cycle_time_runs_to_the_confirmed_refund() -> None:
    rows = [at(0, return_requested()), at(8, refund_confirmed())]
    assert measured("return_cycle_time", rows)["return_cycle_time_p50"].value == 8.0


def test_order_fallout_rate_counts_what_did_not_get_through_by_itself() -> None:
    rows: list[Row] = [
        accepted("A"),
        posted("A"),
        accepted("B"),
        cancelled("B"),
        accepted("C"),
        parked("C"),
        accepted("D"),
    ]
    figure = measured("order_fallout_rate", rows)["order_fallout_rate"]
    assert (figure.value, figure.count) == (0.5, 4)


def test_duplicate_rate_counts_documents_too_many() -> None:
    rows = [accepted("A"), created("A"), booked("A"), booked("A"), accepted("B"), booked("B")]
    assert measured("duplicate_rate", rows)["duplicate_rate"].value == 0.5


def test_oversold_units_are_what_was_missing() -> None:
    rows = [accepted(), unfillable(quantity=3), accepted("B", channel="bazaar"), unfillable("B")]
    figure = measured("oversold_units", rows)["oversold_units"]
    assert figure.value == 4
    assert figure.by_channel == {"bazaar": (1.0, 1), "web": (3.0, 1)}


def test_parked_exceptions_are_counted_by_channel() -> None:
    assert measured("parked_exceptions", [accepted(), parked()])["parked_exceptions"].by_channel == {
        "web": (1.0, 1)
    }


def test_retry_amplification_is_calls_over_intents() -> None:
    rows = [no_reply(), no_reply(), call(), call(order="B"), call("get_order", changes=False)]
    assert measured("retry_amplification", rows)["retry_amplification"].value == 2.0


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([accepted(), posted()], None, id="no outage"),
        pytest.param([mark(0, "armed"), mark(9, "healed")], None, id="an outage that nobody felt"),
        pytest.param(
            [mark(10, "armed"), mark(11, "fired"), at(12, accepted()), mark(20, "healed"), at(26, posted())],
            6.0,
            id="back to none waiting",
        ),
        pytest.param(
            [
                at(1, accepted()),
                mark(10, "armed"),
                mark(11, "fired"),
                at(12, accepted("B")),
                mark(20, "healed"),
                at(23, posted("B")),
            ],
            3.0,
            id="back to the one that waited before",
        ),
        pytest.param(
            [mark(10, "armed"), mark(11, "fired"), at(1, accepted()), at(12, posted()), mark(20, "healed")],
            0.0,
            id="nothing waited when it healed",
        ),
        pytest.param(
            [mark(10, "armed"), mark(11, "fired"), at(12, accepted()), mark(20, "healed")],
            None,
            id="never recovered",
        ),
    ],
)
def test_recovery_time_ends_when_no_more_orders_wait_than_at_the_start(
    rows: list[Row], expected: float | None
) -> None:
    assert measured("recovery_time", rows)["recovery_time"].value == expected


@pytest.mark.parametrize("fault", ["refused", "sut-kill", "sut-pause"])
def test_a_closed_port_and_a_middleware_that_is_struck_are_outages_too(fault: str) -> None:
    def word(second: float, word: str) -> Row:
        return at(second, FaultMark(at_ns=0, injection="i1", fault=fault, mark=word, system="sut"))

    rows = [word(10, "armed"), word(10, "fired"), at(12, accepted()), word(20, "healed"), at(26, posted())]
    assert measured("recovery_time", rows)["recovery_time"].value == 6.0


@pytest.mark.parametrize(
    ("back", "expected", "count"),
    [
        pytest.param([11.0, 15.0], 11.0, 1, id="from when it was ready again, not from an earlier time"),
        pytest.param([15.0, 30.0], 11.0, 1, id="nor from a later one"),
        pytest.param([], None, 0, id="it never came back"),
    ],
)
def test_recovery_from_a_restart_begins_when_it_is_ready_again(
    back: list[float], expected: float | None, count: int
) -> None:
    def word(second: float, word: str) -> Row:
        return at(second, FaultMark(at_ns=0, injection="i1", fault="sut-restart", mark=word, system="sut"))

    ready = [at(second, WorkloadItem(at_ns=0, kind="sut", detail="ready again")) for second in back]
    rows = [
        word(12, "armed"),
        word(12, "fired"),
        at(13, accepted()),
        *ready,
        at(26, posted()),
        word(90, "healed"),
    ]
    figure = measured("recovery_time", rows)["recovery_time"]
    assert (figure.value, figure.count) == (expected, count)


def test_recovery_time_is_said_of_each_outage_and_its_value_is_the_longest() -> None:
    def outage(injection: str, *marks: tuple[float, str]) -> list[Row]:
        return [
            at(second, FaultMark(at_ns=0, injection=injection, fault="outage", mark=word, system="erp"))
            for second, word in marks
        ]

    rows = [
        *outage("erp-outage", (10, "armed"), (11, "fired"), (20, "healed")),
        *outage("wms-outage", (40, "armed"), (41, "fired"), (50, "healed")),
        *outage("unfelt", (60, "armed"), (70, "healed")),
        at(12, accepted()),
        at(26, posted()),
        at(42, accepted("B")),
        at(52, posted("B")),
    ]
    figure = measured("recovery_time", rows)["recovery_time"]
    assert (figure.value, figure.of("erp-outage"), figure.of("wms-outage")) == (6.0, (6.0, 1), (2.0, 1))
    assert figure.document()["by_injection"] == {
        "erp-outage": {"value": 6.0, "count": 1},
        "wms-outage": {"value": 2.0, "count": 1},
    }
    never = measured("recovery_time", [*rows[:3], at(12, accepted())])["recovery_time"]
    assert never.document()["by_injection"] == {"erp-outage": {"value": None, "count": 1}}


@pytest.mark.parametrize(
    ("prices", "orders", "times"),
    [
        pytest.param(100, 20, 3.0, id="three times as long in the storm"),
        pytest.param(99, 20, None, id="too few prices for a storm"),
        pytest.param(100, 19, None, id="too few orders in the storm"),
    ],
)
def test_order_sync_slowdown_compares_orders_in_a_storm_of_prices_with_all_others(
    prices: int, orders: int, times: float | None
) -> None:
    storm: list[Row] = [at(10 + n / 100, price_set("1.00", version=n)) for n in range(prices)]
    storm[-1] = at(20, storm[-1])
    before: list[Row] = [row for n in range(20) for row in (at(1, accepted(f"A{n}")), at(2, posted(f"A{n}")))]
    meanwhile: list[Row] = [
        row for n in range(orders) for row in (at(15, accepted(f"B{n}")), at(18, posted(f"B{n}")))
    ]
    figure = measured("order_sync_slowdown", [*storm, *before, *meanwhile])["order_sync_slowdown"]
    assert (figure.value, figure.reason) == (times, None)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("order_sync_latency_p50 <= 3", True),
        ("order_sync_latency_p50 < 3", False),
        ("order_sync_latency_p50 >= 3.5", False),
        ("order_sync_latency_p99 <= 3", None),
    ],
)
def test_an_objective_is_met_missed_or_cannot_be_said(text: str, met: bool | None) -> None:
    figures = measured("order_sync_latency", [at(0, accepted()), at(3, posted())])
    assert Objective.of_text(text).check(figures.values()).met is met


def test_an_objective_of_another_form_is_named() -> None:
    with pytest.raises(ObjectiveError, match="cannot be read"):
        Objective.of_text("be fast")


def test_an_objective_on_an_unknown_figure_names_the_nearest() -> None:
    figures = measured("order_sync_latency", [])
    with pytest.raises(ObjectiveError, match="nearest: order_sync_latency_p95"):
        Objective.of_text("order_sink_latency_p95 <= 5").check(figures.values())


def test_a_percentile_without_its_fewest_samples_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    text = (HOME / "order_sync_latency.sql").read_text().replace("50:1", "50")
    path.write_text(text)
    with pytest.raises(HeaderError, match="50:1"):
        Kpi.of_file(path)


def test_fulfilment_latency_runs_to_the_first_parcel() -> None:
    rows = [at(0, accepted()), at(5, shipped(lines=[], short=[("1", 1)])), at(7, shipped()), at(9, shipped())]
    assert measured("fulfilment_latency", rows)["fulfilment_latency_p50"].value == 7.0


def test_integration_failure_rate_counts_changes_that_did_not_surely_succeed() -> None:
    rows: list[Row] = [call(), call(order="B"), no_reply(order="C"), failed(order="D"), call(changes=False)]
    figure = measured("integration_failure_rate", rows)["integration_failure_rate"]
    assert (figure.value, figure.count) == (0.5, 4)


def test_manual_touch_rate_is_the_share_of_parked_orders() -> None:
    rows: list[Row] = [accepted("A"), accepted("B"), accepted("C"), accepted("D"), parked("D")]
    assert measured("manual_touch_rate", rows)["manual_touch_rate"].value == 0.25


def test_inventory_variance_adds_up_what_is_listed_wrongly() -> None:
    rows = [computed(7, version=1), computed(5, version=2), listed(5, version=2), listed(7, channel="bazaar")]
    figure = measured("inventory_variance", rows)["inventory_variance"]
    assert figure.value == 2
    assert figure.by_channel == {"bazaar": (2.0, 1), "web": (0.0, 1)}


def test_refunds_before_credit_counts_those_without_one_too() -> None:
    rows = [
        accepted(),
        refunded(),
        credit_posted(),
        refunded(ref="RET-2"),
        credit_posted(ref="RET-3"),
        refunded(ref="RET-3"),
    ]
    assert measured("refunds_before_credit", rows)["refunds_before_credit"].value == 2


def test_orders_without_reservation_are_those_that_cannot_be_filled() -> None:
    rows = [accepted("A"), unfillable("A"), accepted("B")]
    assert measured("orders_without_reservation", rows)["orders_without_reservation"].value == 0.5


def act(kind: str, due_s: int, sent_s: int, replied_s: int | None) -> WorkloadItem:
    """What a shopper meant to do, did, and had an answer to, in seconds of the run."""
    due_ns, sent_ns, replied_ns = (None if one is None else one * 10**9 for one in (due_s, sent_s, replied_s))
    return WorkloadItem(at_ns=sent_ns or 0, kind=kind, due_ns=due_ns, replied_ns=replied_ns, channel="web")


def test_checkout_latency_counts_from_the_intended_start_and_only_checkouts() -> None:
    rows = [act("order", 1, 3, 4), act("price_look", 1, 1, 9), act("order", 1, 1, None)]
    figure = measured("checkout_latency", rows)["checkout_latency_p50"]
    assert (figure.value, figure.count, dict(figure.by_channel)) == (3, 1, {"web": (3, 1)})


def test_generator_lateness_is_how_late_shoppers_are_and_not_the_back_office() -> None:
    rows = [act("order", 1, 3, 4), act("price_look", 1, 1, 9), act("receipt", 1, 60, None)]
    figures = measured("generator_lateness", rows)
    assert (figures["generator_lateness_p50"].value, figures["generator_lateness_p50"].count) == (1, 2)
    assert figures["generator_lateness_p99"].value is None, "two are too few to say it"
