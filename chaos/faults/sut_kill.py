"""The system under test is killed without a warning, and started again when the fault is healed."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Levers


@dataclass(frozen=True, slots=True)
class SutKill:
    """SIGKILL to its whole group, as the kernel's OOM killer or a lost node does; no handler runs.

    What was acknowledged and lay in memory only is gone for good, and what was in mid-flight is in doubt. It comes back
    with the same command, environment, port and folder: a middleware that survives has an outbox on disk, written
    before it acknowledges, and looks up what may have been done before it does it again.

    Example: peakproof chaos inject sut sut-kill --for 10s
    """

    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "sut"

    def strike(self, levers: Levers) -> None:
        levers.kill()

    def heal(self, levers: Levers) -> None:
        levers.start()
