"""Events on their way to the SUT: CloudEvents in signed webhooks, at least once, up a ladder of retries."""

import asyncio
import secrets
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
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
"""An attempt that is due later than this is not waited for when a run settles."""


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


@dataclass(slots=True)
class _Attempt:
    event: Event
    event_id: str
    body: bytes
    subscription: Subscription
    occurrence: int
    number: int = 1
    copy: int = 0
    faults: tuple[str, ...] = ()


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
        self.subscriptions: dict[str, Subscription] = {}
        self._subscribed = 0
        self._counts: dict[str, int] = {}
        self._occurrences: dict[tuple[str, str, str], int] = {}
        self._deliveries = 0
        self._queues: dict[str, deque[_Attempt]] = {}
        self._running: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.waiting = 0
        """Deliveries that are queued, under way or due for their next attempt soon."""
        self.given_up = 0

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding"),
        )

    async def stop(self) -> None:
        self._stopped = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

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
            updated_at=rfc3339(self._now()),
        )
        self.subscriptions[subscription.subscription_id] = subscription
        return subscription

    def unsubscribe(self, subscription_id: str) -> None:
        self.subscriptions.pop(subscription_id).active = False

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
        """Let the delivery seam have its say, then queue what comes of it."""
        if self._stopped:
            return
        shape = self.shapes.get(attempt.event.system)
        if shape is None or attempt.copy:
            self._queue(attempt)
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
        )
        shaped = shape(outgoing)
        if shaped == [outgoing]:
            self._queue(attempt)
            return
        for one in shaped:
            sent = replace(attempt, event_id=one.event_id, body=one.body, copy=one.copy, faults=one.faults)
            if one.copy:
                self.waiting += 1
            if one.dropped:
                self._record(sent, self._now(), None, "dropped")
                self.waiting -= 1
            elif one.wait_s > 0:
                asyncio.get_running_loop().call_later(one.wait_s, self._queue, sent)
            else:
                self._queue(sent)
        if not any(one.copy == 0 for one in shaped):
            self.waiting -= 1

    def _queue(self, attempt: _Attempt) -> None:
        if self._stopped:
            return
        name = attempt.subscription.subscription_id
        queue = self._queues.setdefault(name, deque())
        queue.append(attempt)
        if self._running.get(name, 0) < self._settings.in_flight:
            self._running[name] = self._running.get(name, 0) + 1
            task = asyncio.get_running_loop().create_task(self._work(name, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self, name: str, queue: deque[_Attempt]) -> None:
        try:
            while queue:
                await self._deliver(queue.popleft())
        finally:
            self._running[name] -= 1

    async def _deliver(self, attempt: _Attempt) -> None:
        subscription = attempt.subscription
        if not subscription.active:
            self.waiting -= 1
            return
        assert self._session is not None, "start() comes before emit()"
        at_ns = self._now()
        status: int | None = None
        error: str | None = None
        retry_after: str | None = None
        try:
            async with self._session.post(
                subscription.url,
                data=attempt.body,
                headers=signed_headers(attempt.event_id, at_ns, attempt.body, subscription.secret),
                allow_redirects=False,
            ) as reply:
                status = reply.status
                retry_after = reply.headers.get("Retry-After")
        except TimeoutError:
            error = "timeout"
        except aiohttp.ClientConnectorError:
            error = "refused"
        except (aiohttp.ClientError, OSError):
            error = "reset"
        self._record(attempt, at_ns, status, error)
        acknowledged = status is not None and 200 <= status < 300
        if status == 410:
            subscription.active = False
        if acknowledged or status == 410 or attempt.copy:
            self.waiting -= 1
            return
        self._try_again_later(attempt, status, retry_after)

    def _try_again_later(self, attempt: _Attempt, status: int | None, retry_after: str | None) -> None:
        ladder_s = self._settings.ladder_s
        if attempt.number >= len(ladder_s):
            self.given_up += 1
            self.waiting -= 1
            return
        wait_s = ladder_s[attempt.number] * self._time_scale
        if retry_after is not None and status in (429, 502, 503, 504):
            wait_s = max(wait_s, _seconds(retry_after))
        again = replace(attempt, number=attempt.number + 1, faults=())
        if wait_s > SOON_S:
            self.waiting -= 1
            asyncio.get_running_loop().call_later(wait_s, self._enqueue_late, again)
        else:
            asyncio.get_running_loop().call_later(wait_s, self._enqueue, again)

    def _enqueue_late(self, attempt: _Attempt) -> None:
        self.waiting += 1
        self._enqueue(attempt)

    def _record(self, attempt: _Attempt, at_ns: int, status: int | None, error: str | None) -> None:
        self._deliveries += 1
        event = attempt.event
        self._recorder.delivery(
            records.Delivery(
                delivery_id=f"{event.system}-d{self._deliveries:07d}",
                event_id=attempt.event_id,
                system=event.system,
                topic=event.topic,
                subject=event.subject,
                attempt=attempt.number,
                at_ns=at_ns,
                emitted_ns=event.at_ns,
                replied_ns=self._now(),
                acknowledged=status is not None and 200 <= status < 300,
                status=status,
                order_ref=event.order_ref,
                sku=event.sku,
                version=event.version,
                effect_id=event.effect_id,
                error=error,
                faults=list(attempt.faults) or None,
                subscription=attempt.subscription.subscription_id,
                body=self._recorder.body(attempt.body),
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
        "time": rfc3339(event.at_ns),
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
        "webhook-signature": Webhook(secret).sign(event_id, at, body.decode()),
    }


def _seconds(retry_after: str) -> float:
    """``Retry-After`` as seconds or as an HTTP date; nonsense counts as nothing."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        wait: timedelta = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, wait.total_seconds())
