"""The OMS's law: what it does, what it refuses, and that a refusal changes nothing."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peakproof.simulators.kit.ledger import Cause
from peakproof.simulators.kit.refusal import Refused
from peakproof.simulators.oms.allocation import allocate, missing
from peakproof.simulators.oms.documents import Order, Part
from peakproof.simulators.oms.effects import EFFECTS
from peakproof.simulators.oms.ledger import TRANSITIONS, OmsLedger, OmsSettings

from .orders import HOME, content, parts, units
from .world import MadeWorld, make_world

ALLOCATED_S = 30.0
PUBLISHED_S = 20.0


@dataclass
class House:
    made: MadeWorld
    oms: OmsLedger

    def allocated(self, *lines: tuple[str, str, int], order_ref: str = "web-000001") -> Order:
        order = self.oms.create(content(*lines, order_ref=order_ref))
        self.made.advance(ALLOCATED_S)
        return order

    def refuses(self, code: str) -> Any:
        return _Refuses(self, code)


class _Refuses:
    """Inside, the step must be refused with that code and leave everything as it was."""

    def __init__(self, house: House, code: str) -> None:
        self.house, self.code = house, code

    def __enter__(self) -> None:
        self.before = self._everything()

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        assert isinstance(error, Refused), f"expected a refusal with {self.code}"
        assert error.refusal.code == self.code
        assert self._everything() == self.before
        return True

    def _everything(self) -> object:
        made = self.house.made
        return copy.deepcopy(list(self.house.oms.final_state())), list(made.effects), list(made.events)


def house(*levels: tuple[str, str, int], **how: Any) -> House:
    made = make_world()
    oms = OmsLedger(made.world, OmsSettings(**how))
    oms.seed_stock(levels)
    return House(made, oms)


@pytest.fixture
def stocked() -> House:
    return house(("A", "north", 10), ("A", "south", 3), ("B", "south", 5))


# Allocation


def test_an_order_is_allocated_a_little_after_it_was_created(stocked: House) -> None:
    order = stocked.oms.create(content(("1", "A", 2)))

    assert order.status == "created"
    stocked.made.advance(ALLOCATED_S - 1)
    assert order.status == "created"
    stocked.made.advance(1)
    assert order.status == "allocated"
    assert stocked.made.of_topic("order.allocated")[0].data == {
        "order_id": "OMS-000001",
        "order_ref": "web-000001",
        "parts": (Part("OMS-000001-1", "north", parts(("1", "A", 2))),),
    }


def test_the_creation_is_recorded_with_all_that_the_order_says(stocked: House) -> None:
    stocked.oms.create(content(("1", "A", 2)))

    effect = stocked.made.of_kind("oms_order_created")[0]
    assert effect.amount == "9.11"
    assert effect.currency == "GBP"
    assert effect.lines == [("1", "A", 2, "2.08")]
    assert effect.data is not None
    assert effect.data["ship_to"] == HOME
    assert effect.data["shipping"] == "4.95"


def test_an_order_is_kept_together_where_one_location_has_it_all() -> None:
    free = {"north": {"A": 10, "B": 0}, "south": {"A": 3, "B": 5}}
    wanted = parts(("1", "A", 3), ("2", "B", 5))

    assert allocate(wanted, free) == {"south": wanted}


def test_an_order_is_split_by_line_where_no_location_has_it_all() -> None:
    free = {"north": {"A": 10, "B": 0}, "south": {"A": 3, "B": 5}}

    assert allocate(parts(("1", "A", 4), ("2", "B", 5)), free) == {
        "north": parts(("1", "A", 4)),
        "south": parts(("2", "B", 5)),
    }


def test_a_line_is_split_where_no_location_has_it_whole() -> None:
    free = {"north": {"A": 10}, "south": {"A": 3}}

    assert allocate(parts(("1", "A", 12)), free) == {
        "north": parts(("1", "A", 10)),
        "south": parts(("1", "A", 2)),
    }


def test_lines_with_one_sku_share_what_there_is() -> None:
    free = {"north": {"A": 10}, "south": {"A": 3}}

    assert allocate(parts(("1", "A", 10), ("2", "A", 3)), free) == {
        "north": parts(("1", "A", 10)),
        "south": parts(("2", "A", 3)),
    }
    assert allocate(parts(("1", "A", 10), ("2", "A", 4)), free) is None
    assert missing(parts(("1", "A", 10), ("2", "A", 4)), free) == parts(("2", "A", 1))


def test_an_unfillable_order_names_what_is_missing_and_reserves_nothing(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 2), ("2", "B", 6), ("3", "C", 1))

    assert order.status == "unfillable"
    assert stocked.made.of_topic("order.unfillable")[0].data == {
        "order_id": "OMS-000001",
        "order_ref": "web-000001",
        "reason": "out_of_stock",
        "missing": parts(("2", "B", 1), ("3", "C", 1)),
    }
    assert stocked.oms.reserved("A") == 0


def test_what_one_order_has_reserved_another_cannot_have(stocked: House) -> None:
    stocked.allocated(("1", "B", 4), order_ref="web-000001")
    second = stocked.allocated(("1", "B", 2), order_ref="web-000002")

    assert second.status == "unfillable"
    assert second.missing == parts(("1", "B", 1))


def test_content_that_does_not_add_up_is_refused(stocked: House) -> None:
    with stocked.refuses("amount_mismatch"):
        stocked.oms.create(content(("1", "A", 2), total="9.12"))
    with stocked.refuses("unknown_currency"):
        stocked.oms.create(content(("1", "A", 2), currency="XAU"))
    with stocked.refuses("inexact_amount"):
        stocked.oms.create(content(("1", "A", 2), unit_price="0.5", shipping="4", currency="JPY"))
    with stocked.refuses("invalid_request"):
        stocked.oms.create(content(("1", "A", 1), ("1", "B", 1)))


def test_a_second_order_with_the_same_reference_is_taken_as_life_takes_it(stocked: House) -> None:
    stocked.oms.create(content(("1", "A", 1)))
    second = stocked.oms.create(content(("1", "A", 1)))

    assert second.order_id == "OMS-000002"


def test_strict_references_refuse_a_second_order() -> None:
    strict = house(strict_references=True)
    strict.oms.create(content(("1", "A", 1)))
    with strict.refuses("duplicate_reference"):
        strict.oms.create(content(("1", "A", 1)))


# Shipping


def test_shipped_units_leave_the_reservation_and_on_hand_waits_for_the_warehouse(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 3)))

    assert order.status == "partially_shipped"
    assert stocked.oms.reserved("A") == 1
    assert stocked.oms.on_hand("A") == 13
    stocked.oms.ship(order, shipment_id="SHP-2", lines=units(("1", 1)))
    assert order.status == "shipped"
    assert stocked.oms.reserved("A") == 0
    assert [e.lines for e in stocked.made.of_kind("oms_order_shipped")] == [
        [("1", "A", 3, "2.08")],
        [("1", "A", 1, "2.08")],
    ]


def test_shipping_before_allocation_comes_too_early(stocked: House) -> None:
    order = stocked.oms.create(content(("1", "A", 2)))
    with stocked.refuses("not_allocated"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 2)))


def test_more_than_is_open_cannot_be_shipped(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 2), ("2", "B", 1))
    with stocked.refuses("over_shipped"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("2", 1), ("1", 3)))
    with stocked.refuses("over_shipped"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 2), ("1", 1)))
    with stocked.refuses("unknown_line"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1), ("9", 1)))
    with stocked.refuses("invalid_request"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=())
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 2), ("2", 1)))
    with stocked.refuses("over_shipped"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))


def test_strict_references_refuse_a_shipment_told_twice() -> None:
    strict = house(("A", "north", 9), strict_references=True)
    order = strict.allocated(("1", "A", 2))
    strict.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))
    with strict.refuses("duplicate_reference"):
        strict.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))


def test_a_line_over_two_locations_gives_up_the_first_location_first() -> None:
    two = house(("A", "north", 3), ("A", "south", 3))
    order = two.allocated(("1", "A", 5))
    assert [part.location for part in order.parts] == ["north", "south"]

    two.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 4)))
    two.oms.set_stock(sku="A", location="north", on_hand=0, version=2)
    two.oms.set_stock(sku="A", location="south", on_hand=2, version=2)
    again = two.allocated(("1", "A", 1), order_ref="web-000002")
    assert [part.location for part in again.parts] == ["south"]
    assert two.oms.reserved("A") == 2


# Cancelling


def test_a_whole_cancellation_frees_the_reservation(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4), ("2", "B", 1))
    stocked.oms.cancel(order, reason="changed_mind")

    assert order.status == "cancelled"
    assert stocked.oms.reserved("A") == 0
    effect = stocked.made.of_kind("oms_order_cancelled")[0]
    assert effect.cause == "changed_mind"
    assert effect.lines == [("1", "A", 4, "2.08"), ("2", "B", 1, "2.08")]


def test_an_order_may_be_cancelled_piece_by_piece(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    stocked.oms.cancel(order, reason="changed_mind", lines=units(("1", 1)))
    assert (order.status, stocked.oms.reserved("A")) == ("allocated", 3)
    stocked.oms.cancel(order, reason="changed_mind", lines=units(("1", 3)))
    assert (order.status, stocked.oms.reserved("A")) == ("cancelled", 0)
    assert stocked.made.kinds()[-2:] == ["oms_lines_cancelled", "oms_order_cancelled"]


def test_a_cancelled_order_is_refused_everything(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    stocked.oms.cancel(order, reason="changed_mind")

    with stocked.refuses("order_cancelled"):
        stocked.oms.cancel(order, reason="changed_mind")
    with stocked.refuses("order_cancelled"):
        stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))
    with stocked.refuses("order_cancelled"):
        stocked.oms.update(order, priority=1)


def test_cancelling_short_lines_of_a_part_shipped_order_leaves_it_shipped(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 3)))
    stocked.oms.cancel(order, reason="short", lines=units(("1", 1)))

    assert order.status == "shipped"
    assert stocked.oms.reserved("A") == 0
    assert stocked.made.kinds()[-1] == "oms_lines_cancelled"
    with stocked.refuses("order_shipped"):
        stocked.oms.cancel(order, reason="short")


def test_more_than_is_open_cannot_be_cancelled(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4), ("2", "B", 1))
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 3)))
    with stocked.refuses("nothing_open"):
        stocked.oms.cancel(order, reason="short", lines=units(("1", 2)))


def test_an_order_cancelled_before_allocation_is_never_allocated(stocked: House) -> None:
    order = stocked.oms.create(content(("1", "A", 4)))
    stocked.oms.cancel(order, reason="changed_mind")
    stocked.made.advance(ALLOCATED_S)

    assert order.status == "cancelled"
    assert not stocked.made.events


def test_only_what_is_still_open_is_allocated(stocked: House) -> None:
    order = stocked.oms.create(content(("1", "A", 4), ("2", "B", 9)))
    stocked.oms.cancel(order, reason="changed_mind", lines=units(("2", 9), ("1", 1)))
    stocked.made.advance(ALLOCATED_S)

    assert order.parts == (Part("OMS-000001-1", "north", parts(("1", "A", 3))),)


# Updating


def test_an_update_changes_what_is_given_and_records_what_changed(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    version = order.version
    stocked.oms.update(order, priority=1, ship_by="2026-11-28T12:00:00Z")

    assert order.priority == 1
    assert order.version == version + 1
    assert stocked.made.of_kind("oms_order_updated")[0].data == {"priority": 1}


def test_an_update_without_a_difference_is_none(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    effects = len(stocked.made.effects)
    stocked.oms.update(order, priority=order.priority, ship_to=HOME)

    assert len(stocked.made.effects) == effects


def test_a_shipped_order_can_no_longer_be_updated(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 1))
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))
    with stocked.refuses("order_shipped"):
        stocked.oms.update(order, priority=1)


# Returns


def shipped(where: House) -> Order:
    order = where.allocated(("1", "A", 4), ("2", "B", 1))
    return where.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 4), ("2", 1)))


def test_goods_that_come_back_bring_the_order_to_returned(stocked: House) -> None:
    order = shipped(stocked)
    authorisation = stocked.oms.authorise_return(
        return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 2))
    )
    assert authorisation.status == "authorised"

    stocked.oms.return_received("R-1", "web-000001", parts(("1", "A", 2)))
    assert order.status == "partially_returned"
    assert authorisation.status == "received"
    stocked.oms.return_received("R-2", "web-000001", parts(("1", "A", 2), ("2", "B", 1)))
    assert order.status == "returned"
    assert stocked.made.of_kind("oms_return_received")[1].lines == [("1", "A", 2, None), ("2", "B", 1, None)]


def test_a_return_is_authorised_only_for_what_was_shipped(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4), ("2", "B", 1))
    with stocked.refuses("not_found"):
        stocked.oms.authorise_return(return_id="R-1", order_ref="web-999999", lines=parts(("1", "A", 1)))
    with stocked.refuses("not_shipped"):
        stocked.oms.authorise_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 1)))
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))
    with stocked.refuses("not_shipped"):
        stocked.oms.authorise_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 2)))
    with stocked.refuses("unknown_line"):
        stocked.oms.authorise_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "B", 1)))


def test_goods_may_be_back_before_the_house_knows_that_they_left(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 1))
    stocked.oms.return_received("R-1", "web-000001", parts(("1", "A", 1)))
    assert order.status == "allocated"

    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 1)))
    assert order.status == "returned"


def test_a_part_shipped_and_returned_order_is_returned_once_the_rest_is_cancelled(stocked: House) -> None:
    order = stocked.allocated(("1", "A", 4))
    stocked.oms.ship(order, shipment_id="SHP-1", lines=units(("1", 3)))
    stocked.oms.return_received("R-1", "web-000001", parts(("1", "A", 3)))
    assert order.status == "partially_returned"

    stocked.oms.cancel(order, reason="short")
    assert order.status == "returned"


def test_goods_of_an_unknown_order_are_no_concern(stocked: House) -> None:
    before = len(stocked.made.effects)
    stocked.oms.return_received("R-1", "web-999999", parts(("1", "A", 1)))
    assert len(stocked.made.effects) == before


# Stock and availability


def test_availability_is_on_hand_less_what_is_reserved_and_kept_safe() -> None:
    careful = house(("A", "north", 10), ("A", "south", 3), safety_stock=2)
    assert careful.oms.available("A") == 11
    careful.allocated(("1", "A", 4))
    assert careful.oms.available("A") == 7
    careful.allocated(("1", "A", 9), order_ref="web-000002")
    assert careful.oms.available("A") == 0


def test_changes_of_availability_are_gathered_and_published_once(stocked: House) -> None:
    stocked.oms.set_stock(sku="A", location="north", on_hand=11, version=2)
    stocked.oms.set_stock(sku="A", location="north", on_hand=12, version=3)
    assert not stocked.made.events
    stocked.made.advance(PUBLISHED_S)

    assert [event.data for event in stocked.made.events] == [{"sku": "A", "available": 15, "version": 2}]
    stocked.oms.set_stock(sku="A", location="south", on_hand=4, version=2)
    stocked.made.advance(PUBLISHED_S)
    assert [event.version for event in stocked.made.of_topic("availability.changed")] == [2, 3]


def test_availability_that_came_back_to_what_it_was_is_not_published(stocked: House) -> None:
    stocked.oms.set_stock(sku="A", location="north", on_hand=11, version=2)
    stocked.oms.set_stock(sku="A", location="north", on_hand=10, version=3)
    stocked.made.advance(PUBLISHED_S)

    assert not stocked.made.events


def test_availability_carries_the_trace_of_what_changed_it(stocked: House) -> None:
    stocked.made.world.cause = Cause("call-1", "00-aaaa-01-01")
    stocked.oms.set_stock(sku="A", location="north", on_hand=11, version=2)
    stocked.made.world.cause = Cause("call-2", "00-bbbb-01-01")
    stocked.oms.set_stock(sku="B", location="north", on_hand=11, version=2)
    stocked.made.world.cause = Cause()
    stocked.made.advance(PUBLISHED_S)

    assert [event.traceparent for event in stocked.made.events] == ["00-aaaa-01-01", "00-bbbb-01-01"]


def test_older_stock_overwrites_newer_unless_versions_are_strict(stocked: House) -> None:
    stocked.oms.set_stock(sku="A", location="north", on_hand=7, version=5)
    level = stocked.oms.set_stock(sku="A", location="north", on_hand=9, version=4)
    assert (level.on_hand, level.version) == (9, 4)

    strict = house(("A", "north", 10), strict_versions=True)
    strict.oms.set_stock(sku="A", location="north", on_hand=7, version=5)
    with strict.refuses("stale_version"):
        strict.oms.set_stock(sku="A", location="north", on_hand=9, version=4)


def test_the_same_stock_told_again_changes_nothing(stocked: House) -> None:
    stocked.oms.set_stock(sku="A", location="north", on_hand=7, version=2)
    effects = len(stocked.made.effects)
    stocked.oms.set_stock(sku="A", location="north", on_hand=7, version=2)

    assert len(stocked.made.effects) == effects


def test_stock_is_of_a_known_location_a_proper_sku_and_not_negative(stocked: House) -> None:
    with stocked.refuses("unknown_location"):
        stocked.oms.set_stock(sku="A", location="moon", on_hand=7, version=2)
    with stocked.refuses("invalid_request"):
        stocked.oms.set_stock(sku="A", location="north", on_hand=-1, version=2)
    with stocked.refuses("invalid_request"):
        stocked.oms.set_stock(sku="A\0", location="north", on_hand=1, version=2)
    with stocked.refuses("not_found"):
        stocked.oms.level("B", "north")


def test_opening_stock_is_of_before_the_run_and_told_to_nobody(stocked: House) -> None:
    assert stocked.made.kinds() == ["stock_set"] * 3 + ["availability_computed"] * 2
    assert {effect.actor for effect in stocked.made.effects} == {"before-run"}
    assert [(a.sku, a.available, a.version) for a in stocked.oms.availability] == [("A", 13, 1), ("B", 5, 1)]
    stocked.made.advance(PUBLISHED_S)
    assert not stocked.made.events


# The estate


def test_an_order_of_before_the_run_is_shipped_and_touches_no_stock(stocked: House) -> None:
    order = stocked.oms.preload(content(("1", "A", 4)), {"SHP-OLD-1": units(("1", 4))})

    assert order.status == "shipped"
    assert order.parts[0].part_id == "OMS-000001-1"
    assert stocked.made.kinds()[-3:] == ["oms_order_created", "order_allocated", "oms_order_shipped"]
    assert {effect.actor for effect in stocked.made.effects} == {"before-run"}
    assert stocked.oms.available("A") == 13
    stocked.made.advance(ALLOCATED_S)
    assert not stocked.made.events


def test_a_restored_ledger_knows_what_it_knew_and_does_what_it_meant_to_do(stocked: House) -> None:
    stocked.oms.create(content(("1", "A", 4)))
    snapshot = stocked.oms.snapshot()
    stocked.made.advance(ALLOCATED_S)
    stocked.oms.restore(snapshot)

    assert stocked.oms.order("OMS-000001").status == "created"
    assert stocked.oms.reserved("A") == 0
    stocked.made.advance(ALLOCATED_S)
    assert stocked.oms.order("OMS-000001").status == "allocated"
    assert stocked.oms.reserved("A") == 4


def test_an_unknown_order_is_not_found(stocked: House) -> None:
    with stocked.refuses("not_found"):
        stocked.oms.order("OMS-999999")


# Whatever comes

SKUS = st.sampled_from(["A", "B", "C"])
LINES = st.lists(st.tuples(st.sampled_from("AAABBC"), st.integers(1, 4)), min_size=1, max_size=3)
SOME = st.lists(st.tuples(st.sampled_from("11123"), st.integers(0, 3)), max_size=3)


class OmsMachine(RuleBasedStateMachine):
    """Random steps, legal or not: what is refused changes nothing, and units are conserved."""

    @initialize(north=st.integers(3, 20), south=st.integers(0, 20))
    def open(self, north: int, south: int) -> None:
        self.made = make_world()
        self.oms = OmsLedger(self.made.world, OmsSettings(safety_stock=1))
        self.oms.seed_stock([("A", "north", north), ("A", "south", south), ("B", "south", south)])
        self.last_status: dict[str, str] = {}
        self.count = 0

    def attempt(self, step: Any, *args: Any, **kwargs: Any) -> None:
        before = copy.deepcopy(list(self.oms.final_state())), len(self.made.effects), len(self.made.events)
        held = {sku: self.oms.reserved(sku) for sku in "ABC"}
        try:
            step(*args, **kwargs)
        except Refused:
            assert list(self.oms.final_state()) == before[0]
            assert (len(self.made.effects), len(self.made.events)) == before[1:]
            assert {sku: self.oms.reserved(sku) for sku in "ABC"} == held

    def pick(self, which: int) -> Order | None:
        """One of the latest orders, so that several steps meet."""
        orders = list(self.oms.orders)[-3:]
        return orders[which % len(orders)] if orders else None

    @rule(lines=LINES, seconds=st.sampled_from([0, 30, 60]))
    def create(self, lines: list[tuple[str, int]], seconds: int) -> None:
        self.count += 1
        numbered = [(str(number), sku, quantity) for number, (sku, quantity) in enumerate(lines, 1)]
        self.attempt(self.oms.create, content(*numbered, order_ref=f"web-{self.count % 4}"))
        self.made.advance(seconds)

    @rule(which=st.integers(0, 2), some=st.none() | st.just([("1", 1)]) | SOME)
    def ship(self, which: int, some: list[tuple[str, int]] | None) -> None:
        if order := self.pick(which):
            rest = [(line.line_id, line.open) for line in order.lines if line.open]
            lines = units(*(rest if some is None else some))
            self.attempt(self.oms.ship, order, shipment_id="SHP-1", lines=lines)

    @rule(which=st.integers(0, 2), some=st.none() | st.just([("1", 1)]) | SOME)
    def cancel(self, which: int, some: list[tuple[str, int]] | None) -> None:
        if order := self.pick(which):
            lines = None if some is None else units(*some)
            self.attempt(self.oms.cancel, order, reason="changed_mind", lines=lines)

    @rule(which=st.integers(0, 2), some=SOME)
    def come_back(self, which: int, some: list[tuple[str, int]]) -> None:
        if order := self.pick(which):
            sku_of = {line.line_id: line.sku for line in order.lines}
            lines = parts(*((line_id, sku_of.get(line_id, "A"), max(n, 1)) for line_id, n in some))
            self.attempt(self.oms.authorise_return, return_id="R", order_ref=order.order_ref, lines=lines)
            self.attempt(self.oms.return_received, "R", order.order_ref, lines)

    @rule(sku=SKUS, location=st.sampled_from(["north", "south", "moon"]), on_hand=st.integers(-1, 20))
    def set_stock(self, sku: str, location: str, on_hand: int) -> None:
        self.attempt(self.oms.set_stock, sku=sku, location=location, on_hand=on_hand, version=on_hand + 2)

    @rule(seconds=st.sampled_from([5, 30, 60]))
    def wait(self, seconds: int) -> None:
        self.made.advance(seconds)

    @rule()
    def restore(self) -> None:
        before = copy.deepcopy(list(self.oms.final_state()))
        self.oms.restore(self.oms.snapshot())
        assert list(self.oms.final_state()) == before

    @invariant()
    def reserved_is_what_allocated_orders_still_have_open(self) -> None:
        for sku in "ABC":
            held = sum(
                line.open
                for order in self.oms.orders
                if order.status in ("allocated", "partially_shipped", "partially_returned")
                for line in order.lines
                if line.sku == sku
            )
            assert self.oms.reserved(sku) == held
            assert all(units.get(sku, 0) >= 0 for units in self.oms._reserved.values())

    @invariant()
    def no_line_ships_or_cancels_more_than_was_ordered(self) -> None:
        for order in self.oms.orders:
            for line in order.lines:
                assert 0 <= line.shipped + line.cancelled <= line.quantity

    @invariant()
    def available_is_on_hand_less_reserved_less_safety(self) -> None:
        for sku in "ABC":
            on_hand = sum(level.on_hand for level in self.oms.stock if level.sku == sku)
            assert self.oms.available(sku) == max(0, on_hand - self.oms.reserved(sku) - 1)

    @invariant()
    def statuses_move_as_the_law_allows(self) -> None:
        reachable: dict[str, set[str]] = {}
        for (status, _), target in TRANSITIONS.items():
            reachable.setdefault(status, set()).add(target)
        for order in self.oms.orders:
            before = self.last_status.get(order.order_id, "created")
            seen, todo = {before}, [before]
            while todo:
                for target in reachable.get(todo.pop(), set()) - seen:
                    seen.add(target)
                    todo.append(target)
            assert order.status in seen
            self.last_status[order.order_id] = order.status

    @invariant()
    def every_effect_is_described(self) -> None:
        assert set(self.made.kinds()) <= set(EFFECTS)

    def teardown(self) -> None:
        """Once all is quiet, what was published last is what is so."""
        if not hasattr(self, "oms"):
            return
        self.made.advance(100)
        for published in self.oms.availability:
            assert published.available == self.oms.available(published.sku)


TestOmsWhateverComes = OmsMachine.TestCase
TestOmsWhateverComes.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
