"""A fault with where, when and how often, and the one place that decides whether it acts.

Three triggers are *keyed*: probability, ``order_ref`` and ``nth`` look only at what a call is about, so the timing of
the system under test cannot move a fault to another order. The others are *clocked* (``start_s``, ``stop_s``) or
*counted* (``every``, ``limit``): they repeat as a schedule, but which call meets them depends on arrival order.
"""

import re
from dataclasses import dataclass, field

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

    def __post_init__(self) -> None:
        if not self.system:
            raise ChaosError("where.system must name a system or be '*', got ''")
        if self.nth is not None and self.nth < 1:
            raise ChaosError(f"where.nth must be at least 1, got {self.nth}")


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
        if self.fault.seam == "throttle" and not self._is_whole_system():
            raise ChaosError(
                f"injection {self.id!r}: {self.fault_name} changes a system's throttle as a whole; "
                "only where.system, when.start_s and when.stop_s apply"
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

    def _is_whole_system(self) -> bool:
        where, when = self.where, self.when
        named = (where.operation, where.order_ref, where.nth, where.changes_only, when.every, when.limit)
        return all(part is None for part in named) and when.probability == 1


class Trigger:
    """An injection at work in one run: it decides once, for each call, delivery or rule, whether the fault acts.

    ``rank`` is its place in the schedule: of several that act on one call, the lowest is outermost.
    """

    __slots__ = ("_changes_only", "_connections", "_dice", "_matches", "dice", "fired", "injection", "rank")

    def __init__(self, injection: Injection, rank: int, seed: int) -> None:
        self.injection = injection
        self.rank = rank
        self._dice = Dice(seed)
        self.dice = Dice(int(self._dice.roll("fault", injection.id) * 2**53))
        """For the fault's own use: its amounts, never whether it acts."""
        self._changes_only = injection.changes_only
        self._connections = 0
        self._matches = 0
        self.fired = 0

    def acts_on(self, call: Call) -> bool:
        """Decide for one call; a bulk call is decided item by item and acts when any item does."""
        where = self.injection.where
        if where.operation is not None and where.operation != call.operation:
            return False
        if self._changes_only and not call.changes:
            return False
        items = call.subjects or ((call.subject, call.attempt),)
        if where.order_ref is not None and where.order_ref != call.order_ref:
            items = tuple(item for item in items if item[0] == where.order_ref)
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
        if where.order_ref is not None and where.order_ref != outgoing.subject:
            return False
        about = f"{outgoing.subject}#{outgoing.occurrence}"
        return self._decide(outgoing.system, outgoing.topic, ((about, outgoing.attempt),))

    def acts_on_rule(self, system: str, rule: str, subject: str, attempt: int) -> bool:
        """Decide for one question that a ledger asks."""
        where = self.injection.where
        if where.operation is not None and where.operation != rule:
            return False
        if where.order_ref is not None and where.order_ref != subject:
            return False
        return self._decide(system, rule, ((subject, attempt),))

    def _decide(self, system: str, operation: str, items: tuple[tuple[str, int], ...]) -> bool:
        when, nth = self.injection.when, self.injection.where.nth
        if when.limit is not None and self.fired >= when.limit:
            return False
        if not any(
            (nth is None or attempt == nth)
            and (
                when.probability >= 1
                or self._dice.chance(when.probability, self.injection.id, system, operation, subject, attempt)
            )
            for subject, attempt in items
        ):
            return False
        self._matches += 1
        if when.every is not None and self._matches % when.every:
            return False
        self.fired += 1
        return True
