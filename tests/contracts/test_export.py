"""From recorded traffic to pacts: what is expected of the next answer, and the state in which a call found its system."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peakproof.cli import app
from peakproof.contracts.export import Exported, _confirmed, _document
from peakproof.contracts.matchers import example_of
from peakproof.contracts.schema import Side
from peakproof.contracts.situations import STATE_BEFORE_EVENT, Facts, prepared, situation
from peakproof.contracts.state import catalogue
from peakproof.simulators.asyncapi import asyncapi
from peakproof.simulators.documents import openapi


def test_an_answer_is_expected_by_its_types_and_forms() -> None:
    told = {
        "status": "posted",
        "total": "14.85",
        "posted_at": "2026-11-27T12:00:00Z",
        "version": 3,
        "rejection": None,
        "cancelled_lines": [],
        "lines": [{"sku": "MUG", "quantity": 2}, {"sku": "TEA", "quantity": 1}],
        "next_cursor": "x",
    }
    shown = example_of(told, frozenset({"status"}), frozenset({"next_cursor"}))
    assert list(shown.value) == ["status", "total", "posted_at", "version", "lines"]
    assert shown.value["lines"] == [{"sku": "MUG", "quantity": 2}]
    matchers = {path: rule["matchers"][-1] for path, rule in shown.rules.items()}
    assert matchers["$.total"] == {"match": "regex", "regex": r"^-?\d+(\.\d+)?$"}
    assert shown.rules["$.total"]["matchers"][0] == {"match": "type"}
    assert matchers["$.posted_at"]["match"] == "regex"
    assert matchers["$.version"] == {"match": "integer"}
    assert matchers["$.lines"] == {"match": "type", "min": 1}
    assert matchers["$.lines[*].sku"] == {"match": "type"}
    assert "$.status" not in matchers


def test_a_list_may_be_empty_unless_it_is_required_and_stands_alone() -> None:
    document = openapi("erp")
    page = Side({"$ref": "#/components/schemas/Page_SalesOrder_"}, document)
    order = Side({"$ref": "#/components/schemas/SalesOrder"}, document)
    line = {"line_id": "1", "quantity": 2}
    told = {"lines": [line], "cancelled_lines": [line]}
    alone = example_of(told, frozenset(), schema=order)
    listed = example_of({"items": [told]}, frozenset(), schema=page)
    fewest = {
        path: rule["matchers"][0].get("min", 0)
        for path, rule in {**alone.rules, **listed.rules}.items()
        if path.endswith(("lines", "items"))
    }
    assert fewest == {
        "$.lines": 1,
        "$.cancelled_lines": 0,
        "$.items": 1,
        "$.items[*].lines": 0,
        "$.items[*].cancelled_lines": 0,
    }


def test_what_may_be_null_is_not_expected() -> None:
    document = openapi("erp")
    schema = Side({"$ref": "#/components/schemas/SalesOrder"}, document)
    told = {"rejection": "period_closed", "status": "rejected", "ship_to": {"line2": "b", "city": "Leeds"}}
    assert example_of(told, frozenset(), schema=schema).value == {
        "status": "rejected",
        "ship_to": {"city": "Leeds"},
    }


def effect(kind: str, **facts: Any) -> dict[str, Any]:
    row = dict.fromkeys(
        ("status", "permanent", "ref", "document_id", "lines", "currency", "amount_text", "location")
    )
    return {**row, "kind": kind, "data": {}, **facts}


LINE = {"line_id": "1", "sku": "MUG", "quantity": 2, "unit_price": "4.95"}
RECEIVED = effect(
    "sales_order_received",
    status="received",
    document_id="SO-000042",
    lines=[LINE],
    currency="GBP",
    amount_text="14.85",
    data={"shipping": "4.95"},
)


@pytest.mark.parametrize(
    ("later", "name"),
    [
        ([], "sales order is received"),
        ([effect("sales_order_posted", status="posted")], "sales order is posted"),
        ([effect("sales_order_rejected", status="rejected")], "sales order is rejected"),
        ([effect("sales_order_rejected", status="rejected", permanent=True)], "sales order is rejected for good"),
        ([effect("invoice_received", status="received"), effect("invoice_posted", status="invoiced")],
         "sales order is invoiced"),
    ],
)  # fmt: skip
def test_the_state_is_read_off_the_effects_before_the_call(later: list[dict[str, Any]], name: str) -> None:
    facts = situation("erp", [RECEIVED, *later], "web-1")
    call = {"operation": "create_invoice", "status": 202, "error": None, "refused_by": None, "faults": None}
    found = prepared("erp", call, {}, facts)
    assert found is not None
    ((state, parameters),) = found.states
    assert state == name
    assert parameters == {"order_ref": "web-1", "lines": [LINE], "shipping": "4.95", "currency": "GBP"}
    assert found.names == {"SO-000042": "${sales_order_id}"}


PLACED = effect("order_placed", status="placed", document_id="web-1", lines=[LINE], currency="GBP")


@pytest.mark.parametrize(
    ("asked", "later", "name"),
    [
        ("cancellation_requested", [], "cancellation is requested"),
        ("cancellation_requested", ["cancellation_declined"], "cancellation is declined"),
        ("cancellation_requested", ["cancellation_closed"], None),
        ("return_requested", [], "return is requested"),
        ("return_requested", ["refund_confirmed"], "return is refunded"),
    ],
)
def test_a_wish_is_found_as_it_was_answered(asked: str, later: list[str], name: str | None) -> None:
    facts = situation(
        "marketplace", [PLACED, *(effect(kind, ref="W-1") for kind in (asked, *later))], "web-1"
    )
    operation = "get_return" if asked == "return_requested" else "get_cancellation_request"
    call = {"operation": operation, "status": 200, "error": None, "refused_by": None, "faults": None}
    found = prepared("marketplace", call, None, facts)
    assert (found.states[0][0] if found else None) == name


def test_there_is_as_much_of_an_article_as_a_request_wants() -> None:
    asked = {
        "lines": [
            {"sku": "MUG", "quantity": 60},
            {"sku": "TEA", "quantity": 2},
            {"sku": "MUG", "quantity": 50},
        ]
    }
    call = {
        "operation": "create_fulfilment",
        "status": 202,
        "error": None,
        "refused_by": None,
        "faults": None,
    }
    found = prepared("wms", call, asked, Facts("web-1"))
    assert found is not None
    assert found.states == (
        ("article exists", {"sku": "MUG", "on_hand": 110}),
        ("article exists", {"sku": "TEA"}),
    )


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"status": 429, "error": "throttled", "refused_by": "throttle"}, "throttled"),
        ({"status": 503, "error": "unavailable", "refused_by": "fault"}, "unavailable"),
        ({"status": 502, "error": "bad_gateway", "refused_by": "fault"}, None),
        ({"status": 202, "error": None, "refused_by": None, "faults": ["f"]}, None),
        ({"status": 202, "error": None, "refused_by": None}, None),
    ],
)
def test_what_no_state_brings_about_again_is_left_out(call: dict[str, Any], expected: str | None) -> None:
    told = {"operation": "create_invoice", "faults": None, **call}
    partly = Facts("web-1", "partially_invoiced", "SO-1", (LINE,))
    found = prepared("erp", told, {}, partly)
    assert (found.states[0][0] if found else None) == expected


def test_there_is_a_state_for_every_event() -> None:
    assert set(STATE_BEFORE_EVENT) == set(asyncapi()["channels"])
    assert set(STATE_BEFORE_EVENT.values()) <= {one.name for one in catalogue()}


def test_what_the_estate_does_not_do_again_is_left_out_and_said() -> None:
    told = {"type": "Synchronous/HTTP", "request": {"method": "GET", "path": "/v1/items"}}
    good = {**told, "description": "list_items: 200", "response": {"status": 200}}
    bad = {**told, "description": "list_items: 409", "response": {"status": 409}}
    made = Exported()
    (kept,) = _confirmed([_document("mw", "erp", [good, bad]), _document("mw", "oms", [bad])], made)
    assert [one["description"] for one in kept["interactions"]] == ["list_items: 200"]
    assert made.left_out == [
        "erp list_items: 409: status: expected 409 but was 200",
        "oms list_items: 409: status: expected 409 but was 404",
    ]
    assert _confirmed([], made) == []


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["contracts", "export", str(tmp_path)])
    assert shown.exit_code == 2
    assert "is no run: it has no folder 'history'" in shown.stderr.replace("\n", " ")
    (tmp_path / "history").mkdir()
    shown = CliRunner().invoke(app, ["contracts", "export", str(tmp_path)])
    assert shown.exit_code == 2
    (tmp_path / "run.json").write_text(json.dumps({"systems": {"erp": {"kind": "erp"}}}), "utf-8")
    shown = CliRunner().invoke(app, ["contracts", "export", str(tmp_path)])
    assert "called nothing, so there is nothing to export" in shown.stderr.replace("\n", " ")
