"""Key figures as people read them: units that fit, digits that count, percentiles side by side."""

from collections.abc import Mapping, Sequence

import pytest

from peakproof.verdict.render.figures import FigureRow, figure_rows, side_by_side, three_digits
from peakproof.verdict.render.wording import counted
from peakproof.verdict.result import KpiValue, RunFacts, Validity, Verdict


@pytest.mark.parametrize(
    ("values", "unit", "shown"),
    [
        pytest.param([0.069, 0.8227, 0.8565], "s", "69.0 · 823 · 856 ms", id="all under a second"),
        pytest.param([0.069, 4.001, 12.34], "s", "0.069 · 4.00 · 12.3 s", id="over a second"),
        pytest.param([0.7599, None, None], "s", "760 · ? · ? ms", id="too few for the higher ones"),
        pytest.param([None, None], "s", "", id="nothing at all"),
        pytest.param([0.2721], "ratio", "27.2 %", id="a share"),
        pytest.param([0.0], "ratio", "0 %", id="none of it"),
        pytest.param([1.0], "orders", "1 order", id="one"),
        pytest.param([1825.0], "units", "1,825 units", id="many"),
        pytest.param([242_943.0], "calls per intent", "242,943 calls per intent", id="no exponent"),
    ],
)
def test_values_stand_side_by_side(values: Sequence[float | None], unit: str, shown: str) -> None:
    assert side_by_side(values, unit) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0004, "0.000"), (0.5, "0.50"), (9.876, "9.88"), (12.34, "12.3"), (4001.2, "4,001")],
)
def test_about_three_digits_count(value: float, shown: str) -> None:
    assert three_digits(value) == shown


@pytest.mark.parametrize(("number", "shown"), [(0, "0 orders"), (1, "1 order"), (1200, "1,200 orders")])
def test_one_is_no_plural(number: int, shown: str) -> None:
    assert counted(number, "order") == shown


def kpi(
    name: str,
    value: float | None,
    count: int = 9,
    by_channel: Mapping[str, tuple[float | None, int]] | None = None,
    reason: str | None = None,
) -> KpiValue:
    return KpiValue(name, value, "s", count, "lower", "What it is.", "effects", by_channel or {}, reason)


def rows_of(*kpis: KpiValue) -> list[FigureRow]:
    return figure_rows(
        Verdict(RunFacts("r", None, None, None, None, None), "pass", (), Validity(), (), kpis, (), (), {})
    )


def test_percentiles_of_one_thing_are_one_row() -> None:
    (row,) = rows_of(
        kpi("order_sync_latency_p50", 1.078, by_channel={"bazaar": (0.9, 5), "web": (1.1, 4)}),
        kpi("order_sync_latency_p95", None, by_channel={"bazaar": (None, 5)}),
    )
    assert row == FigureRow("order sync latency", "1.08 · ? s", ("900 · ? ms", "1.10 · ? s"), "What it is.")


def test_what_a_figure_is_split_by_stands_beneath_it_the_greatest_first() -> None:
    split: Mapping[str, Mapping[str, tuple[float | None, int]]] = {
        "reason": {"timeout": (2.0, 2), "unknown_item": (5.0, 5)},
        "system": {"erp": (None, 1)},
    }
    (row,) = rows_of(KpiValue("parked_exceptions", 7.0, "orders", 7, "lower", "", "", parts=split))
    assert row.parts == (
        ("reason", "unknown_item", "5 orders"),
        ("reason", "timeout", "2 orders"),
        ("system", "erp", "?"),
    )


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        pytest.param(kpi("stock_sync_latency_p50", None, count=0), "too few (0)", id="no samples"),
        pytest.param(kpi("recovery_time", None, count=0), "too few (0)", id="no outage"),
        pytest.param(kpi("recovery_time", None, count=1), "never", id="an outage without an end"),
        pytest.param(kpi("recovery_time", None, reason="no such table"), "failed", id="a broken query"),
    ],
)
def test_a_figure_without_a_value_says_why(figure: KpiValue, shown: str) -> None:
    (row,) = rows_of(figure)
    assert row.overall == shown
