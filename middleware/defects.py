"""Bugs planted on purpose: each swaps policy objects of the honest service and must be found by the invariants."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from .flows.cancel import ACCEPT, STOP
from .flows.return_to_refund import REFUND
from .order import Order, Request, Wanted, amount, encoded
from .policies import Backoff, Policies, Reply, Verdict
from .steps.shipping import REQUEST

log = logging.getLogger(__package__)

TAKEN_UP = {
    "order.placed": ("create_in_oms", "book"),
    "shipment.confirmed": ("capture", "invoice", "tell_oms", "tell_channel"),
    "return.received": ("credit",),
    "credit_memo.posted": ("refund",),
}


@dataclass(frozen=True, slots=True)
class NoKeys:
    """A retry after an unknown outcome simply asks again."""

    def key(self, intent: str, generation: int) -> str | None:
        return None

    def looks_first(self, unclear: bool) -> bool:
        return False


@dataclass(slots=True)
class EveryDelivery:
    """An event that comes twice is worked off twice."""

    seen: set[str] = field(default_factory=set)

    def remember(self, event_ids: Iterable[str]) -> None:
        """What was is forgotten."""

    def take(self, event_id: str, topic: str) -> tuple[str, ...] | None:
        again = event_id in self.seen
        self.seen.add(event_id)
        return TAKEN_UP.get(topic, ()) if again else ()


class AcknowledgeFirst:
    """Answers at once and keeps the event in memory; when work piles up the queue is full, and events are forgotten."""

    def __init__(self, most_waiting: int = 16, most_open: int = 8) -> None:
        self._waiting: deque[Callable[[], Awaitable[None]]] = deque()
        self._most_waiting = most_waiting
        self._most_open = most_open
        self._job: asyncio.Task[None] | None = None

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        if len(self._waiting) < self._most_waiting:
            self._waiting.append(apply)
        if self._job is None or self._job.done():
            self._job = asyncio.get_running_loop().create_task(self._work(backlog))

    async def _work(self, backlog: Callable[[], int]) -> None:
        while self._waiting:
            while backlog() >= self._most_open:
                await asyncio.sleep(0.05)
            try:
                await self._waiting.popleft()()
            except Exception as error:  # noqa: BLE001 - that it goes on as if nothing were lost is the defect
                log.debug("forgotten: %s", error)


@dataclass(frozen=True, slots=True)
class Impatient(Backoff):
    """Tries again after a fixed 20 ms, whatever Retry-After says."""

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return 0.02


@dataclass(frozen=True, slots=True)
class NoPause:
    """A 429 holds nobody else up."""

    def pause_s(self, retry_after_s: float | None) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class GiveUpOn5xx(Backoff):
    """Takes a 5xx or a lost connection for final, and says nothing."""

    def verdict(self, reply: Reply) -> Verdict:
        verdict = Backoff.verdict(self, reply)
        if verdict is Verdict.AGAIN and (reply.status is None or reply.status >= 500):
            return Verdict.FORGET
        return verdict


@dataclass(frozen=True, slots=True)
class AskTwice(Backoff):
    """Takes a refusal for good for a hiccup, the first time."""

    told: set[tuple[str, str]] = field(default_factory=set)

    def verdict(self, reply: Reply) -> Verdict:
        verdict = Backoff.verdict(self, reply)
        about = (reply.code, reply.detail)
        if verdict is Verdict.REFUSED and about not in self.told:
            self.told.add(about)
            return Verdict.AGAIN
        return verdict


@dataclass(slots=True)
class NewKeys:
    """Every attempt has an Idempotency-Key of its own."""

    tries: Iterator[int] = field(default_factory=count)

    def key(self, intent: str, generation: int) -> str | None:
        return f"{intent}~{next(self.tries)}"

    def looks_first(self, unclear: bool) -> bool:
        return unclear


@dataclass(frozen=True, slots=True)
class AnyVersion:
    """What came last stands, however old it is."""

    def supersedes(self, version: int, known: int | None) -> bool:
        return version != known


@dataclass(frozen=True, slots=True)
class Forgetful:
    """Leaves out the steps that nobody notices at once."""

    left_out: tuple[str, ...] = (
        "void",
        "short_in_erp",
        "short_at_channel",
        "stop",
        "accept",
        "decline",
        "confirm_refund",
    )

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return ((step, ref) for step, ref in planned if step.name not in self.left_out)


@dataclass(frozen=True, slots=True)
class Hasty:
    """Does not wait for the word that allows a step: it will surely come."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        for step, ref in planned:
            if step is not STOP:
                yield step, ref
        if order.content is None or not order.placed or order.ended is not None:
            return
        for part in order.parts:
            yield REQUEST, part.part_id
        for request_id, answer in order.wishes.items():
            if answer == "open":
                yield ACCEPT, request_id
        for return_id, back in order.returns.items():
            if back.received and back.channel is not None:
                yield REFUND_UNSEEN, return_id


def _refund_unseen(order: Order, return_id: str) -> Request:
    """Pays back what was announced to come back, whatever the credit memo will say."""
    back = order.returns[return_id]
    prices = {line.line_id: Decimal(line.unit_price) for line in back.lines}
    total = sum((line.quantity * prices[line.line_id] for line in back.received or ()), Decimal(0))
    payment_id = order.content.payment_id if order.content else ""
    body = {"amount": amount(total), "currency": back.currency, "return_id": return_id}
    return Request("POST", f"/v1/payments/{payment_id}/refunds", encoded(body))


REFUND_UNSEEN = replace(REFUND, request=_refund_unseen)


@dataclass(frozen=True, slots=True)
class Cheapest:
    """Asks for every booking with a total that the ERP must refuse, so that there is nothing left to do but park."""

    def body(self, step: str, body: bytes) -> bytes:
        return encoded({**decoded(body), "total": "0.01"}) if step == "book" else body


@dataclass(frozen=True, slots=True)
class Mistranslated:
    """Field by field what every mapping gets wrong once."""

    def body(self, step: str, body: bytes) -> bytes:
        step = step.partition("@")[0]
        if step not in ("create_in_oms", "book", "capture", "adjustment", "price"):
            return body
        document = decoded(body)
        match step:
            case "create_in_oms":  # a name that is no ASCII
                customer = document["customer"]
                name = customer["name"].encode("ascii", "replace").decode()
                document["customer"] = {**customer, "name": name}
            case "book" if document["channel"] != "web":  # the number without its channel
                document["order_ref"] = document["order_ref"].rpartition("-")[2]
            case "capture":  # without the pence
                document["amount"] = whole(document["amount"])
            case "adjustment":  # a loss is booked as a gain
                document["quantity"] = abs(document["quantity"])
            case "price":
                document["amount"] = whole(document["amount"])
        return encoded(document)


def decoded(body: bytes) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(body)
    return document


def whole(decimal: str) -> str:
    """The amount without what stands behind its point, in as many digits."""
    units, point, minor = decimal.partition(".")
    return units + point + "0" * len(minor)


@dataclass(frozen=True, slots=True)
class Defect:
    """One bug: what it is in a sentence, the policies that it swaps, and the invariants that should find it."""

    sentence: str
    policies: Callable[[], Policies]
    found_by: tuple[str, ...]


DEFECTS: dict[str, Defect] = {
    "naive": Defect(
        "Sends no Idempotency-Key, never looks before it creates again, and works off every delivery of an event.",
        lambda: Policies(idempotency=NoKeys(), deduplicate=EveryDelivery()),
        (
            "orders_booked_exactly_once",
            "oms_orders_created_exactly_once",
            "fulfilled_once",
            "captured_once_in_the_right_amount",
            "shipments_told_everywhere_once",
            "statuses_agree_after_settling",
        ),
    ),
    "ack-before-durable": Defect(
        "Acknowledges events that it holds in memory only, and loses them when work piles up; nothing is polled.",
        lambda: Policies(acknowledge=AcknowledgeFirst(), reconciles=False),
        ("acknowledged_webhook_has_its_effect", "no_order_lost", "statuses_agree_after_settling"),
    ),
    "ignores-retry-after": Defect(
        "Tries again after 20 ms, whatever Retry-After says.",
        lambda: Policies(retry=Impatient(), pacing=NoPause()),
        ("retry_after_honoured",),
    ),
    "drops-on-5xx": Defect(
        "Takes a 5xx or a reset connection for final and forgets the step.",
        lambda: Policies(retry=GiveUpOn5xx()),
        ("no_order_lost", "acknowledged_webhook_has_its_effect", "statuses_agree_after_settling"),
    ),
    "parks-everything": Defect(
        "Asks for every booking with amounts that do not add up, and parks each order that is refused for it.",
        lambda: Policies(wording=Cheapest()),
        ("only_refused_orders_stay_parked",),
    ),
    "mistranslates": Defect(
        "Maps fields wrongly: names lose their accents, references their channel, amounts their pence, losses their sign.",
        lambda: Policies(wording=Mistranslated()),
        (
            "order_content_faithful",
            "no_phantom_order",
            "captured_once_in_the_right_amount",
            "stock_adjusted_once",
            "stock_agrees_after_settling",
            "prices_published",
        ),
    ),
    "forgets-the-rest": Defect(
        "Never voids a payment, cancels short lines in the OMS alone, decides no cancellation, confirms no refund.",
        lambda: Policies(steps=Forgetful()),
        (
            "unfillable_orders_cancelled_and_voided",
            "short_lines_cancelled_everywhere",
            "cancellations_decided",
            "returns_carried_through_once",
        ),
    ),
    "hasty": Defect(
        "Requests goods before the order is posted, refunds before the credit memo is, accepts every cancellation.",
        lambda: Policies(steps=Hasty()),
        ("posting_sequence", "refund_paid_once_never_before_credit", "cancelled_orders_not_shipped"),
    ),
    "any-version": Defect(
        "Pays no heed to versions: what came last stands.",
        lambda: Policies(version=AnyVersion()),
        ("older_version_never_overwrites",),
    ),
    "new-keys": Defect(
        "Sends a new Idempotency-Key with every attempt.",
        lambda: Policies(idempotency=NewKeys()),
        ("idempotency_key_stable_over_retries",),
    ),
    "asks-twice": Defect(
        "Asks again for what was refused for good.",
        lambda: Policies(retry=AskTwice()),
        ("permanent_refusals_not_retried",),
    ),
}
DO_NOTHING = "do-nothing"
"""Not a swapped policy but another service: it answers 200 to everything and does nothing."""
