"""From the warehouse's request to the money: each part once, each shipment billed once, in the right amount."""

import pytest

from peakproof.history.records import Lines

from .cases import Case, cases, name_of
from .histories import (
    ORDERED,
    Row,
    accepted,
    allocated,
    authorised,
    before_run,
    booked,
    cancelled,
    captured,
    channel_told,
    created,
    credit_received,
    erp_cancelled,
    erp_lines_cancelled,
    fulfilment_cancelled,
    hold_expired,
    invoiced,
    lines_cancelled,
    oms_cancelled,
    oms_lines_cancelled,
    oms_told,
    parked,
    posted,
    refused,
    requested,
    return_received,
    shipped,
    unfillable,
    voided,
)

MUGS = ORDERED[:1]
TEA = ORDERED[1:]
ONE_MUG: Lines = [("1", "mug", 1, "10.00")]
SHORT_OF_TEA: list[Row] = [accepted(), authorised(), shipped(lines=MUGS, short=[("2", 1)])]

READY: list[Row] = [accepted(), created(), booked(), posted(), allocated()]

PARTS: list[Row] = [accepted(), authorised(), shipped(lines=MUGS, shipment="SHP-1")]
"""The mugs have left: 20.00, with delivery 24.95; the tea for 4.00 is still to come."""

CASES = [
    *cases(
        "captured_per_parcel",
        ("not exercised", "nothing captured", PARTS),
        ("holds", "the parcel and delivery", [*PARTS, captured(amount="24.95")]),
        (
            "holds",
            "delivery with the second parcel",
            [
                *PARTS,
                captured(amount="20.00"),
                shipped(lines=TEA, shipment="SHP-2"),
                captured(amount="8.95", shipment="SHP-2"),
            ],
        ),
        ("violated", "the whole order with its first parcel", [*PARTS, captured(amount="28.95")]),
        (
            "violated",
            "before anything had left",
            [accepted(), authorised(), captured(amount="24.95"), PARTS[2]],
        ),
        (
            "violated",
            "another parcel's amount",
            [
                *PARTS,
                shipped(lines=TEA, shipment="SHP-2"),
                captured(amount="24.95", shipment="SHP-2"),
                captured(amount="4.00", shipment="SHP-1"),
            ],
        ),
        (
            "violated",
            "the second parcel is never captured",
            [*PARTS, captured(amount="24.95"), shipped(lines=TEA, shipment="SHP-2")],
        ),
        (
            "indeterminate",
            "the second parcel has just left",
            [*PARTS, captured(amount="24.95"), shipped(lines=TEA, shipment="SHP-2")],
        ),
    ),
    *cases(
        "fulfilled_where_allocated",
        ("not exercised", "nothing requested", READY),
        ("holds", "where it is allocated", [*READY, requested(location="north")]),
        ("violated", "from somewhere else", [*READY, requested(location="south")]),
    ),
    *cases(
        "fulfilled_once",
        ("not exercised", "nothing allocated", [accepted()]),
        ("holds", "posted, allocated, requested, shipped", [*READY, requested(), shipped()]),
        (
            "holds",
            "two parts, one request each",
            [
                accepted(),
                booked(),
                posted(),
                allocated("A", "P-1", "P-2"),
                requested(part="P-1", document="FUL-1", lines=MUGS),
                requested(part="P-2", document="FUL-2", lines=TEA),
            ],
        ),
        (
            "holds",
            "shipped in two shipments",
            [*READY, requested(), shipped(shipment="S-1", lines=MUGS), shipped(shipment="S-2", lines=TEA)],
        ),
        (
            "holds",
            "asked again after the first was cancelled",
            [*READY, requested(), fulfilment_cancelled(), requested(document="FUL-2")],
        ),
        (
            "holds",
            "cancelled before it was requested",
            [*READY, oms_cancelled(), erp_cancelled(), cancelled()],
        ),
        ("holds", "allocated, but not posted yet", [accepted(), created(), booked(), allocated()]),
        (
            "holds",
            "less than ordered was shipped",
            [*READY, requested(), shipped(lines=ONE_MUG, short=[("1", 1), ("2", 1)])],
        ),
        ("violated", "one part requested twice", [*READY, requested(), requested(document="FUL-2")]),
        (
            "violated",
            "requested twice, the second cancelled",
            [*READY, requested(), requested(document="FUL-2"), fulfilment_cancelled(document="FUL-2")],
        ),
        (
            "violated",
            "requested again as another part",
            [*READY, requested(), requested(part="OMS-A-9", document="FUL-2")],
        ),
        (
            "violated",
            "shipped twice",
            [*READY, requested(), shipped(shipment="S-1"), shipped(shipment="S-2")],
        ),
        ("violated", "never requested", READY),
        (
            "violated",
            "one of two parts forgotten",
            [accepted(), posted(), allocated("A", "P-1", "P-2"), requested(part="P-1", lines=MUGS)],
        ),
        ("indeterminate", "not requested when the run was cut off", READY),
    ),
    *cases(
        "captured_once_in_the_right_amount",
        ("not exercised", "nothing shipped, nothing captured", [accepted()]),
        ("holds", "goods and delivery", [accepted(), shipped(), captured()]),
        (
            "holds",
            "two shipments, delivery with the first",
            [
                accepted(),
                shipped(shipment="S-1", lines=MUGS),
                captured(amount="24.95", shipment="S-1"),
                shipped(shipment="S-2", lines=TEA),
                captured(amount="4.00", shipment="S-2"),
            ],
        ),
        (
            "holds",
            "short by a mug",
            [
                accepted(),
                shipped(lines=[("1", "mug", 1, "10.00"), *TEA], short=[("1", 1)]),
                captured(amount="18.95"),
            ],
        ),
        (
            "not exercised",
            "everything short, nothing captured",
            [accepted(), shipped(shipment=None, lines=[], short=[("1", 2), ("2", 1)])],
        ),
        (
            "holds",
            "yen have no decimals",
            [
                accepted(lines=[("1", "mug", 2, "1500")], currency="JPY", shipping="800", total="3800"),
                shipped(lines=[("1", "mug", 2, None)]),
                captured(amount="3800", currency="JPY"),
            ],
        ),
        ("holds", "not captured, but parked", [accepted(), shipped(), parked()]),
        (
            "holds",
            "an order from before the run",
            [before_run(accepted()), before_run(shipped()), before_run(captured())],
        ),
        ("violated", "captured twice", [accepted(), shipped(), captured(), captured()]),
        (
            "violated",
            "one shipment captured in two halves",
            [accepted(), shipped(), captured(amount="14.00"), captured(amount="14.95")],
        ),
        ("violated", "never captured", [accepted(), shipped()]),
        ("violated", "captured a penny short", [accepted(), shipped(), captured(amount="28.94")]),
        (
            "violated",
            "captured what was not shipped",
            [accepted(), shipped(lines=MUGS, short=[("2", 1)]), captured()],
        ),
        ("violated", "captured in another currency", [accepted(), shipped(), captured(currency="EUR")]),
        ("violated", "captured though nothing left", [accepted(), captured()]),
        ("indeterminate", "not captured when the run was cut off", [accepted(), shipped()]),
    ),
    *cases(
        "shipments_told_everywhere_once",
        ("not exercised", "nothing shipped", [accepted()]),
        (
            "holds",
            "billed and told once each",
            [accepted(), shipped(), invoiced(), oms_told(), channel_told()],
        ),
        (
            "holds",
            "a shipment of nothing tells nobody",
            [accepted(), shipped(), invoiced(), oms_told(), channel_told(), shipped(shipment=None, lines=[])],
        ),
        ("holds", "parked in between", [accepted(), shipped(), parked()]),
        (
            "violated",
            "billed twice",
            [accepted(), shipped(), invoiced(), invoiced(), oms_told(), channel_told()],
        ),
        (
            "violated",
            "the channel was told twice",
            [accepted(), shipped(), invoiced(), oms_told(), channel_told(), channel_told()],
        ),
        ("violated", "the OMS was never told", [accepted(), shipped(), invoiced(), channel_told()]),
        (
            "violated",
            "billed with other lines",
            [accepted(), shipped(lines=MUGS), invoiced(), oms_told(lines=MUGS), channel_told(lines=MUGS)],
        ),
        ("indeterminate", "not billed when the run was cut off", [accepted(), shipped()]),
    ),
    *cases(
        "short_lines_cancelled_everywhere",
        ("not exercised", "nothing was short", [accepted(), shipped()]),
        (
            "holds",
            "cancelled in all three",
            [
                accepted(),
                shipped(short=[("1", 1)]),
                oms_lines_cancelled(lines=ONE_MUG),
                erp_lines_cancelled(lines=ONE_MUG),
                lines_cancelled(lines=ONE_MUG),
            ],
        ),
        (
            "holds",
            "all of it short, so cancelled as a whole",
            [
                accepted(),
                shipped(shipment=None, lines=[], short=[("1", 2), ("2", 1)]),
                oms_cancelled(),
                erp_cancelled(),
                cancelled(),
            ],
        ),
        (
            "violated",
            "the ERP still waits for it",
            [
                accepted(),
                shipped(short=[("1", 1)]),
                oms_lines_cancelled(lines=ONE_MUG),
                lines_cancelled(lines=ONE_MUG),
            ],
        ),
        (
            "violated",
            "one of two units cancelled",
            [
                accepted(),
                shipped(short=[("1", 2)]),
                oms_lines_cancelled(lines=ONE_MUG),
                erp_lines_cancelled(lines=ONE_MUG),
                lines_cancelled(lines=ONE_MUG),
            ],
        ),
        ("indeterminate", "not cancelled when the run was cut off", [accepted(), shipped(short=[("1", 1)])]),
    ),
    *cases(
        "posting_sequence",
        ("not exercised", "no step that could be early", [accepted(), booked()]),
        (
            "holds",
            "each step in its turn",
            [*READY, requested(), shipped(), captured(), invoiced(), return_received(), credit_received()],
        ),
        ("holds", "allocated before posted", [accepted(), allocated(), booked(), posted(), requested()]),
        (
            "not exercised",
            "orders from before the run have no order",
            [before_run(invoiced()), before_run(shipped())],
        ),
        (
            "violated",
            "requested before it was posted",
            [accepted(), booked(), allocated(), requested(), posted()],
        ),
        ("violated", "requested without being allocated", [accepted(), booked(), posted(), requested()]),
        ("violated", "billed before it left", [*READY, requested(), invoiced(), shipped()]),
        (
            "violated",
            "captured for a shipment that never was",
            [*READY, requested(), shipped(), captured(shipment="SHP-9")],
        ),
        ("violated", "credited before it came back", [credit_received(), return_received()]),
    ),
    *cases(
        "unfillable_orders_cancelled_and_voided",
        ("not exercised", "everything could be filled", [accepted(), allocated()]),
        (
            "holds",
            "cancelled and voided",
            [accepted(), authorised(), booked(), unfillable(), erp_cancelled(), voided(), cancelled()],
        ),
        ("holds", "never booked", [accepted(), authorised(), unfillable(), voided(), cancelled()]),
        ("holds", "parked", [accepted(), authorised(), unfillable(), parked()]),
        ("violated", "the money was kept", [accepted(), authorised(), unfillable(), cancelled()]),
        ("violated", "the channel never heard of it", [accepted(), authorised(), unfillable(), voided()]),
        (
            "violated",
            "still booked",
            [accepted(), authorised(), booked(), unfillable(), voided(), cancelled()],
        ),
        ("violated", "captured", [accepted(), authorised(), unfillable(), captured(), cancelled()]),
        ("indeterminate", "not cancelled when the run was cut off", [accepted(), authorised(), unfillable()]),
    ),
    *cases(
        "voided_once",
        ("not exercised", "all of it shipped and charged", [accepted(), authorised(), shipped(), captured()]),
        ("holds", "cancelled and voided", [accepted(), authorised(), cancelled(), voided()]),
        ("holds", "voided before its channel was told", [accepted(), authorised(), voided(), cancelled()]),
        (
            "holds",
            "the rest of a short order",
            [*SHORT_OF_TEA, captured(amount="24.95"), voided(amount="4.00")],
        ),
        (
            "holds",
            "two parcels, the second short",
            [
                accepted(),
                authorised(),
                shipped(lines=ONE_MUG),
                shipped(shipment="SHP-2", lines=ONE_MUG, short=[("2", 1)]),
                captured(amount="14.95"),
                captured(amount="10.00", shipment="SHP-2"),
                voided(amount="4.00"),
            ],
        ),
        ("holds", "what was short was free", [*SHORT_OF_TEA, captured()]),
        (
            "holds",
            "one line cancelled, the other charged",
            [
                *(accepted(), authorised(), lines_cancelled(lines=TEA), shipped(lines=MUGS)),
                *(captured(amount="24.95"), voided(amount="4.00")),
            ],
        ),
        ("holds", "the hold ran out first", [accepted(), authorised(), cancelled(), hold_expired()]),
        (
            "holds",
            "asked for again, and refused",
            [
                *(accepted(), authorised(), cancelled(), voided()),
                refused("void_payment", system="payments", error="already_voided"),
            ],
        ),
        ("holds", "parked", [accepted(), authorised(), cancelled(), parked()]),
        ("violated", "cancelled, and the money still held", [accepted(), authorised(), cancelled()]),
        ("violated", "the rest still held", [*SHORT_OF_TEA, captured(amount="24.95")]),
        ("violated", "given back twice", [accepted(), authorised(), cancelled(), voided(), voided()]),
        ("violated", "nothing of it was cancelled", [accepted(), authorised(), voided()]),
        (
            "violated",
            "given back before the second parcel left",
            [
                accepted(),
                authorised(),
                shipped(lines=ONE_MUG, short=[("2", 1)]),
                captured(amount="14.95"),
                voided(amount="14.00"),
                shipped(shipment="SHP-2", lines=ONE_MUG),
            ],
        ),
        ("indeterminate", "still held when the run was cut off", [accepted(), authorised(), cancelled()]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_shipping(case: Case) -> None:
    case.check()
