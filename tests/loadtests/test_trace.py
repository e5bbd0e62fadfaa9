"""Reading real orders: what counts as a line, and what is wrong with a bad file."""

import gzip
import re
from decimal import Decimal
from pathlib import Path

import pytest

from peakproof.loadtests.trace import Correction, Trace, TraceError, TraceLine

HEADER = "order_id,placed_at,sku,quantity,unit_price,currency,customer_id,country,kind,line_type,cancels_order_id\n"
GOOD = "1,2011-11-17T08:20,22086,10,2.08,GBP,15737,GB,order,item,\n"


def a_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "orders.csv"
    path.write_text(header + "".join(rows), encoding="utf-8")
    return path


def test_the_shipped_day_has_137_orders_of_real_baskets() -> None:
    trace = Trace.shipped()
    assert len(trace.orders) == 137
    assert sum(len(order.lines) for order in trace.orders) == 3559
    assert sum(len({line.sku for line in order.lines}) < len(order.lines) for order in trace.orders) == 17
    assert {order.country for order in trace.orders} >= {"GB", "DE", "JP", "XC"}
    assert len(trace.corrections) == 83


def test_the_first_order_is_the_real_one() -> None:
    first = Trace.shipped().orders[0]
    assert (first.order_id, first.customer_id, first.country) == ("576892", "15737", "GB")
    assert first.lines[0] == TraceLine("23343", 10, Decimal("2.08"))
    assert 8 * 3600 + 20 * 60 <= first.at_s < 8 * 3600 + 21 * 60


def test_the_second_inside_the_minute_is_seeded() -> None:
    assert Trace.shipped(seed=1) == Trace.shipped(seed=1)
    assert Trace.shipped(seed=1).orders != Trace.shipped(seed=2).orders
    moments = [order.at_s for order in Trace.shipped(seed=1).orders]
    assert moments == sorted(moments)


def test_items_and_manual_lines_are_the_basket_and_postage_is_the_shipping(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        GOOD,
        "1,2011-11-17T08:20,M,2,0.29,GBP,15737,GB,order,manual,\n",
        "1,2011-11-17T08:20,POST,2,18.00,GBP,15737,GB,order,shipping,\n",
        "1,2011-11-17T08:20,DOT,1,6.95,GBP,15737,GB,order,shipping,\n",
        "1,2011-11-17T08:20,D,1,5.00,GBP,15737,GB,order,discount,\n",
        "1,2011-11-17T08:20,22087,0,5.00,GBP,15737,GB,order,item,\n",
        "C2,2011-11-17T08:21,22086,-10,2.08,GBP,15737,GB,cancellation,item,1\n",
        "3,2011-11-17T08:22,POST,1,18.00,GBP,,ZZ,order,shipping,\n",
    )
    (order,) = Trace.from_path(path).orders
    assert order.lines == (TraceLine("22086", 10, Decimal("2.08")), TraceLine("M", 2, Decimal("0.29")))
    assert order.shipping == Decimal("42.95")


def test_a_gzipped_season_can_be_read_as_a_whole_or_by_the_day(tmp_path: Path) -> None:
    path = tmp_path / "season.csv.gz"
    text = HEADER + GOOD + GOOD.replace("1,2011-11-17", "2,2011-11-18")
    path.write_bytes(gzip.compress(text.encode()))
    assert [order.order_id for order in Trace.from_path(path).orders] == ["1", "2"]
    assert [order.at_s // 3600 for order in Trace.from_path(path).orders] == [8, 32]
    (second,) = Trace.from_path(path, day="2011-11-18").orders
    assert second.at_s // 3600 == 8


@pytest.mark.parametrize(
    ("correction", "cause"),
    [
        (Correction("1", -5, "damages"), "damage"),
        (Correction("1", -5, "wet rusty"), "damage"),
        (Correction("1", -5, "check"), "count"),
        (Correction("1", 5, "found"), "count"),
        (Correction("1", 5, "damaged box found"), "count"),
        (Correction("1", 5, ""), "count"),
    ],
)
def test_a_corrections_note_says_its_cause(correction: Correction, cause: str) -> None:
    assert correction.cause == cause


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",10,", ",ten,", "quantity must be a whole number of at most 9 digits, got 'ten'"),
        (",10,", ",1e3,", "quantity must be a whole number of at most 9 digits, got '1e3'"),
        (",10,", ",99999999999,", "quantity must be a whole number of at most 9 digits, got '99999999999'"),
        (",2.08,", ",2;08,", "unit_price must be a decimal from 0 up, got '2;08'"),
        (",2.08,", ",-1,", "unit_price must be a decimal from 0 up, got '-1'"),
        (",2.08,", ",NaN,", "unit_price must be a decimal from 0 up, got 'NaN'"),
        (",GBP,", ",EUR,", "currency must be one of GBP, got 'EUR'"),
        (
            ",GB,",
            ",Great Britain,",
            "country must be two capital letters (ISO 3166-1, or XC, ZZ), got 'Great Britain'",
        ),
        (",order,", ",ordre,", "kind must be one of order, cancellation, got 'ordre'"),
        ("T08:20", " at 8", "placed_at must be a time like 2011-11-17T08:20, got '2011-11-17 at 8'"),
        (
            "T08:20",
            "T08:20Z",
            "placed_at must be a local time without a zone, like 2011-11-17T08:20, got '2011-11-17T08:20Z'",
        ),
        (",22086,", ",,", "sku must be filled in, got ''"),
        (
            ",item,",
            ",thing,",
            "line_type must be one of item, shipping, manual, discount, sample, voucher, got 'thing'",
        ),
        (",GBP,15737,GB,order,item,", "", "has fewer cells than the header has columns"),
    ],
)
def test_a_bad_row_is_named_by_file_line_column_and_value(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = a_file(tmp_path, GOOD, GOOD.replace(old, new, 1))
    with pytest.raises(TraceError, match=f"^{re.escape(f'{path}:3: {message}')}$"):
        Trace.from_path(path)


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    with pytest.raises(
        TraceError, match=r"missing\.csv: no such file; give the path of a CSV or CSV\.gz of orders$"
    ):
        Trace.from_path(missing)
    with pytest.raises(TraceError, match="cannot be read: "):
        Trace.from_path(tmp_path)
    with pytest.raises(TraceError, match=r":1: lacks the column 'placed_at' \(needed: order_id, placed_at, "):
        Trace.from_path(a_file(tmp_path, header="order_id,sku\n"))
    with pytest.raises(TraceError, match=r"has no orders with merchandise$"):
        Trace.from_path(a_file(tmp_path))
    with pytest.raises(
        TraceError, match=r"has no orders on '2011-12-24'; it holds 2011-11-17 to 2011-11-17$"
    ):
        Trace.from_path(a_file(tmp_path, GOOD), day="2011-12-24")


@pytest.mark.parametrize(
    "content", [b"not gzip", gzip.compress(HEADER.encode() * 50)[:60]], ids=["no gzip", "cut off"]
)
def test_a_broken_gzip_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(content)
    with pytest.raises(TraceError, match="cannot be read: "):
        Trace.from_path(path)


def test_another_encoding_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes((HEADER + GOOD).encode() + "Tür\n".encode("latin-1"))
    with pytest.raises(TraceError, match=r"is not UTF-8; save it as UTF-8$"):
        Trace.from_path(path)
