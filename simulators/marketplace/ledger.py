"""A marketplace's rules and state: orders as the customer sees them, wishes to cancel, returns, and listings."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

from ...history.clock import rfc3339
from ...history.records import Lines
from ..kit.collection import Collection
from ..kit.fields import MOST_LETTERS
from ..kit.ledger import Ledger, World
from ..kit.money import MINOR_DIGITS, ZERO
from ..kit.orders import (
    UNKNOWN_CURRENCY,
    LineQuantity,
    OrderContent,
    OrderLine,
    check_amount,
    check_content,
    content_data,
    plain,
    short,
)
from ..kit.refusal import DUPLICATE_REFERENCE, INVALID, NOT_FOUND, STALE_VERSION, Refusal
from .documents import (
    CancellationRequest,
    CatalogueItem,
    Checkout,
    ListedPrice,
    Listing,
    Order,
    Return,
    Shipment,
    ShopPrice,
)
from .refusals import (
    ALREADY_CLOSED,
    CURRENCY_MISMATCH,
    CURRENCY_NOT_SOLD,
    EXCEEDS_TOTAL,
    NOT_SHIPPED,
    NOTHING_OPEN,
    ORDER_CANCELLED,
    ORDER_EXISTS,
    ORDER_SHIPPED,
    OUT_OF_STOCK,
    OVER_SHIPPED,
    UNKNOWN_LINE,
)

TRANSITIONS: dict[tuple[str, str], str] = {
    ("placed", "acknowledge"): "acknowledged",
    ("placed", "ship_part"): "partially_shipped",
    ("placed", "ship_rest"): "shipped",
    ("placed", "cancel_part"): "placed",
    ("placed", "cancel_rest"): "cancelled",
    ("acknowledged", "ship_part"): "partially_shipped",
    ("acknowledged", "ship_rest"): "shipped",
    ("acknowledged", "cancel_part"): "acknowledged",
    ("acknowledged", "cancel_rest"): "cancelled",
    ("partially_shipped", "ship_part"): "partially_shipped",
    ("partially_shipped", "ship_rest"): "shipped",
    ("partially_shipped", "cancel_part"): "partially_shipped",
    ("partially_shipped", "cancel_rest"): "shipped",
    ("partially_shipped", "refund_part"): "partially_refunded",
    ("shipped", "refund_part"): "partially_refunded",
    ("shipped", "refund_rest"): "refunded",
    ("partially_refunded", "ship_part"): "partially_refunded",
    ("partially_refunded", "ship_rest"): "partially_refunded",
    ("partially_refunded", "cancel_part"): "partially_refunded",
    ("partially_refunded", "cancel_rest"): "partially_refunded",
    ("partially_refunded", "settle"): "refunded",
    ("partially_refunded", "refund_part"): "partially_refunded",
    ("partially_refunded", "refund_rest"): "refunded",
    ("refunded", "refund_rest"): "refunded",
}
"""(status, step) → status. ``…_rest`` leaves nothing to do of its kind; ``settle`` cancels what was still open of an
order whose shipped units are all refunded. A step that is not here is refused."""

SHIPPED_WORDS = ("partially_shipped", "shipped", "partially_refunded", "refunded")

Authorise = Callable[[str, Decimal, str], str]
"""Order reference, amount, currency → payment id; may refuse."""

Kept = tuple[str, str, str | None, str | None, Any]
"""A document's kind, id, order reference and SKU, and the document."""

_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_ORDER_FIELDS = tuple(each.name for each in fields(Order))


@dataclass(frozen=True, slots=True)
class ServiceTerms:
    """What a service level promises."""

    priority: int
    """1 is the most urgent, 9 the least."""
    ship_by_s: float
    """Nominal seconds from the checkout."""


def _usual_terms() -> dict[str, ServiceTerms]:
    return {
        "standard": ServiceTerms(5, 2 * 86_400.0),
        "express": ServiceTerms(3, 86_400.0),
        "same_day": ServiceTerms(1, 6 * 3_600.0),
    }


@dataclass(frozen=True, slots=True)
class MarketplaceSettings:
    """How this channel sells; times are nominal seconds."""

    currencies: tuple[str, ...] = ("GBP",)
    """What shoppers can pay in; prices are listed in any currency that they are given in."""
    service_levels: Mapping[str, ServiceTerms] = field(default_factory=_usual_terms)
    strict_versions: bool = False
    """Refuse an availability or price that is older than the listed one; otherwise the last write wins."""
    strict_references: bool = False
    """Refuse a second shipment with the same id."""
    time_scale: float = 1.0
    """Real seconds of a nominal second, for the times that documents name."""

    def __post_init__(self) -> None:
        for currency in self.currencies:
            if currency not in MINOR_DIGITS:
                raise ValueError(f"currencies: {currency!r} is none of {', '.join(MINOR_DIGITS)}")
        if not self.currencies or not self.service_levels:
            raise ValueError("a channel needs at least one currency and one service level")
        if self.time_scale <= 0:
            raise ValueError(f"time_scale must be more than 0, got {self.time_scale}")


class MarketplaceLedger(Ledger):
    """Orders, cancellation requests, returns and listings of one channel; the system's name is the channel's."""

    outside = Ledger.outside | {"_authorise", "on_placed"}

    def __init__(
        self, channel: str, world: World, authorise: Authorise, settings: MarketplaceSettings | None = None
    ) -> None:
        super().__init__(channel, world)
        self.settings = settings or MarketplaceSettings()
        self.orders: Collection[Order] = Collection()
        self.cancellation_requests: Collection[CancellationRequest] = Collection()
        self.returns: Collection[Return] = Collection()
        self.listings: Collection[Listing] = Collection()
        self._authorise = authorise
        self.on_placed: list[Callable[[str, tuple[OrderLine, ...], str], None]] = []
        """Told of every new order's reference, lines and currency, inside the house; wired by the estate."""

    # The shoppers' side

    def checkout(self, wanted: Checkout) -> Order:
        """Sell what is listed: authorise the payment, keep the order, lower the listings.

        Refused with ``CONTENT_REFUSALS``, ``currency_not_sold``, ``order_exists``, ``out_of_stock``, and whatever the
        payment service says.
        """
        now_ns = self.now()
        terms = self.settings.service_levels.get(wanted.service_level)
        if terms is None:
            raise INVALID.because(f"{self.system} has no service level {wanted.service_level!r}")
        if wanted.order_ref in self.orders:
            raise ORDER_EXISTS.because(f"{self.system} has an order {wanted.order_ref} already")
        ship_by_ns = now_ns + round(terms.ship_by_s * self.settings.time_scale * 1e9)
        content = OrderContent(
            order_ref=wanted.order_ref,
            currency=wanted.currency,
            lines=wanted.lines,
            shipping=wanted.shipping,
            total=wanted.total,
            customer=wanted.customer,
            ship_to=wanted.ship_to,
            service_level=wanted.service_level,
            priority=terms.priority,
            ship_by=rfc3339(ship_by_ns),
            payment_id="",
            channel=self.system,
        )
        check_content(content)
        if wanted.currency not in self.settings.currencies:
            raise CURRENCY_NOT_SOLD.because(
                f"{self.system} sells in {', '.join(self.settings.currencies)}, not {wanted.currency}"
            )
        bought = self._check_listed(wanted.lines)
        content = replace(
            content, payment_id=self._authorise(wanted.order_ref, wanted.total, wanted.currency)
        )
        if (behind := self.world.decide("checkout_text", wanted.order_ref)) is not None:
            content = _written(content, behind)
        order, effect_id = self._place(content)
        for listing, units in bought:
            listing.listed -= units
            self.listings.changed(listing.sku, listing, now_ns)
            self.effect(
                "listing_lowered",
                order_ref=order.order_ref,
                sku=listing.sku,
                quantity=-units,
                on_hand=listing.listed,
                version=listing.availability_version,
            )
        self.event("order.placed", effect_id, _as_told(order), order_ref=order.order_ref)
        for tell in self.on_placed:
            tell(order.order_ref, order.lines, order.currency)
        return order

    def request_cancellation(self, order_ref: str, reason: str) -> CancellationRequest:
        """A customer wishes to cancel. Refused with ``not_found``, ``order_cancelled``, ``order_shipped``."""
        order = self.order(order_ref)
        if order.status == "cancelled":
            raise ORDER_CANCELLED.because(f"order {order_ref} is cancelled already")
        if order.status not in ("placed", "acknowledged", "partially_shipped"):
            raise ORDER_SHIPPED.because(f"order {order_ref} is {order.status}")
        now_ns = self.now()
        request = CancellationRequest(
            self.number(f"{self.system}-C"), order.order_ref, "requested", reason, rfc3339(now_ns)
        )
        self.cancellation_requests.add(request.request_id, request, now_ns, order.order_ref)
        order.cancellation_request = request.request_id
        self.orders.changed(order.order_ref, order, now_ns)
        effect_id = self._note_request("requested", request, reason)
        self.event(
            "cancellation.requested",
            effect_id,
            {
                "request_id": request.request_id,
                "order_ref": order.order_ref,
                "reason": reason,
                "requested_at": request.requested_at,
            },
            order_ref=order.order_ref,
        )
        return request

    def request_return(self, order_ref: str, lines: Iterable[LineQuantity], reason: str) -> Return:
        """A customer wishes to send shipped units back.

        Refused with ``not_found``, ``unknown_line``, ``not_shipped``, ``invalid_request``.
        """
        order = self.order(order_ref)
        units = _units(order, lines)
        returnable = _shipped_units(order)
        for earlier in self.returns.of_order(order_ref):
            for line in earlier.lines:
                returnable[line.line_id] -= line.quantity
        _check_left(NOT_SHIPPED, units, returnable, "shipped and not yet being returned")
        now_ns = self.now()
        asked = Return(
            return_id=self.number(f"{self.system}-R"),
            order_ref=order.order_ref,
            status="requested",
            currency=order.currency,
            lines=tuple(
                replace(line, quantity=units[line.line_id]) for line in order.lines if line.line_id in units
            ),
            reason=reason,
            requested_at=rfc3339(now_ns),
        )
        self.returns.add(asked.return_id, asked, now_ns, order.order_ref)
        effect_id = self.effect(
            "return_requested",
            order_ref=order.order_ref,
            document_id=asked.return_id,
            ref=asked.return_id,
            currency=order.currency,
            cause=reason,
            lines=short(asked.lines),
        )
        self.event(
            "return.requested",
            effect_id,
            {
                "return_id": asked.return_id,
                "order_ref": order.order_ref,
                "lines": asked.lines,
                "currency": order.currency,
                "reason": reason,
            },
            order_ref=order.order_ref,
        )
        return asked

    def catalogue_item(self, listing: Listing) -> CatalogueItem:
        """A listing as shoppers see it."""
        prices = tuple(
            ShopPrice(price.currency, price.amount)
            for price in listing.prices
            if price.currency in self.settings.currencies
        )
        return CatalogueItem(listing.sku, listing.listed, prices, listing.version, listing.updated_at)

    # The sellers' side: orders

    def order(self, order_ref: str) -> Order:
        """Refused with ``not_found``."""
        order = self.orders.get(order_ref)
        if order is None:
            raise NOT_FOUND.because(f"{self.system} has no order {order_ref!r}")
        return order

    def acknowledge(self, order_ref: str) -> Order:
        """The seller has the order; saying so again changes nothing. Refused with ``not_found``, ``order_cancelled``."""
        order = self.order(order_ref)
        if order.status == "cancelled":
            raise ORDER_CANCELLED.because(f"order {order_ref} is cancelled")
        if order.status == "placed":
            self._move(order, "acknowledge")
            self.effect(
                "order_acknowledged",
                order_ref=order.order_ref,
                document_id=order.order_ref,
                status=order.status,
            )
        return order

    def ship(
        self,
        order_ref: str,
        *,
        shipment_id: str,
        lines: Iterable[LineQuantity],
        carrier: str,
        tracking_number: str,
    ) -> Shipment:
        """Tell the customer of a parcel.

        Refused with ``not_found``, ``order_cancelled``, ``unknown_line``, ``over_shipped``, ``invalid_request``;
        ``duplicate_reference`` where strict.
        """
        order = self.order(order_ref)
        if order.status == "cancelled":
            raise ORDER_CANCELLED.because(f"order {order_ref} is cancelled")
        if self.settings.strict_references and any(
            earlier.shipment_id == shipment_id for earlier in order.shipments
        ):
            raise DUPLICATE_REFERENCE.because(f"order {order_ref} has shipment {shipment_id} already")
        units = _units(order, lines)
        left = _open_units(order)
        _check_left(OVER_SHIPPED, units, left, "open")
        shipped = _quantities(units)
        shipment = Shipment(
            shipment_id, order.order_ref, shipped, carrier, tracking_number, rfc3339(self.now())
        )
        order.shipments += (shipment,)
        self._move(order, "ship_rest" if _is_rest(units, left) else "ship_part")
        self.effect(
            "shipment_recorded",
            order_ref=order.order_ref,
            document_id=order.order_ref,
            ref=shipment_id,
            status=order.status,
            lines=_short(order, units),
            data={"carrier": carrier, "tracking_number": tracking_number},
        )
        return shipment

    def cancel(self, order_ref: str, reason: str, lines: Iterable[LineQuantity] | None = None) -> Order:
        """The seller gives up on some lines, or without lines on all that is open.

        Refused with ``not_found``, ``order_cancelled``, ``order_shipped``, ``unknown_line``, ``nothing_open``,
        ``invalid_request``.
        """
        order = self.order(order_ref)
        if order.status == "cancelled":
            raise ORDER_CANCELLED.because(f"order {order_ref} is cancelled already")
        left = _open_units(order)
        if not any(left.values()):
            raise ORDER_SHIPPED.because(f"nothing of order {order_ref} is open: it is {order.status}")
        if lines is None:
            units = {line_id: open_units for line_id, open_units in left.items() if open_units}
        else:
            units = _units(order, lines)
            _check_left(NOTHING_OPEN, units, left, "open")
        self._cancel(order, units, left, reason, None)
        return order

    def accept_cancellation(self, request_id: str) -> CancellationRequest:
        """Grant a wish to cancel: the order is cancelled. Refused with ``not_found``, ``already_closed``, ``order_shipped``."""
        request = self._open_request(request_id)
        order = self.order(request.order_ref)
        if order.status in SHIPPED_WORDS:
            raise ORDER_SHIPPED.because(f"order {order.order_ref} is {order.status}: decline the request")
        self._answer_request(request, "accepted", request.reason)
        left = _open_units(order)
        units = {line_id: open_units for line_id, open_units in left.items() if open_units}
        self._cancel(order, units, left, request.reason, request.request_id)
        return request

    def decline_cancellation(self, request_id: str, reason: str) -> CancellationRequest:
        """Refuse a wish to cancel. Refused with ``not_found``, ``already_closed``."""
        request = self._open_request(request_id)
        request.answer = reason
        self._answer_request(request, "declined", reason)
        return request

    def confirm_refund(
        self, return_id: str, *, refund_id: str | None, amount: Decimal, currency: str
    ) -> Return:
        """Tell the customer of the refund; a return of which nothing came back is closed with 0 and no refund id.

        Refused with ``not_found``, ``already_closed``, ``currency_mismatch``, ``inexact_amount``, ``exceeds_total``,
        ``invalid_request``.
        """
        asked = self.return_request(return_id)
        order = self.order(asked.order_ref)
        if asked.status != "requested":
            raise ALREADY_CLOSED.because(f"return {return_id} is {asked.status}")
        if currency != order.currency:
            raise CURRENCY_MISMATCH.because(f"order {order.order_ref} is in {order.currency}, not {currency}")
        check_amount("amount", amount, currency)
        if amount and refund_id is None:
            raise INVALID.because("a refund of more than 0 has a refund_id")
        if order.refunded + amount > order.total:
            raise EXCEEDS_TOTAL.because(
                f"{plain(order.refunded)} of {plain(order.total)} {currency} is refunded; {plain(amount)} is too much"
            )
        now_ns = self.now()
        asked.status, asked.refund_id, asked.refunded = "refunded", refund_id, amount
        self.returns.changed(return_id, asked, now_ns)
        if amount:
            order.refunded += amount
            rest = order.refunded >= _shipped_value(order) and not any(_open_units(order).values())
            self._move(order, "refund_rest" if rest else "refund_part")
        self.effect(
            "refund_confirmed",
            order_ref=order.order_ref,
            document_id=refund_id,
            ref=return_id,
            amount=plain(amount),
            currency=currency,
            status=order.status,
        )
        return asked

    def order_ref_of_request(self, request_id: str) -> str | None:
        request = self.cancellation_requests.get(request_id)
        return request.order_ref if request is not None else None

    def order_ref_of_return(self, return_id: str) -> str | None:
        asked = self.returns.get(return_id)
        return asked.order_ref if asked is not None else None

    def cancellation_request(self, request_id: str) -> CancellationRequest:
        """Refused with ``not_found``."""
        request = self.cancellation_requests.get(request_id)
        if request is None:
            raise NOT_FOUND.because(f"{self.system} has no cancellation request {request_id!r}")
        return request

    def return_request(self, return_id: str) -> Return:
        """Refused with ``not_found``."""
        asked = self.returns.get(return_id)
        if asked is None:
            raise NOT_FOUND.because(f"{self.system} has no return {return_id!r}")
        return asked

    # The sellers' side: listings

    def listing(self, sku: str) -> Listing:
        """Refused with ``not_found``."""
        listing = self.listings.get(sku)
        if listing is None:
            raise NOT_FOUND.because(f"{self.system} does not list {sku!r}")
        return listing

    def publish_availability(self, sku: str, quantity: int, version: int) -> Listing:
        """List so many units, absolute; a SKU that was never listed is listed now.

        Refused with ``invalid_request``; ``stale_version`` where strict and a newer version is listed.
        """
        listing = self.listings.get(sku)
        if quantity < 0:
            raise INVALID.because(f"quantity must be from 0 up, got {quantity}")
        before = listing.listed if listing is not None else 0
        if listing is not None and self.settings.strict_versions and version < listing.availability_version:
            raise STALE_VERSION.because(
                f"{sku} is listed at version {listing.availability_version}, not {version}",
                current_version=listing.availability_version,
            )
        if listing is not None and self.world.decide("take_update", sku) is not None:
            return replace(listing, listed=quantity, availability_version=version)
        if listing is None:
            listing = self._list(sku)
        listing.listed, listing.availability_version = quantity, version
        self.listings.changed(listing.sku, listing, self.now())
        self.effect(
            "availability_listed",
            sku=listing.sku,
            on_hand=quantity,
            version=version,
            data={"on_hand_before": before},
        )
        return listing

    def publish_price(
        self, sku: str, *, amount: Decimal, currency: str, valid_from: str, version: int
    ) -> Listing:
        """List a price, as it is given: the channel does not wait for ``valid_from``.

        Refused with ``unknown_currency``, ``inexact_amount``, ``invalid_request``; ``stale_version`` where strict and a
        newer version is listed.
        """
        listing = self.listings.get(sku)
        if currency not in MINOR_DIGITS:
            raise UNKNOWN_CURRENCY.because(
                f"{currency!r} is none of {', '.join(MINOR_DIGITS)}.", currency=currency
            )
        check_amount("amount", amount, currency)
        prices = {price.currency: price for price in listing.prices} if listing is not None else {}
        listed = prices.get(currency)
        if listed is not None and self.settings.strict_versions and version < listed.version:
            raise STALE_VERSION.because(
                f"{sku} is listed in {currency} at version {listed.version}, not {version}",
                current_version=listed.version,
            )
        if listing is not None and self.world.decide("take_update", sku) is not None:
            prices[currency] = ListedPrice(currency, amount, version, valid_from)
            return replace(listing, prices=tuple(prices.values()))
        if listing is None:
            listing = self._list(sku)
        prices[currency] = ListedPrice(currency, amount, version, valid_from)
        listing.prices = tuple(prices.values())
        self.listings.changed(listing.sku, listing, self.now())
        self.effect(
            "price_listed",
            sku=listing.sku,
            amount=plain(amount),
            currency=currency,
            version=version,
            data={"valid_from": valid_from},
        )
        return listing

    # Before the run, and after it

    def seed_listing(self, sku: str, quantity: int, prices: Mapping[str, Decimal]) -> Listing:
        """A listing from before the run, with its prices by currency; every version is 0."""
        with self.world.acting("before-run"):
            listing = self.publish_availability(sku, quantity, 0)
            now = rfc3339(self.now())
            for currency, amount in prices.items():
                self.publish_price(sku, amount=amount, currency=currency, valid_from=now, version=0)
        return listing

    def preload(self, content: OrderContent, shipments: Mapping[str, tuple[LineQuantity, ...]]) -> Order:
        """An order from before the run: placed, acknowledged, and every shipment told; it lowers no listing."""
        check_content(content)
        if content.order_ref in self.orders:
            raise ORDER_EXISTS.because(f"{self.system} has an order {content.order_ref} already")
        with self.world.acting("before-run"):
            order, _ = self._place(replace(content, channel=self.system))
            self.acknowledge(order.order_ref)
            for shipment_id, lines in shipments.items():
                self.ship(
                    order.order_ref,
                    shipment_id=shipment_id,
                    lines=lines,
                    carrier="before-run",
                    tracking_number=shipment_id,
                )
        return order

    def final_state(self) -> Iterator[Kept]:
        """Every document, for ``state/*.jsonl``."""
        for order in self.orders:
            yield "order", order.order_ref, order.order_ref, None, order
        for request in self.cancellation_requests:
            yield "cancellation_request", request.request_id, request.order_ref, None, request
        for asked in self.returns:
            yield "return", asked.return_id, asked.order_ref, None, asked
        for listing in self.listings:
            yield "listing", listing.sku, None, listing.sku, listing

    # What steps share

    def _check_listed(self, lines: Iterable[OrderLine]) -> list[tuple[Listing, int]]:
        """The listings that these lines are bought from, each once; refused where one shows too little."""
        wanted: dict[str, int] = {}
        for line in lines:
            wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
        bought = []
        missing = []
        for sku, units in wanted.items():
            listing = self.listings.get(sku)
            if listing is None or listing.listed < units:
                missing.append({"sku": sku, "listed": listing.listed if listing else 0, "wanted": units})
            else:
                bought.append((listing, units))
        if missing:
            sold_out = ", ".join(
                f"{one['listed']} of {one['sku']}, not {one['wanted']}" for one in missing[:5]
            )
            raise OUT_OF_STOCK.because(f"listed are {sold_out}", missing=missing)
        return bought

    def _place(self, content: OrderContent) -> tuple[Order, str]:
        """Keep a new order; returns it with its effect's id."""
        now_ns = self.now()
        order = Order(
            order_ref=content.order_ref,
            channel=self.system,
            status="placed",
            currency=content.currency,
            lines=content.lines,
            shipping=content.shipping,
            total=content.total,
            customer=content.customer,
            ship_to=content.ship_to,
            service_level=content.service_level,
            priority=content.priority,
            ship_by=content.ship_by,
            payment_id=content.payment_id,
            placed_at=rfc3339(now_ns),
        )
        self.orders.add(order.order_ref, order, now_ns, order.order_ref)
        effect_id = self.effect(
            "order_placed",
            order_ref=order.order_ref,
            document_id=order.order_ref,
            amount=plain(order.total),
            currency=order.currency,
            status=order.status,
            lines=short(order.lines),
            data=content_data(content),
        )
        return order, effect_id

    def _move(self, order: Order, step: str) -> None:
        order.status = TRANSITIONS[order.status, step]
        self.orders.changed(order.order_ref, order, self.now())

    def _cancel(
        self, order: Order, units: dict[str, int], left: dict[str, int], cause: str, ref: str | None
    ) -> None:
        """Cancel open units; when nothing at all remains of the order, its other cancellation requests fall away."""
        order.cancelled_lines += _quantities(units)
        rest = _is_rest(units, left)
        if rest and order.status == "partially_refunded" and order.refunded >= _shipped_value(order):
            self._move(order, "settle")
        else:
            self._move(order, "cancel_rest" if rest else "cancel_part")
        whole = order.status == "cancelled"
        self.effect(
            "order_cancelled" if whole else "lines_cancelled",
            order_ref=order.order_ref,
            document_id=order.order_ref,
            ref=ref,
            status=order.status,
            cause=cause,
            lines=_short(order, units),
        )
        if whole:
            for request in self.cancellation_requests.of_order(order.order_ref):
                if request.status == "requested":
                    self._answer_request(request, "closed", cause)

    def _open_request(self, request_id: str) -> CancellationRequest:
        request = self.cancellation_request(request_id)
        if request.status != "requested":
            raise ALREADY_CLOSED.because(f"cancellation request {request_id} is {request.status}")
        return request

    def _answer_request(self, request: CancellationRequest, status: str, cause: str) -> None:
        request.status = status
        self.cancellation_requests.changed(request.request_id, request, self.now())
        self._note_request(status, request, cause)

    def _note_request(self, happened: str, request: CancellationRequest, cause: str) -> str:
        return self.effect(
            f"cancellation_{happened}",
            order_ref=request.order_ref,
            document_id=request.request_id,
            ref=request.request_id,
            cause=cause,
        )

    def _list(self, sku: str) -> Listing:
        if not _SKU.fullmatch(sku):
            raise INVALID.because(f"sku {sku[:64]!r} must be of letters, digits and ._:-, at most 64")
        listing = Listing(sku)
        self.listings.add(sku, listing, self.now())
        return listing


def _as_told(order: Order) -> dict[str, Any]:
    """The order as it is now, for an event that may leave later; all its parts are immutable."""
    return {name: getattr(order, name) for name in _ORDER_FIELDS}


def _units(order: Order, lines: Iterable[LineQuantity]) -> dict[str, int]:
    """Units by line, in the order's own line order; refused where a line is unknown or nothing is asked for."""
    asked: dict[str, int] = {}
    for line in lines:
        if line.quantity < 1:
            raise INVALID.because(f"line {line.line_id}: quantity must be at least 1, got {line.quantity}")
        asked[line.line_id] = asked.get(line.line_id, 0) + line.quantity
    if not asked:
        raise INVALID.because("at least one line is needed")
    units = {line.line_id: asked.pop(line.line_id) for line in order.lines if line.line_id in asked}
    for line_id in asked:
        raise UNKNOWN_LINE.because(f"order {order.order_ref} has no line {line_id!r}")
    return units


def _check_left(refusal: Refusal, units: dict[str, int], left: dict[str, int], what: str) -> None:
    for line_id, wanted in units.items():
        if wanted > left[line_id]:
            raise refusal.because(f"line {line_id}: {left[line_id]} units are {what}, not {wanted}")


def _open_units(order: Order) -> dict[str, int]:
    """Units of each line that are neither shipped nor cancelled."""
    left = {line.line_id: line.quantity for line in order.lines}
    for shipment in order.shipments:
        for line in shipment.lines:
            left[line.line_id] -= line.quantity
    for line in order.cancelled_lines:
        left[line.line_id] -= line.quantity
    return left


def _shipped_units(order: Order) -> dict[str, int]:
    shipped = {line.line_id: 0 for line in order.lines}
    for shipment in order.shipments:
        for line in shipment.lines:
            shipped[line.line_id] += line.quantity
    return shipped


def _shipped_value(order: Order) -> Decimal:
    """What the shipped units cost, without shipping."""
    shipped = _shipped_units(order)
    return sum((shipped[line.line_id] * line.unit_price for line in order.lines), ZERO)


def _is_rest(units: dict[str, int], left: dict[str, int]) -> bool:
    """Whether these units are all that is left."""
    return sum(units.values()) == sum(left.values())


def _quantities(units: dict[str, int]) -> tuple[LineQuantity, ...]:
    return tuple(LineQuantity(line_id, quantity) for line_id, quantity in units.items())


def _short(order: Order, units: dict[str, int]) -> Lines:
    """Units by line as the history keeps them."""
    return [
        (line.line_id, line.sku, units[line.line_id], plain(line.unit_price))
        for line in order.lines
        if line.line_id in units
    ]


def _written(content: OrderContent, behind: Mapping[str, str]) -> OrderContent:
    """The order with these texts behind the customer's name, first address line and city; none gets too long."""

    def put(text: str, name: str) -> str:
        end = behind.get(name, "")
        return text[: MOST_LETTERS - len(end)] + end

    customer, ship_to = content.customer, content.ship_to
    return replace(
        content,
        customer=replace(customer, name=put(customer.name, "name")),
        ship_to=replace(
            ship_to,
            name=put(ship_to.name, "name"),
            line1=put(ship_to.line1, "line1"),
            city=put(ship_to.city, "city"),
        ),
    )
