"""Who connects is reset before a byte is read."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import FaultContext, Line


@dataclass(frozen=True, slots=True)
class ResetOnConnect:
    """A full backlog or a firewall: the connection stands for a moment and ends with a TCP RST; no call is seen.

    Surely nothing was done, and a retry is always safe, but few clients tell this reset from one after the request.
    It acts on new connections only. ``drop_open`` also resets those that stand when it is armed, so that callers with
    pooled connections have to connect anew; this counts as one firing. As Chaos Mesh's and mountebank's resets.
    """

    seam: ClassVar[Literal["connection"]] = "connection"

    drop_open: bool = False

    async def meet(self, connection: Line, ctx: FaultContext) -> None:
        connection.reset()
