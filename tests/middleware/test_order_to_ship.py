"""order-to-ship as facts and what follows: early, late, short, unfillable and rejected."""

from typing import Any

import msgspec
import pytest

from peakproof.middleware.documents import Line, LineQuantity, OmsOrder, Rejection, SalesOrder, Units
from peakproof.middleware.flows import order_to_ship
from peakproof.middleware.order import Order
from peakproof.middleware.steps.giving_up import CANCEL_AT_CHANNEL, SHORT_IN_ERP
from peakproof.middleware.steps.shipping import CAPTURE, INVOICE, TELL_CHANNEL
from peakproof.middleware.steps.taking_in import BOOK, CREATE_IN_OMS

from .orders import PARTS, REF, channel_order, parcel, placed, requested, taken_in, wanted


def body(request: Any) -> Any:
    return msgspec.json.decode(request.body)


def test_a_placed_order_is_acknowledged_created_and_booked() -> None:
    assert wanted(placed()) == ["acknowledge", "create_in_oms", "book"]


def test_an_order_from_before_our_time_is_left_alone() -> None:
    order = Order(ref=REF)
    order_to_ship.placed(order, "web", channel_order("shipped"))
    assert wanted(order) == []


def test_oms_and_erp_get_the_same_content_letter_for_letter() -> None:
    order = placed()
    told = body(BOOK.request(order, ""))
    assert told == body(CREATE_IN_OMS.request(order, ""))
    assert (told["customer"]["name"], told["total"], told["lines"][0]["unit_price"]) == (
        "Zoë Müller",
        "22.90",
        "4.95",
    )
    assert "status" not in told


@pytest.mark.parametrize(
    "fact",
    [
        lambda order: order_to_ship.allocated(order, OmsOrder("OMS-000001", REF, parts=PARTS)),
        lambda order: order_to_ship.posted(order, SalesOrder("SO-000001", REF)),
    ],
    ids=["allocated alone", "posted alone"],
)
def test_nothing_is_requested_before_it_is_both_posted_and_allocated(fact: Any) -> None:
    order = placed()
    fact(order)
    assert not [key for key in wanted(order) if key.startswith("request")]


def test_each_part_is_requested_though_allocation_came_before_our_own_answer() -> None:
    order = placed()
    order_to_ship.allocated(order, OmsOrder("OMS-000001", REF, parts=PARTS))
    order_to_ship.posted(order, SalesOrder("SO-000001", REF))
    keys = wanted(order, under_way={"create_in_oms", "book"})
    assert keys == ["acknowledge", "request:OMS-000001-1", "request:OMS-000001-2"]


def test_a_shipment_is_captured_invoiced_and_told_to_oms_and_channel() -> None:
    order = requested()
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)]))
    assert wanted(order) == ["capture:SHP-1", "tell_channel:SHP-1", "tell_oms:SHP-1", "invoice:SHP-1"]
    assert body(CAPTURE.request(order, "SHP-1")) == {
        "amount": "14.85",
        "currency": "GBP",
        "shipment_id": "SHP-1",
    }
    told = body(TELL_CHANNEL.request(order, "SHP-1"))
    assert (told["tracking_number"], told["lines"]) == ("DHL-000001-1", [{"line_id": "1", "quantity": 2}])


def test_delivery_is_charged_with_the_first_shipment_only() -> None:
    order = requested()
    order_to_ship.shipped(order, parcel("SHP-2", [Units("3", "MUG", 1)]))
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2), Units("2", "TEA", 1)]))
    first, second = (body(INVOICE.request(order, ref)) for ref in ("SHP-2", "SHP-1"))
    assert (first["shipping"], first["total"]) == ("4.95", "9.90")
    assert (second["shipping"], second["total"]) == ("0", "13.00")


def test_a_shipment_told_twice_is_one_shipment() -> None:
    order = requested()
    for _ in range(2):
        order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)]))
    assert list(order.shipments) == ["SHP-1"]


def test_yen_have_no_decimals() -> None:
    order = Order(ref=REF)
    lines = [Line("1", "MUG", 3, "700")]
    order_to_ship.placed(order, "web", channel_order(currency="JPY", lines=lines, shipping="0", total="2100"))
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 3)]))
    assert body(CAPTURE.request(order, "SHP-1"))["amount"] == "2100"


def test_what_costs_nothing_is_not_captured() -> None:
    order = Order(ref=REF)
    lines = [Line("1", "GIFT", 1, "0.00"), Line("2", "TEA", 1, "3.10")]
    order_to_ship.placed(order, "web", channel_order(lines=lines, shipping="0.00", total="3.10"))
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "GIFT", 1)]))
    assert "capture:SHP-1" not in wanted(order)


def test_short_lines_are_cancelled_and_the_rest_is_voided_after_the_last_capture() -> None:
    order = requested()
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)], [Units("2", "TEA", 1)]))
    order_to_ship.shipped(order, parcel("SHP-2", [Units("3", "MUG", 1)]))
    keys = wanted(order)
    assert {"short_in_oms:FUL-000001", "short_in_erp:FUL-000001", "short_at_channel:FUL-000001"} <= set(keys)
    assert "void" not in keys
    order.done |= {"capture:SHP-1": "CAP-1", "capture:SHP-2": "CAP-2"}
    assert "void" in wanted(order)
    assert body(SHORT_IN_ERP.request(order, "FUL-000001"))["lines"] == [{"line_id": "2", "quantity": 1}]


def test_an_order_that_is_all_short_captures_nothing() -> None:
    order = requested()
    everything = [Units("1", "MUG", 2), Units("2", "TEA", 1), Units("3", "MUG", 1)]
    order_to_ship.shipped(order, parcel(None, [], everything))
    assert sorted(wanted(order)) == [
        "short_at_channel:FUL-000001",
        "short_in_erp:FUL-000001",
        "short_in_oms:FUL-000001",
        "void",
    ]


@pytest.mark.parametrize(("cancelled", "found"), [(1, True), (0, False)], ids=["is cancelled", "is not"])
def test_a_short_cancel_is_looked_up_by_its_units(cancelled: int, found: bool) -> None:
    order = requested()
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)], [Units("2", "TEA", 1)]))
    search = SHORT_IN_ERP.search
    assert search is not None
    document = SalesOrder("SO-000001", REF, cancelled_lines=[LineQuantity("2", 1)][:cancelled])
    assert search.matches(order, "FUL-000001", document) is found


def test_an_unfillable_order_is_cancelled_everywhere() -> None:
    order = placed()
    order.done |= {"acknowledge": "", "create_in_oms": "OMS-000001", "book": "SO-000001"}
    order.sales_order_id = "SO-000001"
    order_to_ship.unfillable(order, OmsOrder("OMS-000001", REF))
    assert wanted(order) == ["cancel_at_channel", "cancel_in_erp", "void"]
    assert body(CANCEL_AT_CHANNEL.request(order, "")) == {"reason": "out_of_stock", "lines": None}


def test_a_booking_that_never_began_is_left_out_when_the_order_ends() -> None:
    order = placed()
    order_to_ship.unfillable(order, OmsOrder("OMS-000001", REF))
    assert wanted(order) == ["cancel_at_channel", "void"]


def test_a_booking_without_an_answer_is_waited_for_before_it_is_cancelled() -> None:
    order = placed()
    order_to_ship.unfillable(order, OmsOrder("OMS-000001", REF))
    order.sales_order_id = "SO-000001"
    assert "cancel_in_erp" not in wanted(order, under_way={"book"})
    assert "cancel_in_erp" in wanted(order)


def test_a_rejection_for_good_releases_voids_and_cancels() -> None:
    order = placed()
    order.oms_id = "OMS-000001"
    order_to_ship.rejected(order, Rejection("SO-000001", REF, "unknown_item X", permanent=True))
    assert wanted(order) == ["cancel_at_channel", "cancel_in_oms", "void"]


def test_a_rejection_that_passes_is_submitted_again_each_time() -> None:
    order = taken_in()
    order.posted = False
    order_to_ship.rejected(order, Rejection("SO-000001", REF, "period_closed", permanent=False))
    assert wanted(order) == ["resubmit:1"]
    order.done["resubmit:1"] = ""
    order.rejected, order.resubmissions = None, 1
    order_to_ship.rejected(order, Rejection("SO-000001", REF, "period_closed", permanent=False))
    assert wanted(order) == ["resubmit:2"]


def test_a_late_rejection_of_a_posted_order_says_nothing() -> None:
    order = taken_in()
    order_to_ship.rejected(order, Rejection("SO-000001", REF, "period_closed", permanent=True))
    assert "cancel_at_channel" not in wanted(order)
