"""The decisions that make this service honest, each a small object that a planted defect can swap."""

import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Protocol

import msgspec
from standardwebhooks import Webhook

from .breaker import CircuitBreaker
from .documents import BatchResult, ItemResult
from .tokens import TokenSource

TOO_EARLY = frozenset(
    {
        "not_posted",
        "not_allocated",
        "not_invoiced",
        "not_shipped",
        "idempotency_key_in_use",
        "concurrent_modification",
    }
)
"""Conflicts (409) that pass with time; every other one is for good."""
PASSING = frozenset({301, 302, 303, 307, 308, 401, 408, 412, 425, 429})
"""Statuses below 500 after which the same request may yet succeed. 3xx: these APIs never move, so it is a gateway's slip,
and following it might turn a POST into a GET. 401: with a new token. 412: with what is read anew."""

EVENTS_REMEMBERED = 200_000


class Verdict(Enum):
    """What an answer means for the step that asked."""

    DONE = "done"
    AGAIN = "again"
    REFUSED = "refused"
    FORGET = "forget"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from a system; no status where nothing did."""

    status: int | None
    body: bytes = b""
    code: str = ""
    """The problem's code where the system refused, or why there is no answer."""
    detail: str = ""
    retry_after_s: float | None = None
    replayed: bool = False
    """The system says that this is the answer that it gave to the same key before."""
    sent: bool = True
    """False where the request surely never left."""

    @property
    def unclear(self) -> bool:
        """The system may have carried the request out."""
        return self.sent and (self.status is None or self.status >= 500)


class RetryPolicy(Protocol):
    """Which answers to try again after, and when."""

    def verdict(self, reply: Reply) -> Verdict: ...

    def wait_s(self, attempts: int, reply: Reply) -> float: ...


class RetryAfterPolicy(Protocol):
    """What a system's Retry-After says."""

    def seconds(self, retry_after: str | None) -> float | None: ...


class PacingPolicy(Protocol):
    """How long a whole system is left alone after a 429 or 503."""

    def pause_s(self, retry_after_s: float | None) -> float: ...


class IdempotencyPolicy(Protocol):
    """How a step is kept from being done twice."""

    def key(self, intent: str, generation: int) -> str | None:
        """The Idempotency-Key of an intent; a new generation only after a refusal, when nothing was done."""

    def looks_first(self, unclear: bool) -> bool:
        """Whether to ask for the document by its reference before asking for it to be made."""


class Deduplicate(Protocol):
    """Which deliveries are new."""

    def take(self, event_id: str, topic: str) -> tuple[str, ...] | None:
        """None for an event that was taken before; otherwise the steps to be done anew although they are done."""

    def remember(self, event_ids: Iterable[str]) -> None:
        """Ids that were taken before this process began."""


class AcknowledgePolicy(Protocol):
    """When an event is acknowledged: returns once the answer may go."""

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None: ...


class VersionPolicy(Protocol):
    """Which of two versions of a value stands."""

    def supersedes(self, version: int, known: int | None) -> bool: ...


class StepsPolicy(Protocol):
    """Which of the steps that follow from what is known are taken."""

    def chosen(self, order: Any, planned: Iterator[tuple[Any, str]]) -> Iterator[tuple[Any, str]]: ...


class WordingPolicy(Protocol):
    """What a request says."""

    def body(self, step: str, body: bytes) -> bytes:
        """``step`` is the step's name, or the topic of a value that is published."""


class SignaturePolicy(Protocol):
    """Which webhooks are from whom they say."""

    def verify(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        """Raises WebhookVerificationError or ValueError."""


class TurnPolicy(Protocol):
    """What a step waits for before its first attempt, and holds until it is over."""

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]: ...


class RestraintPolicy(Protocol):
    """How many calls to one system may be under way, and when it is left alone."""

    @property
    def widest(self) -> int: ...

    def breaker(self) -> CircuitBreaker: ...


class TracePolicy(Protocol):
    """Which attempts carry the order's trace."""

    def carried(self, attempts: int) -> bool: ...


class ParkingPolicy(Protocol):
    """What is said about an order that is given up on."""

    def words(self, system: str, reason: str) -> tuple[str, str]: ...


class LogPolicy(Protocol):
    """What is written down of a call."""

    def called(self, method: str, url: str, headers: dict[str, str]) -> None: ...


class BatchPolicy(Protocol):
    """What the answer to a bulk call says of its items."""

    def results(self, body: bytes, items: int) -> list[ItemResult] | None:
        """One of each of so many items; None where the answer does not say it."""


class ConditionPolicy(Protocol):
    """Under which condition a request is to be carried out."""

    def if_match(self, step: str, attempts: int) -> str | None:
        """The version that the document must still have; None for whatever it has."""


class ReadingPolicy(Protocol):
    """How a list is read that is longer than a page, and where the next look at it begins."""

    def next_page(self, cursor: str | None) -> str | None:
        """The page to read after the one that named this cursor; None to stop."""

    def since(self, latest: datetime, asked_at: datetime) -> datetime:
        """What changed from then on is asked for next, after the ``latest`` change that was seen in this look."""


class TimePolicy(Protocol):
    """Which moment a time in a document is."""

    def moment(self, text: str) -> datetime:
        """Raises ValueError for what is no time with a zone."""


class GatherPolicy(Protocol):
    """How long changes are gathered before they are published."""

    def seconds(self, usual_s: float) -> float: ...


class _Answer(msgspec.Struct):
    """A document, as far as it may say that it went wrong."""

    errors: Any = None


def says_that_it_failed(body: bytes) -> bool:
    """Whether the document of a 2xx holds errors: ``{"data": null, "errors": [...]}``."""
    if b'"errors"' not in body:
        return False
    try:
        return bool(msgspec.json.decode(body, type=_Answer).errors)
    except msgspec.DecodeError:
        return False


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, with full jitter, never before Retry-After; 4xx other than the passing ones are for good."""

    base_s: float = 0.05
    cap_s: float = 2.0
    dice: Callable[[], float] = random.random

    def verdict(self, reply: Reply) -> Verdict:
        status = reply.status
        if status is None or status >= 500 or status in PASSING:
            return Verdict.AGAIN
        if 200 <= status < 300:
            return Verdict.AGAIN if says_that_it_failed(reply.body) else Verdict.DONE
        return Verdict.AGAIN if status == 409 and reply.code in TOO_EARLY else Verdict.REFUSED

    def wait_s(self, attempts: int, reply: Reply) -> float:
        longest_s = min(self.base_s * 2.0 ** min(attempts, 30), self.cap_s)
        return max(longest_s * self.dice(), reply.retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class InSeconds:
    """Retry-After (RFC 9110 section 10.2.3) as seconds from now; nonsense counts as none."""

    def seconds(self, retry_after: str | None) -> float | None:
        if retry_after is None:
            return None
        try:
            return max(0.0, float(retry_after))
        except ValueError:
            pass
        try:
            return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
        except (TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class HonourRetryAfter:
    """Nobody calls a system before the time that it named."""

    def pause_s(self, retry_after_s: float | None) -> float:
        return retry_after_s or 0.0


@dataclass(frozen=True, slots=True)
class StableKeys:
    """One key per intent over all its retries; after an unclear outcome the document is looked up as well."""

    def key(self, intent: str, generation: int) -> str | None:
        return f"{intent}~{generation}" if generation else intent

    def looks_first(self, unclear: bool) -> bool:
        return unclear


class ByEventId:
    """An event id is taken once; the last ``memory`` ids are known without asking the store."""

    def __init__(self, memory: int = EVENTS_REMEMBERED) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._memory = memory

    def remember(self, event_ids: Iterable[str]) -> None:
        """Ids that were taken before this process began."""
        self._seen.update(dict.fromkeys(event_ids))

    def take(self, event_id: str, topic: str) -> tuple[str, ...] | None:
        if event_id in self._seen:
            return None
        self._seen[event_id] = None
        if len(self._seen) > self._memory:
            self._seen.popitem(last=False)
        return ()


class DurableFirst:
    """The event and what follows from it are on disk before the answer goes."""

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        await apply()


@dataclass(frozen=True, slots=True)
class NewestWins:
    """Versions only move forward."""

    def supersedes(self, version: int, known: int | None) -> bool:
        return known is None or version > known


@dataclass(frozen=True, slots=True)
class AsPlanned:
    """Every step that follows, and none before its time."""

    def chosen(self, order: Any, planned: Iterator[tuple[Any, str]]) -> Iterator[tuple[Any, str]]:
        return planned


@dataclass(frozen=True, slots=True)
class ToTheLetter:
    """A request says what it was made to say."""

    def body(self, step: str, body: bytes) -> bytes:
        return body


@dataclass(frozen=True, slots=True)
class Signed:
    """Signature over the raw body, and a timestamp of the last minutes."""

    def verify(self, webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        webhook.verify(body, headers, json_parse=False)


@dataclass(frozen=True, slots=True)
class NoTurns:
    """Orders and steps wait for nobody else."""

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@dataclass(frozen=True, slots=True)
class Restrained:
    """A few calls at a time, and a breaker that leaves a failing system alone."""

    widest: int = 16

    def breaker(self) -> CircuitBreaker:
        return CircuitBreaker()


@dataclass(frozen=True, slots=True)
class EveryAttempt:
    """Every attempt has the order's trace."""

    def carried(self, attempts: int) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class InItsWords:
    """The system's name and what it said."""

    def words(self, system: str, reason: str) -> tuple[str, str]:
        return system, reason


@dataclass(frozen=True, slots=True)
class Discreet:
    """No header and no body goes to the log."""

    def called(self, method: str, url: str, headers: dict[str, str]) -> None:
        """Nothing is written down."""


@dataclass(frozen=True, slots=True)
class ItemByItem:
    """Each item stands or falls alone, and an answer that leaves one out says nothing."""

    def results(self, body: bytes, items: int) -> list[ItemResult] | None:
        try:
            results = msgspec.json.decode(body, type=BatchResult).results
        except msgspec.DecodeError:
            return None
        return results if sorted(result.index for result in results) == list(range(items)) else None


@dataclass(frozen=True, slots=True)
class Unconditionally:
    """Every step is an intent of its own, which no other writer can take away."""

    def if_match(self, step: str, attempts: int) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class ToTheEnd:
    """Page by page to the last; the last second is read again, in case a change of it became visible late."""

    overlap: timedelta = timedelta(seconds=1)

    def next_page(self, cursor: str | None) -> str | None:
        return cursor

    def since(self, latest: datetime, asked_at: datetime) -> datetime:
        return latest - self.overlap


@dataclass(frozen=True, slots=True)
class WithItsZone:
    """A time without a zone is none."""

    def moment(self, text: str) -> datetime:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(f"{text!r} has no zone")
        return moment


@dataclass(frozen=True, slots=True)
class Briefly:
    """Just long enough that what comes together is sent together."""

    def seconds(self, usual_s: float) -> float:
        return usual_s


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that can be swapped, as it should be."""

    retry: RetryPolicy = field(default_factory=Backoff)
    retry_after: RetryAfterPolicy = field(default_factory=InSeconds)
    pacing: PacingPolicy = field(default_factory=HonourRetryAfter)
    idempotency: IdempotencyPolicy = field(default_factory=StableKeys)
    deduplicate: Deduplicate = field(default_factory=ByEventId)
    acknowledge: AcknowledgePolicy = field(default_factory=DurableFirst)
    version: VersionPolicy = field(default_factory=NewestWins)
    steps: StepsPolicy = field(default_factory=AsPlanned)
    wording: WordingPolicy = field(default_factory=ToTheLetter)
    signature: SignaturePolicy = field(default_factory=Signed)
    turns: TurnPolicy = field(default_factory=NoTurns)
    restraint: RestraintPolicy = field(default_factory=Restrained)
    trace: TracePolicy = field(default_factory=EveryAttempt)
    parking: ParkingPolicy = field(default_factory=InItsWords)
    log: LogPolicy = field(default_factory=Discreet)
    gather: GatherPolicy = field(default_factory=Briefly)
    batch: BatchPolicy = field(default_factory=ItemByItem)
    condition: ConditionPolicy = field(default_factory=Unconditionally)
    reading: ReadingPolicy = field(default_factory=ToTheEnd)
    times: TimePolicy = field(default_factory=WithItsZone)
    tokens: type[TokenSource] = TokenSource
    reconciles: bool = True
    """Whether events that never came are found by polling."""
    looks_up_bulk: bool = False
    """Whether the items of an unclear bulk call are looked up, even where nothing else is: their key is the call's, not theirs."""
    patience_s: float | None = None
    """How long a call may take; as the settings say by default."""
    starts_in_s: float | None = None
    """How long it takes from the start of the process until it is ready; no longer than it must by default."""
