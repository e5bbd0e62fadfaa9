"""When a run is over: nothing changes any more, or the deadline has come."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..history.records import Call
from ..history.writer import HistoryWriter
from ..simulators.standing import Standing
from .scenario import Settle
from .shop import Shop
from .sut import Nobody, Sut

LOOK_S = 0.1
BRIEFLY_S = 5.0
"""So long a run may settle that the user has interrupted."""
PASSING = frozenset({408, 425, 429})
"""Statuses from 400 to 499 after which the same request may yet succeed, as in ``troubled_calls``."""
TRIES = 3
"""So often something may be refused before it counts as asked in vain."""
QUIETS_IN_VAIN = 5
"""So many times ``quiet_s`` nothing else must have happened before the run counts as over although something is still asked."""


class AttentiveWriter(HistoryWriter):
    """A history writer that knows when somebody last asked for a change, whatever came of it, and when last not in vain."""

    __slots__ = ("last_change_ns", "last_hope_ns", "observers")

    def __init__(self, folder: Path, process: str) -> None:
        super().__init__(folder, process)
        self.last_change_ns = 0
        self.last_hope_ns = 0
        self.observers: list[Callable[[Call], None]] = []
        """They hear of every call."""

    def call(self, record: Call) -> None:
        if record.changes:
            self.last_change_ns = record.at_ns
            if not in_vain(record):
                self.last_hope_ns = record.at_ns
        for observer in self.observers:
            observer(record)
        super().call(record)


def in_vain(record: Call) -> bool:
    """A further attempt at what was asked before, surely refused, and for no reason that passes by itself."""
    status = record.status or 0
    return (
        record.attempt > TRIES
        and record.outcome == "refused"
        and 400 <= status < 500
        and status not in PASSING
    )


class Settling:
    """Watches one estate and its shoppers for quiet: no effect and no call that asks for a change. Reads do not disturb."""

    def __init__(
        self,
        settle: Settle,
        estate: Standing,
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
        self.in_vain_since_ns: int | None = None
        """Of a run that ended so: after this moment nothing happened but that the same things were asked and refused again."""
        self.pending: int | None = None
        """What the SUT said last that it still has to do."""
        self._since_ns = 0
        """Quiet from before is none: the SUT was last seen down by a fault, or asked for something, and what it does about
        it has yet to come."""

    @property
    def is_quiet(self) -> bool:
        """Nothing has changed for ``quiet_s``, and nothing is under way that ends by itself."""
        last_ns = max(self._estate.last_change_ns, self._writer.last_change_ns)
        return self._is_still_since(
            max(last_ns, self._shop.last_act_ns, self._since_ns), self._settle.quiet_s
        )

    def _is_still_since(self, last_ns: int, quiet_s: float) -> bool:
        return (self._clock() - last_ns) / 1e9 >= quiet_s and self._has_done_its_part

    @property
    def _has_done_its_part(self) -> bool:
        """Neither the estate nor its shoppers mean to do anything soon."""
        return not self._estate.pending and not self._shop.under_way

    @property
    def _waits_for_the_ladder_alone(self) -> bool:
        """All that is pending are deliveries far up their ladder, and nothing else has happened for ``quiet_s``."""
        last_ns = max(
            self._estate.last_change_ns, self._writer.last_change_ns, self._shop.last_act_ns, self._since_ns
        )
        is_still = (self._clock() - last_ns) / 1e9 >= self._settle.quiet_s
        return is_still and self._estate.pending <= self._estate.far_off and not self._shop.under_way

    def begin_anew(self) -> None:
        """Whatever quiet there was counts for nothing."""
        self._since_ns = self._clock()

    def at_most(self, max_s: float) -> None:
        """Have a deadline no later than that, but for the quiet that it takes."""
        self._settle = self._settle.model_copy(
            update={"max_s": min(self._settle.max_s, max(max_s, self._settle.quiet_s))}
        )

    async def wait(self, sut: Sut | Nobody, interrupted: asyncio.Event) -> tuple[bool, str]:
        """Return once it is quiet and the SUT does not say that it has more to do; whether it settled, and why.

        At the deadline it is over as well where nothing moves any more and the SUT only repeats what is refused each time.
        """
        self.in_vain_since_ns = None
        deadline_ns = self._clock() + round(self._settle.max_s * 1e9)
        while sut.alive and self._clock() < deadline_ns:
            if interrupted.is_set():
                deadline_ns = min(deadline_ns, self._clock() + round(BRIEFLY_S * 1e9))
            if sut.is_down:
                self.begin_anew()
            elif self.is_quiet:
                self.pending = await sut.pending()
                if not self.pending:
                    return True, f"nothing changed for {self._settle.quiet_s:g} s"
            await self._sleep(LOOK_S)
        if not sut.alive:
            return False, "the system under test ended"
        if self.is_quiet:
            return (
                True,
                f"nothing changes, although the system under test says that {self.pending} are pending",
            )
        if self._has_done_its_part and await sut.pending() == 0:
            return True, "the system under test says that nothing is pending"
        if interrupted.is_set():
            return False, f"still busy {BRIEFLY_S:g} s after it was interrupted"
        hope_ns = max(self._estate.last_hope_ns, self._writer.last_hope_ns)
        hope_ns = max(hope_ns, self._shop.last_act_ns, self._since_ns)
        if self._is_still_since(hope_ns, QUIETS_IN_VAIN * self._settle.quiet_s):
            self.in_vain_since_ns = hope_ns
            return (
                True,
                "nothing changes, although the system under test keeps asking for what is refused each time",
            )
        self.pending = await sut.pending()
        if self._estate.far_off and not self.pending and self._waits_for_the_ladder_alone:
            return (
                True,
                f"nothing changes any more, and {self._estate.far_off} deliveries are still on their ladder",
            )
        busy = [f"the estate still had {self._estate.pending} things to do"] if self._estate.pending else []
        busy += [f"the system under test said that {self.pending} are pending"] if self.pending else []
        return False, "; ".join([f"still busy after {self._settle.max_s:g} s (settle.max_s)", *busy])
