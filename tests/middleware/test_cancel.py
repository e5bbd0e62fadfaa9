"""cancel as facts and what follows: before, during and after the warehouse has the order."""

from peakproof.middleware.documents import CancellationRequest, Fulfilment, Units
from peakproof.middleware.flows import cancel, order_to_ship
from peakproof.middleware.flows.cancel import ACCEPT, DECLINE, FETCH, STOP
from peakproof.middleware.order import Order

from .orders import REF, channel_order, parcel, placed, requested, taken_in, wanted


def wish(order: Order, request_id: str = "web-C-1") -> Order:
    cancel.wished(order, "web", CancellationRequest(request_id, REF))
    return order


def test_a_wish_before_the_warehouse_has_the_order_ends_it() -> None:
    order = wish(taken_in())
    assert wanted(order) == ["cancel_in_oms", "cancel_in_erp", "void", "accept:web-C-1"]
    assert order.ended == "customer"


def test_a_wish_for_an_order_that_was_never_seen_asks_the_channel_first() -> None:
    order = wish(Order(ref=REF))
    assert wanted(order) == ["fetch"]
    FETCH.done(order, "", channel_order("placed"))
    order.done["fetch"] = ""
    assert wanted(order) == ["void", "accept:web-C-1"]


def test_a_wish_for_an_order_that_turns_out_cancelled_is_closed() -> None:
    order = wish(Order(ref=REF))
    FETCH.done(order, "", channel_order("cancelled"))
    order.done["fetch"] = ""
    assert wanted(order) == []


def test_the_warehouse_is_asked_to_stop_what_it_has() -> None:
    order = wish(requested())
    assert wanted(order) == ["stop"]
    STOP.done(order, "", None)
    order.done["stop"] = ""
    assert wanted(order) == ["cancel_in_oms", "cancel_in_erp", "void", "accept:web-C-1"]


def test_nothing_more_is_requested_while_the_race_is_undecided() -> None:
    order = taken_in()
    order.done["request:OMS-000001-1"] = "FUL-000001"
    assert wanted(wish(order)) == ["stop"]


def test_a_request_without_an_answer_is_waited_for() -> None:
    order = wish(taken_in())
    assert wanted(order, under_way={"request:OMS-000001-1"}) == []
    assert order.ended is None


def test_too_late_declines_every_wish_and_the_order_goes_its_way() -> None:
    order = wish(wish(taken_in()), "web-C-2")
    order.done["request:OMS-000001-1"] = "FUL-000001"
    assert STOP.refused is not None and STOP.refused(order, "", "too_late")
    order.done["stop"] = ""
    assert wanted(order) == ["request:OMS-000001-2", "decline:web-C-1", "decline:web-C-2"]
    for request_id in ("web-C-1", "web-C-2"):
        DECLINE.done(order, request_id, None)
    assert order.wishes == {"web-C-1": "declined", "web-C-2": "declined"}


def test_a_wish_after_too_late_is_declined_without_asking_again() -> None:
    order = requested()
    order.too_late = True
    assert wanted(wish(order)) == ["decline:web-C-1"]


def test_a_lost_answer_is_found_out_by_what_the_warehouse_has_begun() -> None:
    order = wish(requested())
    assert STOP.search is not None
    begun, waiting = (Fulfilment("FUL-1", REF, "P", status) for status in ("picking", "requested"))
    assert [STOP.search.matches(order, "", each) for each in (begun, waiting)] == [True, False]
    STOP.done(order, "", begun)
    order.done["stop"] = ""
    assert wanted(order) == ["decline:web-C-1"]


def test_a_warehouse_that_never_heard_of_the_order_has_stopped_it() -> None:
    order = wish(requested())
    assert STOP.refused is not None and STOP.refused(order, "", "not_found")
    assert order.ended == "customer"


def test_what_has_shipped_is_declined() -> None:
    order = requested()
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)]))
    assert "decline:web-C-1" in wanted(wish(order))


def test_of_two_wishes_one_is_accepted_and_the_channel_closes_the_other() -> None:
    order = wish(wish(placed()), "web-C-2")
    assert [key for key in wanted(order) if "C-" in key] == ["accept:web-C-1"]
    ACCEPT.done(order, "web-C-1", None)
    assert order.wishes == {"web-C-1": "accepted", "web-C-2": "closed"}


def test_a_wish_for_an_order_that_ends_anyway_needs_no_answer() -> None:
    order = placed()
    order.unfillable = True
    assert wanted(wish(order)) == ["cancel_at_channel", "void"]
