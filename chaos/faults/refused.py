"""A system's port is really closed: open connections are reset, new ones refused, until the same port is back."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import Levers


@dataclass(frozen=True, slots=True)
class Refused:
    """The process is gone: a crash, a deployment, a pod that moves (connect(2), ECONNREFUSED).

    Nothing that was refused was ever read, so trying again is safe; what was under way on a connection that was reset
    may have been carried out. A middleware that treats both alike either books twice or gives up what it could have
    sent again at once; one that retries without a pause floods the system the moment it is back.
    """

    seam: ClassVar[Literal["process"]] = "process"
    target: ClassVar[Literal["system", "sut"]] = "system"

    def strike(self, levers: Levers) -> None:
        levers.stop_listening()

    def heal(self, levers: Levers) -> None:
        levers.listen_again()
