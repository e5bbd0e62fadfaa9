"""What the systems' documents and events say, as far as this service reads them; amounts stay decimal strings."""

from typing import Generic, TypeVar

from msgspec import Struct

D = TypeVar("D")


class Units(Struct, frozen=True, gc=False):
    """Some units of an order's line."""

    line_id: str
    sku: str
    quantity: int


class Line(Struct, frozen=True, gc=False):
    """A line as it was ordered."""

    line_id: str
    sku: str
    quantity: int
    unit_price: str


class LineQuantity(Struct, frozen=True, gc=False):
    """Some units of a line, where the SKU goes without saying."""

    line_id: str
    quantity: int


class Customer(Struct, frozen=True, gc=False):
    name: str
    email: str


class Address(Struct, frozen=True, gc=False):
    name: str
    line1: str
    city: str
    postcode: str
    country: str
    line2: str | None = None


class Content(Struct, frozen=True, kw_only=True):
    """An order as one system tells it to the next, letter for letter."""

    order_ref: str
    channel: str
    currency: str
    lines: list[Line]
    shipping: str
    total: str
    customer: Customer
    ship_to: Address
    service_level: str
    priority: int
    ship_by: str
    payment_id: str


class ShipmentId(Struct, frozen=True, gc=False):
    shipment_id: str


class ChannelOrder(Content, frozen=True, kw_only=True):
    """An order as its channel shows it; also the data of ``order.placed``."""

    status: str
    shipments: list[ShipmentId] = []
    cancelled_lines: list[LineQuantity] = []
    updated_at: str = ""


class CancellationRequest(Struct, frozen=True):
    """A customer's wish; also the data of ``cancellation.requested``."""

    request_id: str
    order_ref: str
    status: str = "requested"
    updated_at: str = ""


class ChannelReturn(Struct, frozen=True):
    """What a customer sends back, at the price paid; also the data of ``return.requested``."""

    return_id: str
    order_ref: str
    lines: list[Line]
    currency: str
    status: str = "requested"
    updated_at: str = ""


class Part(Struct, frozen=True):
    """What one location is to ship of an order."""

    part_id: str
    location: str
    lines: list[Units]


class OmsLine(Struct, frozen=True):
    line_id: str
    cancelled: int = 0


class OmsOrder(Struct, frozen=True):
    """An order inside the house; also the data of ``order.allocated`` and ``order.unfillable``."""

    order_id: str
    order_ref: str
    status: str = ""
    parts: list[Part] = []
    lines: list[OmsLine] = []
    shipments: list[str] = []
    updated_at: str = ""


class SalesOrder(Struct, frozen=True):
    """An order in the books; also the data of ``sales_order.posted``."""

    sales_order_id: str
    order_ref: str
    status: str = ""
    rejection: str | None = None
    rejected_for_good: bool = False
    cancelled_lines: list[LineQuantity] = []
    updated_at: str = ""


class Rejection(Struct, frozen=True):
    """The data of ``sales_order.rejected``."""

    sales_order_id: str
    order_ref: str
    reason: str
    permanent: bool


class Invoice(Struct, frozen=True):
    invoice_id: str
    shipment_id: str


class CreditMemo(Struct, frozen=True):
    """What came back, credited; also the data of ``credit_memo.posted``."""

    credit_memo_id: str
    order_ref: str
    return_id: str
    total: str
    currency: str
    status: str = "posted"
    updated_at: str = ""


class Fulfilment(Struct, frozen=True):
    fulfilment_id: str
    order_ref: str
    part_id: str
    status: str
    short: list[Units] = []
    updated_at: str = ""


class Shipment(Struct, frozen=True):
    """A parcel; also the data of ``shipment.confirmed``, where nothing may have been found to ship."""

    fulfilment_id: str
    order_ref: str
    shipment_id: str | None
    lines: list[Units]
    short: list[Units] = []
    carrier: str | None = None
    tracking_number: str | None = None
    updated_at: str = ""


class ReceivedLine(Struct, frozen=True, gc=False):
    line_id: str
    sku: str
    quantity: int
    sellable: bool


class ReceivedReturn(Struct, frozen=True):
    """The data of ``return.received``."""

    return_id: str
    order_ref: str
    lines: list[ReceivedLine]


class ExpectedReturn(Struct, frozen=True):
    expected_return_id: str
    return_id: str
    order_ref: str
    status: str = ""
    received: list[ReceivedLine] = []
    updated_at: str = ""


class ReturnAuthorisation(Struct, frozen=True):
    authorisation_id: str
    return_id: str


class Payment(Struct, frozen=True):
    payment_id: str
    status: str
    voided: str = "0"


class Capture(Struct, frozen=True):
    capture_id: str
    shipment_id: str


class Refund(Struct, frozen=True):
    refund_id: str
    return_id: str


class StockChange(Struct, frozen=True):
    """The data of ``stock.changed``: on hand is absolute, its version only grows."""

    change_id: str
    sku: str
    location: str
    on_hand: int
    version: int
    delta: int
    cause: str


class StockMovement(Struct, frozen=True):
    """The same as the warehouse lists it."""

    change_id: str
    sku: str
    location: str
    on_hand: int
    version: int
    quantity: int
    cause: str
    updated_at: str = ""


class StockAdjustment(Struct, frozen=True):
    change_id: str


class Availability(Struct, frozen=True):
    """What may be sold of a SKU; also the data of ``availability.changed``."""

    sku: str
    available: int
    version: int
    updated_at: str = ""


class Price(Struct, frozen=True):
    """A price of the list; also the data of ``price.changed``."""

    sku: str
    currency: str
    amount: str
    valid_from: str
    version: int
    updated_at: str = ""


class ListedPrice(Struct, frozen=True, gc=False):
    currency: str
    version: int


class Listing(Struct, frozen=True):
    """What a channel lists of a SKU."""

    sku: str
    availability_version: int
    prices: list[ListedPrice] = []
    updated_at: str = ""


class StockLevel(Struct, frozen=True):
    """Units at a location as the OMS was told, with the version that they came with."""

    sku: str
    location: str
    version: int
    updated_at: str = ""


class Problem(Struct, frozen=True):
    """RFC 9457; the last part of ``type`` is the refusal's code."""

    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    status: int = 0

    @property
    def code(self) -> str:
        return self.type.rpartition("/")[2]


class ItemResult(Struct, frozen=True):
    index: int
    status: int
    problem: Problem | None = None


class BatchResult(Struct, frozen=True):
    """What became of every item of a bulk call."""

    results: list[ItemResult]


class Page(Struct, Generic[D], frozen=True):
    """A piece of a list."""

    items: list[D]
    next_cursor: str | None = None
