"""Who connects is let in and never answered."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..fault import FaultContext, Line


@dataclass(frozen=True, slots=True)
class HangOnConnect:
    """A process that stands still: the kernel takes the connection and the request, nobody reads them, no call is
    seen. It lasts until the caller gives up, even when the fault is healed in the meantime.

    Without a read timeout a caller hangs for good; a connect timeout does not help, for connecting works. It acts on
    new connections only. ``drop_open`` resets those that stand when it is armed, so that callers with pooled
    connections have to connect anew; this counts as one firing. As Toxiproxy's ``timeout`` with 0.
    """

    seam: ClassVar[Literal["connection"]] = "connection"

    drop_open: bool = False

    async def meet(self, connection: Line, ctx: FaultContext) -> None:
        await connection.gone()
