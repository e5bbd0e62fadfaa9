"""The OMS's neutral dialect: thin functions between the wire and the ledger."""

from ..kit.face import Face
from ..kit.fields import Reference
from ..kit.orders import CONTENT_REFUSALS, OrderContent
from ..kit.refusal import DUPLICATE_REFERENCE, NOT_FOUND, ORDER_INVALID, STALE_VERSION
from ..kit.wire import BatchResult, IfMatch, Listing, OrderListing, Page, batch_of, check_if_match, page_of
from .documents import Availability, Order, ReturnAuthorisation, StockLevel
from .ledger import OmsLedger
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
from .schemas import (
    Cancellation,
    OrderUpdate,
    ReturnAuthorisationRequest,
    ShipmentNotice,
    StockBatch,
    StockItem,
    StockNotice,
)


def declare(oms: Face, ledger: OmsLedger) -> None:
    """Put the OMS's operations on its face."""
    _declare_orders(oms, ledger)
    _declare_returns(oms, ledger)
    _declare_stock(oms, ledger)


def _declare_orders(oms: Face, ledger: OmsLedger) -> None:
    def order_ref_of(order_id: str, **_: object) -> str | None:
        return ledger.order_ref_of(order_id)

    @oms.post(
        "/v1/orders",
        status=201,
        refuses=(*CONTENT_REFUSALS, ORDER_INVALID, DUPLICATE_REFERENCE),
        order_ref=lambda wanted: wanted.order_ref,
    )
    def create_order(wanted: OrderContent) -> Order:
        """Take an order in. 201 means created: wait for `order.allocated` or `order.unfillable`, or poll."""
        return ledger.create(wanted)

    @oms.get("/v1/orders", order_ref=lambda query: query.order_ref)
    def list_orders(query: OrderListing) -> Page[Order]:
        """Orders, oldest change first."""
        return page_of(ledger.orders, query)

    @oms.get("/v1/orders/{order_id}", order_ref=order_ref_of)
    def get_order(order_id: str) -> Order:
        """One order, with the ETag that an update needs."""
        return ledger.order(order_id)

    @oms.patch("/v1/orders/{order_id}", order_ref=order_ref_of, refuses=(ORDER_CANCELLED, ORDER_SHIPPED))
    def update_order(order_id: str, wanted: OrderUpdate, if_match: IfMatch = None) -> Order:
        """Change where, how urgently or by when an order ships; parts already requested do not follow."""
        order = ledger.order(order_id)
        check_if_match(order, if_match, required=True)
        return ledger.update(order, ship_to=wanted.ship_to, priority=wanted.priority, ship_by=wanted.ship_by)

    @oms.post(
        "/v1/orders/{order_id}/ship",
        order_ref=order_ref_of,
        refuses=(NOT_ALLOCATED, OVER_SHIPPED, ORDER_CANCELLED, UNKNOWN_LINE, DUPLICATE_REFERENCE),
    )
    def ship_order(order_id: str, wanted: ShipmentNotice, if_match: IfMatch = None) -> Order:
        """Say that units left the house: their reservation ends, the stock waits for the warehouse's word."""
        order = ledger.order(order_id)
        check_if_match(order, if_match)
        return ledger.ship(order, shipment_id=wanted.shipment_id, lines=wanted.lines)

    @oms.post(
        "/v1/orders/{order_id}/cancel",
        order_ref=order_ref_of,
        refuses=(NOTHING_OPEN, ORDER_CANCELLED, ORDER_SHIPPED, UNKNOWN_LINE),
    )
    def cancel_order(order_id: str, wanted: Cancellation, if_match: IfMatch = None) -> Order:
        """Cancel what is open, or some units of it; their reservation ends."""
        order = ledger.order(order_id)
        check_if_match(order, if_match)
        return ledger.cancel(order, reason=wanted.reason, lines=wanted.lines)


def _declare_returns(oms: Face, ledger: OmsLedger) -> None:
    @oms.post(
        "/v1/return-authorisations",
        status=201,
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(NOT_FOUND, NOT_SHIPPED, UNKNOWN_LINE, DUPLICATE_REFERENCE),
    )
    def authorise_return(wanted: ReturnAuthorisationRequest) -> ReturnAuthorisation:
        """Allow goods to come back, as far as they were shipped."""
        return ledger.authorise_return(
            return_id=wanted.return_id, order_ref=wanted.order_ref, lines=wanted.lines
        )

    @oms.get("/v1/return-authorisations", order_ref=lambda query: query.order_ref)
    def list_return_authorisations(query: OrderListing) -> Page[ReturnAuthorisation]:
        """Return authorisations, oldest change first."""
        return page_of(ledger.authorisations, query)


def _declare_stock(oms: Face, ledger: OmsLedger) -> None:
    @oms.put(
        "/v1/stock/{sku}/locations/{location}",
        sku=lambda sku, **_: sku,
        refuses=(UNKNOWN_LOCATION, STALE_VERSION),
    )
    def set_stock(
        sku: Reference, location: Reference, wanted: StockNotice, if_match: IfMatch = None
    ) -> StockLevel:
        """Set the units at a location, absolute; the last write wins unless the OMS is strict about versions."""
        if if_match is not None:
            check_if_match(ledger.level(sku, location), if_match)
        return ledger.set_stock(sku=sku, location=location, on_hand=wanted.on_hand, version=wanted.version)

    @oms.post("/v1/stock/batch", status=207, items=lambda wanted: [item.sku for item in wanted.items])
    def set_stock_batch(wanted: StockBatch) -> BatchResult:
        """Set many at once; each stands or falls alone."""

        def set_one(item: StockItem) -> StockLevel:
            return ledger.set_stock(
                sku=item.sku, location=item.location, on_hand=item.on_hand, version=item.version
            )

        return batch_of(wanted.items, set_one, oms.world.decide)

    @oms.get("/v1/stock")
    def list_stock(query: Listing) -> Page[StockLevel]:
        """Units by SKU and location, as the OMS was told, oldest change first."""
        return page_of(ledger.stock, query)

    @oms.get("/v1/availability")
    def list_availability(query: Listing) -> Page[Availability]:
        """What may be sold of each SKU, as last published, oldest change first."""
        return page_of(ledger.availability, query)
