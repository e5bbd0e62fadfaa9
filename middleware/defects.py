"""Bugs planted on purpose: each swaps policy objects of the honest service and must be found by the invariants."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from .decoys import DECOYS
from .flows.cancel import ACCEPT, STOP
from .flows.return_to_refund import REFUND
from .lapses import (
    AcceptsAtOnce,
    CapturesAhead,
    CreditsWhatWasAnnounced,
    FirstFailureOnly,
    FirstPageForEver,
    FirstPartOnly,
    GuessesTheVersion,
    InFlightIsDone,
    KeepsTheError,
    NeverVoids,
    NorthOnly,
    OneKeyForParcels,
    OneUnitLess,
    RefundsAtReceipt,
    SecondsOnly,
    ThrottledIsRefused,
    TimeoutIsFailure,
    Uncapped,
)
from .missteps import (
    BookedIsPosted,
    ByOrderAlone,
    CapturesAtPosting,
    DecidesByOrder,
    Floats,
    OneCurrency,
    PerLine,
    ReadsThenWrites,
    RestocksTwice,
    ShortColumns,
    VoidsEarly,
)
from .mistakes import (
    AcknowledgesFailures,
    AfterTheLast,
    AllDone,
    AllStandard,
    AnyTime,
    AtOnce,
    Batched,
    BelieveEverybody,
    BelieveTheStatus,
    ById,
    ByIdInMemory,
    FirstAttemptOnly,
    FirstPageOnly,
    FirstTopicsOnly,
    FixedDelay,
    HeadIsEnough,
    InMilliseconds,
    KeyPerOrder,
    KeyPerProcess,
    KeysOnly,
    LocalTime,
    NeverGivesUp,
    NoJitter,
    NoReason,
    NotThereYet,
    OldestWins,
    OneAtATime,
    OwnOrdersOnly,
    Talkative,
    TokenForEachCall,
    Unrestrained,
    UrgentLast,
)
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
    shown_in: str = "quiet-day"
    """The scenario in which it surely shows."""
    seconds: int = 8
    """How long that scenario's workload has to last."""
    first: str = ""
    """The invariant whose finding must be the first one; the first that should find it by default."""

    @property
    def cause(self) -> str:
        """The invariant whose finding a reader must be told of first."""
        return self.first or self.found_by[0]


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
        shown_in="black-friday",
        seconds=15,
        first="redelivered_events_change_nothing",
    ),
    "ack-before-durable": Defect(
        "Acknowledges events that it holds in memory only, and loses them when work piles up; nothing is polled.",
        lambda: Policies(acknowledge=AcknowledgeFirst(), reconciles=False),
        ("acknowledged_webhook_has_its_effect", "no_order_lost", "statuses_agree_after_settling"),
        shown_in="middleware-restart",
        seconds=12,
        first="no_order_lost",
    ),
    "ignores-retry-after": Defect(
        "Tries again after 20 ms, whatever Retry-After says.",
        lambda: Policies(retry=Impatient(), pacing=NoPause()),
        ("retry_after_honoured", "throttling_within_budget"),
        shown_in="black-friday",
        seconds=15,
    ),
    "drops-on-5xx": Defect(
        "Takes a 5xx or a reset connection for final and forgets the step.",
        lambda: Policies(retry=GiveUpOn5xx()),
        (
            "transient_failures_retried",
            "no_order_lost",
            "acknowledged_webhook_has_its_effect",
            "statuses_agree_after_settling",
        ),
        shown_in="black-friday",
        seconds=15,
        first="unclear_requests_followed_up",
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
            "money_balances",
            "stock_adjusted_once",
            "stock_agrees_after_settling",
            "prices_published",
        ),
        first="no_phantom_order",
    ),
    "forgets-the-rest": Defect(
        "Never voids a payment, cancels short lines in the OMS alone, decides no cancellation, confirms no refund.",
        lambda: Policies(steps=Forgetful()),
        (
            "unfillable_orders_cancelled_and_voided",
            "voided_once",
            "short_lines_cancelled_everywhere",
            "split_shipments_add_up",
            "cancellations_decided",
            "returns_carried_through_once",
        ),
        shown_in="black-friday",
        seconds=15,
        first="short_lines_cancelled_everywhere",
    ),
    "hasty": Defect(
        "Requests goods before the order is posted, refunds before the credit memo is, accepts every cancellation.",
        lambda: Policies(steps=Hasty()),
        (
            "posting_sequence",
            "refund_paid_once_never_before_credit",
            "cancelled_orders_not_shipped",
            "cancel_and_ship_have_one_winner",
        ),
    ),
    "any-version": Defect(
        "Pays no heed to versions: what came last stands.",
        lambda: Policies(version=AnyVersion()),
        ("older_version_never_overwrites",),
        shown_in="black-friday",
        seconds=10,
    ),
    "new-keys": Defect(
        "Sends a new Idempotency-Key with every attempt.",
        lambda: Policies(idempotency=NewKeys()),
        ("idempotency_key_stable_over_retries",),
        shown_in="black-friday",
        seconds=15,
    ),
    "asks-twice": Defect(
        "Asks again for what was refused for good.",
        lambda: Policies(retry=AskTwice()),
        ("permanent_refusals_not_retried",),
    ),
    "takes-every-delivery": Defect(
        "Works off every delivery of an event, whether it came before or not.",
        lambda: Policies(deduplicate=EveryDelivery()),
        ("redelivered_events_change_nothing",),
        shown_in="duplicate-webhooks",
    ),
    "believes-everybody": Defect(
        "Takes every webhook for true and never checks a signature.",
        lambda: Policies(signature=BelieveEverybody()),
        ("forged_webhooks_refused",),
        shown_in="forged-webhooks",
        seconds=5,
    ),
    "any-time": Defect(
        "Checks signatures, not timestamps: what was once sent can be sent again for ever.",
        lambda: Policies(signature=AnyTime()),
        ("forged_webhooks_refused",),
        shown_in="forged-webhooks",
        seconds=5,
    ),
    "believes-the-status": Defect(
        "Looks at the status alone: a 2xx is a success, a 409 a refusal; nothing is polled that would show otherwise.",
        lambda: Policies(retry=BelieveTheStatus(), reconciles=False),
        ("success_not_taken_on_trust",),
        shown_in="errors-under-200",
        seconds=8,
    ),
    "webhooks-only": Defect(
        "Never polls: what no webhook tells it never learns.",
        lambda: Policies(reconciles=False),
        ("missed_events_repaired",),
        shown_in="missed-webhooks",
        seconds=8,
    ),
    "fixed-delay": Defect(
        "Tries again after 0.4 s each time, all in step, and leaves no failing system alone.",
        lambda: Policies(retry=FixedDelay(), restraint=Unrestrained(), idempotency=KeysOnly()),
        (
            "retry_waits_grow",
            "retry_waits_vary",
        ),
        shown_in="erp-outage",
        seconds=12,
    ),
    "hammers": Defect(
        "Tries again after 10 ms, however often it has failed, and leaves no failing system alone.",
        lambda: Policies(retry=AtOnce(), restraint=Unrestrained(), idempotency=KeysOnly()),
        (
            "attempts_bounded",
            "retry_waits_grow",
        ),
        shown_in="erp-outage",
        seconds=12,
    ),
    "stampede": Defect(
        "Lets everybody who waited for a system in at once.",
        lambda: Policies(restraint=Unrestrained()),
        ("no_herd_after_healing",),
        shown_in="slow-comeback",
        seconds=10,
    ),
    "one-queue": Defect(
        "One queue for everything: while one system is down, nothing else is done.",
        lambda: Policies(turns=OneAtATime()),
        ("outage_stops_only_what_needs_it",),
        shown_in="erp-outage",
        seconds=12,
    ),
    "poison-blocks": Defect(
        "One queue for everything, and what is refused for good is tried for ever in front of the others.",
        lambda: Policies(turns=OneAtATime(), retry=NeverGivesUp()),
        (
            "refusals_not_asked_for_ever",
            "poison_orders_hold_up_nobody",
            "permanent_refusals_not_retried",
        ),
        shown_in="poison-order",
        seconds=8,
        first="poison_orders_hold_up_nobody",
    ),
    "token-storm": Defect(
        "Fetches an access token for every call.",
        lambda: Policies(tokens=TokenForEachCall),
        ("tokens_fetched_once",),
    ),
    "key-per-order": Defect(
        "Sends the order's reference as the Idempotency-Key of everything that it asks about the order.",
        lambda: Policies(idempotency=KeyPerOrder()),
        ("idempotency_key_names_one_intent",),
    ),
    "key-per-process": Defect(
        "Makes keys that are stable until the next restart, and looks nothing up.",
        lambda: Policies(idempotency=KeyPerProcess()),
        ("idempotency_key_outlives_restart",),
        shown_in="middleware-restart",
        seconds=14,
    ),
    "urgent-last": Defect(
        "Lets urgent orders wait for a job of their own, while the others go at once.",
        lambda: Policies(turns=UrgentLast()),
        ("no_priority_inversion",),
    ),
    "all-standard": Defect(
        "Asks the warehouse for every order as if it could wait.",
        lambda: Policies(wording=AllStandard()),
        ("service_levels_carried_on",),
    ),
    "publishes-in-batches": Defect(
        "Gathers changes of stock and prices for 20 s before it publishes them.",
        lambda: Policies(gather=Batched()),
        ("availability_published_in_time", "prices_published_in_time"),
    ),
    "own-orders-only": Defect(
        "Does nothing about the return of an order from before its time.",
        lambda: Policies(steps=OwnOrdersOnly()),
        ("returns_of_unseen_orders_handled",),
    ),
    "loses-the-trace": Defect(
        "Sends the order's trace with the first attempt only.",
        lambda: Policies(trace=FirstAttemptOnly()),
        ("trace_carried_on_every_hop",),
        shown_in="lost-replies",
        seconds=6,
    ),
    "parks-silently": Defect(
        "Shows parked orders without the system that refused them and without its reason.",
        lambda: Policies(parking=NoReason()),
        ("parked_exceptions_say_why",),
        shown_in="poison-order",
        seconds=8,
    ),
    "float-money": Defect(
        "Reckons what it captures in floats and cuts the cents off.",
        lambda: Policies(steps=Floats()),
        ("captured_once_in_the_right_amount", "money_balances"),
        first="captured_per_parcel",
    ),
    "voids-early": Defect(
        "Gives back the rest of a payment when the first parcel is captured, with others still to come.",
        lambda: Policies(steps=VoidsEarly()),
        ("only_refused_orders_stay_parked", "voided_once"),
        first="voided_once",
    ),
    "first-page-only": Defect(
        "Reads the first page of a list for the whole, and asks next time for what changed since.",
        lambda: Policies(reading=FirstPageOnly()),
        ("missed_events_repaired",),
        shown_in="coarse-lists",
        seconds=12,
    ),
    "after-the-last": Defect(
        "Polls for what is later than the last time that it saw; what else changed in that second is lost.",
        lambda: Policies(reading=AfterTheLast()),
        ("missed_events_repaired",),
        shown_in="coarse-lists",
        seconds=12,
    ),
    "batch-all-done": Defect(
        "Takes a bulk call that is answered with 207 for done, whatever became of its items.",
        lambda: Policies(batch=AllDone()),
        ("acknowledged_webhook_has_its_effect", "stock_agrees_after_settling", "stock_adjusted_once"),
        shown_in="half-answers",
        first="failed_items_retried",
    ),
    "accepted-is-posted": Defect(
        "Takes the ERP's 202 for posted, and requests the goods at once.",
        lambda: Policies(steps=BookedIsPosted()),
        ("posting_sequence",),
    ),
    "retry-after-in-ms": Defect(
        "Reads Retry-After as milliseconds.",
        lambda: Policies(retry_after=InMilliseconds()),
        ("retry_after_honoured",),
        shown_in="black-friday",
        seconds=15,
    ),
    "rounds-per-line": Defect(
        "Reckons what it captures net, line by line and rounded, and adds the tax to the sum.",
        lambda: Policies(steps=PerLine()),
        ("captured_once_in_the_right_amount", "money_balances"),
        first="captured_per_parcel",
    ),
    "drops-currency": Defect(
        "Publishes every price as if it were in pounds, and never looks what is listed.",
        lambda: Policies(wording=OneCurrency(), reconciles=False),
        ("prices_published",),
    ),
    "cuts-names": Defect(
        "Cuts names and streets to eight characters.",
        lambda: Policies(wording=ShortColumns()),
        ("order_content_faithful",),
    ),
    "looks-up-by-order": Defect(
        "Looks up by order alone what an order has several of, and takes another parcel's for its own.",
        lambda: Policies(steps=ByOrderAlone()),
        (
            "acknowledged_webhook_has_its_effect",
            "captured_once_in_the_right_amount",
        ),
        shown_in="payments-flaky",
        seconds=10,
        first="captured_per_parcel",
    ),
    "captures-at-posting": Defect(
        "Captures the whole order when it is posted, before anything has left.",
        lambda: Policies(steps=CapturesAtPosting()),
        (
            "acknowledged_webhook_has_its_effect",
            "posting_sequence",
        ),
        first="captured_per_parcel",
    ),
    "restocks-twice": Defect(
        "Books what came back as a receipt, although the credit memo takes it back.",
        lambda: Policies(steps=RestocksTwice()),
        ("stock_adjusted_once", "stock_agrees_after_settling"),
    ),
    "reads-then-writes": Defect(
        "Adds each change of availability to a listing that it read up to a second ago.",
        lambda: Policies(wording=ReadsThenWrites()),
        ("published_values_are_true", "stock_agrees_after_settling"),
        first="published_values_are_true",
    ),
    "local-time": Defect(
        "Reads times without their zone, so that prices hold an hour too soon.",
        lambda: Policies(times=LocalTime()),
        ("prices_published",),
    ),
    "oldest-wins": Defect(
        "Compares versions the wrong way round: what is newer is dropped.",
        lambda: Policies(version=OldestWins()),
        (
            "acknowledged_webhook_has_its_effect",
            "stock_agrees_after_settling",
        ),
        first="stock_agrees_after_settling",
    ),
    "by-id-alone": Defect(
        "Tells events apart by their id alone: an order that comes under another id is booked again.",
        lambda: Policies(deduplicate=ById()),
        (
            "oms_orders_created_exactly_once",
            "redelivered_events_change_nothing",
            "orders_booked_exactly_once",
        ),
        shown_in="duplicate-webhooks",
        seconds=8,
        first="redelivered_events_change_nothing",
    ),
    "ids-in-memory": Defect(
        "Keeps the ids of events in memory: what comes again after a restart is booked again.",
        lambda: Policies(deduplicate=ByIdInMemory()),
        (
            "oms_orders_created_exactly_once",
            "redelivered_events_change_nothing",
            "orders_booked_exactly_once",
        ),
        shown_in="middleware-restart",
        seconds=14,
        first="redelivered_events_change_nothing",
    ),
    "first-topics-only": Defect(
        "Acknowledges and drops the topics that its first version did not know; nothing is polled.",
        lambda: Policies(deduplicate=FirstTopicsOnly(), reconciles=False),
        (
            "acknowledged_webhook_has_its_effect",
            "cancellations_decided",
            "returns_carried_through_once",
            "prices_published",
        ),
        first="cancellations_decided",
    ),
    "acknowledges-failures": Defect(
        "Acknowledges events that it could not take; nothing is polled.",
        lambda: Policies(acknowledge=AcknowledgesFailures(), reconciles=False),
        ("acknowledged_webhook_has_its_effect", "no_order_lost"),
        first="no_order_lost",
    ),
    "no-jitter": Defect(
        "Waits longer each time, all callers in step, and leaves no failing system alone.",
        lambda: Policies(retry=NoJitter(), restraint=Unrestrained(), idempotency=KeysOnly()),
        ("retry_waits_vary",),
        shown_in="erp-outage",
        seconds=18,
    ),
    "never-gives-up": Defect(
        "Tries what was refused for good every half second, for ever.",
        lambda: Policies(retry=NeverGivesUp()),
        ("refusals_not_asked_for_ever", "permanent_refusals_not_retried"),
        shown_in="poison-order",
        seconds=8,
    ),
    "waits-in-vain": Defect(
        "Answers cancellations under the order's number, takes the 404 for not yet, and asks every second, for ever.",
        lambda: Policies(steps=DecidesByOrder(), retry=NotThereYet()),
        ("refusals_not_asked_for_ever", "cancellations_decided"),
        first="cancellations_decided",
    ),
    "retries-blindly": Defect(
        "Sends no Idempotency-Key and asks again after a lost reply without a look.",
        lambda: Policies(idempotency=NoKeys()),
        (
            "orders_booked_exactly_once",
            "oms_orders_created_exactly_once",
            "captured_once_in_the_right_amount",
        ),
        shown_in="lost-replies",
        seconds=8,
        first="oms_orders_created_exactly_once",
    ),
    "head-is-enough": Defect(
        "Takes a reply that breaks off after its status for a success.",
        lambda: Policies(retry=HeadIsEnough()),
        (
            "acknowledged_webhook_has_its_effect",
            "returns_carried_through_once",
            "statuses_agree_after_settling",
        ),
        shown_in="half-answers",
        seconds=8,
        first="failed_items_retried",
    ),
    "uncapped-backoff": Defect(
        "Waits four times as long after each failure, without an end: an order that met an outage comes much later.",
        lambda: Policies(retry=Uncapped(), restraint=Unrestrained(), reconciles=False),
        ("progress_after_healing",),
        shown_in="erp-outage",
        seconds=20,
    ),
    "waits-a-minute": Defect(
        "One worker for everything, which waits a minute for an answer.",
        lambda: Policies(turns=OneAtATime(), patience_s=60.0),
        ("outage_stops_only_what_needs_it", "progress_after_healing"),
        shown_in="hanging-replies",
        seconds=12,
    ),
    "seconds-only": Defect(
        "Reads Retry-After as seconds, and an HTTP date as nothing.",
        lambda: Policies(retry_after=SecondsOnly(), restraint=Unrestrained()),
        ("retry_after_honoured",),
        shown_in="odd-waits",
        seconds=10,
    ),
    "in-flight-is-done": Defect(
        "Takes a 409 for a key in use for success; nothing is polled.",
        lambda: Policies(retry=InFlightIsDone(), reconciles=False, patience_s=4.0),
        ("in_flight_conflicts_followed_up", "no_order_lost"),
        shown_in="keys-in-flight",
        seconds=10,
    ),
    "throttled-is-refused": Defect(
        "Takes a 429 for a refusal for good, and parks the order.",
        lambda: Policies(retry=ThrottledIsRefused()),
        ("only_refused_orders_stay_parked",),
        shown_in="odd-waits",
        seconds=10,
    ),
    "timeout-is-failure": Defect(
        "Gives a step up when its reply never came; nothing is looked up or polled.",
        lambda: Policies(retry=TimeoutIsFailure(), reconciles=False),
        ("unclear_requests_followed_up",),
        shown_in="lost-replies",
        seconds=8,
    ),
    "first-failure-only": Defect(
        "Sends the first failed item of a bulk call again, and takes the others for done; nothing is polled.",
        lambda: Policies(batch=FirstFailureOnly(), reconciles=False),
        ("failed_items_retried",),
        shown_in="half-answers",
        seconds=8,
    ),
    "one-key-for-parcels": Defect(
        "Captures all parcels of an order under one key.",
        lambda: Policies(idempotency=OneKeyForParcels()),
        ("idempotency_key_names_one_intent",),
    ),
    "north-only": Defect(
        "Requests every part from one warehouse, wherever it was allocated.",
        lambda: Policies(wording=NorthOnly()),
        ("fulfilled_where_allocated",),
    ),
    "oms-told-less": Defect(
        "Tells the OMS of each line of several units that one unit fewer has left.",
        lambda: Policies(wording=OneUnitLess("tell_oms")),
        ("shipments_told_everywhere_once",),
    ),
    "channel-told-less": Defect(
        "Tells the channel of each line of several units that one unit fewer has left.",
        lambda: Policies(wording=OneUnitLess("tell_channel")),
        ("shipments_told_everywhere_once",),
    ),
    "captures-ahead": Defect(
        "Charges the whole order with its first parcel, and nothing with the others.",
        lambda: Policies(steps=CapturesAhead()),
        ("captured_per_parcel",),
    ),
    "first-part-only": Defect(
        "Requests the first part of a split order, and forgets the others.",
        lambda: Policies(steps=FirstPartOnly()),
        ("fulfilled_once",),
    ),
    "credits-as-announced": Defect(
        "Credits a return as it was announced, whatever came back.",
        lambda: Policies(steps=CreditsWhatWasAnnounced()),
        ("returns_carried_through_once",),
        shown_in="returns-wave",
        seconds=10,
    ),
    "refunds-at-receipt": Defect(
        "Pays back when the goods have come, before the credit memo is posted.",
        lambda: Policies(steps=RefundsAtReceipt()),
        ("refund_paid_once_never_before_credit",),
        shown_in="returns-wave",
        seconds=10,
    ),
    "never-voids": Defect(
        "Never gives back what is held of a payment and not charged.",
        lambda: Policies(steps=NeverVoids()),
        ("voided_once", "unfillable_orders_cancelled_and_voided"),
        shown_in="moving-ground",
        seconds=10,
    ),
    "accepts-at-once": Defect(
        "Grants every wish to cancel at once, without asking the warehouse.",
        lambda: Policies(steps=AcceptsAtOnce()),
        ("cancelled_orders_not_shipped",),
        shown_in="cancel-race",
        seconds=12,
    ),
    "keeps-the-error": Defect(
        "Keeps the error of the token endpoint as its token, for good.",
        lambda: Policies(tokens=KeepsTheError),
        ("access_regained",),
        shown_in="token-expiry",
        seconds=10,
    ),
    "guesses-the-version": Defect(
        "Tells the OMS of a parcel on a condition that it guesses, and on a 412 without one.",
        lambda: Policies(condition=GuessesTheVersion()),
        ("conditional_writes_not_overwritten",),
    ),
    "first-page-for-ever": Defect(
        "Reads the first page of each list, from the beginning each time.",
        lambda: Policies(reading=FirstPageForEver()),
        ("pages_followed_to_the_end", "stock_agrees_after_settling"),
        shown_in="long-lists",
        seconds=10,
    ),
    "logs-secrets": Defect(
        "Logs every request with its headers, the access token among them.",
        lambda: Policies(log=Talkative()),
        ("secrets_never_logged",),
    ),
}
DO_NOTHING = "do-nothing"
"""Not a swapped policy but another service: it answers 200 to everything and does nothing."""


def policies_of(names: str) -> Policies:
    """The policies of one defect or decoy, or of several joined by ``+``.

    KeyError for a name that is none; ValueError where two of them swap the same policy.
    """
    whole = Policies()
    by: dict[str, str] = {}
    for name in names.split("+"):
        made = swapped_in((DECOYS if name in DECOYS else DEFECTS)[name].policies())
        for policy in made:
            if policy in by:
                raise ValueError(f"{by[policy]} and {name} cannot be had at once: both swap {policy}")
            by[policy] = name
        whole = replace(whole, **made)
    return whole


def swapped_in(policies: Policies) -> dict[str, Any]:
    """The policies that are not as they should be, by name."""
    sound = Policies()
    named = ((each.name, getattr(policies, each.name)) for each in fields(Policies))
    return {name: policy for name, policy in named if _kind(policy) is not _kind(getattr(sound, name))}


def _kind(policy: Any) -> Any:
    return policy if isinstance(policy, bool | type) else type(policy)
