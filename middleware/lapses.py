"""More policies gone wrong, one class a lapse that was met in real middleware; ``defects.py`` says which defect swaps in which."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from .documents import BatchResult, ItemResult
from .flows.cancel import ACCEPT, DECLINE
from .flows.return_to_refund import CREDIT, REFUND
from .missteps import changed, instead
from .mistakes import after
from .order import Order, Request, Wanted, amount, encoded
from .policies import Backoff, InSeconds, Reply, StableKeys, ToTheEnd, Verdict
from .steps.giving_up import VOID
from .steps.paths import content_of, payment
from .steps.shipping import CAPTURE, REQUEST
from .tokens import Grant, TokenSource


@dataclass(frozen=True, slots=True)
class Uncapped(Backoff):
    """Waits are four times longer after each failure, from four seconds on, without an end."""

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return max(4.0 ** min(attempts, 6), reply.retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class SecondsOnly(InSeconds):
    """Retry-After is a number; anything else counts as none."""

    def seconds(self, retry_after: str | None) -> float | None:
        try:
            return None if retry_after is None else max(0.0, float(retry_after))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class InFlightIsDone(Backoff):
    """A key that is in use was surely used well: its request is under way, and that will do."""

    def verdict(self, reply: Reply) -> Verdict:
        if reply.code == "idempotency_key_in_use":
            return Verdict.FORGET
        return Backoff.verdict(self, reply)


@dataclass(frozen=True, slots=True)
class ThrottledIsRefused(Backoff):
    """A 429 is a 4xx, and a 4xx is for good."""

    def verdict(self, reply: Reply) -> Verdict:
        return Verdict.REFUSED if reply.status == 429 else Backoff.verdict(self, reply)


@dataclass(frozen=True, slots=True)
class TimeoutIsFailure(Backoff):
    """A reply that never came means that nothing was done; the step is given up, and nothing is looked up."""

    def verdict(self, reply: Reply) -> Verdict:
        return Verdict.FORGET if reply.status is None and reply.sent else Backoff.verdict(self, reply)


@dataclass(frozen=True, slots=True)
class FirstFailureOnly:
    """Of a bulk call's items the first that failed is sent again; the others are taken for done."""

    def results(self, body: bytes, items: int) -> list[ItemResult] | None:
        try:
            results = msgspec.json.decode(body, type=BatchResult).results
        except msgspec.DecodeError:
            return None
        failed = [result for result in results if result.status >= 400][:1]
        return [
            next((one for one in failed if one.index == index), ItemResult(index, 200))
            for index in range(items)
        ]


@dataclass(frozen=True, slots=True)
class GuessesTheVersion:
    """The OMS is told of a parcel if its order is as it was made; where it is not, it is told without a condition."""

    def if_match(self, step: str, attempts: int) -> str | None:
        return '"v0"' if step == "tell_oms" and attempts == 0 else None


@dataclass(frozen=True, slots=True)
class FirstPageForEver(ToTheEnd):
    """Each look begins where the first one did and ends with its first page."""

    def next_page(self, cursor: str | None) -> str | None:
        return None

    def since(self, latest: datetime, asked_at: datetime) -> datetime:
        return datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OneKeyForParcels(StableKeys):
    """The key of a capture is made of its order: the second parcel's is the first one's."""

    def key(self, intent: str, generation: int) -> str | None:
        order, step, *_ = (*intent.split(":"), "")
        made = f"{order}:{step}" if step == "capture" else intent
        return f"{made}~{generation}" if generation else made


@dataclass(frozen=True, slots=True)
class NorthOnly:
    """Every part is requested from the warehouse in the north, where most of them are."""

    def body(self, step: str, body: bytes) -> bytes:
        return changed(body, lambda part: {"location": "north"}) if step == "request" else body


@dataclass(frozen=True, slots=True)
class OneUnitLess:
    """What is told of a parcel counts a line of several units one unit short, where ``step`` tells it."""

    step: str

    def body(self, step: str, body: bytes) -> bytes:
        return changed(body, _one_less) if step == self.step else body


def _one_less(document: dict[str, Any]) -> dict[str, Any]:
    lines = [{**line, "quantity": max(1, line["quantity"] - 1)} for line in document["lines"]]
    return {"lines": lines}


@dataclass(frozen=True, slots=True)
class CapturesAhead:
    """The first parcel is charged with the whole order, and the others with nothing."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        for step, ref in instead(planned, {CAPTURE: WHOLE_WITH_FIRST}):
            if step is not WHOLE_WITH_FIRST or ref == next(iter(order.shipments)):
                yield step, ref


def _whole_order(order: Order, shipment_id: str) -> Request:
    content = content_of(order)
    body = {"amount": content.total, "currency": content.currency, "shipment_id": shipment_id}
    return Request("POST", f"{payment(order, shipment_id)}/captures", encoded(body))


WHOLE_WITH_FIRST = replace(CAPTURE, request=_whole_order)


@dataclass(frozen=True, slots=True)
class FirstPartOnly:
    """An order has one part; what else was allocated is never requested."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        first = order.parts[0].part_id if order.parts else None
        return ((step, ref) for step, ref in planned if step is not REQUEST or ref == first)


@dataclass(frozen=True, slots=True)
class CreditsWhatWasAnnounced:
    """A return is credited as it was announced, whatever came back."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return instead(planned, {CREDIT: ANNOUNCED})


def _credit_announced(order: Order, return_id: str) -> Request:
    request = CREDIT.request(order, return_id)
    announced = order.returns[return_id].lines
    lines = [
        {"line_id": line.line_id, "sku": line.sku, "quantity": line.quantity, "restock": True}
        for line in announced
    ]
    total = sum((line.quantity * Decimal(line.unit_price) for line in announced), Decimal(0))
    document = {**msgspec.json.decode(request.body), "lines": lines, "total": amount(total)}
    return replace(request, body=encoded(document))


ANNOUNCED = replace(CREDIT, request=_credit_announced)


@dataclass(frozen=True, slots=True)
class RefundsAtReceipt:
    """The money goes back when the goods have come, before their credit memo is posted."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        yield from planned
        for return_id, back in order.returns.items():
            if back.received and back.channel is not None:
                yield REFUND_AT_RECEIPT, return_id


def _refund_at_receipt(order: Order, return_id: str) -> Request:
    back = order.returns[return_id]
    prices = {line.line_id: Decimal(line.unit_price) for line in back.lines}
    total = sum((line.quantity * prices[line.line_id] for line in back.received or ()), Decimal(0))
    body = {"amount": amount(total), "currency": back.currency, "return_id": return_id}
    return Request("POST", f"{payment(order, return_id)}/refunds", encoded(body))


REFUND_AT_RECEIPT = replace(REFUND, request=_refund_at_receipt)


@dataclass(frozen=True, slots=True)
class NeverVoids:
    """What is held of a payment and not charged stays held until it expires."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return ((step, ref) for step, ref in planned if step is not VOID)


@dataclass(frozen=True, slots=True)
class AcceptsAtOnce:
    """A wish to cancel is granted at once, and the warehouse is not asked."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        yield from ((step, ref) for step, ref in planned if step is not DECLINE)
        for request_id, answer in order.wishes.items():
            if answer == "open" and order.placed:
                yield ACCEPT, request_id


class KeepsTheError(TokenSource):
    """Whatever the token endpoint answers is kept as the token, and a 401 changes nothing about it."""

    async def token(self) -> str:
        try:
            return await super().token()
        except Exception:  # noqa: BLE001 - that any failure is kept as if it were a token is the lapse
            self._token, self._good_until = "error", float("inf")
            return "error"

    def refused(self, token: str) -> None:
        """It is the token."""


class FetchesEarly(TokenSource):
    """The next token is fetched a minute before the present one expires, as many client libraries do."""

    async def _refresh(self) -> str:
        try:
            asked_at = self._now()
            grant: Grant = await self._fetch()
            self._token, self._good_until = grant.access_token, asked_at + grant.expires_in - 60.0
            return grant.access_token
        finally:
            self._fetching = None


@dataclass(slots=True)
class Synchronous:
    """A webhook is answered when its work is done, or after four seconds."""

    most_s: float = 4.0

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        before = backlog()
        await apply()
        left_s = self.most_s
        while backlog() > before and left_s > 0:
            await asyncio.sleep(0.02)
            left_s -= 0.02


@dataclass(frozen=True, slots=True)
class InBatches:
    """Steps begin together, every second and a half."""

    every_s: float = 1.5

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]:
        return after(self.every_s - time.monotonic() % self.every_s)
