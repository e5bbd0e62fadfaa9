"""Events on their way to the SUT: CloudEvents in signed webhooks, at least once, up a ladder of retries."""

import asyncio
import secrets
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
import msgspec
from standardwebhooks import Webhook

from ...chaos.fault import Outgoing
from ...history import records
from ...history.clock import rfc3339
from .ledger import Event

LADDER_S = (0.0, 5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Nominal waits before each attempt: the sample schedule of Standard Webhooks 1.0."""


SOON_S = 15.0
"""A run that settles waits for an attempt that is due within this many real seconds, whatever the last one was answered."""
WORTH_WAITING_S = 60.0
"""And within so many if the receiver takes webhooks."""
PASSING = frozenset({408, 425, 429, 503})
"""Answers by which a receiver says: later."""
FEW = 3
"""So many attempts may fail for any reason before the receiver, and not the ladder, is what keeps an event away."""


def new_secret() -> str:
    """A Standard Webhooks secret: ``whsec_`` and 24 random bytes."""
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


@dataclass(slots=True)
class Subscription:
    """Somebody who wants to be told; ``topics`` may hold ``*``."""

    subscription_id: str
    system: str
    url: str
    topics: tuple[str, ...]
    secret: str
    active: bool = True
    version: int = 0
    updated_at: str = ""

    def wants(self, topic: str) -> bool:
        return self.active and ("*" in self.topics or topic in self.topics)


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How patient the senders are."""

    ladder_s: tuple[float, ...] = LADDER_S
    timeout_s: float = 5.0
    """Real seconds: how long a receiver may take (the time scale does not touch it)."""
    in_flight: int = 16
    """Deliveries to one subscription under way at once."""


class Recorder(Protocol):
    """What the dispatcher needs of ``history.writer.HistoryWriter``."""

    def delivery(self, delivery: records.Delivery) -> None: ...

    def body(self, raw: bytes) -> str: ...


Shape = Callable[[Outgoing], list[Outgoing]]
"""The delivery seam: turns one attempt into none, several or later ones (``chaos.gate.Gate.deliveries``)."""

REPLAYED_AFTER_NS = 3_600_000_000_000
"""So old is the timestamp of an expired signature: twelve times what Standard Webhooks tolerates."""


@dataclass(slots=True)
class _Attempt:
    """One attempt to tell one receiver of an event, as the system means it."""

    event: Event
    event_id: str
    body: bytes
    subscription: Subscription
    occurrence: int
    number: int = 1


@dataclass(slots=True)
class _Waiting:
    """An attempt that failed, and when the next one is due on the loop's clock."""

    attempt: _Attempt
    due: float
    status: int | None
    """What the last one was answered; null where nobody answered."""


@dataclass(slots=True)
class _Departure:
    """What really leaves for an attempt: itself, or a copy or forgery of it."""

    attempt: _Attempt
    outgoing: Outgoing
    overlapping: list["_Departure"] = field(default_factory=list)
    """What leaves as soon as this one is on the wire."""


class Dispatcher:
    """Hands every event to every subscription that wants it, until it is acknowledged or the ladder ends.

    Order is not promised, as in life: attempts to one subscription start in order but several are under way at once.
    """

    def __init__(
        self,
        recorder: Recorder,
        now: Callable[[], int],
        *,
        time_scale: float,
        settings: DeliverySettings | None = None,
    ) -> None:
        self._recorder = recorder
        self._now = now
        self._time_scale = time_scale
        self._settings = settings or DeliverySettings()
        self.shapes: dict[str, Shape] = {}
        """The delivery seam of each system."""
        self.clocks: dict[str, Callable[[], int]] = {}
        """What time each system believes it is: it dates its attempts by it."""
        self.subscriptions: dict[str, Subscription] = {}
        self._subscribed = 0
        self._counts: dict[str, int] = {}
        self._occurrences: dict[tuple[str, str, str], int] = {}
        self._deliveries = 0
        self._queues: dict[str, deque[_Departure]] = {}
        self._running: dict[str, int] = {}
        self._held: list[_Departure] = []
        self._failures: dict[str, int] = {}
        """By subscription: attempts that failed one after the other."""
        self._forgers_secret = new_secret()
        self._session: aiohttp.ClientSession | None = None
        self._watched: aiohttp.ClientSession | None = None
        """The same connections, for requests whose leaving is waited for."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.waiting = 0
        """Deliveries that are queued, under way or due for their next attempt soon."""
        self.given_up = 0
        self._ladder: dict[int, _Waiting] = {}
        """Attempts that failed and wait for their next rung."""
        self._climbs = 0

    @property
    def pending(self) -> int:
        """What a run waits for: deliveries that are queued or under way, and attempts that are worth waiting for."""
        return self.waiting + sum(map(self._is_worth_waiting, self._ladder.values()))

    @property
    def far_off(self) -> int:
        """How many of them are so far up the ladder that a run whose time is over need not wait for them."""
        now_s = asyncio.get_running_loop().time()
        return sum(
            one.due - now_s > SOON_S / 5 for one in self._ladder.values() if self._is_worth_waiting(one)
        )

    def _is_worth_waiting(self, waiting: _Waiting) -> bool:
        """It comes in this run, and nothing says that it will be turned away as the last one was."""
        subscription = waiting.attempt.subscription
        takes = waiting.status is None or not self._failures.get(subscription.subscription_id)
        left_s = waiting.due - asyncio.get_running_loop().time()
        return subscription.active and left_s <= (WORTH_WAITING_S if takes else SOON_S)

    def owed(self, system: str) -> list[dict[str, Any]]:
        """The events of a system that were not delivered yet and, by the ladder, still would be; as documents of its state.

        What a receiver has turned away several times is not owed: it was delivered.
        """
        return [
            {
                "id": one.attempt.event_id,
                "order_ref": one.attempt.event.order_ref,
                "sku": one.attempt.event.sku,
                "doc": {
                    "topic": one.attempt.event.topic,
                    "effect_id": one.attempt.event.effect_id,
                    "attempts": one.attempt.number - 1,
                    "last_status": one.status,
                },
            }
            for one in self._ladder.values()
            if one.attempt.event.system == system
            and one.attempt.subscription.active
            and (one.status is None or one.status in PASSING or one.attempt.number <= FEW)
        ]

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )
        trace = aiohttp.TraceConfig()
        trace.on_request_chunk_sent.append(self._on_the_wire)
        self._watched = aiohttp.ClientSession(
            connector=self._session.connector,
            connector_owner=False,
            timeout=self._session.timeout,
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
            trace_configs=[trace],
        )

    async def stop(self) -> None:
        self._stopped = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in (self._watched, self._session):
            if session is not None:
                await session.close()

    def subscribe(
        self, system: str, url: str, topics: tuple[str, ...], secret: str | None = None
    ) -> Subscription:
        """A new subscription to one system's events."""
        self._subscribed += 1
        subscription = Subscription(
            f"{system}-sub-{self._subscribed:04d}",
            system,
            url,
            topics,
            secret or new_secret(),
            updated_at=rfc3339(self._told_by(system)),
        )
        self.subscriptions[subscription.subscription_id] = subscription
        return subscription

    def unsubscribe(self, subscription_id: str) -> None:
        self._end(self.subscriptions.pop(subscription_id))

    def _end(self, subscription: Subscription) -> None:
        """Nothing is to come any more, not even what is held."""
        subscription.active = False
        kept = [one for one in self._held if one.attempt.subscription is not subscription]
        self.waiting -= len(self._held) - len(kept)
        self._held = kept

    def queued(self, system: str) -> int:
        """Events of one system that wait for their turn, or are on their way just now."""
        names = [one.subscription_id for one in self.subscriptions.values() if one.system == system]
        return sum(len(self._queues.get(name, ())) + self._running.get(name, 0) for name in names)

    def release(self, system: str, injection: str) -> None:
        """An injection on this system is healed: what it alone still held leaves at once, oldest first."""
        held, self._held = self._held, []
        for one in held:
            if one.outgoing.system == system and injection in one.outgoing.held_by:
                left = tuple(name for name in one.outgoing.held_by if name != injection)
                one.outgoing = replace(one.outgoing, held_by=left)
            if one.outgoing.held_by:
                self._held.append(one)
            else:
                self._queue(one)

    def emit(self, event: Event) -> None:
        """Send an event on its way; returns at once."""
        takers = [s for s in self.subscriptions.values() if s.system == event.system and s.wants(event.topic)]
        count = self._counts[event.system] = self._counts.get(event.system, 0) + 1
        if not takers or self._stopped:
            return
        event_id = f"{event.system}-evt-{count:07d}"
        about = (event.system, event.topic, event.subject)
        occurrence = self._occurrences[about] = self._occurrences.get(about, 0) + 1
        body = cloud_event(event, event_id)
        for subscription in takers:
            self.waiting += 1
            self._enqueue(_Attempt(event, event_id, body, subscription, occurrence))

    def _enqueue(self, attempt: _Attempt) -> None:
        """Let the delivery seam have its say, then let go what comes of it."""
        if self._stopped:
            return
        event = attempt.event
        outgoing = Outgoing(
            event.system,
            event.topic,
            attempt.event_id,
            event.subject,
            attempt.number,
            attempt.body,
            occurrence=attempt.occurrence,
            failures=self._failures.get(attempt.subscription.subscription_id, 0),
        )
        shape = self.shapes.get(event.system)
        if shape is None:
            self._queue(_Departure(attempt, outgoing))
            return
        departures = [_Departure(attempt, one) for one in shape(outgoing)]
        itself = next((one for one in departures if not one.outgoing.copy), None)
        self.waiting += len(departures) - 1
        for one in departures:
            if itself is not None and one.outgoing.overlaps and one is not itself:
                itself.overlapping.append(one)
                self.waiting -= 1
            else:
                self._let_go(one)

    def _let_go(self, departure: _Departure) -> None:
        """Queue what leaves now; what leaves later or never goes its own way."""
        outgoing, subscription = departure.outgoing, departure.attempt.subscription
        if outgoing.dropped:
            self._record(departure, self._now(), None, "dropped")
            self.waiting -= 1
        elif outgoing.unsubscribes and subscription.active:
            self._record(departure, self._now(), None, "unsubscribed")
            self.waiting -= 1
            self._end(subscription)
        elif outgoing.held_by and subscription.active:
            self._held.append(departure)
        elif outgoing.wait_s > 0:
            asyncio.get_running_loop().call_later(outgoing.wait_s, self._queue, departure)
        else:
            self._queue(departure)

    def _queue(self, departure: _Departure) -> None:
        if self._stopped:
            return
        name = departure.attempt.subscription.subscription_id
        queue = self._queues.setdefault(name, deque())
        queue.append(departure)
        if self._running.get(name, 0) < self._settings.in_flight:
            self._running[name] = self._running.get(name, 0) + 1
            self._do(self._work(name, queue))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, name: str, queue: deque[_Departure]) -> None:
        try:
            while queue:
                await self._deliver(queue.popleft())
        finally:
            self._running[name] -= 1

    async def _deliver(self, departure: _Departure) -> None:
        attempt, outgoing = departure.attempt, departure.outgoing
        subscription = attempt.subscription
        if not subscription.active:
            self.waiting -= 1
            return
        session = self._watched if departure.overlapping else self._session
        assert session is not None, "start() comes before emit()"
        at_ns = self._now()
        status: int | None = None
        error: str | None = None
        retry_after: str | None = None
        try:
            async with session.post(
                subscription.url,
                data=outgoing.body,
                headers=self._headers(departure, self._told_by(subscription.system)),
                allow_redirects=False,
                trace_request_ctx=departure,
            ) as reply:
                status = reply.status
                retry_after = reply.headers.get("Retry-After")
        except TimeoutError:
            error = "timeout"
        except aiohttp.ClientConnectorError:
            error = "refused"
        except (aiohttp.ClientError, OSError):
            error = "reset"
        self._record(departure, at_ns, status, error)
        if outgoing.extra:
            self.waiting -= 1
            return
        acknowledged = status is not None and 200 <= status < 300
        if acknowledged:
            self._failures.pop(subscription.subscription_id, None)
        elif not outgoing.copy:
            failures = self._failures.get(subscription.subscription_id, 0)
            self._failures[subscription.subscription_id] = failures + 1
        if status == 410:
            self._end(subscription)
        if acknowledged or status == 410 or outgoing.copy:
            self.waiting -= 1
            return
        self._try_again_later(attempt, status, retry_after)

    async def _on_the_wire(
        self,
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        chunk: aiohttp.TraceRequestChunkSentParams,
    ) -> None:
        """The request is being written: what overlaps it leaves now, whatever else waits in the queue."""
        departure: _Departure = context.trace_request_ctx
        overlapping, departure.overlapping = departure.overlapping, []
        for one in overlapping:
            self.waiting += 1
            self._do(self._deliver(one))

    def _headers(self, departure: _Departure, at_ns: int) -> dict[str, str]:
        """As the system signs it, or as a fault would have it signed."""
        outgoing, secret = departure.outgoing, departure.attempt.subscription.secret
        event_id, body = outgoing.event_id, outgoing.body
        match outgoing.signature:
            case "forged":
                return signed_headers(event_id, at_ns, body, self._forgers_secret)
            case "expired":
                return signed_headers(event_id, at_ns - REPLAYED_AFTER_NS, body, secret)
            case "mutated":
                return signed_headers(event_id, at_ns, departure.attempt.body, secret)
            case "corrupt":
                headers = signed_headers(event_id, at_ns, body, secret)
                headers["webhook-signature"] = _mangled(headers["webhook-signature"])
                return headers
        return signed_headers(event_id, at_ns, body, secret)

    def _told_by(self, system: str) -> int:
        """The present time as that system has it."""
        return self.clocks.get(system, self._now)()

    def _try_again_later(self, attempt: _Attempt, status: int | None, retry_after: str | None) -> None:
        ladder_s = self._settings.ladder_s
        if attempt.number >= len(ladder_s):
            self.given_up += 1
            self.waiting -= 1
            return
        wait_s = ladder_s[attempt.number] * self._time_scale
        if retry_after is not None and status is not None and status >= 400:
            wait_s = max(wait_s, _seconds(retry_after))
        again = replace(attempt, number=attempt.number + 1)
        loop = asyncio.get_running_loop()
        self.waiting -= 1
        self._climbs += 1
        self._ladder[self._climbs] = _Waiting(again, loop.time() + wait_s, status)
        loop.call_later(wait_s, self._climb, self._climbs)

    def _climb(self, number: int) -> None:
        """The next rung."""
        self.waiting += 1
        self._enqueue(self._ladder.pop(number).attempt)

    def _record(self, departure: _Departure, at_ns: int, status: int | None, error: str | None) -> None:
        self._deliveries += 1
        attempt, outgoing = departure.attempt, departure.outgoing
        event = attempt.event
        real = not outgoing.invented
        self._recorder.delivery(
            records.Delivery(
                delivery_id=f"{event.system}-d{self._deliveries:07d}",
                event_id=outgoing.event_id,
                system=event.system,
                topic=outgoing.topic,
                subject=outgoing.subject,
                attempt=attempt.number,
                at_ns=at_ns,
                emitted_ns=event.at_ns,
                replied_ns=self._now(),
                acknowledged=status is not None and 200 <= status < 300,
                status=status,
                order_ref=event.order_ref if real else event.order_ref and outgoing.subject,
                sku=event.sku if real else event.sku and outgoing.subject,
                version=event.version if real else None,
                effect_id=event.effect_id if real else None,
                error=error,
                forgery=None if outgoing.signature == "valid" else outgoing.signature,
                faults=list(outgoing.faults) or None,
                subscription=attempt.subscription.subscription_id,
                body=self._recorder.body(outgoing.body),
            )
        )


def cloud_event(event: Event, event_id: str) -> bytes:
    """CloudEvents 1.0.2, structured mode."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/{event.system}",
        "type": event.topic,
        "subject": event.subject,
        "time": rfc3339(event.at_ns + event.skew_ns),
        "datacontenttype": "application/json",
    }
    if event.traceparent is not None:
        document["traceparent"] = event.traceparent
    document["data"] = event.data
    return msgspec.json.encode(document)


def signed_headers(event_id: str, at_ns: int, body: bytes, secret: str) -> dict[str, str]:
    """The headers of a webhook after Standard Webhooks 1.0; the timestamp is that of the attempt."""
    at = datetime.fromtimestamp(at_ns // 1_000_000_000, UTC)
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": event_id,
        "webhook-timestamp": str(at_ns // 1_000_000_000),
        "webhook-signature": _signer(secret).sign(event_id, at, body.decode()),
    }


@lru_cache(maxsize=1_024)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)


def _mangled(signature: str) -> str:
    """Another signature of the same form: its first letter is a different one."""
    version, _, text = signature.partition(",")
    return f"{version},{'B' if text[0] == 'A' else 'A'}{text[1:]}"


def _seconds(retry_after: str) -> float:
    """``Retry-After`` as seconds or as an HTTP date: at most a day, as the ladder has it; nonsense counts as nothing."""
    try:
        seconds = float(retry_after)
    except ValueError:
        pass
    else:
        return _sensible(seconds) if isfinite(seconds) else 0.0
    try:
        wait: timedelta = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (TypeError, ValueError):
        return 0.0
    return _sensible(wait.total_seconds())


def _sensible(seconds: float) -> float:
    return min(max(0.0, seconds), max(LADDER_S))
