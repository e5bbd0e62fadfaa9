"""Objectives that are broken beyond repair in mid-run: too many orders have taken too long, or what only grows is too much."""

from collections.abc import Collection, Iterable
from math import floor

import msgspec

from ..history.records import Call, Effect
from ..verdict.objective import Objective
from .errors import UsageError

ENDS = {
    "order_sync_latency": "sales_order_posted",
    "order_release_latency": "fulfilment_requested",
    "fulfilment_latency": "shipment_confirmed",
}
"""Key figures of how long orders take, and the effect with which an order's time is over; it begins as it is placed."""

TOTALS = ("exception_volume", "oversold_units")
"""Key figures that only grow: they are too much for good once they are too much. The first of one reason alone, too."""
HEARD = "exception_volume"
"""The one that calls tell of."""


SEEN = frozenset(
    {"order_placed", "order_cancelled", "order_unfillable", "sales_order_rejected", *ENDS.values()}
)
"""All kinds of effects that tell of it."""


class Watched:
    """One objective on how long orders take, held against what happens. UsageError where it cannot be known in mid-run.

    An order that waits longer than the threshold counts at once, for it can only take longer; one that will never
    get there (cancelled, refused for good, out of stock) does not. ``orders`` is how many may come at most.
    """

    def __init__(self, text: str, orders: int) -> None:
        self.objective = objective = Objective.of_text(text)
        figure, _, percentile = objective.kpi.rpartition("_p")
        if not _is_on_waits(objective):
            raise UsageError(_refused(text))
        self._end = ENDS[figure]
        self._limit_ns = objective.scaled("s") * 1e9
        self._orders = orders
        self._too_many = orders - floor((orders - 1) * int(percentile) / 100)
        """So many bad ones, and the percentile of all is bad, however good the others are."""
        self._waiting: dict[str, int] = {}
        """When each was placed, the oldest first."""
        self._late: set[str] = set()
        """Waiting longer than they may."""
        self._bad = 0
        """Of those that have got there."""

    def see(self, effect: Effect) -> None:
        """One effect of the estate, as it happens."""
        order_ref = effect.order_ref
        if order_ref is None or effect.actor == "before-run":
            return
        if effect.kind == "order_placed":
            self._waiting.setdefault(order_ref, effect.at_ns)
        elif effect.kind == self._end and (self._end != "shipment_confirmed" or effect.lines):
            self._arrived(order_ref, effect.at_ns)
        elif effect.kind in ("order_cancelled", "order_unfillable") or (
            effect.kind == "sales_order_rejected" and effect.permanent
        ):
            self._waiting.pop(order_ref, None)
            self._late.discard(order_ref)

    def hear(self, call: Call) -> None:
        """Calls say nothing of how long orders take."""

    def why_broken(self, now_ns: int) -> str | None:
        """In words, once nothing can mend it."""
        while self._waiting and self._is_bad(now_ns - next(iter(self._waiting.values()))):
            order_ref = next(iter(self._waiting))
            del self._waiting[order_ref]
            self._late.add(order_ref)
        bad = self._bad + len(self._late)
        if bad < self._too_many:
            return None
        return (
            f"{self.objective} cannot be met any more: {bad:,} of at most {self._orders:,} orders took longer, "
            f"{len(self._late):,} of them still waiting"
        )

    def _arrived(self, order_ref: str, at_ns: int) -> None:
        if order_ref in self._late:
            self._late.discard(order_ref)
            self._bad += 1
        elif (placed_ns := self._waiting.pop(order_ref, None)) is not None:
            self._bad += self._is_bad(at_ns - placed_ns)

    def _is_bad(self, waited_ns: int) -> bool:
        return waited_ns > self._limit_ns or (self.objective.sign == "<" and waited_ns == self._limit_ns)


class WatchedTotal:
    """One objective on something that only grows, counted as its key figure does. UsageError as ``Watched``."""

    def __init__(self, text: str) -> None:
        self.objective = objective = Objective.of_text(text)
        if not _is_on_a_total(objective):
            raise UsageError(_refused(text))
        self._limit = objective.scaled("exceptions" if objective.kpi == HEARD else "units")
        self._total = 0

    def see(self, effect: Effect) -> None:
        """One effect of the estate, as it happens."""
        if self.objective.kpi == "oversold_units":
            if effect.kind == "order_unfillable":
                missing = msgspec.to_builtins((effect.data or {}).get("missing") or ())
                self._total += sum(int(line["quantity"]) for line in missing)
        elif effect.kind == "sales_order_rejected":
            self._add((effect.cause or "rejected").partition(" ")[0])

    def hear(self, call: Call) -> None:
        """One call at the estate, as it is answered."""
        is_theirs = call.client is None or not call.client.startswith("shopper")
        if self.objective.kpi == HEARD and is_theirs and call.changes and call.outcome != "ok":
            self._add(call.error or ("no_answer" if call.status is None else f"http_{call.status}"))

    def why_broken(self, now_ns: int) -> str | None:
        """In words, once nothing can mend it."""
        if self._total < self._limit or (self.objective.sign == "<=" and self._total == self._limit):
            return None
        return f"{self.objective} cannot be met any more: it is {self._total:,} already and can only grow"

    def _add(self, reason: str) -> None:
        self._total += self.objective.part in (None, reason)


def watched(text: str, orders: int) -> Watched | WatchedTotal:
    """An objective as it can be watched in mid-run; ``orders`` is how many may come at most. UsageError, ObjectiveError."""
    return WatchedTotal(text) if _is_on_a_total(Objective.of_text(text)) else Watched(text, orders)


def can_be_watched(objective: Objective) -> bool:
    """Whether it can be known to be broken before the end."""
    return _is_on_waits(objective) or _is_on_a_total(objective)


def _is_on_waits(objective: Objective) -> bool:
    """Whether it is an upper bound on how long orders take."""
    figure, _, percentile = objective.kpi.rpartition("_p")
    return (
        objective.part is None and objective.sign in ("<", "<=") and figure in ENDS and percentile.isdecimal()
    )


def _is_on_a_total(objective: Objective) -> bool:
    """Whether it is an upper bound on what only grows."""
    may_have_part = objective.kpi == HEARD
    return (
        objective.kpi in TOTALS
        and objective.sign in ("<", "<=")
        and (objective.part is None or may_have_part)
    )


def _refused(text: str) -> str:
    return (
        f"--abort-on {text!r}: in mid-run only an upper bound is known to be broken, on how long orders take "
        f"({', '.join(ENDS)}), e.g. 'order_sync_latency_p95 <= 5', or on what only grows ({', '.join(TOTALS)}), "
        "e.g. 'exception_volume[throttled] <= 100'; for all else give --objective"
    )


def those_to_watch(
    objectives: Iterable[str], systems: Collection[str] = (), *, apart: bool = False
) -> list[str]:
    """Those of them that can be known to be broken in mid-run; ``systems`` and ``apart`` as in ``check_watched``."""
    found = []
    for text in objectives:
        objective = Objective.of_text(text)
        is_of_a_call = objective.kpi == HEARD and apart
        if can_be_watched(objective) and objective.part not in systems and not is_of_a_call:
            found.append(text)
    return found


def check_watched(objectives: Iterable[str], systems: Collection[str] = (), *, apart: bool = False) -> None:
    """UsageError for one that cannot be watched; ObjectiveError for one that cannot be read.

    A part is a reason; of one of the ``systems``, which may be a channel as well, it is known only at the end. So are calls
    where the systems are ``apart``, in processes of their own.
    """
    for text in objectives:
        objective = watched(text, 1).objective
        part = objective.part
        if objective.kpi == HEARD and apart:
            raise UsageError(
                f"--abort-on {text!r}: with estate.processes calls are known at the end only; give --objective, or one process"
            )
        if part in systems:
            raise UsageError(
                f"--abort-on {text!r}: in mid-run it is known as a whole or of one reason, e.g. "
                f"'exception_volume[throttled] <= 100'; of a system such as {part!r} give --objective"
            )
