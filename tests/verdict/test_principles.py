"""What is nobody's fault, asked of every invariant there is: the ordinary answers of a race, and what the estate still owes."""

import pytest

from peakproof.history.records import Call
from peakproof.history.state import StateDocument
from peakproof.verdict.invariant import catalogue
from peakproof.verdict.judge import judge_history
from peakproof.verdict.result import Verdict

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
    ("payments", "capture_payment", "expired"),
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
