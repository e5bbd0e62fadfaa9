"""Whom a middleware believes, and what it lets others see: signatures, answers, secrets, traces, exceptions."""

import pytest

from .cases import Case, cases, name_of
from .histories import (
    Row,
    accepted,
    booked,
    call,
    cancellation,
    cancellation_requested,
    cancelled,
    created,
    invoiced,
    known,
    noted,
    parked,
    shipped,
    told,
)

BELIEVED = call(outcome="refused", status=200, refused_by="fault", error="internal_error")
LOOKED = noted("sut_log", "looked for 14 secrets in 120 lines")
MISSED: list[Row] = [
    known("e1", accepted()),
    told("order.placed", effect_id="e1", acknowledged=False, error="dropped"),
]

CASES = [
    *cases(
        "forged_webhooks_refused",
        ("not exercised", "only real ones", [known("e1", accepted()), told("order.placed", effect_id="e1")]),
        (
            "holds",
            "each kind refused",
            [
                accepted(),
                *(
                    told("order.placed", forgery=kind, event=kind, acknowledged=False)
                    for kind in ("forged", "corrupt", "expired", "mutated")
                ),
            ],
        ),
        (
            "holds",
            "no answer at all is no consent",
            [told("order.placed", forgery="forged", acknowledged=False, error="timeout")],
        ),
        ("violated", "a replayed one was taken", [accepted(), told("order.placed", forgery="expired")]),
        (
            "violated",
            "refused, and booked all the same",
            [
                told("order.placed", order="forged-A", forgery="forged", acknowledged=False),
                booked("forged-A"),
            ],
        ),
    ),
    *cases(
        "success_not_taken_on_trust",
        ("not exercised", "what says 200 is 200", [call(status=200)]),
        ("holds", "an error under a 200, asked again", [accepted(), BELIEVED, call(status=200)]),
        (
            "holds",
            "a broken document of something done",
            [accepted(), call(outcome="unknown", status=201, committed=True)],
        ),
        ("holds", "an error under a 200, then parked", [accepted(), BELIEVED, parked()]),
        ("holds", "an error under a 200, then cancelled", [accepted(), BELIEVED, cancelled()]),
        ("violated", "an error under a 200, believed", [accepted(), BELIEVED]),
        (
            "violated",
            "asked for another order, not for this",
            [accepted(), accepted("B"), BELIEVED, call(order="B", status=200)],
        ),
        ("indeterminate", "it may be asked again yet", [accepted(), BELIEVED]),
    ),
    *cases(
        "secrets_never_logged",
        ("not exercised", "nobody looked", [accepted()]),
        ("holds", "nothing was found", [LOOKED]),
        ("violated", "a token was", [LOOKED, noted("sut_leak", "line 17: an access token of erp")]),
    ),
    *cases(
        "trace_carried_on_every_hop",
        ("not exercised", "it does not trace", [call(), call(order="B")]),
        ("not exercised", "it traces what is about no order", [call(order=None, trace_id="t")]),
        ("holds", "every change is traced", [call(trace_id="t1"), call("create_invoice", trace_id="t2")]),
        ("holds", "looking needs no trace", [call(trace_id="t"), call("list_orders", changes=False)]),
        ("violated", "the trace ends at the ERP", [call(trace_id="t"), call("create_invoice")]),
        ("violated", "one order has none", [call(trace_id="t"), call(order="B")]),
    ),
    *cases(
        "parked_exceptions_say_why",
        ("not exercised", "nothing is parked", [accepted()]),
        ("holds", "order, system and reason", [accepted(), parked(reason="unknown_item: no pot")]),
        ("violated", "no reason", [accepted(), parked(reason=None)]),
        ("violated", "a blank reason", [accepted(), parked(reason=" ")]),
        ("violated", "no system", [accepted(), parked(system="")]),
        ("violated", "a number of its own", [accepted(), parked("TASK-17")]),
    ),
    *cases(
        "missed_events_repaired",
        (
            "not exercised",
            "every event came",
            [known("e1", accepted()), told("order.placed", effect_id="e1")],
        ),
        (
            "not exercised",
            "it came with the next attempt",
            [*MISSED, told("order.placed", effect_id="e1"), booked()],
        ),
        (
            "not exercised",
            "it was refused, not missed",
            [MISSED[0], told("order.placed", acknowledged=False)],
        ),
        ("holds", "found and booked", [*MISSED, created(), booked()]),
        ("holds", "cancelled meanwhile", [*MISSED, cancelled()]),
        (
            "holds",
            "a request found and declined",
            [
                known("e2", cancellation_requested()),
                told("cancellation.requested", effect_id="e2", acknowledged=False, error="dropped"),
                cancellation("declined"),
            ],
        ),
        ("violated", "nobody noticed the order", MISSED),
        (
            "violated",
            "another shipment was billed",
            [
                accepted(),
                known("e3", shipped()),
                told("shipment.confirmed", effect_id="e3", acknowledged=False, error="unsubscribed"),
                invoiced(shipment="SHP-2"),
            ],
        ),
        ("indeterminate", "it may be found yet", MISSED),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_invariant_says_what_is_so(case: Case) -> None:
    case.check()
