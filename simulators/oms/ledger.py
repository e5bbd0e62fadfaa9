"""The OMS's rules and state: an order is created, then allocated or unfillable, then shipped, cancelled, returned."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from sys import intern
from typing import Any, Literal

from ...history.clock import rfc3339
from ...history.records import Lines
from ..kit.collection import Collection
from ..kit.ledger import Cause, Ledger, World
from ..kit.orders import (
    Address,
    LineQuantity,
    OrderContent,
    PartLine,
    check_content,
    content_data,
    plain,
    short,
)
from ..kit.refusal import DUPLICATE_REFERENCE, INVALID, NOT_FOUND, STALE_VERSION
from .allocation import allocate, missing
from .documents import Availability, Line, Order, Part, ReturnAuthorisation, StockLevel
from .refusals import (
    NOT_ALLOCATED,
    NOT_SHIPPED,
    NOTHING_OPEN,
    ORDER_CANCELLED,
    ORDER_SHIPPED,
    OVER_SHIPPED,
    UNKNOWN_LINE,
    UNKNOWN_LOCATION,
)

TRANSITIONS = {
    ("created", "allocate"): "allocated",
    ("created", "give_up"): "unfillable",
    ("created", "cancel_part"): "created",
    ("created", "cancel_rest"): "cancelled",
    ("unfillable", "cancel_part"): "unfillable",
    ("unfillable", "cancel_rest"): "cancelled",
    ("allocated", "ship_part"): "partially_shipped",
    ("allocated", "ship_rest"): "shipped",
    ("allocated", "cancel_part"): "allocated",
    ("allocated", "cancel_rest"): "cancelled",
    ("partially_shipped", "ship_part"): "partially_shipped",
    ("partially_shipped", "ship_rest"): "shipped",
    ("partially_shipped", "cancel_part"): "partially_shipped",
    ("partially_shipped", "cancel_rest"): "shipped",
    ("partially_shipped", "return_part"): "partially_returned",
    ("shipped", "return_part"): "partially_returned",
    ("shipped", "return_rest"): "returned",
    ("partially_returned", "ship_part"): "partially_returned",
    ("partially_returned", "ship_rest"): "partially_returned",
    ("partially_returned", "cancel_part"): "partially_returned",
    ("partially_returned", "cancel_rest"): "partially_returned",
    ("partially_returned", "return_part"): "partially_returned",
    ("partially_returned", "return_rest"): "returned",
}
"""An order's law: status and step to the next status. ``_part`` leaves units open, ``_rest`` leaves none.

Goods may come back before the OMS was told that they went out: such a return is kept, and its step taken once
something is shipped.
"""

REFUSALS = {
    ("created", "ship"): NOT_ALLOCATED,
    ("unfillable", "ship"): NOT_ALLOCATED,
    ("cancelled", "ship"): ORDER_CANCELLED,
    ("shipped", "ship"): OVER_SHIPPED,
    ("returned", "ship"): OVER_SHIPPED,
    ("cancelled", "cancel"): ORDER_CANCELLED,
    ("shipped", "cancel"): ORDER_SHIPPED,
    ("returned", "cancel"): ORDER_SHIPPED,
    ("cancelled", "update"): ORDER_CANCELLED,
    ("shipped", "update"): ORDER_SHIPPED,
    ("partially_returned", "update"): ORDER_SHIPPED,
    ("returned", "update"): ORDER_SHIPPED,
}
"""What an order in that status refuses whatever the lines."""


SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What a SKU may look like: the first word of a new one may come in a path, where the face checks nothing."""


@dataclass(frozen=True, slots=True)
class OmsSettings:
    """How this OMS works; times are nominal seconds, shortened by the estate's time scale."""

    allocation_s: float = 30.0
    availability_publish_s: float = 20.0
    """Changes of availability are gathered this long and published together."""
    safety_stock: int = 0
    """Units of each SKU that are never offered; they may still be shipped."""
    locations: tuple[str, ...] = ("north", "south")
    """In order of preference."""
    strict_references: bool = False
    """Refuse a second document with the same order reference and intent."""
    strict_versions: bool = False
    """Refuse stock that is older than what is known."""


class OmsLedger(Ledger):
    """Orders, reservations by location, return authorisations, stock as told, and availability as published."""

    def __init__(self, world: World, settings: OmsSettings | None = None, *, system: str = "oms") -> None:
        super().__init__(system, world)
        self.settings = settings or OmsSettings()
        self.orders: Collection[Order] = Collection()
        self.authorisations: Collection[ReturnAuthorisation] = Collection()
        self.stock: Collection[StockLevel] = Collection()
        self.availability: Collection[Availability] = Collection()
        self._levels: dict[str, dict[str, StockLevel]] = {place: {} for place in self.settings.locations}
        self._reserved: dict[str, dict[str, int]] = {place: {} for place in self.settings.locations}
        self._unpublished: dict[str, str | None] = {}
        """SKUs whose availability may have changed, each with the trace of the first change."""

    # What the estate sets up

    def seed_stock(self, levels: Iterable[tuple[str, str, int]]) -> None:
        """Opening stock as (SKU, location, units), version 1 each; its availability counts as published."""
        with self.world.acting("before-run"):
            skus: dict[str, None] = {}
            for sku, location, on_hand in levels:
                self._set_level(intern(sku), self._location(location), on_hand, 1)
                skus[intern(sku)] = None
            for sku in skus:
                self._publish(sku)

    def preload(
        self,
        content: OrderContent,
        shipments: Mapping[str, tuple[LineQuantity, ...]],
        location: str | None = None,
    ) -> Order:
        """An order of a time before the run: allocated to one location and shipped; the stock stays as it is."""
        check_content(content)
        place = self._location(location or self.settings.locations[0])
        with self.world.acting("before-run"):
            order = self._take_in(content)
            self._reserve(
                order, {place: tuple(PartLine(x.line_id, x.sku, x.quantity) for x in content.lines)}
            )
            for shipment_id, lines in shipments.items():
                self.ship(order, shipment_id=shipment_id, lines=lines)
        return order

    # Orders

    def create(self, content: OrderContent) -> Order:
        """Take an order in; it is allocated a little later. Refused for content that does not add up."""
        check_content(content)
        self.validate(content.order_ref)
        if self.settings.strict_references and self.orders.of_order(content.order_ref):
            raise DUPLICATE_REFERENCE.because(f"order {content.order_ref} is here already")
        order = self._take_in(content)
        self.later(self.settings.allocation_s, self.allocate, order.order_id)
        return order

    def order(self, order_id: str) -> Order:
        """Refused with ``not_found``."""
        order = self.orders.get(order_id)
        if order is None:
            raise NOT_FOUND.because(f"there is no order {order_id!r}")
        return order

    def update(
        self,
        order: Order,
        *,
        ship_to: Address | None = None,
        priority: int | None = None,
        ship_by: str | None = None,
    ) -> Order:
        """Change where, how urgently or by when; what is not given stays. Parts already requested do not follow."""
        self._check_status(order, "update")
        given = {"ship_to": ship_to, "priority": priority, "ship_by": ship_by}
        changes = {name: value for name, value in given.items() if value not in (None, getattr(order, name))}
        if not changes:
            return order
        for name, value in changes.items():
            setattr(order, name, value)
        self._changed(order)
        self.effect(
            "oms_order_updated",
            order_ref=order.order_ref,
            document_id=order.order_id,
            status=order.status,
            data=dict(changes),
        )
        return order

    def allocate(self, order_id: str) -> None:
        """The OMS's own step: reserve everything that is open, or find that it cannot be done."""
        order = self.order(order_id)
        if order.status != "created":
            return
        wanted = tuple(PartLine(line.line_id, line.sku, line.open) for line in order.lines if line.open)
        free = self._free({line.sku for line in wanted})
        found = allocate(wanted, free)
        if found is None:
            self._give_up(order, missing(wanted, free))
        else:
            self._reserve(order, found)

    def ship(self, order: Order, *, shipment_id: str, lines: Iterable[LineQuantity]) -> Order:
        """Units have left the house. On hand moves only when the warehouse's new stock is told."""
        if self.settings.strict_references and shipment_id in order.shipments:
            raise DUPLICATE_REFERENCE.because(
                f"shipment {shipment_id} of order {order.order_id} is known already"
            )
        self._check_status(order, "ship")
        gone = self._units(order, lines)
        for line, units in gone:
            if units > line.open:
                raise OVER_SHIPPED.because(
                    f"line {line.line_id} of order {order.order_id} has {line.open} open units, not {units}"
                )
        self._release(order, gone)
        _note_units(order, "shipped", ((line.line_id, units) for line, units in gone))
        order.shipments += (shipment_id,)
        self._move(order, "ship_rest" if _is_closed(order) else "ship_part")
        self._move_by_returns(order)
        self._changed(order)
        self.effect(
            "oms_order_shipped",
            order_ref=order.order_ref,
            document_id=order.order_id,
            ref=shipment_id,
            status=order.status,
            lines=_short(gone),
        )
        return order

    def cancel(self, order: Order, *, reason: str, lines: Iterable[LineQuantity] | None = None) -> Order:
        """Cancel some open units, or all that are open; a reservation goes with them."""
        self._check_status(order, "cancel")
        if lines is None:
            gone = [(line, line.open) for line in order.lines if line.open]
            if not gone:
                raise ORDER_SHIPPED.because(f"nothing of order {order.order_id} is open")
        else:
            gone = self._units(order, lines)
        for line, units in gone:
            if units > line.open:
                raise NOTHING_OPEN.because(
                    f"line {line.line_id} of order {order.order_id} has {line.open} open units, not {units}"
                )
        if order.parts:
            self._release(order, gone)
        _note_units(order, "cancelled", ((line.line_id, units) for line, units in gone))
        self._move(order, "cancel_rest" if _is_closed(order) else "cancel_part")
        self._move_by_returns(order)
        self._changed(order)
        self.effect(
            "oms_order_cancelled" if order.status == "cancelled" else "oms_lines_cancelled",
            order_ref=order.order_ref,
            document_id=order.order_id,
            status=order.status,
            cause=reason,
            lines=_short(gone),
        )
        return order

    # Returns

    def authorise_return(
        self, *, return_id: str, order_ref: str, lines: tuple[PartLine, ...]
    ) -> ReturnAuthorisation:
        """Allow goods to come back, as far as each line was shipped."""
        order = self._returned_order(order_ref)
        if order is None:
            raise NOT_FOUND.because(f"there is no order with reference {order_ref!r}")
        by_id = {line.line_id: line for line in order.lines}
        for wanted in lines:
            if wanted.line_id not in by_id or by_id[wanted.line_id].sku != wanted.sku:
                raise UNKNOWN_LINE.because(
                    f"order {order_ref} has no line {wanted.line_id!r} of {wanted.sku}"
                )
        for line, units in self._units(order, lines):
            if units > line.shipped:
                raise NOT_SHIPPED.because(
                    f"{line.shipped} units of line {line.line_id} of order {order_ref} are shipped, not {units}"
                )
        if self.settings.strict_references and self._authorisation(order_ref, return_id) is not None:
            raise DUPLICATE_REFERENCE.because(f"return {return_id} is authorised already")
        authorisation_id = self.number("RMA")
        authorisation = ReturnAuthorisation(
            authorisation_id, return_id, order_ref, order.order_id, "authorised", lines
        )
        self.authorisations.add(authorisation_id, authorisation, self.now(), order_ref)
        self.effect(
            "return_authorised",
            order_ref=order_ref,
            document_id=authorisation_id,
            ref=return_id,
            status="authorised",
            lines=short(lines),
        )
        return authorisation

    def return_received(self, return_id: str, order_ref: str, lines: Iterable[PartLine]) -> None:
        """The warehouse tells what came back, sellable or not. Never refused; an order that is not here is skipped."""
        order = self._returned_order(order_ref)
        if order is None:
            return
        came = tuple(lines)
        _note_units(order, "returned", ((back.line_id, back.quantity) for back in came))
        self._move_by_returns(order)
        self._changed(order)
        authorisation = self._authorisation(order_ref, return_id)
        if authorisation is not None:
            authorisation.status = "received"
            authorisation.received += came
            self.authorisations.changed(authorisation.authorisation_id, authorisation, self.now())
        self.effect(
            "oms_return_received",
            order_ref=order_ref,
            document_id=order.order_id,
            ref=return_id,
            status=order.status,
            lines=short(came),
        )

    # Stock and availability

    def set_stock(self, *, sku: str, location: str, on_hand: int, version: int) -> StockLevel:
        """Units at a location are now this many. The last write wins, older or not, unless versions are strict."""
        place = self._location(location)
        if on_hand < 0:
            raise INVALID.because(f"on_hand must be 0 or more, got {on_hand}")
        level = self._levels[place].get(sku)
        if level is not None:
            if self.settings.strict_versions and version < level.version:
                raise STALE_VERSION.because(
                    f"{sku} at {location} is known at version {level.version}, {version} is older",
                    version=level.version,
                )
            if (on_hand, version) == (level.on_hand, level.version):
                return level
        elif not SKU.fullmatch(sku):
            raise INVALID.because(f"a SKU is made of letters, digits and ._:-, at most 64; got {sku[:80]!r}")
        if self.world.decide("take_update", sku) is not None:
            then = rfc3339(self.now())
            return StockLevel(sku, place, on_hand, version, then)
        level = self._set_level(intern(sku), place, on_hand, version)
        self._publish_later(level.sku)
        return level

    def level(self, sku: str, location: str) -> StockLevel:
        """Refused with ``not_found``."""
        level = self._levels[self._location(location)].get(sku)
        if level is None:
            raise NOT_FOUND.because(f"no stock of {sku!r} at {location} was ever told")
        return level

    def on_hand(self, sku: str) -> int:
        """Units over all locations, as told."""
        return sum(levels[sku].on_hand for levels in self._levels.values() if sku in levels)

    def reserved(self, sku: str) -> int:
        """Units that allocated orders still hold, over all locations."""
        return sum(units.get(sku, 0) for units in self._reserved.values())

    def available(self, sku: str) -> int:
        """What may be sold just now; ``availability`` has what was last published."""
        return max(0, self.on_hand(sku) - self.reserved(sku) - self.settings.safety_stock)

    def publish_availability(self) -> None:
        """The OMS's own step: compute what may have changed and tell what has."""
        touched, self._unpublished = self._unpublished, {}
        before = self.world.cause
        try:
            for sku, traceparent in touched.items():
                self.world.cause = Cause(traceparent=traceparent, at_ns=before.at_ns)
                self._publish(sku)
        finally:
            self.world.cause = before

    # Reading

    def order_ref_of(self, order_id: str) -> str | None:
        order = self.orders.get(order_id)
        return order.order_ref if order is not None else None

    def final_state(self) -> Iterator[tuple[str, str, str | None, str | None, Any]]:
        """Kind, id, order reference, SKU and document of everything that the judge compares."""
        for order in self.orders:
            yield "order", order.order_id, order.order_ref, None, order
        for authorisation in self.authorisations:
            yield (
                "return_authorisation",
                authorisation.authorisation_id,
                authorisation.order_ref,
                None,
                authorisation,
            )
        for level in self.stock:
            yield "stock", f"{level.sku}/{level.location}", None, level.sku, level
        for availability in self.availability:
            yield "availability", availability.sku, None, availability.sku, availability

    # Inside: orders

    def _take_in(self, content: OrderContent) -> Order:
        order_id = self.number("OMS")
        order = Order(
            order_id=order_id,
            order_ref=content.order_ref,
            channel=content.channel,
            status="created",
            currency=content.currency,
            lines=tuple(
                Line(line.line_id, line.sku, line.quantity, line.unit_price) for line in content.lines
            ),
            shipping=content.shipping,
            total=content.total,
            customer=content.customer,
            ship_to=content.ship_to,
            service_level=content.service_level,
            priority=content.priority,
            ship_by=content.ship_by,
            payment_id=content.payment_id,
        )
        self.orders.add(order_id, order, self.now(), content.order_ref)
        self.effect(
            "oms_order_created",
            order_ref=content.order_ref,
            document_id=order_id,
            amount=plain(content.total),
            currency=content.currency,
            status=order.status,
            lines=short(content.lines),
            data=content_data(content),
        )
        return order

    def _reserve(self, order: Order, found: Mapping[str, tuple[PartLine, ...]]) -> None:
        self._move(order, "allocate")
        order.parts = tuple(
            Part(f"{order.order_id}-{number}", location, lines)
            for number, (location, lines) in enumerate(found.items(), 1)
        )
        for part in order.parts:
            for line in part.lines:
                self._hold(line.sku, part.location, line.quantity)
        self._changed(order)
        effect_id = self.effect(
            "order_allocated",
            order_ref=order.order_ref,
            document_id=order.order_id,
            status=order.status,
            lines=[
                (line.line_id, line.sku, line.open, plain(line.unit_price))
                for line in order.lines
                if line.open
            ],
            data={"parts": order.parts},
        )
        self.event(
            "order.allocated",
            effect_id,
            {"order_id": order.order_id, "order_ref": order.order_ref, "parts": order.parts},
            order_ref=order.order_ref,
        )

    def _give_up(self, order: Order, lacking: tuple[PartLine, ...]) -> None:
        self._move(order, "give_up")
        order.missing = lacking
        self._changed(order)
        effect_id = self.effect(
            "order_unfillable",
            order_ref=order.order_ref,
            document_id=order.order_id,
            status=order.status,
            cause="out_of_stock",
            data={"missing": lacking},
        )
        self.event(
            "order.unfillable",
            effect_id,
            {
                "order_id": order.order_id,
                "order_ref": order.order_ref,
                "reason": "out_of_stock",
                "missing": lacking,
            },
            order_ref=order.order_ref,
        )

    def _check_status(self, order: Order, step: str) -> None:
        refusal = REFUSALS.get((order.status, step))
        if refusal is not None:
            raise refusal.because(f"order {order.order_id} is {order.status}")

    def _units(self, order: Order, lines: Iterable[LineQuantity | PartLine]) -> list[tuple[Line, int]]:
        """The order's own lines with the units meant, each once; nothing is changed."""
        units: dict[str, int] = {}
        for wanted in lines:
            if wanted.quantity < 1:
                raise INVALID.because(
                    f"line {wanted.line_id}: quantity must be at least 1, got {wanted.quantity}"
                )
            units[wanted.line_id] = units.get(wanted.line_id, 0) + wanted.quantity
        if not units:
            raise INVALID.because("at least one line is needed")
        meant = [(line, units.pop(line.line_id)) for line in order.lines if line.line_id in units]
        if units:
            raise UNKNOWN_LINE.because(f"order {order.order_id} has no line {next(iter(units))!r}")
        return meant

    def _move(self, order: Order, step: str) -> None:
        order.status = TRANSITIONS[order.status, step]

    def _move_by_returns(self, order: Order) -> None:
        """What came back decides the status as soon as something went out."""
        back = sum(line.returned for line in order.lines)
        if not back:
            return
        out = sum(line.shipped for line in order.lines)
        step = "return_rest" if back >= out and _is_closed(order) else "return_part"
        order.status = TRANSITIONS.get((order.status, step), order.status)

    def _changed(self, order: Order) -> None:
        self.orders.changed(order.order_id, order, self.now())

    def _returned_order(self, order_ref: str) -> Order | None:
        """The order that goods come back from: of several with one reference, the first that was shipped."""
        orders = self.orders.of_order(order_ref)
        return next((order for order in orders if order.shipments), orders[0] if orders else None)

    def _authorisation(self, order_ref: str, return_id: str) -> ReturnAuthorisation | None:
        found = (one for one in self.authorisations.of_order(order_ref) if one.return_id == return_id)
        return next(found, None)

    # Inside: stock

    def _location(self, location: str) -> str:
        if location not in self._levels:
            known = ", ".join(self.settings.locations)
            raise UNKNOWN_LOCATION.because(f"{location!r} is none of {known}")
        return intern(location)

    def _set_level(self, sku: str, location: str, on_hand: int, version: int) -> StockLevel:
        key = f"{sku}/{location}"
        level = self._levels[location].get(sku)
        before = None
        if level is None:
            level = self._levels[location][sku] = StockLevel(sku, location, on_hand, version)
            self.stock.add(key, level, self.now())
        else:
            before = level.on_hand
            level.on_hand = on_hand
            level.version = version - 1  # the version is the teller's; `changed` makes it so
            self.stock.changed(key, level, self.now())
        self.effect(
            "stock_set",
            sku=sku,
            location=location,
            on_hand=on_hand,
            version=version,
            data={"before": before},
        )
        return level

    def _free(self, skus: Iterable[str]) -> dict[str, dict[str, int]]:
        """Units that may be taken of each of these SKUs, by location."""
        free: dict[str, dict[str, int]] = {location: {} for location in self._levels}
        for sku in skus:
            for location, levels in self._levels.items():
                level = levels.get(sku)
                units = level.on_hand - self._reserved[location].get(sku, 0) if level is not None else 0
                free[location][sku] = max(units, 0)
        return free

    def _hold(self, sku: str, location: str, units: int) -> None:
        held = self._reserved[location]
        held[sku] = held.get(sku, 0) + units
        self._publish_later(sku)

    def _release(self, order: Order, gone: list[tuple[Line, int]]) -> None:
        """Give up the reservation of units that are still open; of a line over several parts, the first part's first.

        A shipment does not say which location it left, so for such a line the locations may be wrong for a while;
        their sum never is.
        """
        if len(order.parts) == 1:
            for line, units in gone:
                self._hold(line.sku, order.parts[0].location, -units)
            return
        places: dict[str, list[tuple[str, int]]] = {line.line_id: [] for line, _ in gone}
        for part in order.parts:
            for held in part.lines:
                if held.line_id in places:
                    places[held.line_id].append((part.location, held.quantity))
        for line, units in gone:
            given_up = sum(quantity for _, quantity in places[line.line_id]) - line.open
            for location, quantity in places[line.line_id]:
                here = min(max(quantity - given_up, 0), units)
                given_up = max(given_up - quantity, 0)
                units -= here
                if here:
                    self._hold(line.sku, location, -here)

    def _publish_later(self, sku: str) -> None:
        if self.world.cause.actor == "before-run":
            return
        if not self._unpublished:
            self.later(self.settings.availability_publish_s, self.publish_availability)
        self._unpublished.setdefault(sku, self.world.cause.traceparent)

    def _publish(self, sku: str) -> None:
        available = self.available(sku)
        published = self.availability.get(sku)
        if published is None:
            published = Availability(sku, available)
            self.availability.add(sku, published, self.now())
        elif published.available == available:
            return
        else:
            published.available = available
            self.availability.changed(sku, published, self.now())
        effect_id = self.effect(
            "availability_computed", sku=sku, on_hand=available, version=published.version
        )
        self.event(
            "availability.changed",
            effect_id,
            {"sku": sku, "available": available, "version": published.version},
            sku=sku,
            version=published.version,
        )


def _note_units(
    order: Order, fate: Literal["shipped", "cancelled", "returned"], gone: Iterable[tuple[str, int]]
) -> None:
    """Add units to what became of the order's lines, by line id; what the order does not have is left out."""
    more: dict[str, int] = {}
    for line_id, units in gone:
        more[line_id] = more.get(line_id, 0) + units
    order.lines = tuple(
        replace(line, **{fate: getattr(line, fate) + more[line.line_id]}) if line.line_id in more else line
        for line in order.lines
    )


def _is_closed(order: Order) -> bool:
    return not any(line.open for line in order.lines)


def _short(gone: Iterable[tuple[Line, int]]) -> Lines:
    return [(line.line_id, line.sku, units, plain(line.unit_price)) for line, units in gone]
