"""The kinds of record that make a history, and the shape of each; their fields are the columns users query.

Times are integers: nanoseconds since the Unix epoch on the run's monotonic-anchored clock (``history.clock``).
Amounts are decimal strings, exact, in major units of ``currency``. ``lines`` are ``[line_id, sku, quantity,
unit_price]`` with what is unknown as null. Adding a field is a compatible change; renaming or removing one
raises ``HISTORY_VERSION``.
"""

from typing import Any, ClassVar

import msgspec

HISTORY_VERSION = 1

Lines = list[tuple[str, str, int, str | None]]
"""Order lines in short: line id, SKU, units, unit price (decimal string or null)."""


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One HTTP exchange seen at a simulator: what the caller asked, and what it was told."""

    table: ClassVar[str] = "calls"

    call_id: str
    """Unique in the run; the order of ids is the order in which one system saw its calls."""
    system: str
    operation: str
    """The endpoint's ``operationId``; ``unknown_operation`` where no endpoint matched."""
    subject: str
    """What the call is about: order reference, else SKU, else page cursor, else client."""
    attempt: int
    """This is the k-th call with equal system, operation and subject, from 1."""
    method: str
    path: str
    at_ns: int
    """When the request had been read."""
    replied_ns: int
    """When the reply, or its absence, was decided."""
    outcome: str
    """``ok``, ``refused`` (surely not done) or ``unknown`` (the caller cannot know)."""
    changes: bool
    """The operation is one that changes state (reads do not)."""
    committed: bool = False
    """The ledger really carried the operation out, whatever the caller was told."""
    status: int | None = None
    """HTTP status that left the system; null where none did (a reset, a hang)."""
    client: str | None = None
    """The authenticated client's id; null for a caller without a valid token."""
    order_ref: str | None = None
    sku: str | None = None
    idempotency_key: str | None = None
    replayed: bool = False
    """The reply is the stored first answer to the same idempotency key."""
    trace_id: str | None = None
    """Trace id of the ``traceparent`` header."""
    error: str | None = None
    """The problem's code (last part of its ``type``) when the reply is a refusal."""
    refused_by: str | None = None
    """``auth``, ``validation``, ``throttle``, ``fault`` or ``ledger``."""
    permanent: bool = False
    """The refusal is for good: the same request can never succeed."""
    retry_after_s: float | None = None
    """Seconds the reply asked the caller to wait."""
    retry_after_form: str | None = None
    """How it asked: ``seconds``, or an HTTP ``date``."""
    if_match: str | None = None
    """The ``If-Match`` header: the version that the caller means to change."""
    bucket: str | None = None
    """The throttle's bucket that the call was counted in."""
    faults: list[str] | None = None
    """Ids of the injections that acted on this call."""
    subjects: list[str] | None = None
    """A bulk call's subjects, item by item."""
    cursor: str | None = None
    """The page that a list call asked for; null for the first."""
    request_body: str | None = None
    """Hash of the request's body (see ``bodies``); null when empty or secret."""
    response_body: str | None = None


class Effect(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One change that a ledger really made."""

    table: ClassVar[str] = "effects"

    effect_id: str
    """Unique in the run; the order of ids is the order of one system's changes."""
    at_ns: int
    system: str
    kind: str
    """Past tense, e.g. ``sales_order_received``; the list is in docs/history.md."""
    order_ref: str | None = None
    document_id: str | None = None
    """The document that changed, e.g. the sales order's own id."""
    ref: str | None = None
    """The intent inside the order: return id, shipment id, part id, change id of a stock adjustment."""
    sku: str | None = None
    location: str | None = None
    quantity: int | None = None
    """Units; signed where the kind is a movement."""
    on_hand: int | None = None
    """Absolute quantity after the change (stock, availability)."""
    version: int | None = None
    """The version that came with the value (stock, availability, price) or the document's own."""
    amount: str | None = None
    currency: str | None = None
    status: str | None = None
    """The document's status after the change."""
    cause: str | None = None
    """Why: a cancellation's reason, a stock movement's cause, a rejection's reason."""
    permanent: bool | None = None
    """A rejection's finality."""
    lines: Lines | None = None
    data: dict[str, Any] | None = None
    """What only this kind has (address, priority, ship_by, ...)."""
    call_id: str | None = None
    """The call that caused it; null where the system acted by itself."""
    actor: str | None = None
    """``stand-in``, ``back-office`` or ``before-run`` where it was not the SUT or the system itself."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One attempt to hand an event to the SUT."""

    table: ClassVar[str] = "deliveries"

    delivery_id: str
    event_id: str
    """The CloudEvents id, sent as ``webhook-id``: what a receiver deduplicates by."""
    system: str
    topic: str
    subject: str
    attempt: int
    at_ns: int
    emitted_ns: int
    """When the event happened."""
    replied_ns: int
    acknowledged: bool
    """The SUT answered 2xx in time."""
    status: int | None = None
    order_ref: str | None = None
    sku: str | None = None
    version: int | None = None
    effect_id: str | None = None
    """The effect that the event reports; null where a fault invented the event."""
    error: str | None = None
    """Why there is no status: ``timeout``, ``refused``, ``reset``, ``dropped``, ``unsubscribed``."""
    forgery: str | None = None
    """Why its signature does not hold, so that a receiver must refuse it: ``forged`` (another secret), ``corrupt``,
    ``expired`` (a timestamp of long ago), ``mutated`` (altered after signing); null for a genuine one."""
    faults: list[str] | None = None
    subscription: str | None = None
    body: str | None = None


class FaultMark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One line of the fault log: an injection was armed, fired on a call or delivery, healed, or never fired."""

    table: ClassVar[str] = "faults"

    at_ns: int
    injection: str
    fault: str
    mark: str
    """``armed``, ``fired``, ``healed`` or ``never_fired``."""
    system: str
    operation: str | None = None
    call_id: str | None = None
    """The call or delivery that felt it."""
    detail: str | None = None
    by_hand: bool = False
    """The injection came from the command line in mid-run, not from the schedule; never set on ``fired``."""


class WorkloadItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One thing that a shopper or the back office did, or that the runner noted (phases, the SUT's health)."""

    table: ClassVar[str] = "workload"

    at_ns: int
    kind: str
    """``order``, ``cancellation_request``, ``return_request``, ``receipt``, ``count``, ``damage``, ``price_change``,
    ``price_look``, ``stock_poll``, ``replay`` (the SUT was asked to try a parked order again), ``phase``, ``sut``,
    ``sut_log`` (the runner has looked through the SUT's log for secrets), ``sut_leak`` (and where it found one)."""
    due_ns: int | None = None
    """When it was meant to happen."""
    replied_ns: int | None = None
    """When the shopper had the channel's answer, or had waited long enough for one."""
    channel: str | None = None
    order_ref: str | None = None
    sku: str | None = None
    status: int | None = None
    """What the shopper was told."""
    detail: str | None = None


class LoadSecond(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One second of a run under load, as the run saw it: what was due, how busy everybody was, and what waited.

    A share of 1 is one whole processor; a process of several threads can pass it.
    """

    table: ClassVar[str] = "load"

    at_ns: int
    """When it began: whole seconds after the first order could be due."""
    orders_due: int = 0
    """How many orders were to be placed in it, sent or not."""
    cancellations_due: int = 0
    returns_due: int = 0
    loop_lag_s: float = 0.0
    """The latest that a turn of the estate's loop came."""
    machine_cpu: float = 0.0
    """Of all processors together, whoever used them: 1 is all of them."""
    estate_cpu: float = 0.0
    generator_cpu: float = 0.0
    sut_cpu: float | None = None
    """Of the SUT and what it started; null where peakproof did not start it."""
    sut_rss_mb: float | None = None
    """Its resident memory at the end of the second, in MB of a million bytes."""
    pending: int = 0
    """What the estate still meant to do at the end of the second: its own steps, deliveries, calls under way."""
    deliveries_waiting: int = 0
    """Deliveries among them: queued, under way, or waiting for another attempt."""
    connections_waiting: int | None = None
    """Connections that the estate had yet to accept; null where the operating system does not say."""


class Body(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The text of a request, a response or an event; stored once, unless it comes again after very many others."""

    table: ClassVar[str] = "bodies"

    hash: str
    text: str


RECORDS: tuple[type[msgspec.Struct], ...] = (
    Call,
    Effect,
    Delivery,
    FaultMark,
    WorkloadItem,
    LoadSecond,
    Body,
)
"""Every record type, in the order in which docs/history.md describes them."""
