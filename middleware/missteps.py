"""Steps and requests gone wrong, one class a mistake; ``defects.py`` says which defect swaps in which."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from .flows.cancel import ACCEPT, DECLINE
from .flows.return_to_refund import CREDIT
from .order import Order, Request, Search, Step, Wanted, amount, encoded
from .steps.giving_up import VOID
from .steps.paths import content_of, payment
from .steps.shipping import CAPTURE, INVOICE, REQUEST, charged
from .steps.taking_in import BOOK


@dataclass(frozen=True, slots=True)
class BookedIsPosted:
    """Goods are requested as soon as the ERP has accepted the order with a 202."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        yield from planned
        if order.over(BOOK.key()) and order.ended is None and not order.wishes:
            for part in order.parts:
                yield REQUEST, part.part_id


@dataclass(frozen=True, slots=True)
class Floats:
    """What left is reckoned in floats, and its cents are cut off: 19.99 becomes 19.98."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return instead(planned, {CAPTURE: FLOAT_CAPTURE})


def _capture_in_floats(order: Order, shipment_id: str) -> Request:
    content = content_of(order)
    total = float(content.shipping) if order.shipping_with == shipment_id else 0.0
    for line in order.shipments[shipment_id].lines:
        total += line.quantity * float(order.price(line.line_id))
    digits = _digits(order)
    return _capture_of(order, shipment_id, f"{int(total * 10**digits) / 10**digits:.{digits}f}")


FLOAT_CAPTURE = replace(CAPTURE, request=_capture_in_floats)


@dataclass(frozen=True, slots=True)
class VoidsEarly:
    """What the first parcel leaves of a payment is given back, whatever is still to come."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        yield from planned
        if order.ended is None and any(order.over(CAPTURE.key(shipment)) for shipment in order.shipments):
            yield VOID, ""


@dataclass(frozen=True, slots=True)
class PerLine:
    """What left is reckoned net of 20 % tax, line by line and rounded, and the tax put on top again."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return instead(planned, {CAPTURE: ROUNDED_CAPTURE})


def _capture_per_line(order: Order, shipment_id: str) -> Request:
    _, shipping = charged(order, shipment_id)
    cent = Decimal(1).scaleb(-_digits(order))
    net = Decimal(0)
    for line in order.shipments[shipment_id].lines:
        net += (line.quantity * order.price(line.line_id) / TAXED).quantize(cent, ROUND_HALF_UP)
    return _capture_of(order, shipment_id, amount((net * TAXED).quantize(cent, ROUND_HALF_UP) + shipping))


TAXED = Decimal("1.2")
ROUNDED_CAPTURE = replace(CAPTURE, request=_capture_per_line)


@dataclass(frozen=True, slots=True)
class ByOrderAlone:
    """Parcels, bills and captures are looked up by the order's reference, and any that is found will do."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return instead(planned, FOUND_BY_ORDER)


def _any_of_the_order(step: Step) -> Step:
    search = step.search
    assert isinstance(search, Search), f"{step.name} can be looked up"
    return replace(step, search=replace(search, matches=lambda order, ref, document: True))


FOUND_BY_ORDER = {step: _any_of_the_order(step) for step in (REQUEST, CAPTURE, INVOICE)}


@dataclass(frozen=True, slots=True)
class CapturesAtPosting:
    """The whole order is charged as soon as it is posted; when parcels leave it has been done."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        yield from instead(planned, {CAPTURE: CAPTURED_BEFORE})
        if order.posted and order.ended is None:
            yield CAPTURE_WHOLE, order.ref


def _capture_whole(order: Order, ref: str) -> Request:
    return _capture_of(order, ref, content_of(order).total)


CAPTURE_WHOLE = replace(CAPTURE, name="capture_whole", request=_capture_whole)
CAPTURED_BEFORE = replace(_any_of_the_order(CAPTURE), looks_first=True)


@dataclass(frozen=True, slots=True)
class DecidesByOrder:
    """A customer's wish is answered under the order's number, which is not the wish's."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return instead(planned, DECIDED_BY_ORDER)


def _of_the_order(step: Step, answer: str) -> Step:
    def request(order: Order, request_id: str) -> Request:
        return replace(
            step.request(order, request_id), path=f"/v1/cancellation-requests/{order.ref}/{answer}"
        )

    return replace(step, request=request)


DECIDED_BY_ORDER = {ACCEPT: _of_the_order(ACCEPT, "accept"), DECLINE: _of_the_order(DECLINE, "decline")}


@dataclass(frozen=True, slots=True)
class RestocksTwice:
    """What came back is booked as a receipt beside the credit memo, which takes it back by itself."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        yield from planned
        for return_id, back in order.returns.items():
            if back.received and order.over(CREDIT.key(return_id)):
                yield RESTOCK, return_id


def _restock(order: Order, return_id: str) -> Request:
    came = (order.returns[return_id].received or [])[0]
    body = {"change_id": return_id, "sku": came.sku, "quantity": came.quantity, "cause": "receipt"}
    return Request("POST", "/v1/stock-adjustments", encoded(body))


RESTOCK = Step("restock", "erp", _restock)


@dataclass(frozen=True, slots=True)
class OneCurrency:
    """A price is an amount, and the currency goes without saying."""

    def body(self, step: str, body: bytes) -> bytes:
        return changed(body, lambda price: {"currency": "GBP"}) if step.startswith("price@") else body


@dataclass(frozen=True, slots=True)
class ShortColumns:
    """Names and streets are cut to the eight characters that their column has."""

    def body(self, step: str, body: bytes) -> bytes:
        return changed(body, _cut) if step == "create_in_oms" else body


def _cut(document: dict[str, Any]) -> dict[str, Any]:
    customer, ship_to = document["customer"], document["ship_to"]
    return {
        "customer": {**customer, "name": customer["name"][:8]},
        "ship_to": {**ship_to, "name": ship_to["name"][:8], "line1": ship_to["line1"][:8]},
    }


@dataclass(slots=True)
class ReadsThenWrites:
    """A change of availability is added to what was listed when that was last read, a second ago or less."""

    _read: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    _listed: dict[tuple[str, str], int] = field(default_factory=dict)
    _told: dict[tuple[str, str], int] = field(default_factory=dict)

    def body(self, step: str, body: bytes) -> bytes:
        return (
            changed(body, lambda item: self._added(step, item)) if step.startswith("availability@") else body
        )

    def _added(self, topic: str, item: dict[str, Any]) -> dict[str, Any]:
        about, now = (topic, item["sku"]), time.monotonic()
        read_at, base = self._read.get(about, (0.0, 0))
        if now - read_at > 1.0:
            base = self._listed.get(about, item["quantity"])
            self._read[about] = now, base
        change = item["quantity"] - self._told.get(about, item["quantity"])
        self._told[about], self._listed[about] = item["quantity"], max(0, base + change)
        return {"quantity": self._listed[about]}


def instead(planned: Wanted, others: dict[Step, Step]) -> Wanted:
    """What is planned, with other steps in the place of some."""
    return ((others.get(step, step), ref) for step, ref in planned)


def changed(body: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    """A request's document with some fields as ``change`` has them."""
    document: dict[str, Any] = msgspec.json.decode(body)
    return encoded({**document, **change(document)})


def _digits(order: Order) -> int:
    """Decimals of the order's currency."""
    return len(content_of(order).total.partition(".")[2])


def _capture_of(order: Order, ref: str, value: str) -> Request:
    body = {"amount": value, "currency": content_of(order).currency, "shipment_id": ref}
    return Request("POST", f"{payment(order, ref)}/captures", encoded(body))
