"""The system under test stands still without knowing, and goes on where it stood when the fault is healed."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Levers


@dataclass(frozen=True, slots=True)
class SutPause:
    """SIGSTOP and SIGCONT to its whole group: a long garbage collection, a frozen container, a live migration.

    Its port still takes connections and answers none, so senders time out and send again. Afterwards its leases, tokens
    and timeouts have run out while it believes that no time has passed: a middleware that does not check again does
    what another has done meanwhile.

    Example: peakproof chaos inject sut sut-pause --for 5s
    """

    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "sut"

    def strike(self, levers: Levers) -> None:
        levers.pause()

    def heal(self, levers: Levers) -> None:
        levers.go_on()
