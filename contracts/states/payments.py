"""States of the payment service."""

from ..state import ORDER_REF, Scene, Values, decimal, state


@state(
    "payment is {status}",
    "payments",
    gives=("payment_id", "capture_id", "refund_id"),
    status=("authorised", "partially_captured", "captured", "voided", "expired", "refunded"),
)
def payment(
    scene: Scene,
    *,
    status: str,
    order_ref: str = ORDER_REF,
    amount: str = "14.85",
    captured: str = "5.00",
    currency: str = "GBP",
    shipment_id: str = "SHP-000001",
    return_id: str = "web-R-000001",
) -> Values:
    """An amount is held for an order, and what became of it; `captured` is the part of a `partially captured` one."""
    ledger = scene.ledger
    total = decimal("amount", amount)
    made = ledger.authorise(order_ref, total, currency)
    capture_id = refund_id = None
    if status in ("partially_captured", "captured", "refunded"):
        taken = decimal("captured", captured) if status == "partially_captured" else total
        capture_id = ledger.capture(made.payment_id, taken, currency, shipment_id).capture_id
    if status == "refunded":
        refund_id = ledger.refund(made.payment_id, total, currency, return_id).refund_id
    elif status == "voided":
        ledger.void(made.payment_id)
    elif status == "expired":
        ledger.expire(made.payment_id)
    return {"payment_id": made.payment_id, "capture_id": capture_id, "refund_id": refund_id}
