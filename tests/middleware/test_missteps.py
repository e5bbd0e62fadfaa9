"""Planted mistakes in steps and requests: each goes wrong where it says, and nowhere else."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from peakproof.middleware.documents import Line, Units
from peakproof.middleware.flows import order_to_ship
from peakproof.middleware.missteps import (
    Floats,
    PerLine,
    ReadsThenWrites,
    ShortColumns,
    VoidsEarly,
)
from peakproof.middleware.mistakes import AfterTheLast, AllDone, ById, ByIdInMemory, InMilliseconds, LocalTime
from peakproof.middleware.order import Order, encoded
from peakproof.middleware.policies import AsPlanned, StepsPolicy, ToTheEnd, WithItsZone

from .orders import REF, channel_order, parcel, placed, taken_in


def shipped(quantity: int, price: str, total: str) -> Order:
    """One line, all of it gone with one parcel, delivery free."""
    order = Order(ref=REF)
    line = Line("1", "MUG", quantity, price)
    order_to_ship.placed(order, "web", channel_order(lines=[line], shipping="0.00", total=total))
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", quantity)]))
    return order


def steps(policy: StepsPolicy, order: Order) -> dict[str, Any]:
    """What each step asks for, by its key."""
    chosen = policy.chosen(order, order_to_ship.plan(order, ()))
    return {step.key(ref): msgspec.json.decode(step.request(order, ref).body) for step, ref in chosen}


@pytest.mark.parametrize(
    ("policy", "order", "captured"),
    [
        pytest.param(AsPlanned(), shipped(1, "19.99", "19.99"), "19.99", id="as it is"),
        pytest.param(Floats(), shipped(1, "19.99", "19.99"), "19.98", id="a cent is cut off"),
        pytest.param(Floats(), shipped(2, "2.50", "5.00"), "5.00", id="a sum that floats can hold"),
        pytest.param(Floats(), shipped(3, "255", "765"), "765", id="a currency without cents"),
        pytest.param(PerLine(), shipped(1, "7.65", "7.65"), "7.66", id="a rounded net has a cent too many"),
        pytest.param(PerLine(), shipped(1, "12.00", "12.00"), "12.00", id="a net without a rest"),
    ],
)
def test_what_is_captured(policy: StepsPolicy, order: Order, captured: str) -> None:
    asked = steps(policy, order)
    assert asked["capture:SHP-1"]["amount"] == captured
    assert asked.keys() == steps(AsPlanned(), order).keys()


def test_the_rest_is_given_back_with_the_first_parcel_that_is_paid_for() -> None:
    order = taken_in()
    order_to_ship.shipped(order, parcel("SHP-1", [Units("1", "MUG", 2)]))
    assert "void" not in steps(VoidsEarly(), order)
    order.done["capture:SHP-1"] = "CAP-1"
    assert "void" in steps(VoidsEarly(), order)
    assert "void" not in steps(AsPlanned(), order)


def test_names_are_cut_for_the_oms_alone() -> None:
    content = placed().content
    assert content is not None
    body, cut = encoded(content), ShortColumns()
    assert msgspec.json.decode(cut.body("create_in_oms", body))["customer"]["name"] == "Zoë Müll"
    assert cut.body("book", body) == body


def test_two_changes_of_one_moment_are_both_added_to_what_was_read_before() -> None:
    listing = ReadsThenWrites()

    def listed(available: int) -> int:
        body = encoded({"sku": "MUG", "quantity": available, "version": 1})
        return int(msgspec.json.decode(listing.body("availability@web", body))["quantity"])

    assert [listed(10), listed(8), listed(5)] == [10, 8, 7]


def test_an_order_told_of_under_another_id_is_booked_again() -> None:
    events = ById()
    assert (
        events.take("a", "order.placed")
        == events.take("a-again", "order.placed")
        == ("create_in_oms", "book")
    )
    assert events.take("a", "order.placed") is None


def test_ids_in_memory_are_forgotten_by_a_restart_and_only_by_it() -> None:
    first, second = ByIdInMemory(), ByIdInMemory()
    first.remember([])
    assert [first.take("a", "order.placed"), first.take("a", "order.placed")] == [(), None]
    second.remember(["a"])
    assert second.take("a", "order.placed") == ("create_in_oms", "book")


def test_answers_and_times_misread() -> None:
    assert InMilliseconds().seconds("2") == pytest.approx(0.002)
    assert [result.status for result in AllDone().results(b"", 2) or ()] == [200, 200]
    moment = "2025-11-28T09:30:00+00:00"
    assert WithItsZone().moment(moment).timestamp() - LocalTime().moment(moment).timestamp() == 3600


@pytest.mark.parametrize("latest", ["2025-11-28T09:30:05+00:00", "2025-11-28T09:30:05.250000+00:00"])
def test_what_shares_a_time_with_the_last_is_never_asked_for(latest: str) -> None:
    seen, asked_at = datetime.fromisoformat(latest), datetime(2025, 11, 28, 9, 31, tzinfo=UTC)
    assert AfterTheLast().since(seen, asked_at) > seen > ToTheEnd().since(seen, asked_at)


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        WithItsZone().moment("2025-11-28T09:30:00")
    assert Decimal(WithItsZone().moment("2025-11-28T09:30:00Z").timestamp()) == 1_764_322_200
