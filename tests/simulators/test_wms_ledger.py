"""The WMS's law: what it does, what it refuses, and that a refusal changes nothing."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peakproof.simulators.kit.ledger import Cause
from peakproof.simulators.kit.orders import PartLine
from peakproof.simulators.kit.refusal import Refused
from peakproof.simulators.wms.documents import CancelledFulfilments, Fulfilment, ReceivedLine
from peakproof.simulators.wms.effects import EFFECTS
from peakproof.simulators.wms.ledger import WmsLedger, WmsPorts, WmsSettings

from .orders import HOME, content, parts, units
from .world import MadeWorld, make_world

STARTED_S = 60.0
PICKED_S = 100.0


@dataclass
class Warehouse:
    made: MadeWorld
    wms: WmsLedger

    def request(
        self,
        *lines: tuple[str, str, int],
        order_ref: str = "web-000001",
        part_id: str = "OMS-000001-1",
        location: str = "north",
        priority: int = 5,
        ship_by: str = "2026-11-28T12:00:00Z",
    ) -> Fulfilment:
        return self.wms.request(
            order_ref=order_ref,
            part_id=part_id,
            location=location,
            lines=parts(*lines),
            priority=priority,
            ship_by=ship_by,
            service_level="standard",
            ship_to=HOME,
        )

    def refuses(self, code: str) -> Any:
        return _Refuses(self, code)


class _Refuses:
    """Inside, the step must be refused with that code and leave everything as it was."""

    def __init__(self, warehouse: Warehouse, code: str) -> None:
        self.warehouse, self.code = warehouse, code

    def __enter__(self) -> None:
        self.before = self._everything()

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        assert isinstance(error, Refused), f"expected a refusal with {self.code}"
        assert error.refusal.code == self.code
        assert self._everything() == self.before
        return True

    def _everything(self) -> object:
        made = self.warehouse.made
        return copy.deepcopy(list(self.warehouse.wms.final_state())), list(made.effects), list(made.events)


def warehouse(*levels: tuple[str, str, int], **how: Any) -> Warehouse:
    """A warehouse in which picking takes 100 s and nothing is left to dice unless it is asked for."""
    plain: dict[str, Any] = {
        "pick_min_s": PICKED_S,
        "pick_max_s": PICKED_S,
        "split_share": 0.0,
        "return_min_s": 100.0,
        "return_max_s": 100.0,
        "return_less_share": 0.0,
        "unsellable_share": 0.0,
    }
    made = make_world()
    wms = WmsLedger(made.world, WmsSettings(**{**plain, **how}))
    wms.seed_stock(levels)
    return Warehouse(made, wms)


STOCK = (("A", "north", 10), ("A", "south", 3), ("B", "north", 5))


@pytest.fixture
def stocked() -> Warehouse:
    return warehouse(*STOCK)


# Picking and shipping


def test_a_fulfilment_waits_is_picked_and_ships(stocked: Warehouse) -> None:
    fulfilment = stocked.request(("1", "A", 2), ("2", "B", 5))
    assert fulfilment.status == "requested"
    stocked.made.advance(STARTED_S)
    assert fulfilment.status == "picking"
    stocked.made.advance(PICKED_S)
    assert fulfilment.status == "shipped"

    event = stocked.made.of_topic("shipment.confirmed")[0]
    assert event.data["shipment_id"] == "SHP-000001"
    assert event.data["lines"] == parts(("1", "A", 2), ("2", "B", 5))
    assert event.data["short"] == ()
    assert event.data["final"] is True
    assert event.data["shipped_at"] == "2026-11-27T12:02:40.000000Z"
    shipment = stocked.wms.shipments.get("SHP-000001")
    assert shipment is not None
    assert shipment.tracking_number == event.data["tracking_number"]


def test_shipped_units_leave_the_stock_line_by_line(stocked: Warehouse) -> None:
    stocked.request(("1", "A", 2), ("2", "A", 1))
    stocked.made.advance(STARTED_S + PICKED_S)

    assert stocked.wms.on_hand("A", "north") == 7
    assert [event.data for event in stocked.made.of_topic("stock.changed")] == [
        {
            "change_id": "CHG-000004",
            "sku": "A",
            "location": "north",
            "on_hand": 8,
            "version": 2,
            "delta": -2,
            "cause": "shipment",
        },
        {
            "change_id": "CHG-000005",
            "sku": "A",
            "location": "north",
            "on_hand": 7,
            "version": 3,
            "delta": -1,
            "cause": "shipment",
        },
    ]


def test_a_line_that_is_not_all_there_ships_short(stocked: Warehouse) -> None:
    fulfilment = stocked.request(("1", "B", 4), ("2", "B", 4))
    stocked.made.advance(STARTED_S + PICKED_S)

    data = stocked.made.of_topic("shipment.confirmed")[0].data
    assert data["lines"] == parts(("1", "B", 4), ("2", "B", 1))
    assert data["short"] == parts(("2", "B", 3))
    assert fulfilment.status == "shipped"
    assert fulfilment.short == parts(("2", "B", 3))


def test_a_fulfilment_of_which_nothing_is_there_ends_without_a_shipment(stocked: Warehouse) -> None:
    stocked.wms.count("B", "north", 0)
    fulfilment = stocked.request(("1", "B", 4))
    stocked.made.advance(STARTED_S + PICKED_S)

    data = stocked.made.of_topic("shipment.confirmed")[0].data
    assert data["shipment_id"] is None
    assert data["lines"] == ()
    assert data["short"] == parts(("1", "B", 4))
    assert data["final"] is True
    assert fulfilment.status == "cancelled"
    assert len(stocked.wms.shipments) == 0


def test_the_rule_short_pick_withholds_units_that_stay_on_hand(stocked: Warehouse) -> None:
    stocked.made.decisions["short_pick"] = {"units": 3}
    stocked.request(("1", "A", 2), ("2", "A", 2))
    stocked.made.advance(STARTED_S + PICKED_S)

    data = stocked.made.of_topic("shipment.confirmed")[0].data
    assert data["lines"] == parts(("1", "A", 1))
    assert data["short"] == parts(("1", "A", 1), ("2", "A", 2))
    assert stocked.wms.on_hand("A", "north") == 9


def test_some_orders_leave_in_two_shipments() -> None:
    splitting = warehouse(*STOCK, split_share=1.0)
    fulfilment = splitting.request(("1", "A", 2), ("2", "A", 1), ("3", "B", 1))
    splitting.made.advance(STARTED_S + PICKED_S)
    assert fulfilment.status == "partially_shipped"
    splitting.made.advance(60)
    assert fulfilment.status == "shipped"

    first, second = (event.data for event in splitting.made.of_topic("shipment.confirmed"))
    assert (first["lines"], first["final"]) == (parts(("1", "A", 2), ("2", "A", 1)), False)
    assert (second["lines"], second["final"]) == (parts(("3", "B", 1)), True)
    assert fulfilment.shipments == ("SHP-000001", "SHP-000002")


def test_one_line_of_several_units_is_split_in_half_and_a_single_unit_is_not_split() -> None:
    splitting = warehouse(*STOCK, split_share=1.0)
    splitting.request(("1", "A", 5))
    splitting.made.advance(STARTED_S + PICKED_S + 60)
    splitting.request(("1", "B", 1), order_ref="web-000002")
    splitting.made.advance(STARTED_S + PICKED_S)

    assert [(e.data["lines"], e.data["final"]) for e in splitting.made.of_topic("shipment.confirmed")] == [
        (parts(("1", "A", 2)), False),
        (parts(("1", "A", 3)), True),
        (parts(("1", "B", 1)), True),
    ]


def test_stock_that_is_gone_between_two_shipments_is_short_in_the_last() -> None:
    splitting = warehouse(*STOCK, split_share=1.0)
    splitting.request(("1", "A", 5))
    splitting.made.advance(STARTED_S + PICKED_S)
    splitting.wms.count("A", "north", 0)
    splitting.made.advance(60)

    last = splitting.made.of_topic("shipment.confirmed")[-1].data
    assert (last["shipment_id"], last["lines"], last["short"]) == (None, (), parts(("1", "A", 3)))
    assert splitting.wms.fulfilment("FUL-000001").status == "shipped"


def test_the_most_urgent_is_picked_first_when_pickers_are_few() -> None:
    small = warehouse(*STOCK, pickers=1)
    small.request(("1", "A", 1), order_ref="first", priority=5)
    small.request(("1", "A", 1), order_ref="slow", priority=9)
    small.request(("1", "A", 1), order_ref="later", priority=2, ship_by="2026-11-29T12:00:00Z")
    small.request(("1", "A", 1), order_ref="urgent", priority=2, ship_by="2026-11-28T12:00:00Z")
    small.made.advance(STARTED_S + 4 * PICKED_S)

    started = [effect.order_ref for effect in small.made.of_kind("picking_started")]
    assert started == ["first", "urgent", "later", "slow"]


def test_a_warehouse_without_priorities_picks_in_order_of_arrival() -> None:
    small = warehouse(*STOCK, pickers=1, heeds_priority=False)
    for order_ref, priority in (("first", 5), ("slow", 9), ("urgent", 1)):
        small.request(("1", "A", 1), order_ref=order_ref, priority=priority)
    small.made.advance(STARTED_S + 3 * PICKED_S)

    started = [effect.order_ref for effect in small.made.of_kind("picking_started")]
    assert started == ["first", "slow", "urgent"]


def test_a_shipment_carries_the_trace_of_its_own_request() -> None:
    small = warehouse(*STOCK, pickers=1)
    for order_ref in ("web-000001", "web-000002"):
        small.made.world.cause = Cause("call", f"00-{order_ref}-01-01")
        small.request(("1", "A", 1), order_ref=order_ref)
    small.made.world.cause = Cause()
    small.made.advance(STARTED_S + 2 * PICKED_S)

    assert [(e.order_ref, e.traceparent) for e in small.made.of_topic("shipment.confirmed")] == [
        ("web-000001", "00-web-000001-01-01"),
        ("web-000002", "00-web-000002-01-01"),
    ]


def test_a_second_request_for_the_same_part_ships_a_second_time(stocked: Warehouse) -> None:
    stocked.request(("1", "A", 1))
    stocked.request(("1", "A", 1))
    stocked.made.advance(STARTED_S + PICKED_S)
    assert len(stocked.wms.shipments) == 2

    strict = warehouse(*STOCK, strict_references=True)
    strict.request(("1", "A", 1))
    with strict.refuses("duplicate_reference"):
        strict.request(("1", "A", 1))


def test_a_request_must_make_sense(stocked: Warehouse) -> None:
    with stocked.refuses("unknown_location"):
        stocked.request(("1", "A", 1), location="moon")
    with stocked.refuses("unknown_item"):
        stocked.request(("1", "A", 1), ("2", "Z", 1))
    with stocked.refuses("invalid_request"):
        stocked.request()
    with stocked.refuses("invalid_request"):
        stocked.request(("1", "A", 1), ("1", "B", 1))
    with stocked.refuses("invalid_request"):
        stocked.request(("1", "A", 0))


# Cancelling


def test_a_fulfilment_can_be_stopped_until_it_is_picked(stocked: Warehouse) -> None:
    fulfilment = stocked.request(("1", "A", 2))
    stocked.made.advance(STARTED_S - 1)
    stocked.wms.cancel(fulfilment, reason="changed_mind")
    stocked.made.advance(1000)

    assert fulfilment.status == "cancelled"
    assert stocked.wms.on_hand("A", "north") == 10
    assert stocked.made.kinds()[-1] == "fulfilment_cancelled"


def test_stopping_what_is_stopped_changes_nothing(stocked: Warehouse) -> None:
    fulfilment = stocked.request(("1", "A", 2))
    stocked.wms.cancel(fulfilment, reason="changed_mind")
    effects = len(stocked.made.effects)
    stocked.wms.cancel(fulfilment, reason="changed_mind")

    assert len(stocked.made.effects) == effects


def test_once_picking_has_begun_it_is_too_late(stocked: Warehouse) -> None:
    fulfilment = stocked.request(("1", "A", 2))
    stocked.made.advance(STARTED_S)
    with stocked.refuses("too_late"):
        stocked.wms.cancel(fulfilment, reason="changed_mind")
    stocked.made.advance(PICKED_S)
    with stocked.refuses("too_late"):
        stocked.wms.cancel_order("web-000001", reason="changed_mind")


def test_an_order_is_stopped_as_a_whole_or_not_at_all() -> None:
    small = warehouse(*STOCK, pickers=1)
    small.request(("1", "A", 1), order_ref="busy")
    waiting = small.request(("1", "A", 2))
    begun = small.request(("2", "A", 2), part_id="OMS-000001-2", location="south")
    small.made.advance(STARTED_S)
    assert (waiting.status, begun.status) == ("requested", "picking")
    with small.refuses("too_late"):
        small.wms.cancel_order("web-000001", reason="changed_mind")


def test_stopping_an_order_names_all_that_is_stopped_however_often(stocked: Warehouse) -> None:
    stocked.request(("1", "A", 2))
    stocked.request(("2", "A", 2), part_id="OMS-000001-2", location="south")
    stopped = CancelledFulfilments("web-000001", ("FUL-000001", "FUL-000002"))

    assert stocked.wms.cancel_order("web-000001", reason="changed_mind") == stopped
    assert stocked.wms.cancel_order("web-000001", reason="changed_mind") == stopped
    assert len(stocked.made.of_kind("fulfilment_cancelled")) == 2


def test_an_order_that_was_never_requested_cannot_be_stopped(stocked: Warehouse) -> None:
    with stocked.refuses("not_found"):
        stocked.wms.cancel_order("web-000001", reason="changed_mind")


# Returns


def test_sellable_goods_go_back_to_where_they_were_shipped_from(stocked: Warehouse) -> None:
    stocked.request(("1", "A", 2), location="south")
    stocked.made.advance(STARTED_S + PICKED_S)
    expected = stocked.wms.expect_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 2)))
    assert expected.status == "expected"
    stocked.made.advance(100)

    assert expected.status == "received"
    assert stocked.wms.on_hand("A", "south") == 3
    assert stocked.made.of_topic("return.received")[0].data == {
        "return_id": "R-1",
        "order_ref": "web-000001",
        "lines": (ReceivedLine("1", "A", 2, True),),
        "received_at": "2026-11-27T12:04:20.000000Z",
    }
    assert stocked.made.of_kind("return_received")[0].data == {"sellable": {"1": 2}}
    assert stocked.made.of_topic("stock.changed")[-1].data["cause"] == "return"


def test_goods_of_an_unseen_order_go_to_the_first_location(stocked: Warehouse) -> None:
    stocked.wms.expect_return(return_id="R-1", order_ref="web-999999", lines=parts(("1", "Z", 2)))
    stocked.made.advance(100)

    assert stocked.wms.on_hand("Z", "north") == 2


def test_what_cannot_be_sold_again_is_named_and_not_restocked() -> None:
    rough = warehouse(*STOCK, unsellable_share=1.0)
    rough.wms.expect_return(
        return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 3), ("2", "B", 1))
    )
    rough.made.advance(100)

    assert rough.made.of_topic("return.received")[0].data["lines"] == (
        ReceivedLine("1", "A", 2, True),
        ReceivedLine("1", "A", 1, False),
        ReceivedLine("2", "B", 1, False),
    )
    assert rough.made.of_kind("return_received")[0].lines == [("1", "A", 3, None), ("2", "B", 1, None)]
    assert rough.made.of_kind("return_received")[0].data == {"sellable": {"1": 2, "2": 0}}
    assert rough.wms.on_hand("A", "north") == 12
    assert rough.wms.on_hand("B", "north") == 5


def test_a_unit_may_stay_away_but_never_the_only_one() -> None:
    lossy = warehouse(*STOCK, return_less_share=1.0)
    lossy.wms.expect_return(
        return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 3), ("2", "B", 1))
    )
    lossy.made.advance(100)

    assert lossy.made.of_kind("return_received")[0].lines == [("1", "A", 2, None), ("2", "B", 1, None)]


def test_of_a_return_nothing_may_come() -> None:
    lossy = warehouse(*STOCK, return_empty_share=1.0)
    lossy.wms.expect_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 3)))
    lossy.made.advance(100)

    assert lossy.made.of_kind("return_received")[0].lines == []
    assert lossy.made.of_topic("return.received")[0].data["lines"] == ()
    assert lossy.wms.on_hand("A", "north") == 10


def test_goods_come_back_once_however_often_they_are_announced(stocked: Warehouse) -> None:
    for _ in range(2):
        stocked.wms.expect_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 2)))
    stocked.made.advance(100)

    assert [expected.status for expected in stocked.wms.expected_returns] == ["received", "expected"]
    assert stocked.wms.on_hand("A", "north") == 12


def test_the_house_is_told_of_all_that_came_back() -> None:
    told: list[tuple[str, str, tuple[PartLine, ...]]] = []
    made = make_world()
    ports = WmsPorts([lambda return_id, order_ref, lines: told.append((return_id, order_ref, lines))])
    wms = WmsLedger(made.world, WmsSettings(unsellable_share=1.0, return_less_share=0.0), ports=ports)
    wms.expect_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 2)))
    wms.restore(wms.snapshot())
    made.advance(1000)

    assert told == [("R-1", "web-000001", parts(("1", "A", 2)))]


def test_a_return_must_make_sense(stocked: Warehouse) -> None:
    with stocked.refuses("invalid_request"):
        stocked.wms.expect_return(return_id="R-1", order_ref="web-000001", lines=())
    with stocked.refuses("invalid_request"):
        stocked.wms.expect_return(return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 0)))
    with stocked.refuses("invalid_request"):
        stocked.wms.expect_return(
            return_id="R-1", order_ref="web-000001", lines=parts(("1", "A", 1), ("1", "A", 1))
        )


# Stock and the back office


def test_opening_stock_is_of_before_the_run_and_told_to_nobody(stocked: Warehouse) -> None:
    first = stocked.made.effects[0]
    assert (first.kind, first.cause, first.quantity, first.on_hand, first.version, first.actor) == (
        "stock_moved",
        "opening",
        10,
        10,
        1,
        "before-run",
    )
    assert not stocked.made.events


def test_receipts_counts_and_damage_are_the_back_offices(stocked: Warehouse) -> None:
    stocked.wms.receive("C", "south", 4)
    stocked.wms.count("A", "north", 8)
    stocked.wms.damage("B", "north", 5)

    moved = [effect for effect in stocked.made.effects if effect.actor == "back-office"]
    assert [(e.sku, e.location, e.quantity, e.on_hand, e.version, e.cause) for e in moved] == [
        ("C", "south", 4, 4, 1, "receipt"),
        ("A", "north", -2, 8, 2, "count"),
        ("B", "north", -5, 0, 2, "damage"),
    ]
    assert [event.data["delta"] for event in stocked.made.of_topic("stock.changed")] == [4, -2, -5]


def test_a_count_that_agrees_changes_nothing(stocked: Warehouse) -> None:
    assert stocked.wms.count("A", "north", 10) is None
    assert not stocked.made.events


def test_the_back_office_cannot_do_the_impossible(stocked: Warehouse) -> None:
    with stocked.refuses("insufficient_stock"):
        stocked.wms.damage("B", "north", 6)
    with stocked.refuses("invalid_request"):
        stocked.wms.damage("B", "north", 0)
    with stocked.refuses("invalid_request"):
        stocked.wms.receive("B", "north", 0)
    with stocked.refuses("invalid_request"):
        stocked.wms.count("B", "north", -1)
    with stocked.refuses("unknown_location"):
        stocked.wms.receive("B", "moon", 1)


def test_movements_are_listed_a_page_at_a_time_and_from_a_time_on(stocked: Warehouse) -> None:
    first = stocked.wms.movements.page(limit=2)
    assert [movement.change_id for movement in first.items] == ["CHG-000001", "CHG-000002"]
    assert first.next_cursor is not None
    rest = stocked.wms.movements.page(after=first.next_cursor, limit=2)
    assert [movement.change_id for movement in rest.items] == ["CHG-000003"]
    assert rest.next_cursor is None

    stocked.made.advance(10)
    stocked.wms.receive("A", "north", 1)
    assert [m.cause for m in stocked.wms.movements.page(since_ns=stocked.made.now_ns).items] == ["receipt"]


# The estate


def test_an_order_of_before_the_run_is_shipped_and_touches_no_stock(stocked: Warehouse) -> None:
    fulfilment = stocked.wms.preload(
        content(("1", "A", 4)),
        {"SHP-OLD-1": units(("1", 1)), "SHP-OLD-2": units(("1", 3))},
        part_id="OMS-000001-1",
    )

    assert fulfilment.status == "shipped"
    assert stocked.made.kinds()[-4:] == [
        "fulfilment_requested",
        "picking_started",
        "shipment_confirmed",
        "shipment_confirmed",
    ]
    assert [effect.ref for effect in stocked.made.of_kind("shipment_confirmed")] == ["SHP-OLD-1", "SHP-OLD-2"]
    assert {effect.actor for effect in stocked.made.effects} == {"before-run"}
    assert not stocked.made.events
    assert stocked.wms.on_hand("A", "north") == 10


def test_a_restored_ledger_knows_what_it_knew_and_does_what_it_meant_to_do(stocked: Warehouse) -> None:
    stocked.request(("1", "A", 4))
    stocked.made.advance(STARTED_S)
    snapshot = stocked.wms.snapshot()
    stocked.made.advance(PICKED_S)
    stocked.wms.restore(snapshot)

    assert stocked.wms.fulfilment("FUL-000001").status == "picking"
    assert stocked.wms.on_hand("A", "north") == 10
    stocked.made.advance(PICKED_S)
    assert stocked.wms.fulfilment("FUL-000001").status == "shipped"
    assert stocked.wms.on_hand("A", "north") == 6


def test_the_same_seed_picks_and_splits_the_same_orders() -> None:
    def run() -> list[tuple[int, str, str | None]]:
        made = make_world(seed=7)
        wms = WmsLedger(made.world, WmsSettings(split_share=0.5))
        wms.seed_stock([("A", "north", 100)])
        house = Warehouse(made, wms)
        for number in range(10):
            house.request(("1", "A", 3), order_ref=f"web-{number}")
        made.advance(1000)
        return [(effect.at_ns, effect.kind, effect.order_ref) for effect in made.effects]

    assert run() == run()


def test_an_unknown_fulfilment_is_not_found(stocked: Warehouse) -> None:
    with stocked.refuses("not_found"):
        stocked.wms.fulfilment("FUL-999999")


# Whatever comes

SKUS = st.sampled_from(["A", "B", "Z"])
PLACES = st.sampled_from(["north", "north", "south", "south", "moon"])
LINES = st.lists(st.tuples(st.sampled_from("AAAABBBZ"), st.integers(1, 6)), max_size=3).map(
    lambda lines: [(str(number), sku, quantity) for number, (sku, quantity) in enumerate(lines, 1)]
)


class WmsMachine(RuleBasedStateMachine):
    """Random steps, legal or not: what is refused changes nothing, and units are conserved."""

    @initialize(north=st.integers(0, 20), south=st.integers(0, 20), pickers=st.integers(1, 3))
    def open(self, north: int, south: int, pickers: int) -> None:
        self.made = make_world()
        self.wms = WmsLedger(self.made.world, WmsSettings(split_share=0.4, pickers=pickers))
        self.wms.seed_stock([("A", "north", north), ("A", "south", south), ("B", "south", south)])
        self.count = 0

    def attempt(self, step: Any, *args: Any, **kwargs: Any) -> None:
        before = copy.deepcopy(list(self.wms.final_state())), len(self.made.effects), len(self.made.events)
        try:
            step(*args, **kwargs)
        except Refused:
            assert list(self.wms.final_state()) == before[0]
            assert (len(self.made.effects), len(self.made.events)) == before[1:]

    @rule(lines=LINES, place=PLACES, priority=st.integers(1, 9), seconds=st.sampled_from([0, 60, 300]))
    def request(self, lines: list[tuple[str, str, int]], place: str, priority: int, seconds: int) -> None:
        self.count += 1
        self.attempt(
            self.wms.request,
            order_ref=f"web-{self.count % 2}",
            part_id=f"OMS-{self.count}-1",
            location=place,
            lines=parts(*lines),
            priority=priority,
            ship_by="2026-11-28T12:00:00Z",
            service_level="standard",
            ship_to=HOME,
        )
        self.made.advance(seconds)

    @rule(which=st.integers(0, 2), whole_order=st.booleans())
    def cancel(self, which: int, whole_order: bool) -> None:
        if whole_order:
            self.attempt(self.wms.cancel_order, f"web-{which}", reason="changed_mind")
        elif fulfilments := list(self.wms.fulfilments)[-3:]:
            self.attempt(self.wms.cancel, fulfilments[which % len(fulfilments)], reason="changed_mind")

    @rule(which=st.integers(0, 2), lines=LINES)
    def expect_return(self, which: int, lines: list[tuple[str, str, int]]) -> None:
        self.attempt(
            self.wms.expect_return, return_id=f"R-{which}", order_ref=f"web-{which}", lines=parts(*lines)
        )

    @rule(
        step=st.sampled_from(["receive", "count", "damage"]), sku=SKUS, place=PLACES, units=st.integers(-1, 9)
    )
    def correct(self, step: str, sku: str, place: str, units: int) -> None:
        self.attempt(getattr(self.wms, step), sku, place, units)

    @rule(short=st.none() | st.integers(0, 9))
    def withhold(self, short: int | None) -> None:
        self.made.decisions.clear()
        if short is not None:
            self.made.decisions["short_pick"] = {"units": short}

    @rule(seconds=st.sampled_from([5, 60, 200]))
    def wait(self, seconds: int) -> None:
        self.made.advance(seconds)

    @rule()
    def restore(self) -> None:
        before = copy.deepcopy(list(self.wms.final_state()))
        self.wms.restore(self.wms.snapshot())
        assert list(self.wms.final_state()) == before

    @invariant()
    def on_hand_is_the_sum_of_all_movements_and_never_negative(self) -> None:
        moved: dict[tuple[str | None, str | None], int] = {}
        for effect in self.made.of_kind("stock_moved"):
            assert effect.quantity is not None
            moved[effect.sku, effect.location] = moved.get((effect.sku, effect.location), 0) + effect.quantity
        assert moved == {(level.sku, level.location): level.on_hand for level in self.wms.stock}
        assert all(units >= 0 for units in moved.values())

    @invariant()
    def what_is_shipped_left_the_stock(self) -> None:
        shipped = sum(line.quantity for shipment in self.wms.shipments for line in shipment.lines)
        moved = [m for m in self.wms.movements if m.cause == "shipment"]
        assert shipped == -sum(movement.quantity for movement in moved)

    @invariant()
    def shipped_and_short_never_exceed_what_was_requested(self) -> None:
        for fulfilment in self.wms.fulfilments:
            done = dict.fromkeys((line.line_id for line in fulfilment.lines), 0)
            for line in (*fulfilment.shipped, *fulfilment.short):
                done[line.line_id] += line.quantity
            for line in fulfilment.lines:
                assert done[line.line_id] <= line.quantity
                if fulfilment.status == "shipped":
                    assert done[line.line_id] == line.quantity

    @invariant()
    def stock_versions_grow_by_one(self) -> None:
        versions: dict[tuple[str, str], int] = {}
        for movement in self.wms.movements:
            place = movement.sku, movement.location
            assert movement.version == versions.get(place, 0) + 1
            versions[place] = movement.version

    @invariant()
    def no_location_picks_more_than_it_has_pickers(self) -> None:
        for place in ("north", "south"):
            picking = [f for f in self.wms.fulfilments if f.location == place and f.status == "picking"]
            assert len(picking) <= self.wms.settings.pickers
            assert len(picking) == self.wms._picking[place]

    @invariant()
    def every_effect_is_described(self) -> None:
        assert set(self.made.kinds()) <= set(EFFECTS)

    def teardown(self) -> None:
        """Once all is quiet, no fulfilment is under way and no return that was announced is still to come."""
        if not hasattr(self, "wms"):
            return
        self.made.advance(100_000)
        assert {fulfilment.status for fulfilment in self.wms.fulfilments} <= {"shipped", "cancelled"}
        announced = {expected.return_id for expected in self.wms.expected_returns}
        came = [e.return_id for e in self.wms.expected_returns if e.status == "received"]
        assert sorted(came) == sorted(announced)


TestWmsWhateverComes = WmsMachine.TestCase
TestWmsWhateverComes.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
