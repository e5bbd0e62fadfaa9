"""An estate that stays up until the user has seen enough: no shoppers, no schedule, everything recorded as in a run."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ..chaos.schedule import Schedule
from ..loadtests.plan import Plan
from ..simulators.estate import SystemAddress
from ..simulators.standing import Standing
from .config import SutConfig
from .runner import TICK_S, Progress, Runner
from .scenario import Scenario
from .settling import Settling
from .shop import Shop
from .sut import Nobody, Sut


@dataclass(frozen=True, slots=True)
class Ready:
    """What somebody needs who wants to call the estate; holds secrets."""

    folder: Path
    systems: Mapping[str, SystemAddress]
    shopper_keys: Mapping[str, str]
    """By channel: the static key of those who buy there."""
    sut: str | None
    """Where the system under test is reached, if there is one."""
    live: str | None
    """The page of the live view; null where there is none."""


class Up(Runner):
    """Stands the estate of a scenario up, and the SUT beside it if there is one; ``run`` returns after Ctrl-C.

    ``on_ready`` is called once, when all of it can be called. The scenario's workload and schedule are left to the user.
    """

    def __init__(
        self,
        scenario: Scenario,
        sut: SutConfig | None,
        *,
        seed: int,
        on_ready: Callable[[Ready], None],
        out: Path = Path("runs"),
        on_progress: Callable[[Progress], None] | None = None,
        origin: Mapping[str, str | None] | None = None,
        live: bool = True,
        on_news: Callable[[str], None] | None = None,
    ) -> None:
        empty = scenario.model_copy(update={"schedule": ()})
        on_live = self._is_seen_at if live else None
        super().__init__(
            empty,
            sut,
            seed=seed,
            out=out,
            on_progress=on_progress,
            origin=origin,
            on_live=on_live,
            on_news=on_news,
        )
        self._on_ready = on_ready
        self._live: str | None = None

    def _is_seen_at(self, url: str | None) -> None:
        self._live = url

    def _todo(self, plan: Plan) -> Plan:
        return replace(plan, items=())

    async def _work(
        self, estate: Standing, sut: Sut | Nobody, shop: Shop, schedule: Schedule, settling: Settling
    ) -> None:
        """Until the user interrupts, or the SUT dies."""
        loop = asyncio.get_running_loop()
        schedule.start(loop.time())
        self._enter("up")
        self._on_ready(self._ready(estate, sut))
        while not self._interrupted.is_set() and sut.alive:
            await self._unless_interrupted(TICK_S)
        self._enter("heal")
        schedule.heal_all(loop.time())

    def _ready(self, estate: Standing, sut: Sut | Nobody) -> Ready:
        shoppers = {name: estate.systems[name].shopper.api_key for name in estate.channels}
        url = sut.base_url if isinstance(sut, Sut) else None
        return Ready(self.folder, estate.addresses(), shoppers, url, self._live)
