"""A marketplace: orders as the customer sees them, wishes to cancel, returns, and listings."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from peakproof.simulators.kit.orders import Address, Customer, LineQuantity, OrderContent, OrderLine
from peakproof.simulators.kit.refusal import INVALID, Refused
from peakproof.simulators.marketplace.documents import Checkout, Order
from peakproof.simulators.marketplace.effects import EFFECTS
from peakproof.simulators.marketplace.ledger import TRANSITIONS, MarketplaceLedger, MarketplaceSettings

from .world import MadeWorld, make_world

ZOË = Customer("Zoë Ångström", "zoe@example.org")
HOME = Address("Zoë Ångström", "1 Rue de l'Église", None, "Córdoba", "ZZ1", "XC")


def money(text: str) -> Decimal:
    return Decimal(text)


class Bank:
    """A payment service that remembers what it authorised, or declines."""

    def __init__(self) -> None:
        self.authorised: list[tuple[str, Decimal, str]] = []
        self.declines = False

    def __call__(self, order_ref: str, amount: Decimal, currency: str) -> str:
        if self.declines:
            raise INVALID.because("declined")
        self.authorised.append((order_ref, amount, currency))
        return f"PAY-{len(self.authorised):06d}"


def opened(**settings_: Any) -> tuple[MarketplaceLedger, MadeWorld, Bank]:
    """The channel ``web`` with 10 of MUG and 5 of CAP listed."""
    made, bank = make_world(), Bank()
    ledger = MarketplaceLedger("web", made.world, bank, MarketplaceSettings(**settings_))
    ledger.seed_listing("MUG", 10, {"GBP": money("2.00")})
    ledger.seed_listing("CAP", 5, {"GBP": money("5.00"), "EUR": money("6.00")})
    made.effects.clear()
    return ledger, made, bank


def basket(
    order_ref: str = "web-000001",
    lines: Iterable[tuple[str, str, int, str]] = (("1", "MUG", 2, "2.00"), ("2", "CAP", 1, "5.00")),
    total: str | None = None,
    **more: Any,
) -> Checkout:
    """Two mugs and a cap: 9.00 and 4.95 for shipping."""
    wanted = tuple(OrderLine(line_id, sku, units, money(price)) for line_id, sku, units, price in lines)
    shipping = more.pop("shipping", money("4.95"))
    adds_up = sum((line.quantity * line.unit_price for line in wanted), shipping)
    return Checkout(
        order_ref=order_ref,
        currency=more.pop("currency", "GBP"),
        lines=wanted,
        shipping=shipping,
        total=adds_up if total is None else money(total),
        customer=ZOË,
        ship_to=HOME,
        service_level=more.pop("service_level", "standard"),
    )


def placed(**settings_: Any) -> tuple[MarketplaceLedger, MadeWorld, Order]:
    ledger, made, _ = opened(**settings_)
    order = ledger.checkout(basket())
    made.effects.clear()
    made.events.clear()
    return ledger, made, order


def units(*lines: tuple[str, int]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(line_id, quantity) for line_id, quantity in lines)


def ship(ledger: MarketplaceLedger, *lines: tuple[str, int], shipment_id: str = "SHP-1") -> None:
    ledger.ship(
        "web-000001",
        shipment_id=shipment_id,
        lines=units(*lines),
        carrier="Royal Mail",
        tracking_number="RM1",
    )


def confirm(ledger: MarketplaceLedger, return_id: str, amount: str, currency: str = "GBP") -> None:
    ledger.confirm_refund(return_id, refund_id="REF-1", amount=money(amount), currency=currency)


def refused(step: Callable[[], object], ledger: MarketplaceLedger, made: MadeWorld) -> str:
    """The code of the refusal; the step changed nothing."""
    before, effects, events = deepcopy(list(ledger.final_state())), len(made.effects), len(made.events)
    with pytest.raises(Refused) as caught:
        step()
    assert list(ledger.final_state()) == before
    assert (len(made.effects), len(made.events)) == (effects, events)
    return caught.value.refusal.code


def test_a_checkout_authorises_the_total_and_lowers_the_listings() -> None:
    ledger, made, bank = opened()
    order = ledger.checkout(basket())
    assert bank.authorised == [("web-000001", money("13.95"), "GBP")]
    assert (order.status, order.payment_id, order.priority) == ("placed", "PAY-000001", 5)
    assert (ledger.listing("MUG").listed, ledger.listing("CAP").listed) == (8, 4)
    assert made.kinds() == ["order_placed", "listing_lowered", "listing_lowered"]
    effect = made.effects[0]
    assert (effect.order_ref, effect.amount, effect.currency, effect.status) == (
        "web-000001",
        "13.95",
        "GBP",
        "placed",
    )
    assert effect.lines == [("1", "MUG", 2, "2.00"), ("2", "CAP", 1, "5.00")]
    assert [(e.sku, e.quantity, e.on_hand) for e in made.effects[1:]] == [("MUG", -2, 8), ("CAP", -1, 4)]


def test_a_placed_order_is_told_as_it_was_then() -> None:
    ledger, made, _ = opened()
    ledger.checkout(basket())
    ledger.acknowledge("web-000001")
    [event] = made.of_topic("order.placed")
    assert (event.data["status"], event.data["version"]) == ("placed", 0)
    assert event.data["lines"] == basket().lines


def test_the_service_level_sets_priority_and_the_scaled_day_to_ship_by() -> None:
    ledger, _, _ = opened(time_scale=0.001)
    order = ledger.checkout(basket(service_level="express"))
    assert (order.priority, order.ship_by) == (3, "2026-11-27T12:01:26.400000Z")


def test_a_sku_on_two_lines_is_counted_together() -> None:
    ledger, made, _ = opened()
    twice = basket(lines=[("1", "CAP", 3, "5.00"), ("2", "CAP", 3, "5.00")])
    assert refused(lambda: ledger.checkout(twice), ledger, made) == "out_of_stock"
    ledger.checkout(basket(lines=[("1", "CAP", 3, "5.00"), ("2", "CAP", 2, "5.00")]))
    assert ledger.listing("CAP").listed == 0
    assert len(made.of_kind("listing_lowered")) == 1


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        pytest.param(basket("web-000001"), "order_exists", id="the same reference again"),
        pytest.param(basket("web-2", [("1", "MUG", 9, "2.00")]), "out_of_stock", id="more than is listed"),
        pytest.param(basket("web-2", [("1", "HAT", 1, "2.00")]), "out_of_stock", id="a SKU never listed"),
        pytest.param(basket("web-2", total="13.94"), "amount_mismatch", id="a penny less than it costs"),
        pytest.param(basket("web-2", currency="EUR"), "currency_not_sold", id="a currency not sold in"),
        pytest.param(basket("web-2", currency="XYZ"), "unknown_currency", id="no currency"),
        pytest.param(basket("web-2", [("1", "MUG", 1, "1.005")]), "inexact_amount", id="half a penny"),
        pytest.param(basket("web-2", [("1", "MUG", 0, "2.00")]), "invalid_request", id="no units"),
        pytest.param(basket("web-2", []), "invalid_request", id="no lines"),
        pytest.param(basket("web-2", service_level="by_mule"), "invalid_request", id="no such service level"),
    ],
)
def test_a_wrong_checkout_is_refused_and_changes_nothing(wanted: Checkout, code: str) -> None:
    ledger, made, order = placed()
    assert order.payment_id == "PAY-000001"
    assert refused(lambda: ledger.checkout(wanted), ledger, made) == code


def test_a_declined_payment_leaves_no_order() -> None:
    ledger, made, bank = opened()
    bank.declines = True
    assert refused(lambda: ledger.checkout(basket()), ledger, made) == "invalid_request"


def test_acknowledging_twice_is_one_effect() -> None:
    ledger, made, order = placed()
    ledger.acknowledge("web-000001")
    ledger.acknowledge("web-000001")
    assert (order.status, made.kinds()) == ("acknowledged", ["order_acknowledged"])


def test_two_parcels_make_an_order_shipped() -> None:
    ledger, made, order = placed()
    ship(ledger, ("1", 2))
    assert order.status == "partially_shipped"
    ship(ledger, ("2", 1), shipment_id="SHP-2")
    assert order.status == "shipped"
    first, last = made.of_kind("shipment_recorded")
    assert (first.ref, first.lines, first.status) == (
        "SHP-1",
        [("1", "MUG", 2, "2.00")],
        "partially_shipped",
    )
    assert (last.ref, last.status) == ("SHP-2", "shipped")


def test_the_same_parcel_told_again_is_recorded_again_as_in_life() -> None:
    ledger, _, order = placed()
    ship(ledger, ("1", 1))
    ship(ledger, ("1", 1))
    assert [shipment.shipment_id for shipment in order.shipments] == ["SHP-1", "SHP-1"]


def test_strict_references_refuse_the_same_parcel_again() -> None:
    ledger, made, _ = placed(strict_references=True)
    ship(ledger, ("1", 1))
    assert refused(lambda: ship(ledger, ("1", 1)), ledger, made) == "duplicate_reference"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param([("1", 3)], "over_shipped", id="more than was ordered"),
        pytest.param([("1", 1), ("1", 2)], "over_shipped", id="more than was ordered, in two pieces"),
        pytest.param([("3", 1)], "unknown_line", id="a line that is not in the order"),
        pytest.param([("1", 0)], "invalid_request", id="no units"),
        pytest.param([], "invalid_request", id="no lines"),
    ],
)
def test_a_wrong_parcel_is_refused_and_changes_nothing(lines: list[tuple[str, int]], code: str) -> None:
    ledger, made, _ = placed()
    assert refused(lambda: ship(ledger, *lines), ledger, made) == code


def test_a_seller_cancels_all_that_is_open() -> None:
    ledger, made, order = placed()
    ledger.cancel("web-000001", "out_of_stock")
    [effect] = made.effects
    assert (effect.kind, effect.status, effect.cause) == ("order_cancelled", "cancelled", "out_of_stock")
    assert effect.lines == [("1", "MUG", 2, "2.00"), ("2", "CAP", 1, "5.00")]
    assert order.cancelled_lines == units(("1", 2), ("2", 1))
    for step in (
        lambda: ledger.cancel("web-000001", "again"),
        lambda: ledger.acknowledge("web-000001"),
        lambda: ship(ledger, ("1", 1)),
        lambda: ledger.request_cancellation("web-000001", "again"),
    ):
        assert refused(step, ledger, made) == "order_cancelled"


def test_short_lines_are_cancelled_and_the_rest_is_shipped() -> None:
    ledger, made, order = placed()
    ship(ledger, ("1", 2))
    ledger.cancel("web-000001", "short", units(("2", 1)))
    assert order.status == "shipped"
    [effect] = made.of_kind("lines_cancelled")
    assert (effect.status, effect.lines) == ("shipped", [("2", "CAP", 1, "5.00")])
    assert refused(lambda: ledger.cancel("web-000001", "again"), ledger, made) == "order_shipped"


def test_lines_cancelled_one_by_one_cancel_the_order() -> None:
    ledger, made, order = placed()
    ledger.cancel("web-000001", "short", units(("1", 2)))
    assert order.status == "placed"
    assert (
        refused(lambda: ledger.cancel("web-000001", "short", units(("1", 1))), ledger, made) == "nothing_open"
    )
    ledger.cancel("web-000001", "short", units(("2", 1)))
    assert order.status == "cancelled"
    assert made.kinds() == ["lines_cancelled", "order_cancelled"]


def test_an_accepted_wish_cancels_the_order_and_closes_the_other_wishes() -> None:
    ledger, made, order = placed()
    first = ledger.request_cancellation("web-000001", "changed my mind")
    second = ledger.request_cancellation("web-000001", "please")
    assert (first.request_id, second.request_id) == ("web-C-000001", "web-C-000002")
    assert [event.data["request_id"] for event in made.of_topic("cancellation.requested")] == [
        "web-C-000001",
        "web-C-000002",
    ]
    ledger.accept_cancellation("web-C-000001")
    assert (order.status, first.status, second.status) == ("cancelled", "accepted", "closed")
    assert made.kinds()[2:] == ["cancellation_accepted", "order_cancelled", "cancellation_closed"]
    assert made.of_kind("order_cancelled")[0].ref == "web-C-000001"
    assert refused(lambda: ledger.accept_cancellation("web-C-000001"), ledger, made) == "already_closed"
    assert (
        refused(lambda: ledger.decline_cancellation("web-C-000002", "no"), ledger, made) == "already_closed"
    )


def test_a_declined_wish_leaves_the_order_alone() -> None:
    ledger, made, order = placed()
    ledger.request_cancellation("web-000001", "changed my mind")
    request = ledger.decline_cancellation("web-C-000001", "too_late")
    assert (order.status, request.status, request.answer) == ("placed", "declined", "too_late")
    assert made.of_kind("cancellation_declined")[0].cause == "too_late"


def test_what_has_shipped_cannot_be_cancelled_any_more() -> None:
    ledger, made, _ = placed()
    ledger.request_cancellation("web-000001", "changed my mind")
    ship(ledger, ("1", 2))
    assert refused(lambda: ledger.accept_cancellation("web-C-000001"), ledger, made) == "order_shipped"
    ship(ledger, ("2", 1))
    assert (
        refused(lambda: ledger.request_cancellation("web-000001", "please"), ledger, made) == "order_shipped"
    )


def test_a_part_of_an_order_comes_back_and_is_refunded() -> None:
    ledger, made, order = placed()
    ship(ledger, ("1", 2), ("2", 1))
    asked = ledger.request_return("web-000001", units(("1", 1)), "chipped")
    assert asked.return_id == "web-R-000001"
    [event] = made.of_topic("return.requested")
    assert (event.data["return_id"], event.data["currency"]) == ("web-R-000001", "GBP")
    assert event.data["lines"] == (OrderLine("1", "MUG", 1, money("2.00")),)
    confirm(ledger, "web-R-000001", "2.00")
    assert (asked.status, order.status, order.refunded) == ("refunded", "partially_refunded", money("2.00"))
    effect = made.of_kind("refund_confirmed")[0]
    assert (effect.ref, effect.document_id, effect.amount, effect.status) == (
        "web-R-000001",
        "REF-1",
        "2.00",
        "partially_refunded",
    )
    ledger.request_return("web-000001", units(("1", 1), ("2", 1)), "no longer wanted")
    confirm(ledger, "web-R-000002", "7.00")
    assert order.status == "refunded"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param([("2", 1)], "not_shipped", id="a line that has not shipped"),
        pytest.param([("1", 2)], "not_shipped", id="more than is not yet coming back"),
        pytest.param([("3", 1)], "unknown_line", id="a line that is not in the order"),
    ],
)
def test_only_what_has_shipped_comes_back(lines: list[tuple[str, int]], code: str) -> None:
    ledger, made, _ = placed()
    ship(ledger, ("1", 2))
    ledger.request_return("web-000001", units(("1", 1)), "chipped")
    step = lambda: ledger.request_return("web-000001", units(*lines), "chipped")
    assert refused(step, ledger, made) == code


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        pytest.param("13.96", "GBP", "exceeds_total", id="more than the order cost"),
        pytest.param("2.00", "EUR", "currency_mismatch", id="another currency"),
        pytest.param("2.005", "GBP", "inexact_amount", id="half a penny"),
        pytest.param("-2.00", "GBP", "invalid_request", id="less than nothing"),
    ],
)
def test_a_wrong_refund_is_refused_and_changes_nothing(amount: str, currency: str, code: str) -> None:
    ledger, made, _ = placed()
    ship(ledger, ("1", 2))
    ledger.request_return("web-000001", units(("1", 1)), "chipped")
    assert refused(lambda: confirm(ledger, "web-R-000001", amount, currency), ledger, made) == code


def test_a_refund_is_confirmed_once() -> None:
    ledger, made, _ = placed()
    ship(ledger, ("1", 2))
    ledger.request_return("web-000001", units(("1", 1)), "chipped")
    confirm(ledger, "web-R-000001", "2.00")
    assert refused(lambda: confirm(ledger, "web-R-000001", "2.00"), ledger, made) == "already_closed"


def test_a_return_of_which_nothing_came_is_closed_without_a_refund() -> None:
    ledger, _, order = placed()
    ship(ledger, ("1", 2), ("2", 1))
    asked = ledger.request_return("web-000001", units(("1", 1)), "chipped")
    ledger.confirm_refund("web-R-000001", refund_id=None, amount=money("0"), currency="GBP")
    assert (asked.status, order.status) == ("refunded", "shipped")


def test_the_last_published_availability_wins_whatever_its_version() -> None:
    ledger, made, _ = opened()
    ledger.publish_availability("MUG", 7, 12)
    ledger.publish_availability("MUG", 9, 11)
    listing = ledger.listing("MUG")
    assert (listing.listed, listing.availability_version) == (9, 11)
    last = made.of_kind("availability_listed")[1]
    assert (last.sku, last.on_hand, last.version, last.data) == ("MUG", 9, 11, {"on_hand_before": 7})


def test_strict_versions_refuse_what_is_older() -> None:
    ledger, made, _ = opened(strict_versions=True)
    ledger.publish_availability("MUG", 7, 12)
    assert refused(lambda: ledger.publish_availability("MUG", 9, 11), ledger, made) == "stale_version"
    ledger.publish_availability("MUG", 7, 12)
    price = {"amount": money("2.50"), "currency": "GBP", "valid_from": "2026-11-27T12:00:00Z"}
    ledger.publish_price("MUG", **price, version=4)  # type: ignore[arg-type]
    older = lambda: ledger.publish_price("MUG", **price, version=3)  # type: ignore[arg-type]
    assert refused(older, ledger, made) == "stale_version"


def test_a_price_is_listed_as_it_is_given_even_for_a_time_to_come() -> None:
    ledger, made, _ = opened()
    ledger.publish_price(
        "MUG", amount=money("1.50"), currency="GBP", valid_from="2026-12-24T00:00:00+01:00", version=3
    )
    [price] = ledger.listing("MUG").prices
    assert (price.amount, price.version, price.valid_from) == (money("1.50"), 3, "2026-12-24T00:00:00+01:00")
    effect = made.of_kind("price_listed")[0]
    assert (effect.amount, effect.currency, effect.version) == ("1.50", "GBP", 3)
    assert effect.data == {"valid_from": "2026-12-24T00:00:00+01:00"}


def test_a_sku_that_was_never_listed_is_listed_when_it_is_published() -> None:
    ledger, made, _ = opened()
    ledger.publish_availability("HAT", 3, 1)
    assert ledger.listing("HAT").listed == 3
    assert (
        refused(lambda: ledger.publish_availability("no such thing", 3, 1), ledger, made) == "invalid_request"
    )
    assert refused(lambda: ledger.publish_availability("HAT", -1, 2), ledger, made) == "invalid_request"


def test_shoppers_see_prices_in_the_channels_own_currencies() -> None:
    ledger, _, _ = opened()
    seen = ledger.catalogue_item(ledger.listing("CAP"))
    assert (seen.available, [price.currency for price in seen.prices]) == (5, ["GBP"])


def test_what_was_before_the_run_tells_nobody() -> None:
    made = make_world()
    ledger = MarketplaceLedger("web", made.world, Bank())
    ledger.seed_listing("MUG", 10, {"GBP": money("2.00")})
    wanted = basket(lines=[("1", "MUG", 2, "2.00")])
    content = OrderContent(
        order_ref=wanted.order_ref,
        currency=wanted.currency,
        lines=wanted.lines,
        shipping=wanted.shipping,
        total=wanted.total,
        customer=wanted.customer,
        ship_to=wanted.ship_to,
        service_level="standard",
        priority=5,
        ship_by="2026-11-20T00:00:00Z",
        payment_id="PAY-000001",
    )
    order = ledger.preload(content, {"SHP-1": units(("1", 2))})
    assert (order.status, order.channel, ledger.listing("MUG").listed) == ("shipped", "web", 10)
    assert made.kinds() == [
        "availability_listed",
        "price_listed",
        "order_placed",
        "order_acknowledged",
        "shipment_recorded",
    ]
    assert {effect.actor for effect in made.effects} == {"before-run"}
    assert made.events == []


def test_a_restored_ledger_is_as_it_was_and_still_sells() -> None:
    ledger, made, _ = placed()
    snapshot, before = ledger.snapshot(), deepcopy(list(ledger.final_state()))
    ledger.cancel("web-000001", "out_of_stock")
    ledger.restore(snapshot)
    assert list(ledger.final_state()) == before
    ledger.checkout(basket("web-000002"))
    assert made.kinds()[-3:] == ["order_placed", "listing_lowered", "listing_lowered"]


def test_no_transition_turns_a_status_back() -> None:
    order = ("placed", "acknowledged", "partially_shipped", "shipped", "partially_refunded", "refunded")
    for (before, _), after in TRANSITIONS.items():
        assert before != "cancelled"
        assert after == "cancelled" or order.index(after) >= order.index(before)


skus = st.sampled_from(["MUG", "CAP", "HAT"])
few = st.sampled_from([1, 1, 1, 2, 3, 0])
references = st.sampled_from(["web-000001", "web-000001", "web-000002", "web-000003"])
some_lines = st.lists(st.tuples(st.sampled_from(["1", "1", "2", "2", "3"]), few), max_size=2)
numbers = st.integers(1, 3)


class MarketplaceMachine(RuleBasedStateMachine):
    """Any calls in any order: a refused one changes nothing, and no unit is made or lost."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.made, self.bank = opened()
        self.listed = {"MUG": 10, "CAP": 5}
        self.ranks: dict[str, int] = {}

    @initialize()
    def sell_two_orders(self) -> None:
        self.checkout("web-000001", 3, 2, "CAP", declines=1)
        self.checkout("web-000002", 1, 1, "MUG", declines=1)

    def attempt(self, step: Callable[[], object]) -> bool:
        before, effects = deepcopy(list(self.ledger.final_state())), len(self.made.effects)
        try:
            step()
        except Refused:
            assert list(self.ledger.final_state()) == before
            assert len(self.made.effects) == effects
            return False
        return True

    @rule(order_ref=references, first=few, second=few, sku=skus, declines=st.integers(0, 5))
    def checkout(self, order_ref: str, first: int, second: int, sku: str, declines: int) -> None:
        self.bank.declines = declines == 0
        lines = [("1", "MUG", first, "2.00"), ("2", sku, second, "5.00")]
        authorised = len(self.bank.authorised)
        if self.attempt(lambda: self.ledger.checkout(basket(order_ref, lines))):
            self.listed["MUG"] -= first
            self.listed[sku] -= second
            assert len(self.bank.authorised) == authorised + 1
        else:
            assert len(self.bank.authorised) == authorised

    @rule(sku=skus, quantity=st.integers(-1, 6), version=numbers)
    def publish_availability(self, sku: str, quantity: int, version: int) -> None:
        if self.attempt(lambda: self.ledger.publish_availability(sku, quantity, version)):
            self.listed[sku] = quantity

    @rule(order_ref=references)
    def acknowledge(self, order_ref: str) -> None:
        self.attempt(lambda: self.ledger.acknowledge(order_ref))

    @rule(order_ref=references, lines=some_lines, number=numbers)
    def ship(self, order_ref: str, lines: list[tuple[str, int]], number: int) -> None:
        self.attempt(
            lambda: self.ledger.ship(
                order_ref,
                shipment_id=f"SHP-{number}",
                lines=units(*lines),
                carrier="Royal Mail",
                tracking_number="RM1",
            )
        )

    @rule(order_ref=references)
    def ship_what_is_open(self, order_ref: str) -> None:
        order = self.ledger.orders.get(order_ref)
        lines = [(line_id, open_) for line_id, open_ in open_units(order).items() if open_] if order else []
        self.ship(order_ref, lines, 9)

    @rule(order_ref=references, lines=st.none() | some_lines)
    def cancel(self, order_ref: str, lines: list[tuple[str, int]] | None) -> None:
        wanted = None if lines is None else units(*lines)
        self.attempt(lambda: self.ledger.cancel(order_ref, "out_of_stock", wanted))

    @rule(order_ref=references)
    def request_cancellation(self, order_ref: str) -> None:
        self.attempt(lambda: self.ledger.request_cancellation(order_ref, "changed my mind"))

    @rule(number=numbers)
    def accept_cancellation(self, number: int) -> None:
        self.attempt(lambda: self.ledger.accept_cancellation(f"web-C-{number:06d}"))

    @rule(number=numbers)
    def decline_cancellation(self, number: int) -> None:
        self.attempt(lambda: self.ledger.decline_cancellation(f"web-C-{number:06d}", "too_late"))

    @rule(order_ref=references, lines=some_lines)
    def request_return(self, order_ref: str, lines: list[tuple[str, int]]) -> None:
        self.attempt(lambda: self.ledger.request_return(order_ref, units(*lines), "chipped"))

    @rule(order_ref=references)
    def return_all_that_was_shipped(self, order_ref: str) -> None:
        order = self.ledger.orders.get(order_ref)
        left = open_units(order) if order else {}
        cancelled = {line.line_id: line.quantity for line in order.cancelled_lines} if order else {}
        lines = order.lines if order else ()
        shipped = [(x.line_id, x.quantity - left[x.line_id] - cancelled.get(x.line_id, 0)) for x in lines]
        self.request_return(order_ref, [(line_id, quantity) for line_id, quantity in shipped if quantity > 0])

    @rule(number=numbers)
    def confirm_what_came_back(self, number: int) -> None:
        asked = self.ledger.returns.get(f"web-R-{number:06d}")
        worth = sum(line.quantity * line.unit_price for line in asked.lines) if asked else 0
        self.attempt(lambda: confirm(self.ledger, f"web-R-{number:06d}", str(worth)))

    @rule(number=numbers, amount=st.sampled_from(["0", "1.00", "2.00", "5.00", "99.00", "0.005"]))
    def confirm_refund(self, number: int, amount: str) -> None:
        self.attempt(lambda: confirm(self.ledger, f"web-R-{number:06d}", amount))

    @rule()
    def restore_a_snapshot(self) -> None:
        before = deepcopy(list(self.ledger.final_state()))
        self.ledger.restore(self.ledger.snapshot())
        assert list(self.ledger.final_state()) == before

    @invariant()
    def listings_show_what_was_published_less_what_was_bought(self) -> None:
        for listing in self.ledger.listings:
            assert listing.listed == self.listed[listing.sku] >= 0

    @invariant()
    def every_unit_is_shipped_cancelled_or_open(self) -> None:
        for order in self.ledger.orders:
            left = open_units(order)
            assert all(open_ >= 0 for open_ in left.values())
            assert (order.status == "cancelled") == (not any(left.values()) and not order.shipments)
            if order.status in ("shipped", "refunded"):
                assert not any(left.values())
            if order.status in ("placed", "acknowledged"):
                assert not order.shipments

    @invariant()
    def no_more_comes_back_than_was_shipped(self) -> None:
        for order in self.ledger.orders:
            shipped = {line.line_id: 0 for line in order.lines}
            for shipment in order.shipments:
                for line in shipment.lines:
                    shipped[line.line_id] += line.quantity
            for asked in self.ledger.returns.of_order(order.order_ref):
                for coming in asked.lines:
                    shipped[coming.line_id] -= coming.quantity
            assert all(kept >= 0 for kept in shipped.values())

    @invariant()
    def refunds_add_up(self) -> None:
        for order in self.ledger.orders:
            returns = self.ledger.returns.of_order(order.order_ref)
            assert order.refunded == sum(asked.refunded for asked in returns) <= order.total
            told = [e for e in self.made.of_kind("refund_confirmed") if e.order_ref == order.order_ref]
            assert order.refunded == sum(money(effect.amount or "") for effect in told)
            assert (order.status in ("partially_refunded", "refunded")) == (order.refunded > 0)

    @invariant()
    def effects_tell_the_same_as_documents(self) -> None:
        for order in self.ledger.orders:
            told = {line.line_id: 0 for line in order.lines}
            for effect in self.made.effects:
                if effect.order_ref != order.order_ref:
                    continue
                signs = {
                    "order_placed": 1,
                    "shipment_recorded": -1,
                    "order_cancelled": -1,
                    "lines_cancelled": -1,
                }
                for line_id, _, quantity, _ in effect.lines or ():
                    told[line_id] += signs.get(effect.kind, 0) * quantity
            assert told == open_units(order)

    @invariant()
    def no_status_goes_back(self) -> None:
        order_of = (
            "placed",
            "acknowledged",
            "partially_shipped",
            "shipped",
            "partially_refunded",
            "refunded",
        )
        for order in self.ledger.orders:
            rank = 9 if order.status == "cancelled" else order_of.index(order.status)
            assert rank >= self.ranks.get(order.order_ref, 0)
            self.ranks[order.order_ref] = rank

    @invariant()
    def a_cancelled_order_has_no_open_wish(self) -> None:
        for request in self.ledger.cancellation_requests:
            if self.ledger.order(request.order_ref).status == "cancelled":
                assert request.status != "requested"

    @invariant()
    def every_effect_is_documented(self) -> None:
        assert {effect.kind for effect in self.made.effects} <= set(EFFECTS)


def open_units(order: Order) -> dict[str, int]:
    """What was ordered and is neither shipped nor cancelled, by line."""
    left = {line.line_id: line.quantity for line in order.lines}
    for shipment in order.shipments:
        for line in shipment.lines:
            left[line.line_id] -= line.quantity
    for line in order.cancelled_lines:
        left[line.line_id] -= line.quantity
    return left


MarketplaceMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMarketplaceMachine = MarketplaceMachine.TestCase
