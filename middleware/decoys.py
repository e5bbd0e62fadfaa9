"""Correct but unusual ways to work: each swaps policy objects of the honest service, and nothing may be found in it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .lapses import FetchesEarly, InBatches, Synchronous
from .mistakes import KeysOnly, OneAtATime, after
from .policies import Policies, StableKeys
from .store import StoreError


@dataclass(frozen=True, slots=True)
class LooksOnly:
    """No keys at all: before anything is created it is looked up, every time."""

    def key(self, intent: str, generation: int) -> str | None:
        return None

    def looks_first(self, unclear: bool) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Probes(StableKeys):
    """Keys, and a look before every step: many empty lists and 404."""

    def looks_first(self, unclear: bool) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is published is gathered for three seconds."""

    def seconds(self, usual_s: float) -> float:
        return 3.0


@dataclass(frozen=True, slots=True)
class InItsTime:
    """Every step begins half a second late."""

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]:
        return after(0.5)


@dataclass(frozen=True, slots=True)
class InvoicesLate:
    """Invoices begin so late that what is credited is refused again and again until they are there."""

    def turn(self, order: Any, step: str) -> AbstractAsyncContextManager[None]:
        return after(8.0 if step == "invoice" else 0.0)


@dataclass(frozen=True, slots=True)
class Untraced:
    """Nothing carries a trace."""

    def carried(self, attempts: int) -> bool:
        return False


@dataclass(slots=True)
class BusyEverySecondTime:
    """Every second webhook is answered 503, and taken when it comes again."""

    _times: Iterator[int] = field(default_factory=count)

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        if next(self._times) % 2 == 0:
            raise StoreError("busy")
        await apply()


@dataclass(frozen=True, slots=True)
class NoWebhooks:
    """No webhook is ever taken: everything is found by polling."""

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        raise StoreError("this service polls")


@dataclass(frozen=True, slots=True)
class WhileThereIsRoom:
    """A webhook is taken while little is open, and put off with a 503 otherwise."""

    most_open: int = 12

    async def take(self, apply: Callable[[], Awaitable[None]], backlog: Callable[[], int]) -> None:
        if backlog() > self.most_open:
            raise StoreError("the queue is full")
        await apply()


@dataclass(frozen=True, slots=True)
class Decoy:
    """One unusual way to work: what it is in a sentence, the policies, and where it is tried."""

    sentence: str
    policies: Callable[[], Policies]
    scenarios: tuple[str, ...]
    """The four of the library that could blame it most."""
    seconds: int = 8


DECOYS: dict[str, Decoy] = {
    "looks-only": Decoy(
        "Sends no key at all and looks everything up before it creates it.",
        lambda: Policies(idempotency=LooksOnly()),
        ("lost-replies", "payments-flaky", "duplicate-webhooks", "black-friday"),
    ),
    "probes": Decoy(
        "Sends keys, and looks before every step all the same.",
        lambda: Policies(idempotency=Probes()),
        ("lost-replies", "slow-comeback", "erp-throttled-promotion", "black-friday"),
    ),
    "gathers": Decoy(
        "Publishes in batches, every three seconds.",
        lambda: Policies(gather=Gathered()),
        ("price-storm", "half-answers", "black-friday", "oversell-race"),
    ),
    "takes-its-time": Decoy(
        "Begins every step half a second late.",
        lambda: Policies(turns=InItsTime()),
        ("slow-comeback", "cancel-race", "returns-wave", "black-friday"),
    ),
    "asks-early": Decoy(
        "Invoices eight seconds late, and asks for credit memos until the refusals end.",
        lambda: Policies(turns=InvoicesLate()),
        ("quiet-day", "returns-wave", "duplicate-webhooks", "wms-outage"),
    ),
    "one-by-one": Decoy(
        "Does one thing at a time, on a day on which nothing breaks.",
        lambda: Policies(turns=OneAtATime()),
        ("quiet-day", "duplicate-webhooks", "out-of-order-events", "poison-order"),
    ),
    "untraced": Decoy(
        "Sends no trace with anything.",
        lambda: Policies(trace=Untraced()),
        ("lost-replies", "middleware-restart", "quiet-day", "black-friday"),
    ),
    "busy-every-second-time": Decoy(
        "Answers every second webhook with 503 and takes it when it comes again.",
        lambda: Policies(acknowledge=BusyEverySecondTime()),
        ("quiet-day", "missed-webhooks", "out-of-order-events", "black-friday"),
    ),
    "keys-only": Decoy(
        "Stores each key before the call and trusts it: but for the items of bulk calls nothing is looked up.",
        lambda: Policies(idempotency=KeysOnly(), looks_up_bulk=True),
        ("lost-replies", "payments-flaky", "middleware-restart", "network-trouble"),
    ),
    "in-batches": Decoy(
        "Begins what has come together, every 1.5 s.",
        lambda: Policies(turns=InBatches()),
        ("slow-comeback", "black-friday", "poison-order", "cancel-race"),
    ),
    "full-queue": Decoy(
        "Answers webhooks with 503 while more than a dozen steps are open.",
        lambda: Policies(acknowledge=WhileThereIsRoom()),
        ("black-friday", "erp-outage", "duplicate-webhooks", "slow-erp"),
    ),
    "starts-slowly": Decoy(
        "Takes three seconds to be ready.",
        lambda: Policies(starts_in_s=3.0),
        ("middleware-restart", "quiet-day", "duplicate-webhooks", "black-friday"),
    ),
    "early-tokens": Decoy(
        "Fetches the next token a minute before the present one expires.",
        lambda: Policies(tokens=FetchesEarly),
        ("quiet-day", "token-expiry", "black-friday", "price-storm"),
    ),
    "synchronous": Decoy(
        "Answers a webhook when its work is done, or after four seconds.",
        lambda: Policies(acknowledge=Synchronous()),
        ("erp-outage", "slow-erp", "payments-flaky", "duplicate-webhooks"),
    ),
    "polls-only": Decoy(
        "Takes no webhooks and finds everything by polling.",
        lambda: Policies(acknowledge=NoWebhooks()),
        ("quiet-day", "coarse-lists", "erp-outage", "black-friday"),
    ),
}
