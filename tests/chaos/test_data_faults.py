"""What each fault of data makes of one document: no gate, no server, no clock."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from peakproof.chaos.dice import Dice
from peakproof.chaos.fault import Document, DocumentFault, FaultContext, Leaving
from peakproof.chaos.faults.changed_type import ChangedType
from peakproof.chaos.faults.extra_field import ExtraField
from peakproof.chaos.faults.long_ids import LongIds
from peakproof.chaos.faults.missing_field import MissingField
from peakproof.chaos.faults.naive_timestamps import NaiveTimestamps
from peakproof.chaos.faults.null_for_missing import NullForMissing
from peakproof.chaos.faults.same_second_timestamps import SameSecondTimestamps
from peakproof.chaos.faults.unicode_text import UnicodeText
from peakproof.chaos.faults.unknown_enum_value import UnknownEnumValue


async def no_sleep(seconds: float) -> None:
    raise AssertionError("nothing sleeps here")


CONTEXT = FaultContext(sleep=no_sleep, dice=Dice(7), now=lambda: 0)
LEAVING = Leaving("erp", "list_sales_orders", "sut", attempt=1, is_event=False)


def changed(fault: DocumentFault, document: Document) -> Any:
    """What it makes of a document, which itself stays as it was."""
    before = repr(document)
    result = fault.change(document, LEAVING, CONTEXT)
    assert repr(document) == before
    return result


@pytest.mark.parametrize(
    ("fault", "document", "result"),
    [
        (UnknownEnumValue(), {"id": "1", "status": "posted"}, {"id": "1", "status": "awaiting_review"}),
        (UnknownEnumValue(), {"cause": "count", "on_hand": 4}, {"cause": "awaiting_review", "on_hand": 4}),
        (
            UnknownEnumValue("service_level", "drone"),
            {"service_level": "express"},
            {"service_level": "drone"},
        ),
        (UnknownEnumValue(), {"id": "1"}, None),
        (UnknownEnumValue(), {"status": 1}, None),
        (ExtraField(), {"id": "1"}, {"id": "1", "loyalty_tier": "gold"}),
        (ExtraField("a.b", "x"), {"a": {"c": 1}}, {"a": {"c": 1, "b": "x"}}),
        (ExtraField("lines.b", "x"), {"lines": [{}, {"c": 1}]}, {"lines": [{"b": "x"}, {"c": 1, "b": "x"}]}),
        (ExtraField("a.b"), {"c": 1}, None),
        (ExtraField("id"), {"id": "1"}, None),
        (MissingField(), {"id": "1", "status": "posted"}, {"id": "1"}),
        (
            MissingField(),
            {"ship_to": {"city": "Leeds", "postcode": "LS1"}, "currency": "GBP"},
            {"ship_to": {"city": "Leeds"}, "currency": "GBP"},
        ),
        (MissingField("lines.sku"), {"lines": [{"sku": "1", "n": 2}]}, {"lines": [{"n": 2}]}),
        (MissingField("ship_to.name.first"), {"ship_to": {"name": "Zoë"}}, None),
        (NullForMissing(), {"id": "1", "currency": "GBP"}, {"id": "1", "currency": None}),
        (
            NullForMissing(),
            {"tracking_number": None, "currency": "GBP"},
            {"tracking_number": None, "currency": None},
        ),
        (NullForMissing("total"), {"currency": "GBP"}, None),
        (ChangedType(), {"total": "11.19"}, {"total": 11.19}),
        (ChangedType(), {"on_hand": 4}, {"on_hand": "4"}),
        (ChangedType("version"), {"version": "7"}, {"version": 7}),
        (ChangedType("sellable"), {"sellable": True}, {"sellable": "true"}),
        (ChangedType("status"), {"status": "posted"}, {"status": ["posted"]}),
        (ChangedType("lines"), {"lines": [{"sku": "1"}]}, {"lines": {"sku": "1"}}),
        (ChangedType("lines"), {"lines": [1, 2]}, None),
        (ChangedType("rejection"), {"rejection": None}, None),
        (
            SameSecondTimestamps(),
            {"updated_at": "2026-11-27T09:30:00.123456Z", "ship_by": "2026-11-28T09:30:00.5Z"},
            {"updated_at": "2026-11-27T09:30:00Z", "ship_by": "2026-11-28T09:30:00.5Z"},
        ),
        (
            SameSecondTimestamps("ship_by"),
            {"ship_by": "2026-11-28T09:30:00.5Z"},
            {"ship_by": "2026-11-28T09:30:00Z"},
        ),
        (
            SameSecondTimestamps(),
            {"shipments": [{"recorded_at": "2026-11-27T09:30:00.9+01:00"}]},
            {"shipments": [{"recorded_at": "2026-11-27T09:30:00+01:00"}]},
        ),
        (SameSecondTimestamps(), {"updated_at": "2026-11-27T09:30:00Z", "posted_at": None}, None),
        (
            NaiveTimestamps(),
            {"updated_at": "2026-11-27T09:30:00.12Z"},
            {"updated_at": "2026-11-27T09:30:00.12"},
        ),
        (NaiveTimestamps(), {"posted_at": "2026-11-27T09:30:00+01:00"}, {"posted_at": "2026-11-27T09:30:00"}),
        (
            NaiveTimestamps("valid_from"),
            {"valid_from": "2026-11-27T09:30:00Z"},
            {"valid_from": "2026-11-27T09:30:00"},
        ),
        (NaiveTimestamps(), {"updated_at": "2026-11-27T09:30:00", "at": "2026-11-27T09:30:00Z"}, None),
    ],
)
def test_a_document_is_changed_in_the_field_that_is_meant(
    fault: DocumentFault, document: Document, result: Document | None
) -> None:
    assert changed(fault, document) == result


def test_a_page_and_the_answer_to_a_bulk_call_are_changed_item_by_item() -> None:
    fault = UnknownEnumValue()
    page = {"items": [{"status": "posted"}, {"cause": "count"}, {"id": 1}], "next_cursor": "2s"}
    assert changed(fault, page) == {
        "items": [{"status": "awaiting_review"}, {"cause": "awaiting_review"}, {"id": 1}],
        "next_cursor": "2s",
    }
    assert changed(ExtraField(), {"results": [{"index": 0}]}) == {
        "results": [{"index": 0, "loyalty_tier": "gold"}]
    }
    assert changed(fault, {"items": [], "status": "posted"}) is None


def test_a_long_id_is_a_number_that_a_double_cannot_hold_and_always_the_same() -> None:
    first, again, other = (
        changed(LongIds(), {"invoice_id": name, "order_id": "ORD-1"}) for name in ("INV-1", "INV-1", "INV-2")
    )
    assert first == again != other
    number = first["invoice_id"]
    assert number > 2**53
    assert int(float(number)) != number
    assert first["order_id"] == "ORD-1"
    assert number < 2**63


def test_a_number_can_be_a_long_id_and_what_is_neither_text_nor_number_cannot() -> None:
    assert changed(LongIds("version"), {"version": 3})["version"] > 2**53
    assert changed(LongIds("sellable"), {"sellable": True}) is None
    assert changed(LongIds("lines"), {"lines": [{}]}) is None


def test_unicode_text_puts_something_else_behind_each_part() -> None:
    behind = UnicodeText().decision("web-000001", CONTEXT)
    assert set(behind) == {"name", "line1", "city"}
    assert len(set(behind.values())) == 3
    assert any(ord(letter) > 0xFFFF for letter in behind["name"])
    assert "\u0308" in behind["line1"]
    assert "\u05e9" in behind["city"]
    assert len(set(UnicodeText("emoji").decision("web-000001", CONTEXT).values())) == 1


@pytest.mark.parametrize(
    "make",
    [
        UnknownEnumValue,
        ExtraField,
        MissingField,
        NullForMissing,
        ChangedType,
        LongIds,
        SameSecondTimestamps,
        NaiveTimestamps,
    ],
)
@pytest.mark.parametrize("path", ["", "a..b", ".a"])
def test_a_path_that_names_nothing_is_refused(make: Callable[[str], object], path: str) -> None:
    said = re.escape(f"field must be a name or a dotted path like 'ship_to.postcode', got {path!r}")
    with pytest.raises(ValueError, match=f"^{said}$"):
        make(path)


def test_other_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^value must not be empty, got ''$"):
        UnknownEnumValue(value="")
    with pytest.raises(
        ValueError, match=r"^kind must be one of all, emoji, combining, right-to-left, got 'latin'$"
    ):
        UnicodeText("latin")  # type: ignore[arg-type] # on purpose
