"""The WMS's rules and state: a fulfilment waits, is picked, and ships whole, split or short; stock moves when it does."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from sys import intern
from typing import Any

from ...history.clock import rfc3339
from ..kit.collection import Collection
from ..kit.ledger import Cause, Ledger, World
from ..kit.orders import Address, LineQuantity, OrderContent, OrderLine, PartLine, short
from ..kit.refusal import DUPLICATE_REFERENCE, INVALID, NOT_FOUND
from .documents import (
    CancelledFulfilments,
    ExpectedReturn,
    Fulfilment,
    ReceivedLine,
    Shipment,
    StockLevel,
    StockMovement,
)
from .journal import Journal
from .refusals import INSUFFICIENT_STOCK, TOO_LATE, UNKNOWN_ITEM, UNKNOWN_LOCATION

TRANSITIONS = {
    ("requested", "pick"): "picking",
    ("requested", "cancel"): "cancelled",
    ("picking", "ship_part"): "partially_shipped",
    ("picking", "ship_rest"): "shipped",
    ("picking", "give_up"): "cancelled",
    ("partially_shipped", "ship_part"): "partially_shipped",
    ("partially_shipped", "ship_rest"): "shipped",
    ("partially_shipped", "give_up"): "shipped",
}
"""A fulfilment's law: status and step to the next status; what is not here is refused.

``give_up`` is the end of a fulfilment when nothing of what was left to ship could be found.
"""


@dataclass(frozen=True, slots=True)
class WmsSettings:
    """How this WMS works; times are nominal seconds, shortened by the estate's time scale."""

    pick_start_s: float = 60.0
    """From the request until picking may begin; so long a cancellation surely comes in time."""
    pick_min_s: float = 60.0
    pick_max_s: float = 180.0
    pickers: int = 100
    """Fulfilments that one location picks at a time; the rest wait in order of priority, then date."""
    heeds_priority: bool = True
    """False: the rest wait in order of arrival, express beside standard."""
    split_share: float = 0.15
    """Share of orders that leave in two shipments where they can."""
    split_gap_s: float = 60.0
    """Between the two."""
    return_min_s: float = 120.0
    """From the announcement of a return until the goods are there."""
    return_max_s: float = 300.0
    return_less_share: float = 0.1
    """Share of returned lines of several units of which one stays away."""
    return_empty_share: float = 0.0
    """Share of returns of which nothing comes back at all."""
    unsellable_share: float = 0.2
    """Share of returned lines of which one unit cannot be sold again."""
    locations: tuple[str, ...] = ("north", "south")
    carriers: tuple[str, ...] = ("DHL", "DPD", "UPS")
    strict_references: bool = False
    """Refuse a second document with the same part or return."""


@dataclass(slots=True)
class WmsPorts:
    """Whom the WMS tells by itself, inside the house; wired by the estate."""

    on_return_received: list[Callable[[str, str, tuple[PartLine, ...]], None]] = field(default_factory=list)
    """Called with return id, order reference and what came, sellable or not."""


class WmsLedger(Ledger):
    """Fulfilments, shipments, expected returns, and the stock that they move."""

    outside = Ledger.outside | {"ports"}

    def __init__(
        self,
        world: World,
        settings: WmsSettings | None = None,
        *,
        system: str = "wms",
        ports: WmsPorts | None = None,
    ) -> None:
        super().__init__(system, world)
        self.settings = settings or WmsSettings()
        self.ports = ports or WmsPorts()
        self.fulfilments: Collection[Fulfilment] = Collection()
        self.shipments: Collection[Shipment] = Collection()
        self.expected_returns: Collection[ExpectedReturn] = Collection()
        self.stock: Collection[StockLevel] = Collection()
        self.movements = Journal()
        self._levels: dict[str, dict[str, StockLevel]] = {place: {} for place in self.settings.locations}
        self._waiting: dict[str, list[tuple[int, str, str, str | None]]] = {
            place: [] for place in self.settings.locations
        }
        """Fulfilments that may be picked, by location, as a heap of (priority, ship_by, id, trace)."""
        self._picking: dict[str, int] = dict.fromkeys(self.settings.locations, 0)

    # What the estate sets up

    def seed_stock(self, levels: Iterable[tuple[str, str, int]]) -> None:
        """Opening stock as (SKU, location, units), version 1 each."""
        with self.world.acting("before-run"):
            for sku, location, on_hand in levels:
                place = self._location(location)
                before = self.on_hand(sku, place)
                self._move_stock(intern(sku), place, on_hand - before, "opening", rfc3339(self.now()))

    def preload(
        self,
        content: OrderContent,
        shipments: Mapping[str, tuple[LineQuantity, ...]],
        *,
        part_id: str,
        location: str | None = None,
    ) -> Fulfilment:
        """An order of a time before the run, shipped from one location; the stock stays as it is."""
        with self.world.acting("before-run"):
            fulfilment = self._take_in(
                order_ref=content.order_ref,
                part_id=part_id,
                location=self._location(location or self.settings.locations[0]),
                lines=tuple(PartLine(line.line_id, line.sku, line.quantity) for line in content.lines),
                priority=content.priority,
                ship_by=content.ship_by,
                service_level=content.service_level,
                ship_to=content.ship_to,
            )
            self._start(fulfilment)
            sku_of = {line.line_id: line.sku for line in content.lines}
            for shipment_id, quantities in shipments.items():
                lines = tuple(PartLine(x.line_id, sku_of[x.line_id], x.quantity) for x in quantities)
                final = sum(map(_units, (fulfilment.shipped, lines))) == _units(fulfilment.lines)
                self._confirm(fulfilment, lines, (), final=final, shipment_id=shipment_id)
        return fulfilment

    # Fulfilments

    def request(
        self,
        *,
        order_ref: str,
        part_id: str,
        location: str,
        lines: tuple[PartLine, ...],
        priority: int,
        ship_by: str,
        service_level: str,
        ship_to: Address,
    ) -> Fulfilment:
        """Ask a location to ship; picking begins a little later, the most urgent first."""
        place = self._location(location)
        if not lines:
            raise INVALID.because("a fulfilment needs at least one line")
        if len({line.line_id for line in lines}) != len(lines):
            raise INVALID.because("line ids must be unique in the fulfilment")
        for line in lines:
            if line.quantity < 1:
                raise INVALID.because(
                    f"line {line.line_id}: quantity must be at least 1, got {line.quantity}"
                )
            if not any(line.sku in levels for levels in self._levels.values()):
                raise UNKNOWN_ITEM.because(f"line {line.line_id}: {line.sku!r} was never held here")
        if self.settings.strict_references and any(
            other.part_id == part_id and other.status != "cancelled"
            for other in self.fulfilments.of_order(order_ref)
        ):
            raise DUPLICATE_REFERENCE.because(f"part {part_id} is requested already")
        fulfilment = self._take_in(
            order_ref=order_ref,
            part_id=part_id,
            location=place,
            lines=lines,
            priority=priority,
            ship_by=ship_by,
            service_level=service_level,
            ship_to=ship_to,
        )
        self.later(self.settings.pick_start_s, self.wait_for_picker, fulfilment.fulfilment_id)
        return fulfilment

    def fulfilment(self, fulfilment_id: str) -> Fulfilment:
        """Refused with ``not_found``."""
        fulfilment = self.fulfilments.get(fulfilment_id)
        if fulfilment is None:
            raise NOT_FOUND.because(f"there is no fulfilment {fulfilment_id!r}")
        return fulfilment

    def cancel(self, fulfilment: Fulfilment, *, reason: str) -> Fulfilment:
        """Stop a fulfilment before it is picked. One that is cancelled already stays so, and nothing happens."""
        if fulfilment.status != "cancelled":
            self._check_not_begun(fulfilment)
            self._cancel(fulfilment, reason)
        return fulfilment

    def cancel_order(self, order_ref: str, *, reason: str) -> CancelledFulfilments:
        """Stop everything of an order, or nothing of it when picking has begun on some."""
        fulfilments = self.fulfilments.of_order(order_ref)
        if not fulfilments:
            raise NOT_FOUND.because(f"nothing was ever requested for order {order_ref!r}")
        waiting = [fulfilment for fulfilment in fulfilments if fulfilment.status != "cancelled"]
        for fulfilment in waiting:
            self._check_not_begun(fulfilment)
        for fulfilment in waiting:
            self._cancel(fulfilment, reason)
        return CancelledFulfilments(order_ref, tuple(fulfilment.fulfilment_id for fulfilment in fulfilments))

    # The warehouse's own steps

    def wait_for_picker(self, fulfilment_id: str) -> None:
        """It may be picked now, as soon as a picker is free and nothing more urgent waits."""
        fulfilment = self.fulfilment(fulfilment_id)
        if fulfilment.status == "requested":
            trace = self.world.cause.traceparent
            rank = (fulfilment.priority, fulfilment.ship_by) if self.settings.heeds_priority else (0, "")
            urgency = (*rank, fulfilment_id, trace)
            heappush(self._waiting[fulfilment.location], urgency)
            self._start_most_urgent(fulfilment.location)

    def finish_picking(self, fulfilment_id: str) -> None:
        """What was found leaves; sometimes only a first half of it."""
        fulfilment = self.fulfilment(fulfilment_id)
        rule = self.world.decide("short_pick", fulfilment.order_ref) or {}
        withheld = int(rule.get("units", 0))
        first_half = self._first_half(fulfilment)
        found, _ = self._find(fulfilment.location, first_half, 0)
        if found:
            self._ship(fulfilment, found, (), final=False)
            self.later(self.settings.split_gap_s, self.ship_rest, fulfilment_id, str(withheld))
        else:
            self.ship_rest(fulfilment_id, str(withheld))
        self._picking[fulfilment.location] -= 1
        self._start_most_urgent(fulfilment.location)

    def ship_rest(self, fulfilment_id: str, withheld: str) -> None:
        """What is left and can be found leaves; the warehouse gives up on what cannot."""
        fulfilment = self.fulfilment(fulfilment_id)
        found, lacking = self._find(fulfilment.location, _rest(fulfilment), int(withheld))
        self._ship(fulfilment, found, lacking, final=True)

    def receive_return(self, expected_return_id: str) -> None:
        """The goods are there, though maybe not all and not all in order. They come once, however often announced."""
        expected = self.expected_returns.get(expected_return_id)
        if expected is None or any(
            other.return_id == expected.return_id and other.status == "received"
            for other in self.expected_returns.of_order(expected.order_ref)
        ):
            return
        expected.status = "received"
        expected.received = self._what_came(expected)
        expected.received_at = rfc3339(self.now())
        self.expected_returns.changed(expected_return_id, expected, self.now())
        sellable: dict[str, int] = {}
        units: dict[str, PartLine] = {}
        for came in expected.received:
            before = units[came.line_id].quantity if came.line_id in units else 0
            units[came.line_id] = PartLine(came.line_id, came.sku, before + came.quantity)
            sellable[came.line_id] = sellable.get(came.line_id, 0) + (came.quantity if came.sellable else 0)
        lines = tuple(units.values())
        effect_id = self.effect(
            "return_received",
            order_ref=expected.order_ref,
            document_id=expected_return_id,
            ref=expected.return_id,
            status=expected.status,
            lines=short(lines),
            data={"sellable": sellable},
        )
        self.event(
            "return.received",
            effect_id,
            {
                "return_id": expected.return_id,
                "order_ref": expected.order_ref,
                "lines": expected.received,
                "received_at": expected.received_at,
            },
            order_ref=expected.order_ref,
        )
        for line in lines:
            if sellable[line.line_id]:
                self._move_stock(
                    line.sku,
                    self._origin(expected.order_ref, line.line_id),
                    sellable[line.line_id],
                    "return",
                    expected.received_at,
                    order_ref=expected.order_ref,
                    document_id=expected_return_id,
                )
        for tell in self.ports.on_return_received:
            tell(expected.return_id, expected.order_ref, lines)

    # Returns

    def expect_return(self, *, return_id: str, order_ref: str, lines: tuple[PartLine, ...]) -> ExpectedReturn:
        """Goods are announced; the order may be one that this warehouse never saw."""
        if not lines or any(line.quantity < 1 for line in lines):
            raise INVALID.because("a return needs at least one line, and each at least one unit")
        if len({line.line_id for line in lines}) != len(lines):
            raise INVALID.because("line ids must be unique in the return")
        if self.settings.strict_references and any(
            other.return_id == return_id for other in self.expected_returns.of_order(order_ref)
        ):
            raise DUPLICATE_REFERENCE.because(f"return {return_id} is expected already")
        expected_return_id = self.number("RET")
        expected = ExpectedReturn(expected_return_id, return_id, order_ref, "expected", lines)
        self.expected_returns.add(expected_return_id, expected, self.now(), order_ref)
        self.effect(
            "return_expected",
            order_ref=order_ref,
            document_id=expected_return_id,
            ref=return_id,
            status=expected.status,
            lines=short(lines),
        )
        wait_s = self.world.dice.between(
            self.settings.return_min_s, self.settings.return_max_s, "return", return_id
        )
        self.later(wait_s, self.receive_return, expected_return_id)
        return expected

    # The back office

    def receive(self, sku: str, location: str, quantity: int) -> StockMovement:
        """A delivery from a supplier is put away."""
        if quantity < 1:
            raise INVALID.because(f"a receipt is of at least one unit, got {quantity}")
        return self._correct(sku, location, quantity, "receipt")

    def count(self, sku: str, location: str, on_hand: int) -> StockMovement | None:
        """Someone has counted; a count that agrees changes nothing and returns nothing."""
        if on_hand < 0:
            raise INVALID.because(f"a count cannot be negative, got {on_hand}")
        change = on_hand - self.on_hand(sku, location)
        return self._correct(sku, location, change, "count") if change else None

    def damage(self, sku: str, location: str, quantity: int) -> StockMovement:
        """Units are broken or lost. Refused with ``insufficient_stock`` for more than there are."""
        if quantity < 1:
            raise INVALID.because(f"damage is of at least one unit, got {quantity}")
        if quantity > self.on_hand(sku, location):
            raise INSUFFICIENT_STOCK.because(
                f"{self.on_hand(sku, location)} units of {sku} are at {location}, not {quantity}"
            )
        return self._correct(sku, location, -quantity, "damage")

    def order_placed(self, order_ref: str, lines: tuple[OrderLine, ...], currency: str) -> None:
        """A channel has just sold; an injection may have units get lost before the order is allocated."""
        sku = lines[0].sku
        place = max(self.settings.locations, key=lambda location: self.on_hand(sku, location))
        there = self.on_hand(sku, place) if self.world.rules else 0
        decided = self.world.decide("damage_after_order", order_ref) if there > 0 else None
        if decided is not None:
            self.damage(sku, place, min(decided["units"], there))

    # Reading

    def on_hand(self, sku: str, location: str) -> int:
        """Units at a location; none of what was never held."""
        level = self._levels[self._location(location)].get(sku)
        return level.on_hand if level is not None else 0

    def order_ref_of(self, fulfilment_id: str) -> str | None:
        fulfilment = self.fulfilments.get(fulfilment_id)
        return fulfilment.order_ref if fulfilment is not None else None

    def final_state(self) -> Iterator[tuple[str, str, str | None, str | None, Any]]:
        """Kind, id, order reference, SKU and document of everything that the judge compares."""
        for fulfilment in self.fulfilments:
            yield "fulfilment", fulfilment.fulfilment_id, fulfilment.order_ref, None, fulfilment
        for shipment in self.shipments:
            yield "shipment", shipment.shipment_id, shipment.order_ref, None, shipment
        for expected in self.expected_returns:
            yield "expected_return", expected.expected_return_id, expected.order_ref, None, expected
        for level in self.stock:
            yield "stock", f"{level.sku}/{level.location}", None, level.sku, level

    # Inside: fulfilments

    def _take_in(
        self,
        *,
        order_ref: str,
        part_id: str,
        location: str,
        lines: tuple[PartLine, ...],
        priority: int,
        ship_by: str,
        service_level: str,
        ship_to: Address,
    ) -> Fulfilment:
        fulfilment_id = self.number("FUL")
        fulfilment = Fulfilment(
            fulfilment_id=fulfilment_id,
            order_ref=order_ref,
            part_id=part_id,
            location=location,
            status="requested",
            lines=lines,
            priority=priority,
            ship_by=ship_by,
            service_level=service_level,
            ship_to=ship_to,
        )
        self.fulfilments.add(fulfilment_id, fulfilment, self.now(), order_ref)
        self.effect(
            "fulfilment_requested",
            order_ref=order_ref,
            document_id=fulfilment_id,
            ref=part_id,
            location=location,
            status=fulfilment.status,
            lines=short(lines),
            data={
                "priority": priority,
                "ship_by": ship_by,
                "service_level": service_level,
                "ship_to": ship_to,
            },
        )
        return fulfilment

    def _check_not_begun(self, fulfilment: Fulfilment) -> None:
        if fulfilment.status != "requested":
            raise TOO_LATE.because(f"fulfilment {fulfilment.fulfilment_id} is {fulfilment.status}")

    def _cancel(self, fulfilment: Fulfilment, reason: str) -> None:
        self._move(fulfilment, "cancel")
        fulfilment.cancel_reason = reason
        self._changed(fulfilment)
        self.effect(
            "fulfilment_cancelled",
            order_ref=fulfilment.order_ref,
            document_id=fulfilment.fulfilment_id,
            ref=fulfilment.part_id,
            location=fulfilment.location,
            status=fulfilment.status,
            cause=reason,
            lines=short(fulfilment.lines),
        )

    def _start_most_urgent(self, location: str) -> None:
        waiting, before = self._waiting[location], self.world.cause
        while waiting and self._picking[location] < self.settings.pickers:
            _, _, fulfilment_id, trace = heappop(waiting)
            fulfilment = self.fulfilment(fulfilment_id)
            if fulfilment.status != "requested":
                continue
            self._picking[location] += 1
            self.world.cause = Cause(traceparent=trace, at_ns=before.at_ns)
            try:
                self._start(fulfilment)
                self.later(self._picking_s(fulfilment), self.finish_picking, fulfilment_id)
            finally:
                self.world.cause = before

    def _picking_s(self, fulfilment: Fulfilment) -> float:
        low, high = self.settings.pick_min_s, self.settings.pick_max_s
        return self.world.dice.between(low, high, "pick", fulfilment.order_ref, fulfilment.location)

    def _start(self, fulfilment: Fulfilment) -> None:
        self._move(fulfilment, "pick")
        self._changed(fulfilment)
        self.effect(
            "picking_started",
            order_ref=fulfilment.order_ref,
            document_id=fulfilment.fulfilment_id,
            ref=fulfilment.part_id,
            location=fulfilment.location,
            status=fulfilment.status,
        )

    def _first_half(self, fulfilment: Fulfilment) -> tuple[PartLine, ...]:
        """What a first shipment of two takes; nothing where there is to be one shipment only."""
        lines = fulfilment.lines
        if not self.world.dice.chance(self.settings.split_share, "split", fulfilment.order_ref):
            return ()
        if len(lines) > 1:
            return lines[: (len(lines) + 1) // 2]
        line = lines[0]
        half = line.quantity // 2
        return (PartLine(line.line_id, line.sku, half),) if half else ()

    def _find(
        self, location: str, lines: tuple[PartLine, ...], withheld: int
    ) -> tuple[tuple[PartLine, ...], tuple[PartLine, ...]]:
        """What of the lines is there and what is not; ``withheld`` units, from the last line up, are not to be found."""
        levels = self._levels[location]
        on_hand: dict[str, int] = {}
        found, lacking = [], []
        findable = _units(lines) - withheld
        for line in lines:
            units = on_hand.get(line.sku)
            if units is None:
                level = levels.get(line.sku)
                units = max(level.on_hand, 0) if level is not None else 0
            taken = min(line.quantity, units, max(findable, 0))
            findable -= line.quantity
            on_hand[line.sku] = units - taken
            if taken == line.quantity:
                found.append(line)
                continue
            if taken:
                found.append(PartLine(line.line_id, line.sku, taken))
            lacking.append(PartLine(line.line_id, line.sku, line.quantity - taken))
        return (tuple(found) if lacking else lines), tuple(lacking)

    def _ship(
        self,
        fulfilment: Fulfilment,
        found: tuple[PartLine, ...],
        lacking: tuple[PartLine, ...],
        *,
        final: bool,
    ) -> None:
        """A parcel leaves, and its units leave the stock."""
        shipment_id = self.number("SHP") if found else None
        shipped_at = self._confirm(fulfilment, found, lacking, final=final, shipment_id=shipment_id)
        for line in found:
            self._move_stock(
                line.sku,
                fulfilment.location,
                -line.quantity,
                "shipment",
                shipped_at,
                order_ref=fulfilment.order_ref,
                document_id=shipment_id,
            )

    def _confirm(
        self,
        fulfilment: Fulfilment,
        found: tuple[PartLine, ...],
        lacking: tuple[PartLine, ...],
        *,
        final: bool,
        shipment_id: str | None,
    ) -> str:
        """Record and tell a shipment, or that there is none after all; returns when."""
        shipped_at = rfc3339(self.now())
        carriers = self.settings.carriers
        carrier = tracking_number = None
        if shipment_id is not None:
            carrier = carriers[int(self.world.dice.roll("carrier", fulfilment.order_ref) * len(carriers))]
            tracking_number = f"{carrier}-{fulfilment.fulfilment_id[4:]}-{len(fulfilment.shipments) + 1}"
            shipment = Shipment(
                shipment_id=shipment_id,
                fulfilment_id=fulfilment.fulfilment_id,
                order_ref=fulfilment.order_ref,
                part_id=fulfilment.part_id,
                location=fulfilment.location,
                lines=found,
                short=lacking,
                final=final,
                carrier=carrier,
                tracking_number=tracking_number,
                shipped_at=shipped_at,
            )
            self.shipments.add(shipment_id, shipment, self.now(), fulfilment.order_ref)
            fulfilment.shipments += (shipment_id,)
        self._move(fulfilment, "give_up" if not found else "ship_rest" if final else "ship_part")
        fulfilment.shipped = fulfilment.shipped + found if fulfilment.shipped else found
        fulfilment.short = lacking
        self._changed(fulfilment)
        effect_id = self.effect(
            "shipment_confirmed",
            order_ref=fulfilment.order_ref,
            document_id=fulfilment.fulfilment_id,
            ref=shipment_id,
            location=fulfilment.location,
            status=fulfilment.status,
            lines=short(found),
            data={"short": lacking, "part_id": fulfilment.part_id, "final": final},
        )
        self.event(
            "shipment.confirmed",
            effect_id,
            {
                "shipment_id": shipment_id,
                "fulfilment_id": fulfilment.fulfilment_id,
                "order_ref": fulfilment.order_ref,
                "part_id": fulfilment.part_id,
                "location": fulfilment.location,
                "lines": found,
                "short": lacking,
                "final": final,
                "carrier": carrier,
                "tracking_number": tracking_number,
                "shipped_at": shipped_at,
            },
            order_ref=fulfilment.order_ref,
        )
        return shipped_at

    def _move(self, fulfilment: Fulfilment, step: str) -> None:
        fulfilment.status = TRANSITIONS[fulfilment.status, step]

    def _changed(self, fulfilment: Fulfilment) -> None:
        self.fulfilments.changed(fulfilment.fulfilment_id, fulfilment, self.now())

    # Inside: returns

    def _what_came(self, expected: ExpectedReturn) -> tuple[ReceivedLine, ...]:
        """By dice on the return and its lines: a unit may stay away, a unit may be past selling."""
        chance, settings = self.world.dice.chance, self.settings
        came: list[ReceivedLine] = []
        if chance(settings.return_empty_share, "nothing_comes", expected.return_id):
            return ()
        for line in expected.lines:
            about = (expected.return_id, line.line_id)
            units = line.quantity
            if units > 1 and chance(settings.return_less_share, "stays_away", *about):
                units -= 1
            broken = 1 if chance(settings.unsellable_share, "unsellable", *about) else 0
            if units > broken:
                came.append(ReceivedLine(line.line_id, line.sku, units - broken, True))
            if broken:
                came.append(ReceivedLine(line.line_id, line.sku, broken, False))
        return tuple(came)

    def _origin(self, order_ref: str, line_id: str) -> str:
        """Where a line was shipped from; the first location for one that this warehouse never shipped."""
        for fulfilment in self.fulfilments.of_order(order_ref):
            if any(line.line_id == line_id for line in fulfilment.shipped):
                return fulfilment.location
        return self.settings.locations[0]

    # Inside: stock

    def _location(self, location: str) -> str:
        if location not in self._levels:
            known = ", ".join(self.settings.locations)
            raise UNKNOWN_LOCATION.because(f"{location!r} is none of {known}")
        return intern(location)

    def _correct(self, sku: str, location: str, change: int, cause: str) -> StockMovement:
        place = self._location(location)
        with self.world.acting("back-office"):
            return self._move_stock(intern(sku), place, change, cause, rfc3339(self.now()))

    def _move_stock(
        self,
        sku: str,
        location: str,
        change: int,
        cause: str,
        at: str,
        *,
        order_ref: str | None = None,
        document_id: str | None = None,
    ) -> StockMovement:
        level = self._levels[location].get(sku)
        now = self.now()
        if level is None:
            level = self._levels[location][sku] = StockLevel(sku, location, change)
            self.stock.add(f"{sku}/{location}", level, now)
        else:
            level.on_hand += change
            self.stock.changed(f"{sku}/{location}", level, now)
        change_id = self.number("CHG")
        movement = StockMovement(change_id, sku, location, change, level.on_hand, level.version, cause, at)
        self.movements.add(change_id, movement, now)
        effect_id = self.effect(
            "stock_moved",
            order_ref=order_ref,
            document_id=document_id,
            ref=change_id,
            sku=sku,
            location=location,
            quantity=change,
            on_hand=level.on_hand,
            version=level.version,
            cause=cause,
        )
        self.event(
            "stock.changed",
            effect_id,
            {
                "change_id": change_id,
                "sku": sku,
                "location": location,
                "on_hand": level.on_hand,
                "version": level.version,
                "delta": change,
                "cause": cause,
            },
            sku=sku,
            version=level.version,
        )
        return movement


def _units(lines: Iterable[PartLine]) -> int:
    return sum(line.quantity for line in lines)


def _rest(fulfilment: Fulfilment) -> tuple[PartLine, ...]:
    """What of a fulfilment has not been shipped."""
    if not fulfilment.shipped:
        return fulfilment.lines
    shipped: dict[str, int] = {}
    for line in fulfilment.shipped:
        shipped[line.line_id] = shipped.get(line.line_id, 0) + line.quantity
    return tuple(
        PartLine(line.line_id, line.sku, line.quantity - shipped.get(line.line_id, 0))
        for line in fulfilment.lines
        if line.quantity > shipped.get(line.line_id, 0)
    )
