"""return-to-refund: announce a return, credit what really came, and pay exactly that back once the memo is posted."""

from collections.abc import Collection
from decimal import Decimal

from ..documents import (
    ChannelReturn,
    CreditMemo,
    ExpectedReturn,
    ReceivedLine,
    ReceivedReturn,
    Refund,
    ReturnAuthorisation,
    Units,
)
from ..order import Order, Request, Return, Search, Step, Wanted, amount, encoded
from ..steps.shipping import TELL_OMS, all_captured
from .cancel import FETCH

# Facts


def requested(order: Order, channel: str, document: ChannelReturn) -> None:
    """``return.requested``; the order may be one from before our time."""
    order.channel = order.channel or channel
    known = order.returns.setdefault(document.return_id, Return())
    if known.channel is None:
        known.channel, known.currency, known.lines = channel, document.currency, document.lines


def received(order: Order, return_id: str, lines: list[ReceivedLine]) -> None:
    """``return.received``: what really came, maybe nothing."""
    known = order.returns.setdefault(return_id, Return())
    if known.received is None:
        known.received = lines


def arrived(order: Order, document: ReceivedReturn) -> None:
    """The same, from the event."""
    received(order, document.return_id, document.lines)


def credited(order: Order, document: CreditMemo) -> None:
    """``credit_memo.posted``."""
    known = order.returns.setdefault(document.return_id, Return())
    known.credited = known.credited or document.total


# Conclusions


def decide(order: Order, under_way: Collection[str]) -> None:
    """Nothing beyond what the facts say."""


def plan(order: Order, under_way: Collection[str]) -> Wanted:
    """The steps of every return of the order."""
    for return_id, back in order.returns.items():
        if back.channel is None:
            continue  # what was paid for it is not known yet; its announcement will be found by polling
        if _told_of_shipments(order):
            yield AUTHORISE, return_id
        if AUTHORISE.key(return_id) in order.done:
            yield EXPECT, return_id
        if back.received is None:
            continue
        if not back.received:
            yield CONFIRM, return_id
            continue
        yield CREDIT, return_id
        if back.credited is None:
            continue
        if not Decimal(back.credited):
            yield CONFIRM, return_id  # it was free: there is nothing to pay back
        elif order.content is None:
            yield FETCH, ""
        elif all_captured(order):
            yield REFUND, return_id
        if REFUND.key(return_id) in order.done:
            yield CONFIRM, return_id


def _told_of_shipments(order: Order) -> bool:
    """Whether the OMS knows of everything that left: it authorises no return of anything else."""
    return all(TELL_OMS.key(shipment_id) in order.done for shipment_id in order.shipments)


# Requests and answers


def _authorise(order: Order, return_id: str) -> Request:
    body = {"return_id": return_id, "order_ref": order.ref, "lines": _units(order, return_id)}
    return Request("POST", "/v1/return-authorisations", encoded(body))


def _expect(order: Order, return_id: str) -> Request:
    body = {"return_id": return_id, "order_ref": order.ref, "lines": _units(order, return_id)}
    return Request("POST", "/v1/expected-returns", encoded(body))


def _credit(order: Order, return_id: str) -> Request:
    back = order.returns[return_id]
    prices = {line.line_id: Decimal(line.unit_price) for line in back.lines}
    came = back.received or []
    body = {
        "order_ref": order.ref,
        "return_id": return_id,
        "currency": back.currency,
        "lines": [
            {
                "line_id": line.line_id,
                "sku": line.sku,
                "quantity": line.quantity,
                "restock": line.sellable,
            }
            for line in came
        ],
        "total": amount(sum((line.quantity * prices[line.line_id] for line in came), Decimal(0))),
    }
    return Request("POST", "/v1/credit-memos", encoded(body))


def _refund(order: Order, return_id: str) -> Request:
    if order.content is None:
        raise ValueError(f"the payment of order {order.ref} is not known")
    back = order.returns[return_id]
    body = {"amount": back.credited, "currency": back.currency, "return_id": return_id}
    return Request("POST", f"/v1/payments/{order.content.payment_id}/refunds", encoded(body))


def _confirm(order: Order, return_id: str) -> Request:
    back = order.returns[return_id]
    body = {
        "refund_id": order.done.get(REFUND.key(return_id)) or None,
        "amount": back.credited if back.received else "0",
        "currency": back.currency,
    }
    return Request("POST", f"{_return_at_channel(order, return_id)}/refund-confirmation", encoded(body))


def _return_at_channel(order: Order, return_id: str) -> str:
    return f"/v1/returns/{return_id}"


def _units(order: Order, return_id: str) -> list[Units]:
    return [Units(line.line_id, line.sku, line.quantity) for line in order.returns[return_id].lines]


def _of_return(path: str) -> Search:
    """Look for the document that names the return, among those of the order."""
    types = {
        "/v1/return-authorisations": ReturnAuthorisation,
        "/v1/expected-returns": ExpectedReturn,
        "/v1/credit-memos": CreditMemo,
        "/v1/refunds": Refund,
    }
    return Search(
        lambda order, return_id: f"{path}?order_ref={order.ref}&limit=500",
        types[path],
        lambda order, return_id, document: document.return_id == return_id,
    )


# The steps

AUTHORISE = Step(
    "authorise_return",
    "oms",
    _authorise,
    reads=ReturnAuthorisation,
    done=lambda order, return_id, document: document.authorisation_id,
    search=_of_return("/v1/return-authorisations"),
)
EXPECT = Step(
    "expect_return",
    "wms",
    _expect,
    reads=ExpectedReturn,
    done=lambda order, return_id, document: document.expected_return_id,
    search=_of_return("/v1/expected-returns"),
)
CREDIT = Step(
    "credit",
    "erp",
    _credit,
    reads=CreditMemo,
    done=lambda order, return_id, document: document.credit_memo_id,
    search=_of_return("/v1/credit-memos"),
)
REFUND = Step(
    "refund",
    "payments",
    _refund,
    reads=Refund,
    done=lambda order, return_id, document: document.refund_id,
    search=_of_return("/v1/refunds"),
)
CONFIRM = Step(
    "confirm_refund",
    "channel",
    _confirm,
    search=Search(
        _return_at_channel, ChannelReturn, lambda o, r, document: document.status == "refunded", listed=False
    ),
    means_done=frozenset({"already_closed"}),
)

STEPS = (AUTHORISE, EXPECT, CREDIT, REFUND, CONFIRM)
