"""Orders from the channel into the house: nothing lost, doubled, invented or distorted."""

import json

import pytest

from peakproof.history.records import Body

from .cases import Case, cases, name_of
from .histories import (
    HOME_OF_ZOE,
    ORDERED,
    ZOE,
    accepted,
    before_run,
    body,
    booked,
    cancelled,
    corrected,
    created,
    parked,
    posted,
    refused,
    rejected,
    requested,
)


def _asked(sku: str) -> Body:
    """What a middleware sent to have order A booked or fulfilled."""
    document = {
        "order_ref": "A",
        "currency": "GBP",
        "total": "28.95",
        "lines": [
            {"line_id": "1", "sku": sku, "quantity": 2, "unit_price": "10.00"},
            {"line_id": "2", "sku": "tea", "quantity": 1, "unit_price": "4.00"},
        ],
    }
    return body(json.dumps(document))


ASKED, MISNAMED = _asked("mug"), _asked("nonsense")
NAME_OF_ASKED, NAME_OF_MISNAMED = ASKED.hash, MISNAMED.hash

CASES = [
    *cases(
        "orders_booked_exactly_once",
        ("not exercised", "nothing ordered proves nothing", []),
        ("holds", "accepted and booked", [accepted(), booked()]),
        ("holds", "given up on, visibly", [accepted(), parked()]),
        ("holds", "cancelled before it could be booked", [accepted(), cancelled()]),
        (
            "holds",
            "booked again after a rejection",
            [accepted(), booked(), rejected(permanent=False), booked(document="SO-2")],
        ),
        ("holds", "an order from before the run", [before_run(accepted()), before_run(booked())]),
        ("violated", "accepted but lost", [accepted(), accepted("B"), booked()]),
        ("violated", "booked twice", [accepted(), booked(), booked(document="SO-2")]),
        (
            "violated",
            "booked twice, though cancelled",
            [accepted(), booked(), booked(document="SO-2"), cancelled()],
        ),
        (
            "violated",
            "an order from before the run is booked again",
            [before_run(accepted()), before_run(booked()), booked(document="SO-2")],
        ),
        ("indeterminate", "not booked when the run was cut off", [accepted()]),
    ),
    *cases(
        "oms_orders_created_exactly_once",
        ("not exercised", "nothing ordered", []),
        ("holds", "accepted and created", [accepted(), created()]),
        ("holds", "cancelled before the OMS heard of it", [accepted(), cancelled()]),
        ("violated", "created twice", [accepted(), created(), created(document="OMS-2")]),
        ("violated", "never created", [accepted(), booked()]),
        ("indeterminate", "not created when the run was cut off", [accepted()]),
    ),
    *cases(
        "no_order_lost",
        ("not exercised", "nothing ordered", []),
        ("holds", "accepted, booked, posted", [accepted(), booked(), posted()]),
        ("holds", "refused for good", [accepted(), booked(), rejected()]),
        ("holds", "cancelled instead", [accepted(), booked(), cancelled()]),
        ("holds", "parked visibly", [accepted(), parked()]),
        (
            "holds",
            "rejected, put right and posted",
            [accepted(), booked(), rejected(permanent=False), posted()],
        ),
        ("violated", "never seen in the ERP", [accepted()]),
        ("violated", "booked but never posted", [accepted(), booked()]),
        (
            "violated",
            "rejected for now and never put right",
            [accepted(), booked(), rejected(permanent=False)],
        ),
        ("indeterminate", "booked when the run was cut off", [accepted(), booked()]),
    ),
    *cases(
        "no_phantom_order",
        ("not exercised", "nothing in any system", [accepted()]),
        ("holds", "all documents have an order", [accepted(), created(), booked(), requested()]),
        ("holds", "an order from before the run", [before_run(accepted()), before_run(booked())]),
        ("violated", "a sales order that nobody placed", [accepted(), booked(), booked("Z")]),
        ("violated", "the reference was cut short", [accepted("web-000123"), created("web-00012")]),
    ),
    *cases(
        "order_content_faithful",
        ("not exercised", "accepted but nowhere else", [accepted()]),
        ("holds", "the same everywhere, unicode and all", [accepted(), created(), booked()]),
        ("holds", "lines in another order", [accepted(), booked(lines=ORDERED[::-1])]),
        (
            "holds",
            "prices written with other zeros",
            [accepted(), booked(lines=[("1", "mug", 2, "10"), ("2", "tea", 1, "4.000")])],
        ),
        (
            "holds",
            "a mistake put right",
            [accepted(), booked(lines=[("1", "mug", 3, "10.00")], total="30.00"), corrected()],
        ),
        ("violated", "a wrong total", [accepted(), booked(total="2895")]),
        ("violated", "another currency", [accepted(), created(currency="EUR")]),
        ("violated", "a line lost", [accepted(), booked(lines=ORDERED[:1])]),
        (
            "violated",
            "two lines of one SKU made one",
            [
                accepted(lines=[("1", "mug", 1, "10.00"), ("2", "mug", 1, "14.00")]),
                booked(lines=[("1", "mug", 2, "12.00")]),
            ],
        ),
        (
            "violated",
            "a name in the wrong encoding",
            [accepted(), created(customer={**ZOE, "name": "ZoÃ« Łukasz 王"})],
        ),
        (
            "violated",
            "an address without its house",
            [accepted(), created(ship_to={**HOME_OF_ZOE, "line1": ""})],
        ),
        ("violated", "no customer at all", [accepted(), created(customer=None)]),
    ),
    *cases(
        "only_refused_orders_stay_parked",
        ("not exercised", "nothing parked", [accepted()]),
        ("holds", "rejected for good by the ERP", [accepted(), booked(), rejected(), parked()]),
        ("holds", "refused for good on the wire", [accepted(), refused(), parked()]),
        (
            "holds",
            "refused as an item of a bulk call",
            [accepted(), refused(order=None, subjects=["A", "B"]), parked()],
        ),
        ("violated", "parked though nobody refused", [accepted(), parked()]),
        (
            "violated",
            "the amounts that were sent did not add up",
            [accepted(), refused(error="amount_mismatch"), parked()],
        ),
        (
            "holds",
            "faithful amounts do not add up for an ERP that rounds another way",
            [accepted(), ASKED, refused(error="amount_mismatch", body=NAME_OF_ASKED), parked()],
        ),
        (
            "violated",
            "another total than the customer accepted does not add up",
            [
                accepted(total="30.00"),
                ASKED,
                refused(error="amount_mismatch", body=NAME_OF_ASKED),
                parked(),
            ],
        ),
        (
            "violated",
            "a request that could not even be read",
            [accepted(), refused(refused_by="validation", error="invalid_request"), parked()],
        ),
        (
            "violated",
            "asked for twice, and the second time was too much",
            [accepted(), refused("capture_payment", system="payments", error="exceeds_authorised"), parked()],
        ),
        (
            "holds",
            "a faithful request for an article that the warehouse never held",
            [accepted(), ASKED, refused(body=NAME_OF_ASKED), parked()],
        ),
        (
            "violated",
            "an article that nobody ordered is unknown to the warehouse",
            [accepted(), MISNAMED, refused(body=NAME_OF_MISNAMED), parked()],
        ),
        (
            "violated",
            "refused in another currency than it was ordered in",
            [accepted(currency="EUR"), ASKED, refused(error="credit_hold", body=NAME_OF_ASKED), parked()],
        ),
        (
            "violated",
            "refused with another total than it was ordered for",
            [accepted(total="30.00"), ASKED, refused(error="credit_hold", body=NAME_OF_ASKED), parked()],
        ),
        (
            "violated",
            "rejected for good by the ERP, but booked with an article that nobody ordered",
            [accepted(), booked(lines=[("1", "nonsense", 2, "10.00"), ORDERED[1]]), rejected(), parked()],
        ),
        (
            "holds",
            "one mistake before the refusal that counts",
            [accepted(), refused(error="amount_mismatch"), refused(), parked()],
        ),
        (
            "violated",
            "parked after a rejection that would pass",
            [accepted(), booked(), rejected(permanent=False), parked()],
        ),
        (
            "violated",
            "an unknown token is no refusal of the order",
            [accepted(), refused(refused_by="auth", status=403), parked()],
        ),
        ("violated", "parked without ever having been placed", [parked("Z")]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_orders(case: Case) -> None:
    case.check()
