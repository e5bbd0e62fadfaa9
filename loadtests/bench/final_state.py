"""What every system shows at the end of the made-up season, of a handful of orders and of a block of articles."""

from collections.abc import Iterator
from typing import Any

from ...history.state import StateDocument
from .handful import (
    CANCELLED,
    CHANNELS,
    COUNTED,
    LESS,
    MORE,
    OPENING,
    PRICE,
    PRICED,
    RECEIVED,
    RETURNED,
    STAMP,
    VERSION,
    Order,
    orders,
    sku_of,
)


def of_orders() -> dict[str, list[StateDocument]]:
    """The documents of a handful, by system."""
    shown: dict[str, list[StateDocument]] = {}
    for order in orders():
        for document in _of_order(order):
            shown.setdefault(document.system, []).append(document)
    return shown


def _of_order(order: Order) -> Iterator[StateDocument]:
    channel, oms, erp, wms, payments = _statuses(order)
    lines = [
        {"line_id": line_id, "sku": sku, "quantity": units, "unit_price": price}
        for line_id, sku, units, price in order.lines
    ]
    shipped = [{"shipment_id": one.id, "carrier": "DHL", "recorded_at": STAMP} for one in order.shipments]
    whole: dict[str, Any] = {"lines": lines, **order.content, "total": order.money["amount"]}
    yield _shown(order.channel, "order", order, order.ref, channel, shipments=shipped, **whole)
    yield _shown("oms", "order", order, order.id("OMS"), oms, parts=[order.id("PART")], missing=[], **whole)
    yield _shown("erp", "sales_order", order, order.id("SO"), erp, job_id=order.id("JOB"), **whole)
    yield _shown("payments", "payment", order, order.id("PAY"), payments, **order.money)
    if wms is None:
        return
    yield _shown("wms", "fulfilment", order, order.id("FUL"), wms, shipped=lines, short=[], **whole)
    for shipment in order.shipments:
        yield _shown("wms", "shipment", order, shipment.id, None, lines=lines, carrier="DHL")
        yield _shown("erp", "invoice", order, f"INV-{shipment.id}", "posted", lines=lines)
        yield _shown("payments", "capture", order, f"CAP-{shipment.id}", None, amount=shipment.amount)


def _statuses(order: Order) -> tuple[str, str, str, str | None, str]:
    """On its channel, in OMS, ERP and WMS, and of its payment."""
    if order.place == CANCELLED:
        return "cancelled", "cancelled", "cancelled", None, "voided"
    if order.place in RETURNED:
        return "partially_refunded", "returned", "invoiced", "shipped", "partially_refunded"
    return "shipped", "shipped", "invoiced", "shipped", "captured"


def _shown(
    system: str, kind: str, order: Order, document_id: str, status: str | None, **said: Any
) -> StateDocument:
    said |= {"order_ref": order.ref, "currency": order.money["currency"], "version": 3, "updated_at": STAMP}
    if status is not None:
        said["status"] = status
    return StateDocument(system=system, kind=kind, id=document_id, order_ref=order.ref, doc=said)


def of_articles(system: str) -> Iterator[StateDocument]:
    """What one system has of each article of a block."""
    on_hand = {sku_of(RECEIVED): MORE, sku_of(COUNTED): LESS[1], sku_of(PRICED): OPENING}
    for order in orders():
        left = {sku: LESS[units] if order.shipments else OPENING for _, sku, units, _ in order.lines}
        on_hand |= left
    for sku, units in on_hand.items():
        seen = {"sku": sku, "version": VERSION, "updated_at": STAMP}
        if system in CHANNELS:
            prices = [{"currency": "GBP", "amount": str(PRICE), "version": VERSION, "valid_from": STAMP}]
            doc = {**seen, "listed": units, "prices": prices}
            yield StateDocument(system=system, kind="listing", id=sku, sku=sku, doc=doc)
        elif system in ("oms", "wms"):
            doc = {**seen, "location": "north", "on_hand": units}
            yield StateDocument(system=system, kind="stock", id=f"{sku}/north", sku=sku, doc=doc)
        elif system == "erp":
            doc = {**seen, "on_hand": units}
            yield StateDocument(system=system, kind="book_stock", id=sku, sku=sku, doc=doc)
