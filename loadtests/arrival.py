"""One order at its moment."""

from dataclasses import dataclass

from .trace import TraceOrder


@dataclass(frozen=True, slots=True)
class Arrival:
    """One real order at its moment in the run."""

    at_s: float
    order: TraceOrder
    copy: int
    """0 is the order itself; further copies of its basket are numbered from 1."""
