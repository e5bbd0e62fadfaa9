"""Objectives that are broken beyond repair in mid-run: too many orders have taken too long, whatever the others will do."""

from collections.abc import Iterable
from math import floor

from ..history.records import Effect
from ..verdict.objective import Objective
from .errors import UsageError

ENDS = {
    "order_sync_latency": "sales_order_posted",
    "order_release_latency": "fulfilment_requested",
    "fulfilment_latency": "shipment_confirmed",
}
"""Key figures of how long orders take, and the effect with which an order's time is over; it begins as it is placed."""


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
        if not can_be_watched(objective):
            raise UsageError(
                f"--abort-on {text!r}: in mid-run only an upper bound on how long orders take is known to be broken, on "
                f"{', '.join(ENDS)}, e.g. 'order_sync_latency_p95 <= 5'; for all else give --objective"
            )
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


def can_be_watched(objective: Objective) -> bool:
    """Whether it is an upper bound on how long orders take."""
    figure, _, percentile = objective.kpi.rpartition("_p")
    return (
        objective.part is None and objective.sign in ("<", "<=") and figure in ENDS and percentile.isdecimal()
    )


def those_to_watch(objectives: Iterable[str]) -> list[str]:
    """Those of them that can be known to be broken in mid-run."""
    return [text for text in objectives if can_be_watched(Objective.of_text(text))]


def check_watched(objectives: Iterable[str]) -> None:
    """UsageError for one that cannot be watched; ObjectiveError for one that cannot be read."""
    for text in objectives:
        Watched(text, 1)
