"""An estate as those see it who run it, whether its systems stand in this process or in others."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..chaos.fault import MarkSink
from ..chaos.schedule import Place
from ..history.records import Effect
from .back_office import DeskAct
from .estate import EarlierOrder, OpeningItem, SystemAddress
from .kit.auth import Client


@dataclass(frozen=True, slots=True)
class Use:
    """How busy one system is that has a process of its own."""

    cpu_s: float
    """Processor seconds so far."""
    lags_s: Sequence[float]
    """How much later than it meant to its loop came back from sleeping, each time since this was last asked."""


class StandingDoor(Protocol):
    """What is counted at a system's door."""

    @property
    def calls(self) -> int: ...

    @property
    def in_flight(self) -> int: ...


class StandingSystem(Protocol):
    """One system, as ``estate.System`` says it."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def near_url(self) -> str: ...

    @property
    def shopper(self) -> Client: ...

    @property
    def door(self) -> StandingDoor: ...

    @property
    def gate(self) -> Place: ...


class StandingDispatcher(Protocol):
    """The deliveries of all systems, as ``kit.events.Dispatcher`` counts them."""

    @property
    def pending(self) -> int: ...

    @property
    def given_up(self) -> int: ...

    def queued(self, system: str) -> int: ...


class StandingWriter(Protocol):
    """The history that is written in this process."""

    def flush(self) -> None: ...


class Standing(Protocol):
    """As ``estate.Estate``."""

    @property
    def systems(self) -> Mapping[str, StandingSystem]: ...

    @property
    def gates(self) -> Mapping[str, Place]: ...

    @property
    def dispatcher(self) -> StandingDispatcher: ...

    @property
    def writer(self) -> StandingWriter: ...

    @property
    def channels(self) -> list[str]: ...

    @property
    def last_change_ns(self) -> int: ...

    @property
    def last_hope_ns(self) -> int:
        """The same without calls that were asked in vain, where calls count as changes."""

    @property
    def pending(self) -> int: ...

    @property
    def far_off(self) -> int: ...

    @property
    def connections_waiting(self) -> int | None: ...

    @property
    def errors(self) -> list[str]: ...

    @property
    def lost(self) -> list[str]:
        """One line for each system that is gone although nobody asked it to."""

    def facts(self) -> dict[str, dict[str, object]]:
        """Of each system in a process of its own, for run.json: its host, its pid, and how well its clock is known."""

    def uses(self) -> Mapping[str, Use]:
        """Of each system in a process of its own."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def addresses(self) -> dict[str, SystemAddress]: ...

    async def find_secrets(self) -> dict[str, str]: ...

    def observe(self, observer: Callable[[Effect], None], kinds: Collection[str]) -> None: ...

    def at_the_desk(self, act: DeskAct, then: Callable[[bool], None]) -> None: ...

    def subscribe(self, url_of: Callable[[str], str | None], secret: str) -> None: ...

    def seed(self, items: Iterable[OpeningItem], earlier: Iterable[EarlierOrder] = ()) -> None: ...

    async def keep_state(self, folder: Path) -> None:
        """As ``write_state``."""

    @property
    def mark(self) -> MarkSink: ...
