"""Bugs planted on purpose: each swaps policy objects of the honest service and must be found by the invariants."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from .policies import Backoff, Policies, Reply, Verdict

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
class Defect:
    """One bug: what it is in a sentence, the policies that it swaps, and the invariants that should find it."""

    sentence: str
    policies: Callable[[], Policies]
    found_by: tuple[str, ...]


DEFECTS: dict[str, Defect] = {
    "naive": Defect(
        "Sends no Idempotency-Key, never looks before it creates again, and works off every delivery of an event.",
        lambda: Policies(idempotency=NoKeys(), deduplicate=EveryDelivery()),
        ("orders_booked_exactly_once", "oms_orders_created_exactly_once", "statuses_agree_after_settling"),
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
}
DO_NOTHING = "do-nothing"
"""Not a swapped policy but another service: it answers 200 to everything and does nothing."""
