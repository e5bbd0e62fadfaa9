"""First contact: which hops are expected of whom, which were seen, and what is said of the first that is missing."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.first_contact import STEPS, Trail, steps_of
from peakproof.simulators.registry import KINDS

PLACED = {
    "effect_id": "web-e1",
    "at_ns": 1,
    "system": "web",
    "kind": "order_placed",
    "order_ref": "web-000001",
    "amount": "12.95",
    "currency": "GBP",
    "lines": [["1", "A", 2, "4.00"], ["2", "B", 1, "4.95"], ["3", "C", 1, "0.00"]],
    "data": {"shipping": "0.00", "payment_id": "PAY-1", "priority": 5, "customer": {"name": "Ada"}},
}


def run_folder(path: Path, **tables: list[dict[str, Any]]) -> Path:
    (path / "history").mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        compressed = table == "bodies"
        file_name = f"{table}-estate.jsonl.zst" if compressed else f"{table}-estate.jsonl"
        with (zstandard.open if compressed else open)(path / "history" / file_name, "at") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    systems = {
        name: {"kind": kind, "url": f"http://127.0.0.1/{name}"}
        for name, kind in (("web", "marketplace"), ("erp", "erp"), ("oms", "oms"))
    }
    (path / "run.json").write_text(json.dumps({"systems": systems}))
    return path


def trail(path: Path, **tables: list[dict[str, Any]]) -> Trail:
    found = Trail(run_folder(path, **tables))
    found.read_on()
    return found


def step(kind: str) -> Any:
    return next(step for step in STEPS if step.kind == kind)


def call(system: str, operation: str, **more: Any) -> dict[str, Any]:
    return {
        "system": system,
        "operation": operation,
        "outcome": "ok",
        "method": "POST",
        "path": "/v1/x",
        "status": 200,
        **more,
    }


def sut(*flows: str, **more: Any) -> SutConfig:
    return SutConfig(command=("python3",), flows=flows, **more)


def test_only_hops_of_claimed_flows_are_expected() -> None:
    assert [one.kind for one in steps_of(sut("order-to-erp"))] == [
        "order_placed",
        "order.placed",
        "sales_order_received",
        "sales_order_posted",
    ]
    assert [one.kind for one in steps_of(sut("stock-sync"))] == [
        "order_placed",
        "stock_moved",
        "stock_set",
        "availability_listed",
    ]
    assert len(steps_of(SutConfig.reference())) == len(STEPS)


def test_flows_that_one_order_does_not_touch_are_sent_to_another_scenario() -> None:
    with pytest.raises(
        UsageError,
        match="one order shows nothing of cancel, price-publish; try these with: peakproof run quiet-day",
    ):
        steps_of(sut("cancel", "price-publish"))


@pytest.mark.parametrize("one", STEPS, ids=lambda one: one.kind)
def test_every_hop_is_known_to_its_system(one: Any) -> None:
    kind = KINDS[one.system]
    assert one.kind in (kind.topics if one.table == "deliveries" else kind.effects)


def test_a_history_without_anything_shows_nothing(tmp_path: Path) -> None:
    found = trail(tmp_path)
    assert [one.kind for one in STEPS if found.shows(one)] == []
    assert found.words("bought on {channel}: {order_ref}") == "bought on the channel: no order yet"


def test_hops_are_seen_as_the_history_grows(tmp_path: Path) -> None:
    found = trail(tmp_path, effects=[PLACED])
    assert found.shows(step("order_placed"))
    assert not found.shows(step("sales_order_received"))
    run_folder(tmp_path, effects=[{**PLACED, "kind": "sales_order_received", "system": "erp"}])
    found.read_on()
    assert found.shows(step("sales_order_received"))


def test_half_a_line_is_read_when_it_is_whole(tmp_path: Path) -> None:
    path = run_folder(tmp_path) / "history" / "effects-estate.jsonl"
    text = json.dumps(PLACED)
    path.write_text(text[:40])
    found = Trail(tmp_path)
    found.read_on()
    before = found.order.ref
    path.write_text(text + "\n")
    found.read_on()
    assert (before, found.order.ref) == ("", "web-000001")


@pytest.mark.parametrize("actor", ["stand-in", "before-run"])
def test_what_others_did_is_no_hop(tmp_path: Path, actor: str) -> None:
    found = trail(tmp_path, effects=[PLACED, {**PLACED, "kind": "sales_order_received", "actor": actor}])
    assert not found.shows(step("sales_order_received"))


def test_an_order_is_learned_of_by_webhook_or_by_reading(tmp_path: Path) -> None:
    tried = {"topic": "order.placed", "status": 500}
    assert not trail(tmp_path / "a", effects=[PLACED], deliveries=[tried]).shows(step("order.placed"))
    told = {**tried, "status": 204, "acknowledged": True}
    assert trail(tmp_path / "b", effects=[PLACED], deliveries=[told]).shows(step("order.placed"))
    polled = call("web", "list_orders")
    assert trail(tmp_path / "c", effects=[PLACED], calls=[polled]).shows(step("order.placed"))


def test_a_missing_request_is_shown_with_its_address_and_body(tmp_path: Path) -> None:
    found = trail(tmp_path, effects=[PLACED])
    expected = found.expected(step("sales_order_received"), sut("order-to-erp"))
    head, _, body = expected.partition("{")
    assert head.splitlines()[0] == "POST http://127.0.0.1/erp/v1/sales-orders"
    assert "Idempotency-Key" in head
    content = json.loads("{" + body)
    assert content["order_ref"] == "web-000001"
    assert content["total"] == "12.95"
    assert content["lines"] == [
        {"line_id": "1", "sku": "A", "quantity": 2, "unit_price": "4.00"},
        {"line_id": "2", "sku": "B", "quantity": 1, "unit_price": "4.95"},
        "… 1 more lines",
    ]
    assert content["payment_id"] == "PAY-1"


@pytest.mark.parametrize("one", STEPS, ids=lambda one: one.kind)
def test_every_missing_hop_has_an_expectation_in_words(tmp_path: Path, one: Any) -> None:
    assert trail(tmp_path, effects=[PLACED]).expected(one, sut("order-to-ship", webhooks={"*": "/w"}))


def test_what_came_instead_is_the_last_answer_of_that_operation(tmp_path: Path) -> None:
    refused = call(
        "erp",
        "create_sales_order",
        status=422,
        error="amount_mismatch",
        outcome="refused",
        response_body="h1",
    )
    problem = {"hash": "h1", "text": json.dumps({"detail": "The lines come to 12.95, the total says 13."})}
    found = trail(tmp_path, effects=[PLACED], calls=[refused, call("erp", "list_items")], bodies=[problem])
    assert found.instead(step("sales_order_received")) == (
        "POST /v1/x → 422 amount_mismatch: The lines come to 12.95, the total says 13."
    )


def test_other_calls_of_that_system_are_a_hint(tmp_path: Path) -> None:
    wrong = call("erp", "unknown_operation", status=404, error="no_such_path", path="/orders")
    found = trail(tmp_path, effects=[PLACED], calls=[wrong])
    assert (
        found.instead(step("sales_order_received"))
        == "your middleware called erp 1 time, last: POST /orders → 404 no_such_path"
    )


def test_silence_is_said_too(tmp_path: Path) -> None:
    found = trail(tmp_path, effects=[PLACED], calls=[call("erp", "issue_token")])
    assert found.instead(step("sales_order_received")) == "your middleware never called erp"


def test_what_the_shopper_calls_is_not_laid_at_the_middlewares_door(tmp_path: Path) -> None:
    bought = call("web", "checkout", path="/v1/checkouts", client="shopper-web")
    found = trail(tmp_path, effects=[PLACED], calls=[bought, bought])
    assert found.instead(step("order_acknowledged")) == "your middleware never called web"
    nameless = call("web", "get_order", status=401, error="unauthenticated", path="/v1/orders/web-000001")
    found = trail(tmp_path, calls=[nameless])
    assert found.instead(step("order_acknowledged")) == (
        "your middleware called web 1 time, last: POST /v1/orders/web-000001 → 401 unauthenticated"
    )


def test_a_refused_webhook_is_said_with_its_status(tmp_path: Path) -> None:
    tries: list[dict[str, Any]] = [
        {"topic": "order.placed", "error": "timeout"},
        {"topic": "order.placed", "status": 404},
    ]
    found = trail(tmp_path, effects=[PLACED], deliveries=tries)
    assert found.instead(step("order.placed")) == "2 attempts, the last was answered with 404"
    assert found.expected(step("order.placed"), sut("cancel", webhooks={"*": "/w"})).startswith(
        "a 2xx answer"
    )
    assert "updated_since" in found.expected(step("order.placed"), sut("cancel"))


def test_a_rejection_explains_why_nothing_was_posted(tmp_path: Path) -> None:
    rejected = {**PLACED, "kind": "sales_order_rejected", "cause": "unknown_item"}
    found = trail(tmp_path, effects=[PLACED, rejected])
    assert found.instead(step("sales_order_posted")) == "sales_order_rejected: unknown_item"
