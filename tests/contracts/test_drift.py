"""Changes planted in the simulators: what breaks the middleware is caught by its contracts, what does not is let pass."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peakproof.chaos.fault import DescribedFault
from peakproof.chaos.registry import FAULTS
from peakproof.cli import app
from peakproof.contracts.compare import breaks_between
from peakproof.contracts.drift import Drift, drifting, drifts_of
from peakproof.contracts.errors import ContractsError
from peakproof.contracts.openapi import Api
from peakproof.contracts.provider import verify
from peakproof.contracts.result import Outcome
from peakproof.contracts.sources import pacts_at
from peakproof.contracts.stage import Stage
from peakproof.scenarios.scenario import Scenario
from peakproof.simulators.documents import openapi

PACTS = str(Path(__file__).parents[2] / "contracts" / "pacts")

BREAKS = (
    "erp.create_sales_order:rename:sales_order_id=id",
    "erp.list_sales_orders:remove:order_ref",
    "erp.create_invoice:status:200",
    "erp.create_credit_memo:value:status=open",
    "erp.resubmit_sales_order:gone",
    "erp.cancel_sales_order:refuse:reason=customer",
    "erp.create_stock_adjustment_batch:need:warehouse",
    "oms.create_order:retype:order_id",
    "oms.ship_order:value:status=sent",
    "oms.cancel_order:null:status",
    "oms.authorise_return:rename:authorisation_id=id",
    "oms.set_stock_batch:status:200",
    "oms.list_stock:rename:version=revision",
    "oms.list_orders:retype:parts",
    "wms.create_fulfilment:remove:fulfilment_id",
    "wms.cancel_order_fulfilments:gone",
    "wms.expect_return:refuse:lines.sku=MUG",
    "wms.list_fulfilments:drop-header:content-type",
    "marketplace.acknowledge_order:status:202",
    "marketplace.get_order:retype:total",
    "marketplace.ship_order:need:carrier_code",
    "marketplace.accept_cancellation:value:status=granted",
    "marketplace.decline_cancellation:gone",
    "marketplace.confirm_refund:refuse:currency=GBP",
    "marketplace.publish_availability_batch:remove:status",
    "marketplace.list_listings:rename:prices.version=revision",
    "payments.capture_payment:rename:capture_id=id",
    "payments.void_payment:null:payment_id",
    "payments.refund_payment:need:reason",
    "payments.list_captures:remove:shipment_id",
)

COMPATIBLE = (
    "erp.create_sales_order:add:loyalty_tier=gold",
    "erp.create_invoice:add-header:x-request-id=1",
    "erp.list_sales_orders:add:lines.colour=red",
    "erp.create_credit_memo:remove:created_at",
    "oms.create_order:refuse:currency=USD",
    "oms.ship_order:need:shipment_id",
    "oms.list_stock:rename:updated_at=changed_at",
    "wms.create_fulfilment:value:priority=urgent",
    "wms.expect_return:add:hub=north",
    "marketplace.get_order:remove:placed_at",
    "marketplace.ship_order:retype:recorded_at",
    "payments.capture_payment:null:updated_at",
    "payments.refund_payment:add-header:x-trace=1",
)


def operation_of(one: Outcome) -> str:
    """``erp.create_sales_order``."""
    kind = one.pact.provider
    found = Api(openapi(kind), kind).matching(one.interaction.method, one.interaction.path)
    assert found is not None
    return f"{kind}.{found.name}"


@pytest.fixture(scope="module")
def broken() -> dict[str, set[str]]:
    """By operation: the descriptions of what no longer agrees. All breaks at once, each in its own operation."""
    found: dict[str, set[str]] = {}
    for one in verify(pacts_at(PACTS), drifts=drifts_of(BREAKS)).failed:
        found.setdefault(operation_of(one), set()).add(one.interaction.description)
    return found


@pytest.mark.parametrize("drift", BREAKS)
def test_a_break_is_caught(broken: dict[str, set[str]], drift: str) -> None:
    assert broken.get(drift.partition(":")[0])


def test_nothing_else_is_called_broken(broken: dict[str, set[str]]) -> None:
    assert set(broken) == {drift.partition(":")[0] for drift in BREAKS}
    assert len(BREAKS) >= 20


def test_what_nobody_reads_or_sends_breaks_nobody() -> None:
    assert len(COMPATIBLE) >= 10
    found = verify(pacts_at(PACTS), drifts=drifts_of(COMPATIBLE))
    assert {one.interaction.title: one.mismatches for one in found.failed} == {}


UNSAID = ("value:status", "content-type", "retype:total")
"""What our documents do not say: which statuses there are, that an answer names its media type, that amounts are text."""


@pytest.mark.parametrize("drift", [one for one in BREAKS if not any(word in one for word in UNSAID)])
async def test_a_break_shows_in_the_document_that_the_simulator_serves(tmp_path: Path, drift: str) -> None:
    one = Drift.of_text(drift)
    before = openapi(one.system)
    async with Stage(tmp_path, [one]) as stage:
        system = stage.system_for(one.system)
        reply = system.door.answer_at_once("GET", "/openapi.json", b"", [], b"")
        found = list(breaks_between(Api(before, "old"), Api(json.loads(reply.body), "new")))
    told = [f"({method.upper()} {path})" for path, methods in before["paths"].items()
            for method, operation in methods.items() if operation["operationId"] == one.operation]  # fmt: skip
    assert {each.operation for each in found} == {f"{one.operation} {told[0]}"}


@pytest.mark.parametrize("drift", [one for one in COMPATIBLE if ":add" in one])
def test_what_is_new_breaks_nobody_in_the_document_either(drift: str) -> None:
    one = Drift.of_text(drift)
    fault = FAULTS.build("drifted", one.settings)
    assert isinstance(fault, DescribedFault)
    before = openapi(one.system)
    after = fault.described(before, one.operation)
    assert after != before
    assert list(breaks_between(Api(before, "old"), Api(after, "new"))) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("erp", "must be SYSTEM.OPERATION:CHANGE:FIELD=TO"),
        ("erp.create_sales_order:renam:a=b", "change must be 'rename' or"),
        ("erp.create_sales_order:rename:a", "rename needs what it becomes"),
        ("erp.create_sales_order:remove", "remove needs a field"),
        ("erp.create_sales_order:status:soon", "to must be a status like 202, got 'soon'"),
        ("epr.create_sales_order:gone", "unknown simulator 'epr'; did you mean 'erp'"),
        ("erp.create_sales_orders:gone", "unknown operation 'create_sales_orders'; did you mean 'create_sales_order'"),
    ],
)  # fmt: skip
def test_a_drift_that_cannot_be_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ContractsError) as error:
        drifts_of([text])
    assert words in str(error.value)


def test_a_drift_of_a_whole_system_is_of_every_operation() -> None:
    assert Drift.of_text("erp:add:x=y") == Drift("erp", None, {"change": "add", "field": "x", "to": "y"})


def test_a_run_may_drift_from_its_beginning() -> None:
    drifted = drifting(Scenario.load("quiet-day"), ["marketplace.get_order:remove:total", "erp:add:x=y"])
    drifted = drifting(drifted, ["erp.create_invoice:gone"])
    entries = {entry.id: (entry.on, entry.settings["change"]) for entry in drifted.schedule}
    assert entries == {
        "drift-1": ("web.get_order", "remove"),
        "drift-2": ("bazaar.get_order", "remove"),
        "drift-3": ("erp", "add"),
        "drift-4": ("erp.create_invoice", "gone"),
    }
    with pytest.raises(ContractsError, match="unknown system 'crm'"):
        drifting(drifted, ["crm:gone"])


def test_a_drift_and_a_suite_or_a_middleware_exclude_each_other() -> None:
    asked = CliRunner().invoke(app, ["run", "--suite", "standard", "--drift", "erp:gone"])
    assert (asked.exit_code, "not for a suite" in asked.stderr) == (2, True)
    asked = CliRunner().invoke(
        app, ["contracts", "verify", "--middleware", "reference", "--drift", "erp:gone"]
    )
    assert (asked.exit_code, "peakproof run --drift" in asked.stderr.replace("\n", " ")) == (2, True)
