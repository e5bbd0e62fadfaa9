"""The clock of one system runs ahead or behind: every time that it tells is wrong by the same amount."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..errors import ChaosError
from ..fault import Levers

MOST_S = 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """A host without NTP, or a restored virtual machine, minutes away from all others.

    Documents, events, webhook timestamps and ``updated_since`` go by the wrong clock; what really happened is recorded
    by the right one. A middleware that polls since *its own* time loses what a late system changes, one that orders
    events of two systems by time turns them round, and more than 300 s are beyond the tolerance of Standard Webhooks:
    receivers must then refuse every webhook. Take ``updated_since`` from what the system itself told, with an overlap.
    """

    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "system"

    seconds: float = -120.0
    """Ahead where positive, behind where negative."""

    def __post_init__(self) -> None:
        if not 0 < abs(self.seconds) <= MOST_S:
            raise ChaosError(
                f"seconds must be above or below 0 and at most a year ({MOST_S:g}), got {self.seconds}"
            )

    def strike(self, levers: Levers) -> None:
        levers.skew_clock(self.seconds)

    def heal(self, levers: Levers) -> None:
        levers.skew_clock(-self.seconds)
