"""The system under test is asked to end, and started again as soon as it has: a deployment at the peak."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Levers


@dataclass(frozen=True, slots=True)
class SutRestart:
    """SIGTERM, then SIGKILL once ``sut.stop_timeout_s`` has passed, then the same command again: a rolling update.

    A middleware has to end what it has begun or leave it on disk, refuse new webhooks rather than acknowledge and
    forget them, and take up its work on its own when it is back. It is struck once; there is nothing to heal.

    Example: peakproof chaos inject sut sut-restart
    """

    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "sut"

    def strike(self, levers: Levers) -> None:
        levers.restart()

    def heal(self, levers: Levers) -> None:
        """It comes back by itself."""
