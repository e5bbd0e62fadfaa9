"""Statuses go forward, and after settling all systems tell one story."""

import pytest

from peakproof.history.records import Lines

from .cases import Case, cases, name_of
from .histories import (
    accepted,
    allocated,
    before_run,
    booked,
    cancelled,
    captured,
    created,
    document,
    effect,
    final_statuses,
    fulfilment_cancelled,
    parked,
    posted,
    rejected,
    requested,
    shipped,
    voided,
)

FREE: Lines = [("1", "mug", 1, "0.00")]

CASES = [
    *cases(
        "status_never_regresses",
        ("not exercised", "no document has a status", []),
        (
            "holds",
            "every document goes forward",
            [accepted(), created(), booked(), allocated(), posted(), requested(), shipped()],
        ),
        ("holds", "rejected, then sent again", [booked(), rejected(permanent=False), posted()]),
        (
            "holds",
            "cancelled before it shipped",
            [accepted(), requested(), fulfilment_cancelled(), cancelled()],
        ),
        ("holds", "two documents of one order", [booked(), posted(), booked(document="SO-2")]),
        (
            "violated",
            "allocated again after shipping",
            [
                created(),
                allocated(),
                effect("oms", "oms_order_shipped", order_ref="A", document_id="OMS-A", status="shipped"),
                allocated(),
            ],
        ),
        (
            "violated",
            "cancelled after it had shipped",
            [
                accepted(),
                effect("web", "shipment_recorded", order_ref="A", document_id="A", status="shipped"),
                cancelled(),
            ],
        ),
        ("violated", "a captured payment was voided", [captured(), voided()]),
        (
            "violated",
            "alive again after being cancelled",
            [
                accepted(),
                cancelled(),
                effect("web", "order_acknowledged", order_ref="A", document_id="A", status="acknowledged"),
            ],
        ),
    ),
    *cases(
        "statuses_agree_after_settling",
        ("not exercised", "no final statuses", [accepted()]),
        (
            "holds",
            "shipped everywhere",
            [accepted(), *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured")],
        ),
        (
            "holds",
            "waiting everywhere",
            [accepted(), *final_statuses("acknowledged", "allocated", "posted", None, "authorised")],
        ),
        (
            "holds",
            "cancelled before the OMS and the ERP heard of it",
            [
                accepted(),
                *final_statuses("cancelled", None, None, None, "voided"),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured", order="B"),
            ],
        ),
        (
            "holds",
            "out of stock",
            [accepted(), *final_statuses("cancelled", "unfillable", "cancelled", None, "voided")],
        ),
        (
            "holds",
            "part of it came back",
            [
                accepted(),
                *final_statuses(
                    "partially_refunded", "partially_returned", "invoiced", "shipped", "partially_refunded"
                ),
            ],
        ),
        (
            "holds",
            "an order from before the run",
            [
                before_run(accepted()),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured"),
            ],
        ),
        (
            "holds",
            "what was shipped was free, so nothing was captured",
            [
                accepted(lines=FREE, shipping="0.00", total="0.00"),
                shipped(lines=FREE),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "voided"),
            ],
        ),
        (
            "violated",
            "what was shipped cost something, and was voided",
            [accepted(), shipped(), *final_statuses("shipped", "shipped", "invoiced", "shipped", "voided")],
        ),
        (
            "holds",
            "what came back was free, so nothing was refunded",
            [
                accepted(lines=FREE, shipping="5.00", total="5.00"),
                shipped(lines=FREE),
                effect("wms", "return_received", order_ref="A", document_id="RET-1", ref="R-1", lines=FREE),
                *final_statuses("shipped", "partially_returned", "invoiced", "shipped", "captured"),
            ],
        ),
        (
            "violated",
            "what came back cost something, and nothing was refunded",
            [
                accepted(),
                shipped(),
                effect(
                    "wms",
                    "return_received",
                    order_ref="A",
                    document_id="RET-1",
                    ref="R-1",
                    lines=[("1", "mug", 1, None)],
                ),
                *final_statuses("shipped", "partially_returned", "invoiced", "shipped", "captured"),
            ],
        ),
        (
            "holds",
            "two parts, both shipped",
            [
                accepted(),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured"),
                document("wms", "fulfilment", "shipped", id="FUL-2"),
            ],
        ),
        (
            "holds",
            "a doubled sales order was taken back",
            [
                accepted(),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured"),
                document("erp", "sales_order", "cancelled", id="SO-2"),
            ],
        ),
        (
            "holds",
            "only channel and ERP take part",
            [accepted(), *final_statuses("placed", None, "posted", None, "authorised")],
        ),
        (
            "not exercised",
            "parked orders stay as they were",
            [
                accepted(),
                parked(),
                *final_statuses("acknowledged", "allocated", "rejected", None, "authorised"),
            ],
        ),
        (
            "violated",
            "shipped, but not captured",
            [accepted(), *final_statuses("shipped", "shipped", "invoiced", "shipped", "authorised")],
        ),
        (
            "violated",
            "cancelled on the channel, alive in the house",
            [accepted(), *final_statuses("cancelled", "allocated", "posted", None, "voided")],
        ),
        (
            "violated",
            "one of two parts never left",
            [
                accepted(),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured"),
                document("wms", "fulfilment", "requested", id="FUL-2"),
            ],
        ),
        (
            "violated",
            "never in the OMS, though another order was",
            [
                accepted(),
                *final_statuses("acknowledged", None, "posted", None, "authorised"),
                *final_statuses("shipped", "shipped", "invoiced", "shipped", "captured", order="B"),
            ],
        ),
        (
            "violated",
            "rejected, but neither parked nor cancelled",
            [accepted(), *final_statuses("acknowledged", "allocated", "rejected", None, "authorised")],
        ),
        (
            "indeterminate",
            "half way when the run was cut off",
            [accepted(), *final_statuses("acknowledged", "shipped", "posted", "shipped", "authorised")],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_statuses(case: Case) -> None:
    case.check()
