"""Which row a finding calls guilty: the wrong one, found by comparing; none where something is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest

from peakproof.history.records import Call, Effect, Lines

from .histories import (
    BACK,
    ORDERED,
    SECOND_NS,
    START_NS,
    Row,
    accepted,
    adjusted,
    allocated,
    asked,
    authorised,
    booked,
    call,
    cancellation,
    cancellation_requested,
    cancelled,
    captured,
    channel_told,
    corrected,
    created,
    credit_posted,
    credit_received,
    effect,
    fulfilment_cancelled,
    invoiced,
    lines_cancelled,
    moved,
    oms_cancelled,
    oms_told,
    posted,
    price_set,
    refund_confirmed,
    refunded,
    requested,
    return_authorised,
    return_expected,
    return_received,
    return_requested,
    shipped,
    told,
    unfillable,
    voided,
)

MUGS = ORDERED[:1]
TEA = ORDERED[1:]
ONE_MUG: Lines = [("1", "mug", 1, "10.00")]
READY: list[Row] = [accepted(), created(), booked(), posted(), allocated()]
RETURN: list[Row] = [return_requested(), return_authorised(), return_expected(), return_received()]
IN_DOLLARS = effect("web", "price_listed", sku="mug", amount="9.00", currency="USD", version=1)


def named(row: Effect, name: str) -> Effect:
    return msgspec.structs.replace(row, effect_id=name)


def made_by(row: Effect, call_id: str) -> Effect:
    return msgspec.structs.replace(row, call_id=call_id)


def called(row: Call, name: str) -> Call:
    return msgspec.structs.replace(row, call_id=name)


@dataclass(frozen=True)
class Blame:
    invariant: str
    sentence: str
    rows: Sequence[Row]
    guilty: int | None
    """The place of the guilty row, the first is 1; null where something is missing."""
    words: str
    """What the finding says, among other things."""
    remedy: str = ""
    """What the remedy of this very finding says, among other things."""


LOST = called(call(key="A-1", outcome="unknown", status=None), "c-1")
AGAIN = called(call(key="A-2"), "c-2")
ANSWERED = called(call(key="A-1"), "c-1")
UNTIL_LATER = msgspec.structs.replace(
    ANSWERED, at_ns=START_NS + SECOND_NS, replied_ns=START_NS + 3 * SECOND_NS
)
PARTS = effect(
    "oms",
    "order_allocated",
    order_ref="A",
    data={
        "parts": [
            {"part_id": "P-1", "location": "north", "lines": [{"line_id": "1", "sku": "mug", "quantity": 2}]},
            {"part_id": "P-2", "location": "south", "lines": [{"line_id": "2", "sku": "tea", "quantity": 1}]},
        ]
    },
)

CASES = [
    Blame(
        "orders_booked_exactly_once",
        "a lost reply, then another key",
        [LOST, AGAIN, accepted(), made_by(booked(), "c-1"), made_by(booked(document="SO-2"), "c-2")],
        5,
        "booked in the ERP twice; the call before was answered with no whole reply under key A-1, "
        "the next was sent 990 ms later under key A-2",
        "under its first Idempotency-Key",
    ),
    Blame(
        "orders_booked_exactly_once",
        "answered, and done once more",
        [ANSWERED, AGAIN, accepted(), made_by(booked(), "c-1"), made_by(booked(document="SO-2"), "c-2")],
        5,
        "was answered 201 under key A-1",
        "take an event that comes again for known",
    ),
    Blame(
        "orders_booked_exactly_once",
        "two at once",
        [UNTIL_LATER, AGAIN, accepted(), made_by(booked(), "c-1"), made_by(booked(document="SO-2"), "c-2")],
        5,
        "sent before that answer",
        "under way at once",
    ),
    Blame("orders_booked_exactly_once", "never", [accepted()], None, "never booked in the ERP"),
    Blame(
        "oms_orders_created_exactly_once",
        "twice",
        [accepted(), created(), created(document="OMS-2")],
        3,
        "created in the OMS twice",
    ),
    Blame(
        "no_order_lost",
        "acknowledged and forgotten",
        [accepted(), told("order.placed")],
        None,
        "its event was acknowledged, and no call about it followed",
    ),
    Blame(
        "no_order_lost",
        "never delivered",
        [accepted(), told("order.placed", acknowledged=False, error="refused")],
        None,
        "its event was sent once and never acknowledged",
        "Answer webhooks with 2xx",
    ),
    Blame(
        "no_order_lost",
        "a failed call",
        [accepted(), told("order.placed"), call(outcome="unknown", status=503)],
        None,
        "called once, at last answered 503",
        "Retry a booking that failed",
    ),
    Blame(
        "order_content_faithful",
        "a right order that is corrected wrongly",
        [accepted(), booked(), corrected(total="1.00")],
        3,
        "erp SO-A: total 28.95 GBP became 1.00 GBP",
    ),
    Blame(
        "order_content_faithful",
        "a wrong one that is left",
        [accepted(), created(), booked(total="1.00")],
        3,
        "erp SO-A",
    ),
    Blame(
        "posting_sequence",
        "told to the channel before it left",
        [*READY, requested(), channel_told(), shipped()],
        7,
        "shipped at the channel 1.0 s before the shipment was confirmed",
    ),
    Blame(
        "fulfilled_once",
        "the request by which it was too much, not the last one",
        [
            *READY[:4],
            allocated("A", "P-1", "P-2", "P-3"),
            requested(part="P-1", document="F-1", lines=ORDERED),
            requested(part="P-2", document="F-2", lines=ONE_MUG),
            requested(part="P-3", document="F-3", lines=[("9", "pot", 0, None)]),
        ],
        7,
        "line 1: 2 ordered, 3 requested",
    ),
    Blame(
        "fulfilled_once",
        "one part with the lines of another",
        [accepted(), posted(), PARTS, requested(part="P-1", lines=TEA), requested(part="P-2", lines=TEA)],
        4,
        "part P-1 was requested as line 2 × 1, allocated as line 1 × 2",
        "with its own lines",
    ),
    Blame("fulfilled_once", "never", READY, None, "never requested", "Request every part"),
    Blame(
        "shipments_told_everywhere_once",
        "other lines to the channel",
        [accepted(), shipped(), invoiced(), oms_told(), channel_told(lines=MUGS)],
        5,
        "channel web was told line 2 × 0, shipped × 1",
        "lines of the shipment.confirmed event",
    ),
    Blame(
        "shipments_told_everywhere_once",
        "other lines to the OMS, and the channel not at all",
        [accepted(), shipped(), oms_told(lines=MUGS), invoiced()],
        3,
        "the OMS was told line 2 × 0, shipped × 1; never told to channel web",
    ),
    Blame(
        "shipments_told_everywhere_once",
        "never invoiced",
        [accepted(), shipped(), oms_told(), channel_told()],
        None,
        "order A; never invoiced",
    ),
    Blame(
        "captured_once_in_the_right_amount",
        "captured twice",
        [accepted(), shipped(), captured(), captured()],
        4,
        "captured 57.90 of 28.95 GBP; 1 of its shipments captured again",
    ),
    Blame(
        "captured_once_in_the_right_amount",
        "never captured",
        [accepted(), shipped()],
        None,
        "captured 0.00 of 28.95 GBP",
        "Capture each shipment",
    ),
    Blame(
        "captured_per_parcel",
        "all of it with the first parcel",
        [accepted(), shipped(lines=MUGS), captured(), shipped(lines=TEA, shipment="SHP-2")],
        3,
        "28.95 GBP captured when goods for 20.00 had left; one shipment was never captured",
    ),
    Blame(
        "cancelled_orders_not_shipped",
        "cancelled at the channel while it ships",
        [*READY, requested(), lines_cancelled(lines=TEA), shipped()],
        7,
        "cancelled in web, and yet shipped: line 2 × 1 of 1 cancelled, 1 shipped",
    ),
    Blame(
        "cancelled_orders_not_shipped",
        "requested although it was cancelled",
        [*READY, cancelled(), requested(), shipped()],
        7,
        "cancelled in web",
        "before requesting its goods",
    ),
    Blame(
        "cancelled_orders_not_shipped",
        "cancelled in the OMS before the warehouse was asked",
        [*READY, requested(), oms_cancelled(), shipped()],
        7,
        "cancelled in oms",
    ),
    Blame(
        "cancel_and_ship_have_one_winner",
        "declined although the warehouse had stopped it",
        [
            accepted(),
            requested(),
            cancellation_requested(),
            fulfilment_cancelled(),
            cancellation("declined"),
        ],
        5,
        "declined, although the warehouse had stopped the order",
        "Decline only where the warehouse says too_late",
    ),
    Blame(
        "voided_once",
        "twice",
        [accepted(), authorised(), cancelled(), voided(), voided()],
        5,
        "given back twice",
    ),
    Blame(
        "voided_once",
        "never",
        [accepted(), authorised(), cancelled()],
        None,
        "28.95 GBP still held; the order is cancelled",
    ),
    Blame(
        "voided_once",
        "the warehouse had stopped it, and nothing else was cancelled",
        [accepted(), authorised(), requested(), fulfilment_cancelled(), voided()],
        None,
        "no system has cancelled anything of the order",
        "Carry the cancellation to channel, OMS and ERP",
    ),
    Blame(
        "voided_once",
        "without any reason",
        [accepted(), authorised(), voided()],
        3,
        "no system has cancelled anything of the order",
        "Void only what is cancelled",
    ),
    Blame(
        "unfillable_orders_cancelled_and_voided",
        "captured all the same",
        [accepted(), authorised(), unfillable(), captured(), cancelled()],
        4,
        "captured",
        "Capture only what",
    ),
    Blame(
        "refund_paid_once_never_before_credit",
        "at receipt, and again when it was credited",
        [accepted(), *RETURN, refunded(), credit_posted(), refunded()],
        6,
        "refunded twice; 20.00 GBP; credited 10.00 GBP; paid 1.0 s before the credit memo was posted",
        "not on return.received",
    ),
    Blame(
        "refund_paid_once_never_before_credit",
        "twice",
        [credit_posted(), refunded(), refunded()],
        3,
        "refunded twice",
    ),
    Blame(
        "returns_carried_through_once",
        "credited as announced",
        [
            accepted(),
            *RETURN,
            credit_received(lines=[("1", "mug", 2, None)]),
            refunded(),
            refund_confirmed(),
        ],
        6,
        "line 1 × 1 came back, line 1 × 2 credited",
        "Credit the lines of return.received",
    ),
    Blame(
        "returns_carried_through_once",
        "nothing came, and it was credited",
        [accepted(), *RETURN[:3], return_received(lines=[]), credit_received(lines=BACK)],
        6,
        "nothing came back, line 1 × 1 credited",
    ),
    Blame(
        "returns_carried_through_once",
        "never confirmed",
        [accepted(), *RETURN, credit_received(), refunded()],
        None,
        "refunded once, never confirmed",
    ),
    Blame(
        "stock_adjusted_once",
        "booked twice",
        [moved(5, 15, cause="receipt"), adjusted(5), adjusted(5)],
        3,
        "receipt of mug × 5; booked twice; 10 units in all",
    ),
    Blame(
        "stock_adjusted_once",
        "what came back is booked as a receipt",
        [moved(1, 11, cause="return", change="CHG-1"), adjusted(1, change="RET-1")],
        2,
        "booked as RET-1, which is no receipt, count or damage",
    ),
    Blame(
        "prices_published",
        "under another currency",
        [price_set("9.00"), IN_DOLLARS],
        2,
        "web lists version 1 in USD, set in GBP; never reached web",
        "in its own currency",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.invariant}: {case.sentence}")
def test_the_wrong_row_is_guilty(case: Blame) -> None:
    rows = [named(row, f"e-{n}") if isinstance(row, Effect) else row for n, row in enumerate(case.rows, 1)]
    findings = asked(case.invariant, rows).findings
    assert len(findings) == 1, findings
    (finding,) = findings
    assert finding.guilty == (None if case.guilty is None else f"e-{case.guilty}")
    assert finding.omission is (case.guilty is None)
    assert case.words in finding.finding
    assert case.remedy in (finding.remedy or "")
