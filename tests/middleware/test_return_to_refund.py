"""return-to-refund as facts and what follows, also for orders that were never seen."""

from typing import Any

import msgspec

from peakproof.middleware.documents import (
    ChannelReturn,
    CreditMemo,
    Line,
    ReceivedLine,
    ReceivedReturn,
    Units,
)
from peakproof.middleware.flows import order_to_ship, return_to_refund
from peakproof.middleware.flows.cancel import FETCH
from peakproof.middleware.flows.return_to_refund import CONFIRM, CREDIT, REFUND
from peakproof.middleware.order import Order

from .orders import REF, channel_order, parcel, requested, wanted

CAME = [ReceivedLine("1", "MUG", 1, True), ReceivedLine("1", "MUG", 1, False)]


def announced(order: Order) -> Order:
    document = ChannelReturn("web-R-1", REF, [Line("1", "MUG", 3, "4.95")], "GBP")
    return_to_refund.requested(order, "web", document)
    return order


def received(order: Order, lines: list[ReceivedLine]) -> Order:
    order.done |= {"authorise_return:web-R-1": "RMA-1", "expect_return:web-R-1": "RET-1"}
    return_to_refund.arrived(order, ReceivedReturn("web-R-1", REF, lines))
    return order


def body(request: Any) -> Any:
    return msgspec.json.decode(request.body)


def test_a_return_for_an_order_that_was_never_seen_is_announced() -> None:
    order = announced(Order(ref=REF))
    assert wanted(order) == ["authorise_return:web-R-1"]
    order.done["authorise_return:web-R-1"] = "RMA-1"
    assert wanted(order) == ["expect_return:web-R-1"]


def test_what_came_is_credited_at_the_price_paid() -> None:
    order = received(announced(Order(ref=REF)), CAME)
    assert wanted(order) == ["credit:web-R-1"]
    memo = body(CREDIT.request(order, "web-R-1"))
    assert (memo["total"], memo["currency"]) == ("9.90", "GBP")
    assert [(line["quantity"], line["restock"]) for line in memo["lines"]] == [(1, True), (1, False)]


def test_nothing_is_refunded_before_the_credit_memo_is_posted() -> None:
    order = received(announced(Order(ref=REF)), CAME)
    order.done["credit:web-R-1"] = "CM-1"
    assert wanted(order) == []


def test_the_memos_total_is_refunded_and_confirmed() -> None:
    order = received(announced(Order(ref=REF)), CAME)
    order.done["credit:web-R-1"] = "CM-1"
    return_to_refund.credited(order, CreditMemo("CM-1", REF, "web-R-1", "9.90", "GBP"))
    assert wanted(order) == ["fetch"]
    FETCH.done(order, "", channel_order("shipped"))
    order.done["fetch"] = ""
    assert wanted(order) == ["refund:web-R-1"]
    request = REFUND.request(order, "web-R-1")
    assert request.path == "/v1/payments/PAY-000001/refunds"
    assert body(request) == {"amount": "9.90", "currency": "GBP", "return_id": "web-R-1"}
    order.done["refund:web-R-1"] = "REF-1"
    assert body(CONFIRM.request(order, "web-R-1")) == {
        "refund_id": "REF-1",
        "amount": "9.90",
        "currency": "GBP",
    }
    assert wanted(order) == ["confirm_refund:web-R-1"]


def test_a_refund_waits_for_the_capture_that_it_gives_back() -> None:
    order = announced(requested())
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)]))
    order.done |= dict.fromkeys(("tell_oms:SHP-1", "tell_channel:SHP-1", "invoice:SHP-1"), "")
    received(order, CAME)
    order.done["credit:web-R-1"] = "CM-1"
    return_to_refund.credited(order, CreditMemo("CM-1", REF, "web-R-1", "9.90", "GBP"))
    assert wanted(order) == ["capture:SHP-1"]
    order.done["capture:SHP-1"] = "CAP-1"
    assert wanted(order) == ["refund:web-R-1"]


def test_the_oms_is_asked_after_it_was_told_what_left() -> None:
    order = announced(requested())
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)]))
    assert "authorise_return:web-R-1" not in wanted(order)


def test_a_return_of_which_nothing_came_is_closed() -> None:
    order = received(announced(Order(ref=REF)), [])
    assert wanted(order) == ["confirm_refund:web-R-1"]
    assert body(CONFIRM.request(order, "web-R-1")) == {"refund_id": None, "amount": "0", "currency": "GBP"}


def test_what_cost_nothing_is_confirmed_without_a_refund() -> None:
    order = received(announced(Order(ref=REF)), CAME)
    order.done["credit:web-R-1"] = "CM-1"
    return_to_refund.credited(order, CreditMemo("CM-1", REF, "web-R-1", "0.00", "GBP"))
    assert wanted(order) == ["confirm_refund:web-R-1"]
    assert body(CONFIRM.request(order, "web-R-1"))["refund_id"] is None


def test_goods_that_arrive_before_their_announcement_wait_for_it() -> None:
    order = received(Order(ref=REF), CAME)
    assert wanted(order) == []
    assert wanted(announced(order)) == ["credit:web-R-1"]
