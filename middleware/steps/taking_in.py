"""Steps that take an order in: acknowledge it, create it in the OMS, book it in the ERP."""

from ..documents import OmsOrder, SalesOrder
from ..order import Order, Request, Search, Step, encoded
from .paths import by_reference, content_of, order_in_erp


def _acknowledge(order: Order, ref: str) -> Request:
    return Request("POST", f"/v1/orders/{order.ref}/acknowledge")


def _create_in_oms(order: Order, ref: str) -> Request:
    return Request("POST", "/v1/orders", encoded(content_of(order)))


def _book(order: Order, ref: str) -> Request:
    return Request("POST", "/v1/sales-orders", encoded(content_of(order)))


def _resubmit(order: Order, ref: str) -> Request:
    return Request("POST", f"{order_in_erp(order, ref)}/resubmit")


def _created_in_oms(order: Order, ref: str, document: OmsOrder) -> str:
    order.oms_id = order.oms_id or document.order_id
    return document.order_id


def _was_booked(order: Order, ref: str, document: SalesOrder) -> str:
    order.sales_order_id = order.sales_order_id or document.sales_order_id
    return document.sales_order_id


def _resubmitted(order: Order, ref: str, document: object) -> None:
    order.rejected = None
    order.resubmissions += 1


def _not_rejected(order: Order, ref: str, code: str) -> bool:
    if code == "not_rejected":
        _resubmitted(order, ref, None)
    return code == "not_rejected"


def _always(order: Order, ref: str, document: object) -> bool:
    return True


ACKNOWLEDGE = Step(
    "acknowledge",
    "channel",
    _acknowledge,
    means_done=frozenset({"order_cancelled"}),
)

CREATE_IN_OMS = Step(
    "create_in_oms",
    "oms",
    _create_in_oms,
    reads=OmsOrder,
    done=_created_in_oms,
    search=Search(by_reference("/v1/orders"), OmsOrder, _always),
)

BOOK = Step(
    "book",
    "erp",
    _book,
    reads=SalesOrder,
    done=_was_booked,
    search=Search(by_reference("/v1/sales-orders"), SalesOrder, _always),
)

RESUBMIT = Step(
    "resubmit",
    "erp",
    _resubmit,
    done=_resubmitted,
    search=Search(
        order_in_erp, SalesOrder, lambda o, r, document: document.status != "rejected", listed=False
    ),
    looks_first=True,
    refused=_not_rejected,
)

STEPS = (ACKNOWLEDGE, CREATE_IN_OMS, BOOK, RESUBMIT)
