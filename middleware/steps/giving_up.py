"""Steps that cancel: units that the warehouse gave up on, or a whole order everywhere."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..documents import ChannelOrder, OmsOrder, Payment, SalesOrder
from ..order import Order, Request, Search, Step, encoded
from .paths import order_at_channel, order_in_erp, order_in_oms, payment, quantities

Path = Callable[[Order, str], str]


def _cancel_short(path: Path) -> Callable[[Order, str], Request]:
    def request(order: Order, fulfilment_id: str) -> Request:
        lines = quantities(order.shorts[fulfilment_id])
        body = {"reason": f"short {fulfilment_id}", "lines": lines}
        return Request("POST", f"{path(order, fulfilment_id)}/cancel", encoded(body))

    return request


def _cancel(path: Path) -> Callable[[Order, str], Request]:
    def request(order: Order, ref: str) -> Request:
        return Request("POST", f"{path(order, ref)}/cancel", encoded({"reason": order.ended, "lines": None}))

    return request


def _void(order: Order, ref: str) -> Request:
    return Request("POST", f"{payment(order, ref)}/void")


def _short_is_cancelled(step: str) -> Any:
    """Whether a document has cancelled what this and the earlier steps of the kind should have."""

    def matches(order: Order, fulfilment_id: str, document: Any) -> bool:
        wanted: dict[str, int] = {}
        for other, lines in order.shorts.items():
            if other == fulfilment_id or order.over(f"{step}:{other}"):
                for line in lines:
                    wanted[line.line_id] = wanted.get(line.line_id, 0) + line.quantity
        cancelled: dict[str, int] = {}
        if isinstance(document, OmsOrder):
            cancelled = {line.line_id: line.cancelled for line in document.lines}
        else:
            for line in document.cancelled_lines:
                cancelled[line.line_id] = cancelled.get(line.line_id, 0) + line.quantity
        return all(cancelled.get(line_id, 0) >= units for line_id, units in wanted.items())

    return matches


def _is_cancelled(order: Order, ref: str, document: Any) -> bool:
    return bool(document.status == "cancelled")


SHORT_IN_OMS = Step(
    "short_in_oms",
    "oms",
    _cancel_short(order_in_oms),
    search=Search(order_in_oms, OmsOrder, _short_is_cancelled("short_in_oms"), listed=False),
)

SHORT_IN_ERP = Step(
    "short_in_erp",
    "erp",
    _cancel_short(order_in_erp),
    search=Search(order_in_erp, SalesOrder, _short_is_cancelled("short_in_erp"), listed=False),
)

SHORT_AT_CHANNEL = Step(
    "short_at_channel",
    "channel",
    _cancel_short(order_at_channel),
    search=Search(order_at_channel, ChannelOrder, _short_is_cancelled("short_at_channel"), listed=False),
)

CANCEL_AT_CHANNEL = Step(
    "cancel_at_channel",
    "channel",
    _cancel(order_at_channel),
    search=Search(order_at_channel, ChannelOrder, _is_cancelled, listed=False),
    means_done=frozenset({"order_cancelled"}),
)

CANCEL_IN_OMS = Step(
    "cancel_in_oms",
    "oms",
    _cancel(order_in_oms),
    search=Search(order_in_oms, OmsOrder, _is_cancelled, listed=False),
    means_done=frozenset({"order_cancelled"}),
)

CANCEL_IN_ERP = Step(
    "cancel_in_erp",
    "erp",
    _cancel(order_in_erp),
    search=Search(order_in_erp, SalesOrder, _is_cancelled, listed=False),
    means_done=frozenset({"order_cancelled"}),
)

VOID = Step(
    "void",
    "payments",
    _void,
    search=Search(payment, Payment, lambda o, r, document: Decimal(document.voided) > 0, listed=False),
    means_done=frozenset({"already_voided", "already_captured", "expired"}),
)

STEPS = (SHORT_IN_OMS, SHORT_IN_ERP, SHORT_AT_CHANNEL, CANCEL_AT_CHANNEL, CANCEL_IN_OMS, CANCEL_IN_ERP, VOID)
