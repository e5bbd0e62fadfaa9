"""A marketplace's neutral dialect: thin functions between the wire and the ledger."""

from ..kit.face import Face
from ..kit.orders import CONTENT_REFUSALS, INEXACT_AMOUNT, UNKNOWN_CURRENCY
from ..kit.refusal import DUPLICATE_REFERENCE, NOT_FOUND, STALE_VERSION
from ..kit.wire import (
    BatchResult,
    IfMatch,
    OrderListing,
    Page,
    batch_of,
    check_if_match,
    page_of,
)
from ..kit.wire import (
    Listing as ListQuery,
)
from .documents import CancellationRequest, CatalogueItem, Checkout, Listing, Order, Return, Shipment
from .ledger import MarketplaceLedger
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
from .schemas import (
    Availability,
    AvailabilityBatch,
    AvailabilityItem,
    CancellationWish,
    Declination,
    PriceBatch,
    PriceItem,
    PriceNotice,
    RefundConfirmation,
    ReturnWish,
    SellerCancellation,
    ShipmentNotice,
)


def declare(channel: Face, ledger: MarketplaceLedger) -> None:
    """Put a marketplace's operations on its face."""
    _declare_shop(channel, ledger)
    _declare_orders(channel, ledger)
    _declare_wishes(channel, ledger)
    _declare_listings(channel, ledger)


def _declare_shop(channel: Face, ledger: MarketplaceLedger) -> None:
    """The shoppers' side."""

    @channel.post(
        "/v1/checkouts",
        status=201,
        scope="shop",
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(*CONTENT_REFUSALS, CURRENCY_NOT_SOLD, ORDER_EXISTS, OUT_OF_STOCK, DUPLICATE_REFERENCE),
    )
    def checkout(wanted: Checkout) -> Order:
        """Buy what is listed; the channel authorises the payment and emits `order.placed`."""
        return ledger.checkout(wanted)

    @channel.post(
        "/v1/orders/{order_ref}/cancellation-requests",
        status=201,
        scope="shop",
        order_ref=lambda order_ref, **_: order_ref,
        refuses=(ORDER_CANCELLED, ORDER_SHIPPED),
    )
    def request_cancellation(order_ref: str, wanted: CancellationWish) -> CancellationRequest:
        """Wish to cancel; the seller answers later."""
        return ledger.request_cancellation(order_ref, wanted.reason)

    @channel.post(
        "/v1/returns",
        status=201,
        scope="shop",
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(NOT_FOUND, NOT_SHIPPED, UNKNOWN_LINE),
    )
    def request_return(wanted: ReturnWish) -> Return:
        """Send shipped units back."""
        return ledger.request_return(wanted.order_ref, wanted.lines, wanted.reason)

    @channel.get("/v1/catalogue", scope="shop")
    def list_catalogue(query: ListQuery) -> Page[CatalogueItem]:
        """What shoppers can buy, oldest change first."""
        page = page_of(ledger.listings, query)
        return Page([ledger.catalogue_item(listing) for listing in page.items], page.next_cursor)

    @channel.get("/v1/catalogue/{sku}", scope="shop", sku=lambda sku: sku)
    def get_catalogue_item(sku: str) -> CatalogueItem:
        """One SKU as shoppers see it."""
        return ledger.catalogue_item(ledger.listing(sku))


def _declare_orders(channel: Face, ledger: MarketplaceLedger) -> None:
    """The sellers' side: orders."""

    def order_ref_of(order_ref: str, **_: object) -> str | None:
        return order_ref

    @channel.get("/v1/orders", order_ref=lambda query: query.order_ref)
    def list_orders(query: OrderListing) -> Page[Order]:
        """Orders, oldest change first."""
        return page_of(ledger.orders, query)

    @channel.get("/v1/orders/{order_ref}", order_ref=order_ref_of)
    def get_order(order_ref: str) -> Order:
        """One order."""
        return ledger.order(order_ref)

    @channel.post("/v1/orders/{order_ref}/acknowledge", order_ref=order_ref_of, refuses=(ORDER_CANCELLED,))
    def acknowledge_order(order_ref: str, if_match: IfMatch = None) -> Order:
        """Say that the order has arrived; saying it again changes nothing."""
        check_if_match(ledger.order(order_ref), if_match)
        return ledger.acknowledge(order_ref)

    @channel.post(
        "/v1/orders/{order_ref}/shipments",
        status=201,
        order_ref=order_ref_of,
        refuses=(ORDER_CANCELLED, OVER_SHIPPED, UNKNOWN_LINE, DUPLICATE_REFERENCE),
    )
    def ship_order(order_ref: str, wanted: ShipmentNotice, if_match: IfMatch = None) -> Shipment:
        """Tell the customer of a parcel and its tracking number."""
        check_if_match(ledger.order(order_ref), if_match)
        return ledger.ship(
            order_ref,
            shipment_id=wanted.shipment_id,
            lines=wanted.lines,
            carrier=wanted.carrier,
            tracking_number=wanted.tracking_number,
        )

    @channel.post(
        "/v1/orders/{order_ref}/cancel",
        order_ref=order_ref_of,
        refuses=(ORDER_CANCELLED, ORDER_SHIPPED, NOTHING_OPEN, UNKNOWN_LINE),
    )
    def cancel_order(order_ref: str, wanted: SellerCancellation, if_match: IfMatch = None) -> Order:
        """Give up on some lines, or without lines on all that is open."""
        check_if_match(ledger.order(order_ref), if_match)
        return ledger.cancel(order_ref, wanted.reason, wanted.lines)


def _declare_wishes(channel: Face, ledger: MarketplaceLedger) -> None:
    """The sellers' side: what customers wish for."""

    def order_of_request(request_id: str, **_: object) -> str | None:
        return ledger.order_ref_of_request(request_id)

    def order_of_return(return_id: str, **_: object) -> str | None:
        return ledger.order_ref_of_return(return_id)

    @channel.get("/v1/cancellation-requests", order_ref=lambda query: query.order_ref)
    def list_cancellation_requests(query: OrderListing) -> Page[CancellationRequest]:
        """Wishes to cancel, oldest change first."""
        return page_of(ledger.cancellation_requests, query)

    @channel.get("/v1/cancellation-requests/{request_id}", order_ref=order_of_request)
    def get_cancellation_request(request_id: str) -> CancellationRequest:
        """One wish to cancel."""
        return ledger.cancellation_request(request_id)

    @channel.post(
        "/v1/cancellation-requests/{request_id}/accept",
        order_ref=order_of_request,
        refuses=(ALREADY_CLOSED, ORDER_SHIPPED),
    )
    def accept_cancellation(request_id: str, if_match: IfMatch = None) -> CancellationRequest:
        """Grant a wish to cancel: the order becomes cancelled, other wishes for it are closed."""
        check_if_match(ledger.cancellation_request(request_id), if_match)
        return ledger.accept_cancellation(request_id)

    @channel.post(
        "/v1/cancellation-requests/{request_id}/decline",
        order_ref=order_of_request,
        refuses=(ALREADY_CLOSED,),
    )
    def decline_cancellation(
        request_id: str, wanted: Declination, if_match: IfMatch = None
    ) -> CancellationRequest:
        """Refuse a wish to cancel: the order goes its way."""
        check_if_match(ledger.cancellation_request(request_id), if_match)
        return ledger.decline_cancellation(request_id, wanted.reason)

    @channel.get("/v1/returns", order_ref=lambda query: query.order_ref)
    def list_returns(query: OrderListing) -> Page[Return]:
        """Returns, oldest change first."""
        return page_of(ledger.returns, query)

    @channel.get("/v1/returns/{return_id}", order_ref=order_of_return)
    def get_return(return_id: str) -> Return:
        """One return."""
        return ledger.return_request(return_id)

    @channel.post(
        "/v1/returns/{return_id}/refund-confirmation",
        order_ref=order_of_return,
        refuses=(ALREADY_CLOSED, EXCEEDS_TOTAL, CURRENCY_MISMATCH, INEXACT_AMOUNT),
    )
    def confirm_refund(return_id: str, wanted: RefundConfirmation, if_match: IfMatch = None) -> Return:
        """Tell the customer that the money is on its way; closes the return."""
        check_if_match(ledger.return_request(return_id), if_match)
        return ledger.confirm_refund(
            return_id, refund_id=wanted.refund_id, amount=wanted.amount, currency=wanted.currency
        )


def _declare_listings(channel: Face, ledger: MarketplaceLedger) -> None:
    """The sellers' side: availability and prices."""

    def sku_of(sku: str, **_: object) -> str | None:
        return sku

    @channel.get("/v1/listings")
    def list_listings(query: ListQuery) -> Page[Listing]:
        """Listings, oldest change first."""
        return page_of(ledger.listings, query)

    @channel.get("/v1/listings/{sku}", sku=sku_of)
    def get_listing(sku: str) -> Listing:
        """One listing."""
        return ledger.listing(sku)

    @channel.put("/v1/listings/{sku}/availability", sku=sku_of, refuses=(STALE_VERSION,))
    def publish_availability(sku: str, wanted: Availability, if_match: IfMatch = None) -> Listing:
        """List so many units, absolute; the last write wins unless the channel is strict about versions."""
        if if_match is not None:
            check_if_match(ledger.listing(sku), if_match)
        return ledger.publish_availability(sku, wanted.quantity, wanted.version)

    @channel.post(
        "/v1/listings/availability/batch",
        status=207,
        items=lambda wanted: [item.sku for item in wanted.items],
    )
    def publish_availability_batch(wanted: AvailabilityBatch) -> BatchResult:
        """Many availabilities at once; each stands or falls alone."""

        def publish(item: AvailabilityItem) -> Listing:
            return ledger.publish_availability(item.sku, item.quantity, item.version)

        return batch_of(wanted.items, publish, channel.world.decide)

    @channel.put(
        "/v1/listings/{sku}/price",
        sku=sku_of,
        refuses=(STALE_VERSION, UNKNOWN_CURRENCY, INEXACT_AMOUNT),
    )
    def publish_price(sku: str, wanted: PriceNotice, if_match: IfMatch = None) -> Listing:
        """List a price now, whatever its `valid_from` says."""
        if if_match is not None:
            check_if_match(ledger.listing(sku), if_match)
        return ledger.publish_price(
            sku,
            amount=wanted.amount,
            currency=wanted.currency,
            valid_from=wanted.valid_from,
            version=wanted.version,
        )

    @channel.post(
        "/v1/listings/prices/batch",
        status=207,
        items=lambda wanted: [item.sku for item in wanted.items],
    )
    def publish_price_batch(wanted: PriceBatch) -> BatchResult:
        """Many prices at once; each stands or falls alone."""

        def publish(item: PriceItem) -> Listing:
            return ledger.publish_price(
                item.sku,
                amount=item.amount,
                currency=item.currency,
                valid_from=item.valid_from,
                version=item.version,
            )

        return batch_of(wanted.items, publish, channel.world.decide)
