"""What is nobody's fault, asked of every invariant there is: the ordinary answers of a race, and what the estate still owes."""

import importlib
import pkgutil
import re
from pathlib import Path

import msgspec
import pytest

import peakproof.simulators
from peakproof.history.records import Call
from peakproof.history.state import StateDocument
from peakproof.simulators.kit.refusal import Refusal
from peakproof.verdict.invariant import catalogue
from peakproof.verdict.judge import judge_history
from peakproof.verdict.result import Verdict

from ..simulators.estates import KINDS, small_estate
from .histories import (
    Row,
    accepted,
    allocated,
    at,
    authorised,
    billed,
    booked,
    call,
    captured,
    channel_told,
    created,
    history_of,
    invoiced,
    oms_told,
    posted,
    refused,
    requested,
    shipped,
    told,
)

FLOWS = ["order-to-erp", "order-to-ship", "cancel"]
RUN = {
    "id": "r1",
    "finished_at": "2025-11-27T00:00:00Z",
    "settled": True,
    "flows": FLOWS,
    "sut": {"name": "mine", "exit": None},
}
RACES = [
    ("wms", "cancel_order_fulfilments", "too_late"),
    ("wms", "cancel_fulfilment", "too_late"),
    ("payments", "void_payment", "already_voided"),
    ("payments", "void_payment", "already_captured"),
    ("oms", "cancel_order", "order_cancelled"),
    ("oms", "ship_order", "order_shipped"),
    ("oms", "create_order", "order_exists"),
    ("erp", "create_sales_order", "order_cancelled"),
    ("erp", "cancel_sales_order", "order_invoiced"),
    ("erp", "create_sales_order", "idempotency_key_in_use"),
    ("web", "accept_cancellation", "already_decided"),
    ("web", "acknowledge_order", "order_cancelled"),
    ("web", "ship_order", "already_closed"),
]


def carried_through(order: str, begin_s: float) -> list[Row]:
    """One order from its placing to the money, without a fault."""
    rows: list[Row] = [
        accepted(order),
        authorised(order),
        told("order.placed", order=order, event=f"evt-{order}"),
        created(order),
        booked(order),
        posted(order),
        allocated(order),
        requested(order, document=f"FUL-{order}"),
        shipped(order, shipment=f"SHP-{order}"),
        captured(order, shipment=f"SHP-{order}"),
        invoiced(order, shipment=f"SHP-{order}"),
        billed(order, shipment=f"SHP-{order}"),
        oms_told(order, shipment=f"SHP-{order}"),
        channel_told(order, shipment=f"SHP-{order}"),
    ]
    return [at(begin_s + place / 100, row) for place, row in enumerate(rows)]


def judged(rows: list[Row]) -> Verdict:
    with history_of(rows, run=RUN) as history:
        return judge_history(history)


def blamed(verdict: Verdict) -> list[str]:
    return [
        f"{result.id}: {finding.finding}"
        for result in verdict.invariants
        if result.status == "violated"
        for finding in result.findings
    ]


def test_orders_that_are_carried_through_are_blamed_for_nothing() -> None:
    rows = [row for number, name in enumerate("ABCD") for row in carried_through(name, 1 + number)]
    assert blamed(judged(rows)) == []


@pytest.mark.parametrize(("system", "operation", "error"), RACES)
def test_the_ordinary_answer_of_a_race_is_nobodys_fault(system: str, operation: str, error: str) -> None:
    lost: Call = refused(operation, system=system, error=error, status=409, order="A", permanent=True)
    others = [row for number, name in enumerate("BCDE") for row in carried_through(name, 1.6 + number / 10)]
    first: list[Row] = [*carried_through("A", 1), at(2.5, lost)]
    late: list[Row] = [at(15, call(operation, system=system, order=name)) for name in "BCDE"]
    answered: list[Row] = [at(2.6, call("get_order", system=system, order="A", changes=False, body=None))]
    assert blamed(judged([*first, *others, *answered, *late])) == []


def refusals() -> dict[str, Refusal]:
    """Every refusal of the estate, by its code."""
    found: dict[str, Refusal] = {}
    for module in pkgutil.walk_packages(peakproof.simulators.__path__, "peakproof.simulators."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Refusal):
                found[value.code] = value
    return found


def blames() -> dict[str, str]:
    """Whom the judge takes each code to blame."""
    with history_of([]) as history:
        return {
            row["error"]: row["blames"] for row in history.rows("SELECT error, blames FROM refusal_codes")
        }


def test_of_every_refusal_for_good_it_is_known_whom_it_blames() -> None:
    """A code that is in no table blames the order: that must be meant."""
    known = blames()
    for_good = {code for code, refusal in refusals().items() if refusal.permanent}
    assert for_good - known.keys() == {"unknown_item", "order_invalid", "currency_not_sold", "expired"}


@pytest.mark.parametrize("system", [name for name in KINDS if name != "bazaar"])
def test_each_answer_of_a_race_that_an_operation_has_is_nobodys_fault(system: str, tmp_path: Path) -> None:
    """As its document lists them, each about an order of its own that is carried through all the same."""
    moments = {code for code, whom in blames().items() if whom == "moment"}
    estate = small_estate(tmp_path)
    paths = estate.systems[system].face.openapi()["paths"]
    estate.writer.close()
    asked = [
        (each["operationId"], refusals()[code])
        for methods in paths.values()
        for method, each in methods.items()
        if method != "get" and not each["operationId"].endswith("_webhook_subscription")
        for status, answer in each["responses"].items()
        if status.startswith("4")
        for code in re.findall(r"`([a-z_]+)`:", answer["description"])
        if code in moments
    ]
    assert asked
    rows: list[Row] = []
    for number, (operation, refusal) in enumerate(asked):
        order = f"{operation}-{refusal.code}"
        begin_s = 1 + number / 10
        lost: Call = refused(
            operation,
            system=system,
            error=refusal.code,
            status=refusal.status,
            order=order,
            permanent=refusal.permanent,
        )
        lost = msgspec.structs.replace(lost, path=f"/v1/{operation}/{order}")
        lost_s = (
            30.0 + 6 * number
        )  # so far apart that one that is taken for poison is seen to hold up the others
        rows += [*carried_through(order, begin_s), at(lost_s, lost)]
        if refusal.code == "idempotency_key_in_use":
            # the other request may fail yet, so this one has to be asked again
            again = call(operation, system=system, order=order)
            rows.append(at(lost_s + 0.3, msgspec.structs.replace(again, path=lost.path, replayed=True)))
    rows += [at(600, call("get_order", system=system, order="other", changes=False, body=None))]
    assert blamed(judged(rows)) == []


def test_an_order_whose_event_is_still_owed_is_pending_and_not_lost() -> None:
    owed = StateDocument(
        system="web",
        kind="owed_delivery",
        id="evt-A",
        order_ref="A",
        doc={"topic": "order.placed", "attempts": 3},
    )
    placed = [at(1, accepted("A")), at(1.1, authorised("A"))]
    missed = [at(1.2, told("order.placed", order="A", acknowledged=False, error="refused"))]
    verdict = judged([*placed, *missed, owed, *carried_through("B", 2)])
    assert blamed(verdict) == []
    assert verdict.verdict == "inconclusive"
    assert blamed(judged([*placed, *missed, *carried_through("B", 2)])) != [], "nothing is owed: it is lost"


def test_every_invariant_says_which_row_is_guilty_or_that_none_is() -> None:
    """Nothing may be read out of a finding's words."""
    for invariant in catalogue():
        assert " AS guilty" in invariant.sql, f"{invariant.id} has no column guilty"
