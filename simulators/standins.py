"""Stand-ins: the estate itself performs the flows that a scenario needs and the SUT does not claim.

A stand-in acts on the ledgers directly, at once, and never errs; its effects carry the actor ``stand-in``. It is no
reference for a middleware: it needs no network, so it needs no retries.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from ..history.clock import from_rfc3339
from .erp.documents import CreditLine
from .erp.ledger import ADJUSTING_CAUSES
from .estate import Estate
from .kit.ledger import Event
from .kit.money import ZERO
from .kit.orders import LineQuantity, OrderContent, PartLine
from .kit.refusal import Refused

Step = Callable[[Event], None]

AFTER_S = 5.0
"""Nominal seconds between an event and what a stand-in does about it."""


class StandIns:
    """Listens to every event of an estate and performs the steps of its flows.

    ``flows`` are those to perform; with ``books`` false the sales order itself is the SUT's (``order-to-erp``).
    """

    def __init__(self, estate: Estate, flows: frozenset[str], *, books: bool = True) -> None:
        self.estate = estate
        self._books = books
        self._parts: dict[str, Any] = {}
        self._posted: set[str] = set()
        self._captured_shipping: set[str] = set()
        self._published: dict[tuple[str, str], int] = {}
        """The newest price version on the channels, by SKU and currency."""
        self._ended: dict[str, str] = {}
        """Orders that are cancelled, with the reason: what the SUT books of them afterwards is cancelled as well."""
        steps: dict[str, Mapping[str, Step]] = {
            "order-to-ship": {
                "order.placed": self._take_in,
                "order.allocated": self._allocated,
                "sales_order.posted": self._was_posted,
                "sales_order.rejected": self._rejected,
                "order.unfillable": self._unfillable,
                "shipment.confirmed": self._shipped,
            },
            "stock-sync": {
                "stock.changed": self._stock_changed,
                "availability.changed": self._availability_changed,
            },
            "cancel": {"cancellation.requested": self._cancellation_requested},
            "return-to-refund": {
                "return.requested": self._return_requested,
                "return.received": self._return_received,
                "credit_memo.posted": self._credited,
            },
            "price-publish": {"price.changed": self._price_changed},
        }
        self._steps: dict[str, Step] = {}
        for flow in flows & steps.keys():
            self._steps.update(steps[flow])
        self._returns: dict[str, tuple[str, str]] = {}
        """Channel and order reference of each return."""
        if self._steps:
            estate.listeners.append(self.hear)

    def hear(self, event: Event) -> None:
        """Something happened: do this flow's next step a little later."""
        step = self._steps.get(event.topic)
        if step is not None:
            self.estate.later(AFTER_S, lambda: self._act(step, event))

    def _act(self, step: Step, event: Event) -> None:
        for system in self.estate.systems.values():
            system.ledger.world.cause.actor = "stand-in"
        try:
            step(event)
        except Refused:
            pass  # a system said no for good: the order stays as it is, as it would with a person at the desk
        finally:
            for system in self.estate.systems.values():
                system.ledger.world.cause.actor = None

    def _one(self, kind: str) -> Any:
        return next(self.estate.of_kind(kind)).ledger

    def _channel_of(self, order_ref: str) -> Any:
        for system in self.estate.of_kind("marketplace"):
            if order_ref in system.ledger.orders:
                return system.ledger
        raise LookupError(f"no channel has order {order_ref}")

    # order-to-ship

    def _take_in(self, event: Event) -> None:
        channel = self.estate.ledger(event.system)
        order = channel.order(event.subject)
        content = OrderContent(**{name: getattr(order, name) for name in OrderContent.__dataclass_fields__})
        channel.acknowledge(event.subject)
        self._one("oms").create(content)
        if self._books:
            self._one("erp").receive(content)

    def _allocated(self, event: Event) -> None:
        self._parts[event.subject] = event.data["parts"]
        self._request_when_ready(event.subject)

    def _was_posted(self, event: Event) -> None:
        if event.subject in self._ended:
            self._cancel_booking(event.subject, self._ended[event.subject])
            return
        self._posted.add(event.subject)
        self._request_when_ready(event.subject)

    def _request_when_ready(self, order_ref: str) -> None:
        if order_ref not in self._posted or order_ref not in self._parts:
            return
        order = self._channel_of(order_ref).order(order_ref)
        for part in self._one("oms").orders.of_order(order_ref)[0].parts:
            self._one("wms").request(
                order_ref=order_ref,
                part_id=part.part_id,
                location=part.location,
                lines=part.lines,
                priority=order.priority,
                ship_by=order.ship_by,
                service_level=order.service_level,
                ship_to=order.ship_to,
            )
        del self._parts[order_ref]

    def _rejected(self, event: Event) -> None:
        if event.data["permanent"]:
            self._give_up(event.subject, "rejected")
        else:
            erp = self._one("erp")
            erp.resubmit(erp.order(event.data["sales_order_id"]))

    def _unfillable(self, event: Event) -> None:
        self._give_up(event.subject, "out_of_stock")

    def _give_up(self, order_ref: str, reason: str) -> None:
        channel = self._channel_of(order_ref)
        self._cancel_inside(order_ref, reason)
        self._one("payments").void(channel.order(order_ref).payment_id)
        channel.cancel(order_ref, reason)

    def _cancel_inside(self, order_ref: str, reason: str) -> None:
        """In the OMS and the ERP, wherever the order stands open there."""
        self._ended[order_ref] = reason
        self._parts.pop(order_ref, None)
        for order in self._one("oms").orders.of_order(order_ref):
            if order.status not in ("cancelled", "unfillable"):
                self._one("oms").cancel(order, reason=reason)
        self._cancel_booking(order_ref, reason)

    def _cancel_booking(self, order_ref: str, reason: str) -> None:
        for order in self._one("erp").orders.of_order(order_ref):
            if order.status not in ("cancelled", "rejected"):
                self._one("erp").cancel(order, reason, None)

    def _shipped(self, event: Event) -> None:
        order_ref = event.subject
        channel, oms, erp = self._channel_of(order_ref), self._one("oms"), self._one("erp")
        order = channel.order(order_ref)
        house = oms.orders.of_order(order_ref)[0]
        booked = erp.orders.of_order(order_ref)[0]
        lines = _quantities(event.data["lines"])
        if lines:
            shipment_id = event.data["shipment_id"]
            shipping = ZERO if order_ref in self._captured_shipping else order.shipping
            self._captured_shipping.add(order_ref)
            prices = {line.line_id: line.unit_price for line in order.lines}
            total: Decimal = sum((line.quantity * prices[line.line_id] for line in lines), shipping)
            if total:
                self._one("payments").capture(order.payment_id, total, order.currency, shipment_id)
            erp.invoice(
                booked,
                shipment_id=shipment_id,
                currency=order.currency,
                lines=lines,
                shipping=shipping,
                total=total,
            )
            oms.ship(house, shipment_id=shipment_id, lines=lines)
            channel.ship(
                order_ref,
                shipment_id=shipment_id,
                lines=lines,
                carrier=event.data["carrier"],
                tracking_number=event.data["tracking_number"],
            )
        short = _quantities(event.data["short"])
        if short:
            oms.cancel(house, reason="short", lines=short)
            erp.cancel(booked, "short", short)
            channel.cancel(order_ref, "short", short)
        if any(line.cancelled for line in house.lines) and not any(line.open for line in house.lines):
            self._one("payments").void(order.payment_id)

    # cancel

    def _cancellation_requested(self, event: Event) -> None:
        order_ref, request_id = event.subject, event.data["request_id"]
        channel, wms = self._channel_of(order_ref), self._one("wms")
        try:
            if wms.fulfilments.of_order(order_ref):
                wms.cancel_order(order_ref, reason="customer")
        except Refused:
            channel.decline_cancellation(request_id, "too_late")
            return
        self._cancel_inside(order_ref, "customer")
        self._one("payments").void(channel.order(order_ref).payment_id)
        channel.accept_cancellation(request_id)

    # return-to-refund

    def _return_requested(self, event: Event) -> None:
        return_id, order_ref = event.data["return_id"], event.subject
        self._returns[return_id] = (event.system, order_ref)
        lines = tuple(PartLine(line.line_id, line.sku, line.quantity) for line in event.data["lines"])
        self._one("oms").authorise_return(return_id=return_id, order_ref=order_ref, lines=lines)
        self._one("wms").expect_return(return_id=return_id, order_ref=order_ref, lines=lines)

    def _return_received(self, event: Event) -> None:
        order_ref = event.subject
        order = self._channel_of(order_ref).order(order_ref)
        prices = {line.line_id: line.unit_price for line in order.lines}
        lines = tuple(
            CreditLine(line.line_id, line.sku, line.quantity, line.sellable) for line in event.data["lines"]
        )
        if lines:
            self._one("erp").credit(
                order_ref=order_ref,
                return_id=event.data["return_id"],
                currency=order.currency,
                lines=lines,
                total=sum((line.quantity * prices[line.line_id] for line in lines), ZERO),
            )

    def _credited(self, event: Event) -> None:
        order_ref, return_id = event.subject, event.data["return_id"]
        order = self._channel_of(order_ref).order(order_ref)
        amount, currency = Decimal(event.data["total"]), event.data["currency"]
        refund = self._one("payments").refund(order.payment_id, amount, currency, return_id)
        channel, _ = self._returns[return_id]
        self.estate.ledger(channel).confirm_refund(
            return_id, refund_id=refund.refund_id, amount=amount, currency=currency
        )

    # stock-sync and price-publish

    def _stock_changed(self, event: Event) -> None:
        change = event.data
        self._one("oms").set_stock(
            sku=change["sku"],
            location=change["location"],
            on_hand=change["on_hand"],
            version=change["version"],
        )
        if change["cause"] in ADJUSTING_CAUSES:
            self._one("erp").adjust(
                change_id=change["change_id"],
                sku=change["sku"],
                quantity=change["delta"],
                cause=change["cause"],
            )

    def _availability_changed(self, event: Event) -> None:
        for channel in self.estate.of_kind("marketplace"):
            channel.ledger.publish_availability(
                event.data["sku"], event.data["available"], event.data["version"]
            )

    def _price_changed(self, event: Event) -> None:
        """Not before it holds; a newer price that has been published meanwhile stays."""
        wait_ns = from_rfc3339(event.data["valid_from"]) - self.estate.clock()
        if wait_ns > 0:
            self.estate.later(
                wait_ns / 1e9 / self.estate.settings.time_scale, lambda: self._act(self._price_changed, event)
            )
            return
        price = event.data
        about = (price["sku"], price["currency"])
        if self._published.get(about, -1) >= price["version"]:
            return
        self._published[about] = price["version"]
        for channel in self.estate.of_kind("marketplace"):
            channel.ledger.publish_price(
                price["sku"],
                amount=Decimal(price["amount"]),
                currency=price["currency"],
                valid_from=price["valid_from"],
                version=price["version"],
            )


def _quantities(lines: Any) -> tuple[LineQuantity, ...]:
    """Lines of an event's data, whether documents or plain dictionaries."""
    return tuple(
        LineQuantity(line["line_id"], line["quantity"])
        if isinstance(line, dict)
        else LineQuantity(line.line_id, line.quantity)
        for line in lines
    )
