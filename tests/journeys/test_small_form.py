"""A middleware that serves one flow is judged on one flow; the estate performs the others itself."""

import shutil
import sys
from pathlib import Path

import pytest

from .command import Done, peakproof

SUT = Path(__file__).with_name("stock_only.py")

TOML = f"""
[sut]
command = ["{sys.executable}", "stock_only.py"]
flows = ["stock-sync"]
webhooks = {{ "stock.changed" = "/events", "availability.changed" = "/events" }}
"""


@pytest.fixture(scope="module")
def stock_only(tmp_path_factory: pytest.TempPathFactory) -> Done:
    cwd = tmp_path_factory.mktemp("stock_only")
    shutil.copy(SUT, cwd)
    (cwd / "peakproof.toml").write_text(TOML)
    return peakproof(cwd, "run", "quiet-day", "--json", "--duration", "8")


def test_it_passes_on_its_own_flow(stock_only: Done) -> None:
    assert stock_only.code == 0, stock_only
    assert stock_only.document["verdict"] == "pass"
    assert stock_only.document["run"]["flows"] == ["stock-sync"]
    assert "judged flows: stock-sync" in stock_only.stderr


def test_what_it_is_judged_on_is_about_stock(stock_only: Done) -> None:
    asked = {one["id"] for one in stock_only.document["invariants"]}
    assert asked >= {"stock_conserved", "stock_adjusted_once", "stock_agrees_after_settling"}
    for flow in ("order-to-ship", "order-to-erp", "cancel", "return-to-refund", "price-publish"):
        only_of = {
            one["id"]
            for one in stock_only.document["invariants"]
            if flow in one["flow"] and "stock-sync" not in one["flow"] and one["flow"] != "all"
        }
        assert only_of == set(), flow


@pytest.mark.parametrize(
    "invariant",
    [
        "stock_conserved",
        "stock_adjusted_once",
        "stock_agrees_after_settling",
        "older_version_never_overwrites",
        "acknowledged_webhook_has_its_effect",
    ],
)
def test_its_flow_was_really_exercised(stock_only: Done, invariant: str) -> None:
    assert stock_only.status(invariant) == "holds"


@pytest.mark.parametrize(
    "kind",
    [
        "oms_order_created",
        "sales_order_posted",
        "shipment_confirmed",
        "payment_captured",
        "invoice_posted",
        "cancellation_requested",
        "return_requested",
        "refund_confirmed",
    ],
)
def test_the_estate_performs_the_other_flows_itself(stock_only: Done, kind: str) -> None:
    with stock_only.history() as history:
        happened = history.one("SELECT count(*) FROM effects WHERE kind = $1", [kind])
        called = history.one(
            "SELECT count(*) FROM calls WHERE changes AND client LIKE 'sut-%' AND operation NOT LIKE '%_batch' "
            "AND operation NOT IN ('create_stock_adjustment', 'issue_token')"
        )
    assert happened > 0
    assert called == 0, "the middleware itself called for nothing but its own flow"


def test_it_is_told_only_what_it_asked_for(stock_only: Done) -> None:
    with stock_only.history() as history:
        topics = {row["topic"] for row in history.rows("SELECT DISTINCT topic FROM deliveries")}
    assert topics == {"stock.changed", "availability.changed"}
