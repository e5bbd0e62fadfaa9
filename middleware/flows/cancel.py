"""cancel: a customer's wish is decided by the warehouse; the order ends everywhere, or goes its way."""

from collections.abc import Collection

from ..documents import CancellationRequest, ChannelOrder, Fulfilment
from ..order import Order, Request, Search, Step, Wanted, encoded
from ..steps.paths import by_reference
from ..steps.shipping import REQUEST
from . import order_to_ship

BEGUN = ("picking", "partially_shipped", "shipped")
"""What the warehouse no longer stops."""

# Facts


def wished(order: Order, channel: str, document: CancellationRequest) -> None:
    """``cancellation.requested``; the order itself may not be known yet."""
    order.channel = order.channel or channel
    if document.status == "requested":
        order.wishes.setdefault(document.request_id, "open")


# Conclusions


def decide(order: Order, under_way: Collection[str]) -> None:
    """An order of which nothing was ever requested from the warehouse is stopped by never requesting it."""
    if _open_wish(order) is None or order.content is None or order.ended is not None:
        return
    if not order.placed:
        order.too_late = True
    elif not _requests(order, under_way) and not order.shipments:
        order.ended = "customer"


def plan(order: Order, under_way: Collection[str]) -> Wanted:
    """The next step towards an answer to every open wish."""
    request_id = _open_wish(order)
    if request_id is None:
        return
    if order.content is None:
        yield FETCH, ""
    elif order.ended == "customer":
        yield ACCEPT, request_id
    elif order.ended is None:
        if order.too_late or order.shipments:
            for each, answer in order.wishes.items():
                if answer == "open":
                    yield DECLINE, each
        elif not any(request in under_way for request in _requests(order, under_way)):
            yield STOP, ""


def _open_wish(order: Order) -> str | None:
    """The oldest; when it is accepted, the channel closes the others, and all when it cancels the order."""
    return next((request_id for request_id, answer in order.wishes.items() if answer == "open"), None)


def _requests(order: Order, under_way: Collection[str]) -> list[str]:
    """The steps by which the warehouse has, or may have, got the order."""
    keys = (REQUEST.key(part.part_id) for part in order.parts)
    return [key for key in keys if key in order.done or key in under_way]


# Requests and answers


def _fetch(order: Order, ref: str) -> Request:
    return Request("GET", f"/v1/orders/{order.ref}", b"")


def _stop(order: Order, ref: str) -> Request:
    body = {"order_ref": order.ref, "reason": "customer"}
    return Request("POST", "/v1/fulfilments/cancel", encoded(body))


def _accept(order: Order, request_id: str) -> Request:
    return Request("POST", f"{_wish_at_channel(order, request_id)}/accept")


def _decline(order: Order, request_id: str) -> Request:
    body = encoded({"reason": "too_late"})
    return Request("POST", f"{_wish_at_channel(order, request_id)}/decline", body)


def _wish_at_channel(order: Order, request_id: str) -> str:
    return f"/v1/cancellation-requests/{request_id}"


def _fetched(order: Order, ref: str, document: ChannelOrder) -> None:
    order_to_ship.placed(order, order.channel or document.channel, document)
    if document.status == "cancelled":
        _close(order, "closed")


def _stopped(order: Order, ref: str, begun: Fulfilment | None) -> None:
    """Stopped, or found to have begun when the warehouse's answer was lost."""
    if begun is None:
        order.ended = order.ended or "customer"
    else:
        order.too_late = True


def _not_stopped(order: Order, ref: str, code: str) -> bool:
    if code == "too_late":
        order.too_late = True
    elif code == "not_found":
        order.ended = order.ended or "customer"
    return code in ("too_late", "not_found")


def _accepted(order: Order, request_id: str, document: object) -> None:
    _close(order, "closed")
    order.wishes[request_id] = "accepted"


def _declined(order: Order, request_id: str, document: object) -> None:
    order.wishes[request_id] = "declined"


def _closed_already(order: Order, request_id: str, code: str) -> bool:
    if code == "already_closed":
        order.wishes[request_id] = "closed"
    return code == "already_closed"


def _close(order: Order, how: str) -> None:
    for request_id, answer in order.wishes.items():
        if answer == "open":
            order.wishes[request_id] = how


_ANSWERED = Search(
    _wish_at_channel, CancellationRequest, lambda o, r, document: document.status != "requested", listed=False
)

# The steps

FETCH = Step("fetch", "channel", _fetch, reads=ChannelOrder, done=_fetched)
STOP = Step(
    "stop",
    "wms",
    _stop,
    done=_stopped,
    search=Search(
        by_reference("/v1/fulfilments"), Fulfilment, lambda o, r, document: document.status in BEGUN
    ),
    refused=_not_stopped,
)
ACCEPT = Step(
    "accept",
    "channel",
    _accept,
    done=_accepted,
    search=_ANSWERED,
    refused=_closed_already,
)
DECLINE = Step(
    "decline",
    "channel",
    _decline,
    done=_declined,
    search=_ANSWERED,
    refused=_closed_already,
)

STEPS = (FETCH, STOP, ACCEPT, DECLINE)
