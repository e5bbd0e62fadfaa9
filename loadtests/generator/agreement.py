"""Two hosts agree about the time: the worker asks the master for its clock, and knows how well it knows it."""

from collections.abc import Iterable
from dataclasses import dataclass

ASKED = 12
"""So often; the answer that came back soonest counts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question for the time, all in nanoseconds: sent and heard by our clock, theirs in between."""

    sent_ns: int
    theirs_ns: int
    heard_ns: int

    @property
    def way_ns(self) -> int:
        """There and back."""
        return self.heard_ns - self.sent_ns


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far their clock is ahead of ours, and how wrong that can be."""

    ahead_ns: int
    uncertainty_ns: int

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> "Agreement":
        """From the soonest answer. A difference that the way alone explains is none: it is the same host's clock."""
        best = min(answers, key=lambda answer: answer.way_ns)
        uncertainty_ns = (best.way_ns + 1) // 2
        ahead_ns = best.theirs_ns - (best.sent_ns + best.heard_ns) // 2
        return cls(0 if abs(ahead_ns) <= uncertainty_ns else ahead_ns, uncertainty_ns)
