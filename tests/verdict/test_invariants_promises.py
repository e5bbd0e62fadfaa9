"""What was promised to shoppers and owed to the books: dates and priorities, sums that meet, one winner of each race."""

import pytest

from .cases import Case, cases, name_of
from .histories import (
    ORDERED,
    Row,
    accepted,
    at,
    before_run,
    billed,
    call,
    cancellation_requested,
    cancelled,
    captured,
    channel_told,
    computed,
    credit_posted,
    credit_received,
    erp_cancelled,
    failed,
    invoiced,
    lines_cancelled,
    listed,
    mark,
    oms_cancelled,
    oms_told,
    parked,
    refunded,
    requested,
    return_received,
    return_requested,
    shipped,
    told,
)


def ready(order: str, at_s: float) -> list[Row]:
    """Told to be posted and allocated."""
    return [
        at(at_s, told("sales_order.posted", order=order, event=f"p-{order}")),
        at(at_s, told("order.allocated", order=order, event=f"a-{order}")),
    ]


URGENT: list[Row] = [accepted("U", priority=1), accepted("N"), *ready("U", 10), *ready("N", 11)]
OLD: list[Row] = [before_run(accepted()), return_requested()]
SPLIT: list[Row] = [
    accepted(),
    shipped(lines=[("1", "mug", 2, None)], status="partially_shipped"),
    shipped(shipment="SHP-2", lines=[], short=[("2", 1)]),
]

CASES = [
    *cases(
        "service_levels_carried_on",
        ("not exercised", "nothing was requested", [accepted()]),
        ("holds", "as promised", [accepted(), requested()]),
        (
            "holds",
            "the same instant in another zone",
            [accepted(), requested(ship_by="2025-11-28T14:00:00+02:00")],
        ),
        ("violated", "everything is standard", [accepted(priority=1), requested(priority=5)]),
        ("violated", "the zone was lost", [accepted(), requested(ship_by="2025-11-28T14:00:00Z")]),
        ("violated", "no date at all", [accepted(), requested(ship_by=None)]),
        ("violated", "another level", [accepted(), requested(service_level="express")]),
        (
            "violated",
            "the second part only",
            [accepted(), requested(), requested(part="P-2", document="FUL-2", priority=9)],
        ),
    ),
    *cases(
        "no_priority_inversion",
        ("not exercised", "nothing was told", [accepted("U", priority=1), requested("U")]),
        (
            "not exercised",
            "it had to be found by polling",
            [
                accepted("U", priority=1),
                at(10, told("sales_order.posted", order="U", acknowledged=False)),
                at(20, requested("U", priority=1)),
            ],
        ),
        ("holds", "the urgent one first", [*URGENT, at(11, requested("U")), at(11.5, requested("N"))]),
        ("holds", "half a second behind", [*URGENT, at(11.2, requested("N")), at(11.7, requested("U"))]),
        (
            "holds",
            "the other was ready long before",
            [
                accepted("U", priority=1),
                accepted("N"),
                *ready("N", 3),
                *ready("U", 10),
                at(4, requested("N")),
                at(15, requested("U")),
            ],
        ),
        (
            "holds",
            "it was tried at once, and failed",
            [
                *URGENT,
                at(10.1, failed("create_fulfilment", system="wms", order="U")),
                at(11.5, requested("N")),
                at(20, requested("U")),
                at(20, call("create_fulfilment", system="wms", order="U")),
            ],
        ),
        ("violated", "in the order of arrival", [*URGENT, at(12, requested("N")), at(20, requested("U"))]),
    ),
    *cases(
        "split_shipments_add_up",
        ("not exercised", "one parcel", [accepted(), shipped()]),
        (
            "holds",
            "two parcels",
            [
                accepted(),
                shipped(lines=[ORDERED[0]]),
                shipped(shipment="SHP-2", lines=[("2", "tea", 1, None)]),
            ],
        ),
        ("holds", "one parcel, the rest cancelled", [*SPLIT, lines_cancelled(lines=[("2", "tea", 1, None)])]),
        ("holds", "parked", [*SPLIT, parked()]),
        ("violated", "nobody cancelled the rest", SPLIT),
        (
            "violated",
            "a line in both parcels",
            [accepted(), shipped(), shipped(shipment="SHP-2", lines=[("2", "tea", 1, None)])],
        ),
        ("indeterminate", "the rest may come yet", SPLIT),
    ),
    *cases(
        "cancel_and_ship_have_one_winner",
        ("not exercised", "nobody wanted to cancel", [accepted(), shipped(), cancelled()]),
        ("not exercised", "nothing is decided yet", [accepted(), cancellation_requested()]),
        (
            "holds",
            "cancelled everywhere",
            [accepted(), cancellation_requested(), oms_cancelled(), erp_cancelled(), cancelled()],
        ),
        (
            "holds",
            "shipped everywhere",
            [
                accepted(),
                cancellation_requested(),
                shipped(),
                captured(),
                invoiced(),
                oms_told(),
                channel_told(),
            ],
        ),
        (
            "holds",
            "shipped short: a line is cancelled",
            [accepted(), cancellation_requested(), shipped(), lines_cancelled(lines=[("2", "tea", 1, None)])],
        ),
        (
            "violated",
            "shipped, and cancelled at the channel",
            [accepted(), cancellation_requested(), cancelled(), shipped()],
        ),
        (
            "violated",
            "cancelled in the ERP, captured",
            [accepted(), cancellation_requested(), erp_cancelled(), captured()],
        ),
    ),
    *cases(
        "money_balances",
        ("not exercised", "nothing was paid", [accepted()]),
        ("holds", "captured and billed", [accepted(), captured(), billed()]),
        (
            "holds",
            "a part came back",
            [accepted(), captured(), billed(), credit_posted(), refunded()],
        ),
        (
            "holds",
            "two parcels, other cuts",
            [
                accepted(),
                captured(amount="20.00"),
                captured(amount="8.95", shipment="SHP-2"),
                billed(amount="24.95"),
                billed(amount="4.00", shipment="SHP-2"),
            ],
        ),
        ("holds", "parked", [accepted(), captured(), parked()]),
        ("violated", "a penny too little was billed", [accepted(), captured(), billed(amount="28.94")]),
        ("violated", "captured in another currency", [accepted(), captured(currency="EUR"), billed()]),
        (
            "violated",
            "refunded without a credit memo",
            [accepted(), captured(), billed(), refunded()],
        ),
        ("violated", "refunded more than was captured", [accepted(), captured(), refunded(amount="30.00")]),
        ("indeterminate", "the invoice may be posted yet", [accepted(), captured()]),
    ),
    *cases(
        "returns_of_unseen_orders_handled",
        ("not exercised", "the order is of this run", [accepted(), return_requested()]),
        (
            "holds",
            "credited and refunded",
            [*OLD, return_received(), credit_received(), credit_posted(), refunded()],
        ),
        ("holds", "nothing came back after all", [*OLD, return_received(lines=[])]),
        (
            "holds",
            "what came back was worth nothing",
            [*OLD, return_received(), credit_received(amount="0.00")],
        ),
        ("holds", "parked", [*OLD, parked()]),
        ("violated", "nobody knew the order", OLD),
        ("violated", "credited, never refunded", [*OLD, return_received(), credit_received()]),
        ("indeterminate", "it may come yet", OLD),
    ),
    *cases(
        "availability_published_in_time",
        ("not exercised", "nothing changed", [listed(5)]),
        ("holds", "at once", [computed(5), listed(5)]),
        (
            "holds",
            "something newer came in time",
            [computed(5), computed(4, version=2), listed(4, version=2)],
        ),
        (
            "holds",
            "late, for the channel was down",
            [
                at(1, listed(9, version=0)),
                at(1, mark("armed", system="web")),
                at(2, computed(5)),
                at(60, mark("healed", system="web")),
                at(70, listed(5)),
            ],
        ),
        ("holds", "the run was over before it could be late", [listed(9, version=0), computed(5)]),
        ("violated", "a minute late", [at(1, computed(5)), at(61, listed(5))]),
        (
            "violated",
            "one of two channels never heard",
            [
                at(1, computed(5)),
                at(2, listed(5)),
                at(2, listed(9, version=0, channel="bazaar")),
                at(90, listed(5)),
            ],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_invariant_says_what_is_so(case: Case) -> None:
    case.check()
