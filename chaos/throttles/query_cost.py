"""Calls cost points by what they ask for; points are restored at a steady rate, and what a call did not use comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

from ..checks import above, at_least
from ..errors import ChaosError
from ..fault import Call, Decision, Figures
from ..meter import Meter
from ..problem import throttled
from ..scope import Scope, bucket_of, checked


@dataclass(slots=True)
class QueryCost:
    """The whole cost must be there before a call begins; what its operation really costs is known when it has ended."""

    waits: ClassVar[bool] = False

    size: int
    restore_per_s: float
    cost: int = 1
    """Of operations that ``costs`` does not name."""
    costs: Mapping[str, int] = field(default_factory=dict)
    """Points asked for, by operation."""
    actual_costs: Mapping[str, int] = field(default_factory=dict)
    """Points really used, by operation; as asked unless said."""
    scope: Scope = "client"
    factor: float = field(default=1.0, init=False)
    _meter: Meter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at_least(1, size=self.size)
        above(0, restore_per_s=self.restore_per_s)
        for name, cost in [("cost", self.cost), *self.costs.items()]:
            if not 1 <= cost <= self.size:
                raise ChaosError(
                    f"cost of a call must be from 1 to size ({self.size}), got {cost} for {name}"
                )
        for name, cost in self.actual_costs.items():
            if not 0 <= cost <= self.costs.get(name, self.cost):
                raise ChaosError(
                    f"actual cost must be from 0 to the cost asked for ({self.costs.get(name, self.cost)}), "
                    f"got {cost} for {name}"
                )
        checked(self.scope)
        self._meter = Meter(self.restore_per_s, self.size)

    def admit(self, call: Call, now_ns: int) -> Decision:
        bucket = bucket_of(call, self.scope)
        cost, actual_cost = self._costs_of(call)
        if self._meter.take(bucket, now_ns, cost, self.factor):
            rule = f"{self.restore_per_s * self.factor:g} points a second, and this call costs {cost}"
            return throttled(bucket, self.scope, rule, self.figures(call, now_ns))
        refund = cost - actual_cost
        if not refund:
            return Decision(bucket)
        return Decision(bucket, release=partial(self._meter.give_back, bucket, refund), refund=refund)

    def figures(self, call: Call, now_ns: int) -> Figures:
        cost, actual_cost = self._costs_of(call)
        figures = self._meter.figures(bucket_of(call, self.scope), now_ns, cost, self.factor)
        return replace(figures, cost=cost, actual_cost=actual_cost)

    def _costs_of(self, call: Call) -> tuple[int, int]:
        cost = self.costs.get(call.operation, self.cost)
        return cost, self.actual_costs.get(call.operation, cost)
