"""What a middleware does so that nothing happens twice: keys that stand for one intent, events that count once."""

import pytest

from .cases import Case, cases, name_of
from .histories import (
    Row,
    accepted,
    adjusted,
    at,
    booked,
    call,
    captured,
    created,
    credit_posted,
    invoiced,
    known,
    lasting,
    mark,
    moved,
    no_reply,
    refunded,
    rejected,
    requested,
    shipped,
    told,
)

RESTART = mark("fired", fault="sut-restart", system="sut")
UNDER_WAY = lasting(1.5, at(1, no_reply(key="k~1")))
"""Still without an answer when what comes next happens."""

TWICE: list[Row] = [
    known("e1", accepted()),
    told("order.placed", effect_id="e1"),
    told("order.placed", effect_id="e1"),
]
SHIPPED_TWICE: list[Row] = [
    accepted(),
    known("e2", shipped()),
    told("shipment.confirmed", effect_id="e2"),
    told("shipment.confirmed", effect_id="e2", event="evt-2"),
]

CASES = [
    *cases(
        "idempotency_key_names_one_intent",
        ("not exercised", "no keys at all: it looks before it creates", [call(), call()]),
        (
            "holds",
            "one key, one request, three attempts",
            [no_reply(key="k"), no_reply(key="k"), call(key="k")],
        ),
        ("holds", "two systems, one key", [call(key="k"), call(key="k", system="oms")]),
        (
            "holds",
            "a key on a look does no harm",
            [call(key="k"), call("list_orders", changes=False, key="k")],
        ),
        ("holds", "a key for each attempt", [no_reply(key="k1"), call(key="k2")]),
        (
            "violated",
            "two refunds of one order under its key",
            [
                call("refund_payment", system="payments", key="A", body="b1"),
                call("refund_payment", system="payments", key="A", body="b2"),
            ],
        ),
        (
            "violated",
            "one key for two steps",
            [call("create_sales_order", key="A"), call("create_invoice", key="A")],
        ),
    ),
    *cases(
        "idempotency_key_outlives_restart",
        ("not exercised", "no restart", [no_reply(key="k1"), call(key="k2")]),
        ("not exercised", "nothing was open", [call(key="k1"), RESTART, call(key="k2", order="B")]),
        ("not exercised", "no keys at all", [no_reply(), RESTART, call()]),
        ("holds", "the key of before", [no_reply(key="k"), RESTART, call(key="k")]),
        ("violated", "another process, another key", [no_reply(key="k~1"), RESTART, call(key="k~2")]),
        ("violated", "the key was lost", [no_reply(key="k"), RESTART, call()]),
        ("holds", "under way when it died, asked again with its key", [UNDER_WAY, RESTART, call(key="k~1")]),
        ("violated", "under way when it died", [UNDER_WAY, RESTART, call(key="k~2")]),
        (
            "violated",
            "answered half a second before it died, and done again",
            [at(1, call(key="k~1")), at(1.5, RESTART), at(4, call(key="k~2"))],
        ),
        (
            "holds",
            "answered half a second before it died, and asked again under its key",
            [at(1, call(key="k")), at(1.5, RESTART), at(4, call(key="k"))],
        ),
        (
            "not exercised",
            "answered long before it died: that is no matter of keys",
            [at(1, call(key="k~1")), at(9, RESTART), at(12, call(key="k~2"))],
        ),
        (
            "not exercised",
            "what is published may come again as it was",
            [
                at(1, call("publish_availability_batch", order=None, key="k1")),
                at(1.5, RESTART),
                at(4, call("publish_availability_batch", order=None, key="k2")),
            ],
        ),
    ),
    *cases(
        "redelivered_events_change_nothing",
        ("not exercised", "each event came once", TWICE[:2]),
        (
            "holds",
            "the first attempt was not taken",
            [TWICE[0], told("order.placed", effect_id="e1", acknowledged=False), TWICE[1], booked()],
        ),
        ("holds", "told twice, booked once", [*TWICE, created(), booked()]),
        (
            "holds",
            "told twice, rejected and booked again",
            [*TWICE, created(), booked(), rejected(), booked(document="SO-2"), rejected()],
        ),
        (
            "holds",
            "two shipments, each captured once",
            [
                *SHIPPED_TWICE,
                captured(),
                invoiced(),
                shipped(shipment="SHP-2"),
                captured(shipment="SHP-2"),
                invoiced(shipment="SHP-2"),
            ],
        ),
        (
            "holds",
            "two parts are two requests, whatever event set them going",
            [*TWICE, created(), booked(), requested(part="P-1"), requested(part="P-2", document="FUL-2")],
        ),
        (
            "violated",
            "found by polling and booked, then told, and booked again",
            [TWICE[0], booked(), TWICE[1], booked(document="SO-2")],
        ),
        (
            "not exercised",
            "told once, and booked twice after that",
            [*TWICE[:2], booked(), booked(document="SO-2")],
        ),
        (
            "not exercised",
            "found by polling, then told: booked once",
            [TWICE[0], booked(), TWICE[1]],
        ),
        ("violated", "told twice, booked twice", [*TWICE, booked(), booked(document="SO-2")]),
        ("violated", "under a new id, captured again", [*SHIPPED_TWICE, captured(), captured()]),
        (
            "violated",
            "refunded for each time",
            [
                accepted(),
                known("e3", credit_posted()),
                told("credit_memo.posted", effect_id="e3"),
                told("credit_memo.posted", effect_id="e3", subscription="sub-2"),
                refunded(),
                refunded(),
            ],
        ),
        (
            "violated",
            "a receipt booked for each time",
            [
                known("e4", moved(5, 15, cause="receipt")),
                told("stock.changed", order=None, sku="mug", effect_id="e4"),
                told("stock.changed", order=None, sku="mug", effect_id="e4"),
                adjusted(5),
                adjusted(5),
            ],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_invariant_says_what_is_so(case: Case) -> None:
    case.check()
