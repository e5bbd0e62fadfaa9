"""States of the ERP."""

from typing import Any

from ...simulators.erp.documents import CreditLine
from ...simulators.kit.orders import LineQuantity
from ..state import (
    ORDER_REF,
    PRICE,
    SHIPPING,
    SKU,
    Scene,
    Values,
    decimal,
    part_of,
    state,
    value_of,
    whole,
)


@state(
    "sales order is {status}",
    "erp",
    gives=("sales_order_id", "job_id"),
    status=(
        "received",
        "posted",
        "rejected",
        "rejected_for_good",
        "cancelled",
        "partially_invoiced",
        "invoiced",
    ),
)
def sales_order(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    unit_price: str = PRICE,
    shipping: str = SHIPPING,
    currency: str = "GBP",
    shipment_id: str = "SHP-000001",
    lines: Any = None,
) -> Values:
    """The ERP has the order; `lines` stands for `sku`, `quantity` and `unit_price` where it has several."""
    ledger = scene.ledger
    content = scene.content(order_ref, sku, quantity, unit_price, shipping, currency, lines)
    order = ledger.receive(content)
    if status.startswith("rejected"):
        reason = "customer_blocked" if status == "rejected_for_good" else "period_closed"
        trigger = scene.fault(
            "rejected-later", {"reason": reason, "permanent": status == "rejected_for_good"}
        )
        ledger.post(order.sales_order_id)
        scene.system.gate.heal(trigger)
    elif status == "cancelled":
        ledger.cancel(order, "customer", None)
    elif status != "received":
        ledger.post(order.sales_order_id)
    if status in ("partially_invoiced", "invoiced"):
        _invoice(
            ledger, order, content, shipment_id, whole(content) if status == "invoiced" else part_of(content)
        )
    return {"sales_order_id": order.sales_order_id, "job_id": order.job_id}


@state(
    "invoice is {status}",
    "erp",
    gives=("sales_order_id", "invoice_id", "job_id"),
    status=("received", "posted"),
)
def invoice(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    unit_price: str = PRICE,
    shipping: str = SHIPPING,
    currency: str = "GBP",
    shipment_id: str = "SHP-000001",
    lines: Any = None,
) -> Values:
    """All of a posted sales order is billed under one shipment."""
    ledger = scene.ledger
    content = scene.content(order_ref, sku, quantity, unit_price, shipping, currency, lines)
    order = ledger.receive(content)
    ledger.post(order.sales_order_id)
    made = _invoice(ledger, order, content, shipment_id, whole(content), posted=status == "posted")
    return {
        "sales_order_id": order.sales_order_id,
        "invoice_id": made.invoice_id,
        "job_id": made.job_id,
    }


@state(
    "credit memo is {status}",
    "erp",
    gives=("sales_order_id", "credit_memo_id", "job_id"),
    status=("received", "posted"),
)
def credit_memo(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    sku: str = SKU,
    quantity: int = 2,
    unit_price: str = PRICE,
    currency: str = "GBP",
    return_id: str = "web-R-000001",
) -> Values:
    """One unit of an invoiced order came back and is credited."""
    ledger = scene.ledger
    content = scene.content(order_ref, sku, quantity, unit_price, SHIPPING, currency, None)
    order = ledger.receive(content)
    ledger.post(order.sales_order_id)
    _invoice(ledger, order, content, "SHP-000001", whole(content))
    memo = ledger.credit(
        order_ref=order_ref,
        return_id=return_id,
        currency=currency,
        lines=(CreditLine("1", sku, 1, True),),
        total=content.lines[0].unit_price,
    )
    if status == "posted":
        ledger.post_credit_memo(memo.credit_memo_id, order.sales_order_id)
    return {
        "sales_order_id": order.sales_order_id,
        "credit_memo_id": memo.credit_memo_id,
        "job_id": memo.job_id,
    }


@state("stock adjustment is booked", "erp", gives=("adjustment_id",))
def stock_adjustment(
    scene: Scene, *, change_id: str = "CHG-000001", sku: str = SKU, quantity: int = 5, cause: str = "receipt"
) -> Values:
    """The book stock was corrected once for this change."""
    scene.know(sku)
    made = scene.ledger.adjust(change_id=change_id, sku=sku, quantity=quantity, cause=cause)
    return {"adjustment_id": made.adjustment_id}


@state("price is set", "erp", gives=("version",))
def price(
    scene: Scene,
    *,
    sku: str = SKU,
    currency: str = "GBP",
    amount: str = "5.25",
    valid_from: str = "2026-11-27T12:00:00Z",
) -> Values:
    """The price list has this price."""
    scene.know(sku)
    made = scene.ledger.set_price(sku, currency, decimal("amount", amount), valid_from)
    return {"version": made.version}


def _invoice(
    ledger: Any,
    order: Any,
    content: Any,
    shipment_id: str,
    lines: tuple[LineQuantity, ...],
    *,
    posted: bool = True,
) -> Any:
    made = ledger.invoice(
        order,
        shipment_id=shipment_id,
        currency=content.currency,
        lines=lines,
        shipping=content.shipping,
        total=value_of(content, lines) + content.shipping,
    )
    if posted:
        ledger.post_invoice(made.invoice_id)
    return made
