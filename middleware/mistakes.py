"""Policies gone wrong, one class a mistake; ``defects.py`` says which defect swaps in which."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from hmac import compare_digest
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError

from .breaker import CircuitBreaker
from .documents import ItemResult
from .order import Order, Wanted, encoded
from .policies import Backoff, ByEventId, InSeconds, Reply, StableKeys, ToTheEnd, Verdict, WithItsZone
from .tokens import TokenSource

log = logging.getLogger(__package__)


@dataclass(frozen=True, slots=True)
class BelieveEverybody:
    """Whoever knows the address is believed."""

    def verify(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        """Nothing is looked at."""


@dataclass(frozen=True, slots=True)
class AnyTime:
    """The signature is checked, the timestamp is not: what was once sent can be sent again for ever."""

    def verify(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        sent_at = datetime.fromtimestamp(float(headers["webhook-timestamp"]), UTC)
        right = webhook.sign(headers["webhook-id"], sent_at, body.decode())
        if not any(compare_digest(right, given) for given in headers["webhook-signature"].split()):
            raise WebhookVerificationError("no signature fits")


@dataclass(frozen=True, slots=True)
class BelieveTheStatus(Backoff):
    """A 2xx is a success and a 409 a refusal, whatever the document says."""

    def verdict(self, reply: Reply) -> Verdict:
        if reply.status is not None and 200 <= reply.status < 300:
            return Verdict.DONE
        return Verdict.REFUSED if reply.status == 409 else Backoff.verdict(self, reply)


@dataclass(frozen=True, slots=True)
class FixedDelay(Backoff):
    """Tries again after 0.4 s each time, all in step."""

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return max(0.4, reply.retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class AtOnce(Backoff):
    """Tries again after 10 ms each time, however often it has failed."""

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return max(0.01, reply.retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class NeverGivesUp(Backoff):
    """What is wrong with an order is tried again every half second, for ever; a conflict (409) is understood."""

    def verdict(self, reply: Reply) -> Verdict:
        verdict = Backoff.verdict(self, reply)
        return Verdict.AGAIN if verdict is Verdict.REFUSED and reply.status != 409 else verdict

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return max(0.5, reply.retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class NotThereYet(Backoff):
    """What is not found will surely come: it is asked for again every second, for ever."""

    def verdict(self, reply: Reply) -> Verdict:
        return Verdict.AGAIN if reply.status == 404 else Backoff.verdict(self, reply)

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return 1.0 if reply.status == 404 else Backoff.wait_s(self, attempts, reply)


@dataclass(frozen=True, slots=True)
class Unrestrained:
    """As many calls as there is work, and a failing system is asked like any other."""

    widest: int = 1000

    def breaker(self) -> CircuitBreaker:
        return CircuitBreaker(threshold=1_000_000_000)


@dataclass(slots=True)
class OneAtATime:
    """One queue for everything: each step is carried through before the next begins."""

    _free: asyncio.Lock = field(default_factory=asyncio.Lock)

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]:
        return self._free


@dataclass(frozen=True, slots=True)
class UrgentLast:
    """Urgent orders wait for a job of their own, which runs every three seconds; the others go at once."""

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]:
        return after(3.0 if step == "request" and order.content.priority < 5 else 0.0)


@asynccontextmanager
async def after(wait_s: float) -> AsyncIterator[None]:
    """A turn that comes so late."""
    await asyncio.sleep(wait_s)
    yield


@dataclass(frozen=True, slots=True)
class KeyPerOrder:
    """The order's reference is the key of whatever is asked about it; what is published keeps keys of its own."""

    def key(self, intent: str, generation: int) -> str | None:
        about = intent.partition(":")[0]
        return intent if "@" in about else about

    def looks_first(self, unclear: bool) -> bool:
        return unclear


@dataclass(frozen=True, slots=True)
class KeyPerProcess:
    """Keys are stable, until the next deployment; and nothing is looked up."""

    name: str = field(default_factory=lambda: token_hex(4))

    def key(self, intent: str, generation: int) -> str | None:
        return f"{intent}~{generation}~{self.name}"

    def looks_first(self, unclear: bool) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class KeysOnly(StableKeys):
    """A key is trusted: whether something was done is never looked up."""

    def looks_first(self, unclear: bool) -> bool:
        return False


class TokenForEachCall(TokenSource):
    """Every call fetches a token of its own."""

    async def token(self) -> str:
        return (await self._fetch()).access_token


@dataclass(frozen=True, slots=True)
class FirstAttemptOnly:
    """The trace ends where the first attempt fails."""

    def carried(self, attempts: int) -> bool:
        return attempts == 0


@dataclass(frozen=True, slots=True)
class NoReason:
    """What is parked is an order, and nothing more."""

    def words(self, system: str, reason: str) -> tuple[str, str]:
        return "", ""


@dataclass(frozen=True, slots=True)
class Talkative:
    """Every request is logged with its headers."""

    def called(self, method: str, url: str, headers: dict[str, str]) -> None:
        log.info("%s %s %s", method, url, headers)


@dataclass(frozen=True, slots=True)
class Batched:
    """Changes are published in a batch, every twenty seconds."""

    def seconds(self, usual_s: float) -> float:
        return 20.0


@dataclass(frozen=True, slots=True)
class OwnOrdersOnly:
    """Nothing is done about an order that this service has not taken in itself."""

    def chosen(self, order: Order, planned: Wanted) -> Wanted:
        return planned if order.placed else iter(())


@dataclass(frozen=True, slots=True)
class AllStandard:
    """The warehouse is asked for every order as if it could wait."""

    def body(self, step: str, body: bytes) -> bytes:
        if step != "request":
            return body
        return encoded({**msgspec.json.decode(body), "priority": 9, "service_level": "standard"})


@dataclass(frozen=True, slots=True)
class InMilliseconds(InSeconds):
    """``Retry-After: 2`` is over after two milliseconds."""

    def seconds(self, retry_after: str | None) -> float | None:
        read = InSeconds.seconds(self, retry_after)
        return None if read is None else read / 1000


@dataclass(frozen=True, slots=True)
class AllDone:
    """A bulk call that is answered has done all its items."""

    def results(self, body: bytes, items: int) -> list[ItemResult] | None:
        return [ItemResult(index, 200) for index in range(items)]


@dataclass(frozen=True, slots=True)
class FirstPageOnly(ToTheEnd):
    """A list is its first page, and the next look begins where this one was made."""

    def next_page(self, cursor: str | None) -> str | None:
        return None

    def since(self, latest: datetime, asked_at: datetime) -> datetime:
        return asked_at


@dataclass(frozen=True, slots=True)
class AfterTheLast(ToTheEnd):
    """The next look begins after the last time that was seen, by the smallest unit in which times are told."""

    def since(self, latest: datetime, asked_at: datetime) -> datetime:
        return latest + (timedelta(microseconds=1) if latest.microsecond else timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class NoJitter(Backoff):
    """Waits double from 0.4 s to 0.8 s, and everybody waits as long as everybody else."""

    base_s: float = 0.2
    cap_s: float = 0.8

    def wait_s(self, attempts: int, reply: Reply) -> float:
        return max(min(self.base_s * 2.0 ** min(attempts, 30), self.cap_s), reply.retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class HeadIsEnough(Backoff):
    """A reply that breaks off in its body was a success: what it said is not missed."""

    def verdict(self, reply: Reply) -> Verdict:
        if reply.code == "connection_lost" and reply.detail == "ClientPayloadError":
            return Verdict.FORGET
        return Backoff.verdict(self, reply)


@dataclass(frozen=True, slots=True)
class OldestWins:
    """The comparison is the wrong way round: what is older replaces what is newer."""

    def supersedes(self, version: int, known: int | None) -> bool:
        return known is None or version < known


class ById(ByEventId):
    """Told under another id an order is another order."""

    def take(self, event_id: str, topic: str) -> tuple[str, ...] | None:
        return BOOKED_ANEW.get(topic, ()) if super().take(event_id, topic) is not None else None


class ByIdInMemory(ByEventId):
    """The ids are kept in memory: an order that is told of again after a restart is a new one."""

    _restarted = False

    def remember(self, event_ids: Iterable[str]) -> None:
        self._restarted = any(True for _ in event_ids)

    def take(self, event_id: str, topic: str) -> tuple[str, ...] | None:
        new = super().take(event_id, topic)
        return BOOKED_ANEW.get(topic, ()) if self._restarted and new is not None else new


BOOKED_ANEW = {"order.placed": ("create_in_oms", "book")}


class FirstTopicsOnly(ByEventId):
    """What its first version did not know is acknowledged and dropped."""

    def take(self, event_id: str, topic: str) -> tuple[str, ...] | None:
        later = topic in ("cancellation.requested", "return.requested", "price.changed")
        return None if later else super().take(event_id, topic)


@dataclass(slots=True)
class AcknowledgesFailures:
    """Every eighth event meets a lock, is not taken, and is acknowledged all the same."""

    _times: Iterator[int] = field(default_factory=count)

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        if next(self._times) % 8 != 7:
            await apply()


@dataclass(frozen=True, slots=True)
class LocalTime(WithItsZone):
    """A time is read without its zone, as one of the office's, an hour east."""

    def moment(self, text: str) -> datetime:
        return WithItsZone.moment(self, text).replace(tzinfo=timezone(timedelta(hours=1)))
