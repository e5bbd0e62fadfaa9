"""Cancellations and returns: the race has one winner, and money goes back once, after the credit."""

import pytest

from .cases import Case, cases, name_of
from .histories import (
    ORDERED,
    Row,
    accepted,
    cancellation,
    cancellation_requested,
    cancelled,
    credit_posted,
    credit_received,
    lines_cancelled,
    parked,
    refund_confirmed,
    refunded,
    return_authorised,
    return_expected,
    return_received,
    return_requested,
    shipped,
)

RETURNED: list[Row] = [
    return_requested(),
    return_authorised(),
    return_expected(),
    return_received(),
    credit_received(),
    credit_posted(),
    refunded(),
    refund_confirmed(),
]

CASES = [
    *cases(
        "cancelled_orders_not_shipped",
        ("not exercised", "nothing cancelled", [accepted(), shipped()]),
        ("holds", "cancelled and never shipped", [accepted(), cancelled()]),
        (
            "holds",
            "one line cancelled, the other shipped",
            [accepted(), lines_cancelled(lines=ORDERED[1:]), shipped(lines=ORDERED[:1])],
        ),
        ("violated", "shipped although cancelled", [accepted(), cancelled(), shipped()]),
        ("violated", "cancelled after it had left", [accepted(), shipped(), cancelled()]),
        (
            "violated",
            "a cancelled line was shipped",
            [accepted(), lines_cancelled(lines=ORDERED[1:]), shipped()],
        ),
    ),
    *cases(
        "cancellations_decided",
        ("not exercised", "nobody asked", [accepted()]),
        ("holds", "accepted", [accepted(), cancellation_requested(), cancellation("accepted"), cancelled()]),
        ("holds", "declined, too late", [accepted(), cancellation_requested(), cancellation("declined")]),
        (
            "holds",
            "asked twice, the second fell away",
            [
                accepted(),
                cancellation_requested(),
                cancellation_requested(request="CR-2"),
                cancellation("accepted"),
                cancelled(),
                cancellation("closed", request="CR-2"),
            ],
        ),
        (
            "holds",
            "the order was cancelled for another reason",
            [accepted(), cancellation_requested(), cancelled()],
        ),
        ("violated", "never answered", [accepted(), cancellation_requested()]),
        ("indeterminate", "not answered when the run was cut off", [accepted(), cancellation_requested()]),
    ),
    *cases(
        "returns_carried_through_once",
        ("not exercised", "nothing sent back", [accepted()]),
        ("holds", "every step once", RETURNED),
        (
            "holds",
            "a line came back half sellable, credited in two entries",
            [
                *RETURNED[:3],
                return_received(lines=[("1", "mug", 2, None)]),
                credit_received(lines=[("1", "mug", 1, None), ("1", "mug", 1, None)]),
                *RETURNED[5:],
            ],
        ),
        (
            "holds",
            "a gift came back, there is nothing to refund",
            [*RETURNED[:4], credit_received(amount="0"), credit_posted(amount="0")],
        ),
        (
            "holds",
            "nothing came after all",
            [return_requested(), return_authorised(), return_expected(), return_received(lines=[])],
        ),
        ("holds", "parked", [accepted(), return_requested(), parked()]),
        ("violated", "credited twice", [*RETURNED, credit_received()]),
        ("violated", "confirmed twice", [*RETURNED, refund_confirmed()]),
        ("violated", "the warehouse never expected it", [return_requested(), return_authorised()]),
        ("violated", "never confirmed to the channel", RETURNED[:-1]),
        (
            "violated",
            "credited what was announced, not what came",
            [*RETURNED[:3], return_received(lines=[("1", "mug", 2, None)]), *RETURNED[4:]],
        ),
        ("indeterminate", "under way when the run was cut off", RETURNED[:4]),
    ),
    *cases(
        "refund_paid_once_never_before_credit",
        ("not exercised", "nothing credited or refunded", [return_requested()]),
        ("holds", "credited, then refunded", [credit_posted(), refunded()]),
        (
            "holds",
            "two returns of one order",
            [credit_posted(), refunded(), credit_posted(ref="RET-2"), refunded(ref="RET-2")],
        ),
        ("holds", "a gift was credited, there is nothing to refund", [credit_posted(amount="0.00")]),
        (
            "violated",
            "refunded before the credit was posted",
            [credit_received(), refunded(), credit_posted()],
        ),
        ("violated", "refunded without any credit", [credit_received(), refunded()]),
        ("violated", "refunded twice", [credit_posted(), refunded(), refunded()]),
        ("violated", "refunded too little", [credit_posted(), refunded(amount="9.99")]),
        ("violated", "refunded in another currency", [credit_posted(), refunded(currency="EUR")]),
        ("violated", "never refunded", [credit_posted()]),
        ("indeterminate", "not refunded when the run was cut off", [credit_posted()]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_after_sales(case: Case) -> None:
    case.check()
