"""When a run is over: nothing changes any more, or the deadline has come."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..history.records import Call
from ..history.writer import HistoryWriter
from ..simulators.estate import Estate
from .scenario import Settle
from .shop import Shop
from .sut import Nobody, Sut

LOOK_S = 0.1
BRIEFLY_S = 5.0
"""So long a run may settle that the user has interrupted."""


class AttentiveWriter(HistoryWriter):
    """A history writer that knows when somebody last asked for a change, whatever came of it."""

    __slots__ = ("last_change_ns",)

    def __init__(self, folder: Path, process: str) -> None:
        super().__init__(folder, process)
        self.last_change_ns = 0

    def call(self, record: Call) -> None:
        if record.changes:
            self.last_change_ns = record.at_ns
        super().call(record)


class Settling:
    """Watches one estate and its shoppers for quiet: no effect and no call that asks for a change. Reads do not disturb."""

    def __init__(
        self,
        settle: Settle,
        estate: Estate,
        writer: AttentiveWriter,
        shop: Shop,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settle = settle
        self._estate = estate
        self._writer = writer
        self._shop = shop
        self._clock = clock
        self._sleep = sleep
        self._since_ns = 0
        """Quiet from before is none: the SUT was last seen down by a fault, or asked for something, and what it does about
        it has yet to come."""

    @property
    def is_quiet(self) -> bool:
        """Nothing has changed for ``quiet_s``, and nothing is under way that ends by itself."""
        last_ns = max(
            self._estate.last_change_ns, self._writer.last_change_ns, self._shop.last_act_ns, self._since_ns
        )
        return (self._clock() - last_ns) / 1e9 >= self._settle.quiet_s and self._has_done_its_part

    @property
    def _has_done_its_part(self) -> bool:
        """Neither the estate nor its shoppers mean to do anything soon."""
        return not self._estate.pending and not self._shop.under_way

    def begin_anew(self) -> None:
        """Whatever quiet there was counts for nothing."""
        self._since_ns = self._clock()

    def at_most(self, max_s: float) -> None:
        """Have a deadline no later than that, but for the quiet that it takes."""
        self._settle = self._settle.model_copy(
            update={"max_s": min(self._settle.max_s, max(max_s, self._settle.quiet_s))}
        )

    async def wait(self, sut: Sut | Nobody, interrupted: asyncio.Event) -> tuple[bool, str]:
        """Return once it is quiet and the SUT does not say that it has more to do; whether it settled, and why."""
        deadline_ns = self._clock() + round(self._settle.max_s * 1e9)
        pending: int | None = None
        while sut.alive and self._clock() < deadline_ns:
            if interrupted.is_set():
                deadline_ns = min(deadline_ns, self._clock() + round(BRIEFLY_S * 1e9))
            if sut.is_down:
                self.begin_anew()
            elif self.is_quiet:
                pending = await sut.pending()
                if not pending:
                    return True, f"nothing changed for {self._settle.quiet_s:g} s"
            await self._sleep(LOOK_S)
        if not sut.alive:
            return False, "the system under test ended"
        if self.is_quiet:
            return True, f"nothing changes, although the system under test says that {pending} are pending"
        if self._has_done_its_part and await sut.pending() == 0:
            return True, "the system under test says that nothing is pending"
        if interrupted.is_set():
            return False, f"still busy {BRIEFLY_S:g} s after it was interrupted"
        return False, f"still busy after {self._settle.max_s:g} s (settle.max_s)"
