"""A fault with where, when and how often, and the one place that decides whether it acts.

Most triggers are *keyed*: probability, ``order_ref``, ``sku``, ``client``, ``match`` and ``nth`` look only at what a
call is about, so the timing of the system under test cannot move a fault to another order. The others are *clocked*
(``start_s``, ``stop_s``, ``ttl_s``, ``ramp_s``) or *counted* (``after``, ``every``, ``limit``, ``until_fired``): they repeat as a
schedule, but which call meets them depends on when it arrives, or after which others.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .dice import Dice
from .errors import ChaosError
from .fault import Call, Fault, Outgoing


@dataclass(frozen=True, slots=True)
class Where:
    """Which calls, deliveries or decisions an injection may act on; what is left out matches all."""

    system: str = "*"
    operation: str | None = None
    """A call's ``operationId``, or a delivery's topic."""
    order_ref: str | None = None
    nth: int | None = None
    """Only the n-th attempt of the same operation on the same subject, from 1."""
    changes_only: bool | None = None
    """Only operations that change state; None leaves it to the fault."""
    sku: str | None = None
    """A call about this SKU, a bulk call with it among its items, or an event about it."""
    client: str | None = None
    """Only calls of the client with this id."""
    match: Mapping[str, Any] = field(default_factory=dict)
    """Only where the JSON body holds these values: path in the body, e.g. ``currency`` or ``lines.sku``, to a number,
    text, truth or null. A list on the way matches when any of its entries does."""

    def __post_init__(self) -> None:
        if not self.system:
            raise ChaosError("where.system must name a system or be '*', got ''")
        if self.nth is not None and self.nth < 1:
            raise ChaosError(f"where.nth must be at least 1, got {self.nth}")
        for path, value in self.match.items():
            if not all(path.split(".")):
                raise ChaosError(f"where.match: must be a path of keys like lines.sku, got {path!r}")
            if isinstance(value, list | dict):
                raise ChaosError(f"where.match.{path} must be a number, text, truth or null, got {value!r}")


@dataclass(frozen=True, slots=True)
class When:
    """When and how often an injection acts; seconds are real ones, from the start of the workload."""

    start_s: float = 0.0
    stop_s: float | None = None
    """None: until everything is healed."""
    every: int | None = None
    """Every n-th match only (counted)."""
    probability: float = 1.0
    """This share of all matches, by keyed dice; a bulk call acts when any of its items does."""
    limit: int | None = None
    """At most so many times (counted)."""
    after: int = 0
    """Let so many matches pass first (counted)."""
    ramp_s: float | None = None
    """The probability grows evenly from 0 to ``probability`` over so long after arming (clocked)."""
    ttl_s: float | None = None
    """Heals so long after arming (clocked); instead of ``stop_s``."""
    seed: int | None = None
    """Of its own dice; the run's unless said. Other orders are met, or the same ones in runs whose seeds differ."""
    until_fired: int | None = None
    """Its end, or the workload's where it has none, is put off until it has fired so often (counted): a fault on a step that
    comes late in a flow still meets a system under test that is slow and correct."""
    stretch_s: float = 20.0
    """But put off by no more than this (clocked)."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < float("inf"):
            raise ChaosError(f"when.start_s must be at least 0, got {self.start_s}")
        if self.stop_s is not None and not self.stop_s > self.start_s:
            raise ChaosError(f"when.stop_s must be after start_s ({self.start_s}), got {self.stop_s}")
        if self.every is not None and self.every < 1:
            raise ChaosError(f"when.every must be at least 1, got {self.every}")
        if not 0 < self.probability <= 1:
            raise ChaosError(f"when.probability must be above 0 and at most 1, got {self.probability}")
        if self.limit is not None and self.limit < 1:
            raise ChaosError(f"when.limit must be at least 1, got {self.limit}")
        if self.every is not None and self.probability < 1:
            raise ChaosError(
                f"when.every ({self.every}) and when.probability ({self.probability}) exclude each other: choose one"
            )
        if self.after < 0:
            raise ChaosError(f"when.after must be at least 0, got {self.after}")
        for name in ("ramp_s", "ttl_s"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 < seconds < float("inf"):
                raise ChaosError(f"when.{name} must be above 0, got {seconds}")
        if self.seed is not None and abs(self.seed) >= 2**63:
            raise ChaosError(f"when.seed must fit in 64 bits, got {self.seed}")
        if self.ramp_s is not None and self.every is not None:
            raise ChaosError(
                f"when.every ({self.every}) and when.ramp_s ({self.ramp_s}) exclude each other: choose one"
            )
        self._check_stretch()
        if self.ttl_s is not None and self.stop_s is not None:
            raise ChaosError(
                f"when.stop_s ({self.stop_s}) and when.ttl_s ({self.ttl_s}) exclude each other: choose one"
            )

    def _check_stretch(self) -> None:
        if self.until_fired is None:
            return
        if self.until_fired < 1:
            raise ChaosError(f"when.until_fired must be at least 1, got {self.until_fired}")
        if not 0 < self.stretch_s < float("inf"):
            raise ChaosError(f"when.stretch_s must be above 0, got {self.stretch_s}")
        if self.limit is not None and self.limit < self.until_fired:
            raise ChaosError(
                f"when.until_fired ({self.until_fired}) is above when.limit ({self.limit}): it could never be reached"
            )


@dataclass(frozen=True, slots=True)
class Injection:
    """One entry of a schedule: a fault with where, when and how often."""

    id: str
    fault: Fault
    where: Where = field(default_factory=Where)
    when: When = field(default_factory=When)

    def __post_init__(self) -> None:
        if not self.id:
            raise ChaosError("an injection needs an id, got ''")
        seam = self.fault.seam
        if seam in ("throttle", "process") and not (self._is_about_the_whole_system and self._is_always):
            what = "a system's throttle" if seam == "throttle" else "a process"
            raise ChaosError(
                f"injection {self.id!r}: {self.fault_name} changes {what} as a whole; "
                "only where.system, when.start_s, when.stop_s and when.ttl_s apply"
            )
        if seam == "process" and self.when.until_fired is not None:
            raise ChaosError(
                f"injection {self.id!r}: {self.fault_name} fires when it is armed: leave when.until_fired out"
            )
        if seam == "connection" and not self._is_about_the_whole_system:
            raise ChaosError(
                f"injection {self.id!r}: {self.fault_name} meets callers before they have asked anything; "
                "of where only system applies"
            )
        if self.where.client is not None and seam in ("delivery", "rule"):
            raise ChaosError(
                f"injection {self.id!r}: {self.fault_name} acts on no calls: where.client cannot match"
            )
        if self.where.match and seam == "rule":
            raise ChaosError(
                f"injection {self.id!r}: {self.fault_name} sees no body: where.match cannot match"
            )

    @property
    def fault_name(self) -> str:
        """As in the catalogue, e.g. ``lost-reply``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self.fault).__name__).lower()

    @property
    def changes_only(self) -> bool:
        """It acts on state-changing operations only: as its place says, else as its fault prefers."""
        if self.where.changes_only is not None:
            return self.where.changes_only
        return bool(getattr(self.fault, "changes_only", False))

    @property
    def _is_about_the_whole_system(self) -> bool:
        where = self.where
        named = (where.operation, where.order_ref, where.nth, where.changes_only, where.sku, where.client)
        return not where.match and all(part is None for part in named)

    @property
    def _is_always(self) -> bool:
        when = self.when
        return (when.every, when.limit, when.ramp_s, when.after, when.probability) == (None, None, None, 0, 1)


class Trigger:
    """An injection at work in one run: it decides once, for each call, delivery or rule, whether the fault acts.

    ``rank`` is its place in the schedule: of several that act on one call, the lowest is outermost.
    """

    __slots__ = (
        "_changes_only",
        "_connections",
        "_dice",
        "_matches",
        "armed_for_s",
        "dice",
        "fired",
        "injection",
        "rank",
        "seed",
    )

    def __init__(self, injection: Injection, rank: int, seed: int) -> None:
        self.injection = injection
        self.rank = rank
        self.seed = seed
        self._dice = Dice(seed if injection.when.seed is None else injection.when.seed)
        self.dice = Dice(int(self._dice.roll("fault", injection.id) * 2**53))
        """For the fault's own use: its amounts, never whether it acts."""
        self._changes_only = injection.changes_only
        self._connections = 0
        self._matches = 0
        self.fired = 0
        self.armed_for_s = 0.0
        """How long ago it was armed; its schedule keeps it current for as long as a ramp needs it."""

    def acts_on(self, call: Call) -> bool:
        """Decide for one call; a bulk call is decided item by item and acts when any item does."""
        where = self.injection.where
        if where.operation is not None and where.operation != call.operation:
            return False
        if self._changes_only and not call.changes:
            return False
        if where.client is not None and where.client != call.client:
            return False
        items = call.subjects or ((call.subject, call.attempt),)
        if where.order_ref is not None and where.order_ref != call.order_ref:
            items = tuple(item for item in items if item[0] == where.order_ref)
        if where.sku is not None and where.sku != call.sku:
            items = tuple(item for item in items if item[0] == where.sku)
        if not items or (where.match and not holds(call.body, where.match)):
            return False
        return self._decide(call.system, call.operation, items)

    def acts_on_connection(self, system: str) -> bool:
        """Decide for one caller that connects; nothing is known of it yet, so dice are rolled on its number."""
        self._connections += 1
        return self._decide(system, "connect", ((str(self._connections), 1),))

    def acts_on_delivery(self, outgoing: Outgoing) -> bool:
        """Decide for one attempt to hand an event over; its copies share the decision."""
        where = self.injection.where
        if where.operation is not None and where.operation != outgoing.topic:
            return False
        if where.client is not None:
            return False
        if any(one is not None and one != outgoing.subject for one in (where.order_ref, where.sku)):
            return False
        if where.match and not holds(outgoing.body, where.match):
            return False
        about = f"{outgoing.subject}#{outgoing.occurrence}"
        return self._decide(outgoing.system, outgoing.topic, ((about, outgoing.attempt),))

    def acts_on_rule(self, system: str, rule: str, subject: str, attempt: int) -> bool:
        """Decide for one question that a ledger asks."""
        where = self.injection.where
        if where.operation is not None and where.operation != rule:
            return False
        if any(one is not None and one != subject for one in (where.order_ref, where.sku)):
            return False
        return self._decide(system, rule, ((subject, attempt),))

    @property
    def _probability(self) -> float:
        """The present one: a ramp raises the bar that each call's own roll is held against."""
        when = self.injection.when
        if when.ramp_s is None or self.armed_for_s >= when.ramp_s:
            return when.probability
        return when.probability * self.armed_for_s / when.ramp_s

    def _decide(self, system: str, operation: str, items: tuple[tuple[str, int], ...]) -> bool:
        when, nth = self.injection.when, self.injection.where.nth
        if when.limit is not None and self.fired >= when.limit:
            return False
        probability = self._probability
        if not any(
            (nth is None or attempt == nth)
            and (
                probability >= 1
                or self._dice.chance(probability, self.injection.id, system, operation, subject, attempt)
            )
            for subject, attempt in items
        ):
            return False
        self._matches += 1
        counted = self._matches - when.after
        if counted <= 0 or (when.every is not None and counted % when.every):
            return False
        self.fired += 1
        return True


def holds(body: bytes, match: Mapping[str, Any]) -> bool:
    """Whether a JSON body holds all these values at these paths; one that is no JSON holds none."""
    try:
        document = json.loads(body)
    except ValueError:
        return False
    return all(
        any(_equal(found, value) for found in _at(document, path.split("."))) for path, value in match.items()
    )


def _at(document: Any, path: list[str]) -> Iterator[Any]:
    """Every value at a path; lists on the way are looked through."""
    if isinstance(document, list):
        for entry in document:
            yield from _at(entry, path)
    elif not path:
        yield document
    elif isinstance(document, dict) and path[0] in document:
        yield from _at(document[path[0]], path[1:])


def _equal(found: Any, wanted: Any) -> bool:
    """Amounts and SKUs travel as text: 22086 means "22086" too. True is no 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return bool(found == wanted) or (isinstance(found, str) and wanted is not None and found == str(wanted))
