"""The WMS's neutral dialect: thin functions between the wire and the ledger."""

from ..kit.face import Face
from ..kit.refusal import DUPLICATE_REFERENCE, NOT_FOUND
from ..kit.wire import IfMatch, Listing, OrderListing, Page, check_if_match, page_of
from .documents import (
    CancelledFulfilments,
    ExpectedReturn,
    Fulfilment,
    Shipment,
    StockLevel,
    StockMovement,
)
from .ledger import WmsLedger
from .refusals import TOO_LATE, UNKNOWN_ITEM, UNKNOWN_LOCATION
from .schemas import Cancellation, FulfilmentRequest, OrderCancellation, ReturnNotice


def declare(wms: Face, ledger: WmsLedger) -> None:
    """Put the WMS's operations on its face."""
    _declare_fulfilments(wms, ledger)
    _declare_goods(wms, ledger)


def _declare_fulfilments(wms: Face, ledger: WmsLedger) -> None:
    def order_ref_of(fulfilment_id: str, **_: object) -> str | None:
        return ledger.order_ref_of(fulfilment_id)

    @wms.post(
        "/v1/fulfilments",
        status=201,
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(UNKNOWN_LOCATION, UNKNOWN_ITEM, DUPLICATE_REFERENCE),
    )
    def create_fulfilment(wanted: FulfilmentRequest) -> Fulfilment:
        """Ask a location to ship a part of an order. Picking takes time: wait for `shipment.confirmed`, or poll."""
        return ledger.request(
            order_ref=wanted.order_ref,
            part_id=wanted.part_id,
            location=wanted.location,
            lines=wanted.lines,
            priority=wanted.priority,
            ship_by=wanted.ship_by,
            service_level=wanted.service_level,
            ship_to=wanted.ship_to,
        )

    @wms.get("/v1/fulfilments", order_ref=lambda query: query.order_ref)
    def list_fulfilments(query: OrderListing) -> Page[Fulfilment]:
        """Fulfilments, oldest change first."""
        return page_of(ledger.fulfilments, query)

    @wms.get("/v1/fulfilments/{fulfilment_id}", order_ref=order_ref_of)
    def get_fulfilment(fulfilment_id: str) -> Fulfilment:
        """One fulfilment."""
        return ledger.fulfilment(fulfilment_id)

    @wms.post("/v1/fulfilments/{fulfilment_id}/cancel", order_ref=order_ref_of, refuses=(TOO_LATE,))
    def cancel_fulfilment(fulfilment_id: str, wanted: Cancellation, if_match: IfMatch = None) -> Fulfilment:
        """Stop a fulfilment before it is picked; one that is stopped already stays so."""
        fulfilment = ledger.fulfilment(fulfilment_id)
        check_if_match(fulfilment, if_match)
        return ledger.cancel(fulfilment, reason=wanted.reason)

    @wms.post(
        "/v1/fulfilments/cancel",
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(NOT_FOUND, TOO_LATE),
    )
    def cancel_order_fulfilments(wanted: OrderCancellation) -> CancelledFulfilments:
        """Stop everything that was requested for an order, or nothing of it when picking has begun on some."""
        return ledger.cancel_order(wanted.order_ref, reason=wanted.reason)

    @wms.get("/v1/shipments", order_ref=lambda query: query.order_ref)
    def list_shipments(query: OrderListing) -> Page[Shipment]:
        """Shipments, oldest first."""
        return page_of(ledger.shipments, query)


def _declare_goods(wms: Face, ledger: WmsLedger) -> None:
    @wms.post(
        "/v1/expected-returns",
        status=201,
        order_ref=lambda wanted: wanted.order_ref,
        refuses=(DUPLICATE_REFERENCE,),
    )
    def expect_return(wanted: ReturnNotice) -> ExpectedReturn:
        """Announce goods that come back. What really comes is in `return.received`, or can be polled."""
        return ledger.expect_return(
            return_id=wanted.return_id, order_ref=wanted.order_ref, lines=wanted.lines
        )

    @wms.get("/v1/expected-returns", order_ref=lambda query: query.order_ref)
    def list_expected_returns(query: OrderListing) -> Page[ExpectedReturn]:
        """Expected and received returns, oldest change first."""
        return page_of(ledger.expected_returns, query)

    @wms.get("/v1/stock")
    def list_stock(query: Listing) -> Page[StockLevel]:
        """Units on hand by SKU and location, oldest change first."""
        return page_of(ledger.stock, query)

    @wms.get("/v1/stock-movements")
    def list_stock_movements(query: Listing) -> Page[StockMovement]:
        """Every change of the stock on hand, oldest first."""
        return page_of(ledger.movements, query)
