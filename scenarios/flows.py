"""The flows that there are, and which of them a run is judged on."""

from collections.abc import Collection, Mapping

from .errors import UsageError

FLOWS = {
    "order-to-ship": "an order becomes an OMS order, a posted sales order, a shipment, a capture and an invoice",
    "stock-sync": "stock moves from the WMS to the OMS and the ERP, availability from the OMS to every channel",
    "cancel": "a wish to cancel is decided once, and every system agrees on the winner",
    "return-to-refund": "a return is authorised, received, credited and refunded, once each",
    "price-publish": "a price of the ERP is listed on every channel, and not before it is valid",
    "order-to-erp": "the small form of order-to-ship: an order becomes one posted sales order",
}
"""Name, and what it comes to."""

FULL = ("order-to-ship", "stock-sync", "cancel", "return-to-refund", "price-publish")
"""What a scenario exercises unless it says otherwise; ``order-to-erp`` is a part of the first."""

_CHANGES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "order-to-ship": {
        "marketplace": frozenset({"acknowledge_order", "ship_order", "cancel_order"}),
        "oms": frozenset({"create_order", "update_order", "ship_order", "cancel_order"}),
        "erp": frozenset(
            {
                "create_sales_order",
                "update_sales_order",
                "resubmit_sales_order",
                "cancel_sales_order",
                "create_invoice",
            }
        ),
        "wms": frozenset({"create_fulfilment", "cancel_fulfilment"}),
        "payments": frozenset({"capture_payment", "void_payment"}),
    },
    "order-to-erp": {"erp": frozenset({"create_sales_order", "update_sales_order", "resubmit_sales_order"})},
    "stock-sync": {
        "marketplace": frozenset({"publish_availability", "publish_availability_batch"}),
        "oms": frozenset({"set_stock", "set_stock_batch"}),
        "erp": frozenset({"create_stock_adjustment", "create_stock_adjustment_batch"}),
    },
    "cancel": {
        "marketplace": frozenset({"cancel_order", "accept_cancellation", "decline_cancellation"}),
        "oms": frozenset({"cancel_order"}),
        "erp": frozenset({"cancel_sales_order"}),
        "wms": frozenset({"cancel_fulfilment", "cancel_order_fulfilments"}),
        "payments": frozenset({"void_payment"}),
    },
    "return-to-refund": {
        "marketplace": frozenset({"confirm_refund"}),
        "oms": frozenset({"authorise_return"}),
        "erp": frozenset({"create_credit_memo"}),
        "wms": frozenset({"expect_return"}),
        "payments": frozenset({"refund_payment"}),
    },
    "price-publish": {"marketplace": frozenset({"publish_price", "publish_price_batch"})},
}
"""What the SUT changes where, by flow and kind of system, as in FLOWS.md."""

_EVERY_CHANGE = frozenset(name for kinds in _CHANGES.values() for names in kinds.values() for name in names)


def calls(flow: str, kind: str, operation: str | None) -> bool:
    """Whoever serves this flow calls this kind of system, for this operation where one is named.

    Reading and authorisation belong to every flow that changes something there.
    """
    changes = _CHANGES[flow].get(kind, frozenset())
    if operation is None or operation not in _EVERY_CHANGE:
        return bool(changes)
    return operation in changes


def judged_flows(needed: Collection[str], claimed: Collection[str]) -> list[str]:
    """The scenario's flows that the SUT claims, sorted. UsageError where there is none.

    Who needs ``order-to-ship`` also needs its small form, and who claims it also serves the small form.
    """
    judged = set(needed) & set(claimed)
    if "order-to-erp" in claimed and "order-to-ship" in needed:
        judged.add("order-to-erp")
    if "order-to-erp" in needed and "order-to-ship" in claimed:
        judged.add("order-to-erp")
    if not judged:
        raise UsageError(
            f"nothing to judge: the scenario exercises {', '.join(sorted(needed))}; "
            f"the system under test serves {', '.join(sorted(claimed)) or 'no flow'}; "
            "set flows under [sut] in peakproof.toml"
        )
    return sorted(judged)
