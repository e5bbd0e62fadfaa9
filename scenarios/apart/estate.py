"""An estate whose systems stand in processes of their own: to who runs it, it is as one that stands in this process."""

import asyncio
import re
import signal
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Literal, NoReturn

import msgspec

from ...history.clock import Clock
from ...history.records import Effect, FaultMark
from ...history.writer import HistoryWriter
from ...simulators.back_office import DeskAct
from ...simulators.estate import (
    BEFORE_RUN,
    EVERYWHERE,
    FLUSH_S,
    EarlierOrder,
    EstateError,
    OpeningItem,
    SystemAddress,
    in_all,
    secrets_of,
)
from ...simulators.kit.auth import Client, shopper_of
from ...simulators.registry import KINDS
from ...simulators.standing import Use
from ..scenario import Scenario
from ..spread import environment
from . import wire
from .gate import GateApart
from .line import Called, Line, LineError
from .system import process_of

HERE = "127.0.0.1"
READY_S = 90.0
"""Slow machines take a while to import what a system needs."""
GATHER_S = 600.0
"""So long systems on other machines are waited for."""
MISS_S = 1.0
STOP_S = 15.0
SILENT_S = 2.0
"""A system that has said nothing for so long may be doing anything."""
GONE_S = 15.0
"""One that has said nothing for so long is lost: each speaks twice a second, however quiet it is."""
LOG = "systems.log"
"""What the processes of this machine wrote, below the run's folder."""
MODULE = "peakproof.scenarios.apart"


@dataclass(slots=True)
class DoorApart:
    """What is counted at the door of a system in another process."""

    calls: int = 0
    in_flight: int = 0


@dataclass(slots=True)
class SystemApart:
    """One system in another process."""

    name: str
    kind: str
    gate: GateApart
    url: str = ""
    near_url: str = ""
    sut: Client = field(default_factory=lambda: Client("", "", frozenset(), ""), repr=False)
    shopper: Client = field(default_factory=lambda: Client("", "", frozenset(), ""), repr=False)
    door: DoorApart = field(default_factory=DoorApart)
    line: Line | None = field(default=None, repr=False)
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    is_lost: bool = False
    is_done: bool = False
    """It has said farewell."""
    neighbour: wire.Neighbour | None = None
    status: wire.Status = field(default_factory=wire.Status)
    heard_s: float = 0.0
    facts: dict[str, object] = field(default_factory=dict)
    asked: dict[int, "asyncio.Future[wire.Answer]"] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        return self.line is not None and not self.is_lost and not self.is_done

    def tell(self, message: wire.Said) -> None:
        """Whoever is gone hears nothing."""
        if self.line is not None and self.is_here:
            self.line.tell(message)


class Deliveries:
    """Those of all systems together."""

    def __init__(self, systems: Mapping[str, SystemApart]) -> None:
        self._systems = systems

    @property
    def pending(self) -> int:
        return sum(system.status.deliveries for system in self._systems.values() if system.is_here)

    @property
    def given_up(self) -> int:
        return sum(system.status.given_up for system in self._systems.values())

    def queued(self, system: str) -> int:
        return self._systems[system].status.queued


class EstateApart:
    """As ``simulators.standing.Standing``. ``gather`` comes before all else; ``stop`` ends every process, whatever happened.

    With ``gather_at`` in the scenario's estate the processes come from other machines, and must know ``token``.
    """

    def __init__(
        self,
        scenario: Scenario,
        writer: HistoryWriter,
        clock: Clock,
        *,
        seed: int,
        folder: Path,
        sut_key: str | None = None,
        sut_host: str | None = None,
        token: str | None = None,
        on_news: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.writer = writer
        self.clock = clock
        self.lost: list[str] = []
        self._scenario = scenario
        self._seed = seed
        self._folder = folder.absolute()
        self._sut_key = sut_key
        self._sut_host = sut_host
        self._token = token or token_urlsafe(32)
        self._on_news = on_news
        self._called = Called(self._token, self._hear, self._why_not, on_news)
        self.systems: dict[str, SystemApart] = {}
        for name, choice in scenario.estate.standing.items():
            gate = GateApart(partial(self._tell, name), has_throttle=choice.throttle is not None)
            self.systems[name] = SystemApart(name, choice.kind, gate)
        self.dispatcher = Deliveries(self.systems)
        self._observers: list[Callable[[Effect], None]] = []
        self._items: list[OpeningItem] = []
        self._earlier: list[EarlierOrder] = []
        self._number = 0
        self._doubtful: dict[str, FaultMark] = {}
        """Injections that are healed and may have fired after all."""
        self._changed = asyncio.Event()
        """Somebody stands, or is lost."""
        self._refused: str | None = None
        self._stopping = False
        self._watches: list[asyncio.Task[None]] = []
        self._lags: dict[str, list[float]] = {name: [] for name in self.systems}

    # Standing up and down

    async def gather(self) -> None:
        """Start the processes, or wait for those of other machines, until every system stands. EstateError."""
        place = self._scenario.estate.gather_at
        host, _, port = (place or f"{HERE}:0").rpartition(":")
        try:
            listening = await self._called.listen(host, int(port))
        except OSError as error:
            raise EstateError(
                f"estate.gather_at: nothing can listen at {place} on this machine: {error.strerror}"
            ) from None
        if place is None:
            await self._start_processes(listening)
        else:
            self._on_news(
                f"waiting for {len(self.systems)} systems at {place}; start each, where the token is set as here, with: "
                f"python -m {MODULE} {next(iter(self.systems))} --join HOST:{listening}"
            )
        within_s = READY_S if place is None else GATHER_S
        try:
            async with asyncio.timeout(within_s):
                while any(system.neighbour is None for system in self.systems.values()):
                    self._check_whole()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            missing = [name for name, system in self.systems.items() if system.neighbour is None]
            raise EstateError(f"{', '.join(missing)} did not come within {within_s:g} s") from None

    async def start(self) -> None:
        """Seed the systems and let them serve. EstateError where one is lost before that."""
        try:
            await asyncio.gather(
                *(self._ask(system, wire.SeedItems, items=self._items) for system in self.systems.values())
            )
            earlier = self._earlier
            for kind in BEFORE_RUN:
                for system in self.systems.values():
                    if system.kind == kind:
                        earlier = (await self._ask(system, wire.Preload, orders=earlier)).orders
            neighbours = {
                name: system.neighbour
                for name, system in self.systems.items()
                if system.neighbour is not None
            }
            await asyncio.gather(
                *(self._ask(system, wire.Begin, neighbours=neighbours) for system in self.systems.values())
            )
        except LineError as error:
            raise EstateError(str(error)) from None
        self._items, self._earlier = [], []
        self._watches += [
            asyncio.create_task(self._keep_flushing()),
            asyncio.create_task(self._keep_missing()),
        ]

    async def _keep_flushing(self) -> NoReturn:
        while True:
            await asyncio.sleep(FLUSH_S)
            self.writer.flush()

    async def _keep_missing(self) -> NoReturn:
        """Notice who is silent; not by a clock that ran on while we ourselves stood still."""
        silent_s = dict.fromkeys(self.systems, 0.0)
        heard_s = {name: system.heard_s for name, system in self.systems.items()}
        while True:
            await asyncio.sleep(MISS_S)
            for name, system in self.systems.items():
                silent_s[name] = silent_s[name] + MISS_S if system.heard_s == heard_s[name] else 0.0
                heard_s[name] = system.heard_s
                if system.is_here and silent_s[name] >= GONE_S:
                    self._lose(system, f"nothing was heard of it for {GONE_S:g} s")

    async def stop(self) -> None:
        """Tell every process to write what is left and to end; those that do not are killed."""
        self._stopping = True
        for system in self.systems.values():
            system.tell(wire.Stop())
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                while any(system.is_here for system in self.systems.values()):
                    self._changed.clear()
                    await self._changed.wait()
        for system in self.systems.values():
            await self._end(system)
        for watch in self._watches:
            watch.cancel()
        await self._called.close()
        self._settle_doubts(at_last=True)
        self.writer.flush()

    async def _end(self, system: SystemApart) -> None:
        process = system.process
        if process is None:
            return
        if process.returncode is None and not system.is_done:
            with suppress(ProcessLookupError):
                process.kill()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start_processes(self, port: int) -> None:
        with (self._folder / LOG).open("ab") as log:
            for system in self.systems.values():
                system.process = process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    MODULE,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    start_new_session=True,  # Ctrl-C is for the run, which tells the systems when it is over
                )
                assert process.stdin is not None, "it was started with a pipe"
                errand = wire.Errand(system.name, HERE, port, self._token)
                with suppress(OSError):
                    process.stdin.write(msgspec.json.encode(errand) + b"\n")
                self._watches.append(asyncio.create_task(self._watch(system, process)))

    async def _watch(self, system: SystemApart, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if not system.is_done:
            self._lose(system, _how_ended(code))

    def _check_whole(self) -> None:
        """EstateError where somebody is missing for good."""
        if self._refused is not None:
            raise EstateError(self._refused)
        if self.lost:
            raise EstateError(f"{self.lost[0]}; what it wrote is in {self._folder / LOG}")

    # What is heard

    def _why_not(self, hello: wire.Hello) -> str | None:
        system = self.systems.get(hello.system)
        if system is None:
            return f"this run has no system {hello.system!r}, only {', '.join(self.systems)}"
        if system.line is not None:
            return f"{hello.system} is here already"
        if self._stopping:
            return "the run is over"
        return None

    async def _hear(self, line: Line, hello: wire.Hello) -> None:
        system = self.systems[hello.system]
        if system.line is not None:
            return  # two came at once
        system.line = line
        is_near = self._scenario.estate.gather_at is None
        apart = self._scenario.model_copy(
            update={"workload": type(self._scenario.workload)(), "schedule": (), "objectives": ()}
        )
        line.tell(
            wire.Stand(
                scenario=apart.document(),
                seed=self._seed,
                sut_key=self._sut_key,
                sut_host=self._sut_host,
                folder=str(self._folder) if is_near else None,
            )
        )
        if not is_near:
            self._on_news(f"{hello.system} is here ({hello.host}, process {hello.pid})")
        system.facts = {"host": hello.host, "pid": hello.pid}
        try:
            while True:
                self._take(system, await line.hear(wire.FromSystem))
        except LineError as error:
            if system.process is not None:  # why it ended says more than that the line was cut
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(system.process.wait()), STOP_S)
            self._lose(system, str(error))

    def _take(self, system: SystemApart, said: wire.FromSystem) -> None:
        system.heard_s = asyncio.get_running_loop().time()
        match said:
            case wire.Status():
                self._update(system, said)
            case wire.Seen():
                for effect in said.effects:
                    for observer in self._observers:
                        observer(effect)
            case wire.Answer():
                future = system.asked.pop(said.number, None)
                if future is not None and not future.done():
                    future.set_result(said)
            case wire.Healed():
                system.gate.fired(said.injection, said.fired)
                system.gate.unsure.discard(said.injection)
                self._settle_doubts()
            case wire.Piece():
                self._keep_piece(system, said)
            case wire.AskTime():
                if system.line is not None:
                    system.line.tell(wire.Time(self.clock()))
            case wire.Stood():
                self._stood(system, said)
            case wire.Farewell():
                self._update(system, said.status)
                system.is_done = True
                self._changed.set()
            case wire.Refusal():
                self._refused = said.why
                self._changed.set()

    def _stood(self, system: SystemApart, said: wire.Stood) -> None:
        near = said.neighbour.host if self._scenario.estate.gather_at is not None else self._near_host()
        system.url, system.near_url = f"http://{said.host}:{said.port}", f"http://{near}:{said.port}"
        system.sut = Client(f"sut-{system.name}", said.sut_secret, frozenset(("read", "write")), said.sut_key)
        system.shopper = Client(
            shopper_of(system.name), said.shopper_secret, frozenset(("read", "shop")), said.shopper_key
        )
        system.facts |= {"clock_off_ns": -said.ahead_ns, "clock_uncertainty_ns": said.uncertainty_ns}
        system.neighbour = said.neighbour
        self._changed.set()

    def _near_host(self) -> str:
        host = self._scenario.estate.host
        return HERE if host == EVERYWHERE else host

    def _update(self, system: SystemApart, status: wire.Status) -> None:
        system.status = status
        system.door.calls, system.door.in_flight = status.calls, status.in_flight
        system.gate.errors = list(status.errors)
        system.gate.throttled(status.throttle_factor)
        self._lags[system.name] += status.lags_s
        for injection, times in status.fired.items():
            system.gate.fired(injection, times)

    def _keep_piece(self, system: SystemApart, piece: wire.Piece) -> None:
        """More of one of its own files, and of no other."""
        own = rf"(history/[a-z]+-{process_of(system.name)}\.json(l|l\.zst)?|state/{system.name}\.jsonl)"
        if re.fullmatch(own, piece.path) is None:
            raise LineError(f"it sent a file that is none of its own: {piece.path[:80]!r}")
        path = self._folder / piece.path
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(piece.data)

    def _lose(self, system: SystemApart, how: str) -> None:
        if system.is_lost or system.is_done:
            return
        system.is_lost = True
        for future in system.asked.values():
            if not future.done():
                future.set_exception(LineError(f"{system.name} was lost: {how}"))
                future.exception()  # not everybody who asked waits
        system.asked.clear()
        system.gate.unsure.clear()
        self._settle_doubts()
        if not self._stopping:
            self.lost.append(f"the process of {system.name} was lost: {how}")
        self._changed.set()

    # What is told and asked

    def _tell(self, name: str, message: wire.Said) -> None:
        self.systems[name].tell(message)

    def _asking(
        self, system: SystemApart, kind: Callable[..., wire.Said], **what: Any
    ) -> "asyncio.Future[wire.Answer]":
        """LineError where it is gone."""
        if not system.is_here:
            raise LineError(f"{system.name} was lost")
        self._number += 1
        future = system.asked[self._number] = asyncio.get_running_loop().create_future()
        system.tell(kind(self._number, **what))
        return future

    async def _ask(self, system: SystemApart, kind: Callable[..., wire.Said], **what: Any) -> wire.Answer:
        return await self._asking(system, kind, **what)

    # As an estate

    def addresses(self) -> dict[str, SystemAddress]:
        return {
            name: SystemAddress.of(system.kind, system.url, system.sut)
            for name, system in self.systems.items()
        }

    async def find_secrets(self) -> dict[str, str]:
        """Every secret that the SUT was given, with its name; of a lost system without its tokens."""
        named: dict[str, str] = {}
        for name, system in self.systems.items():
            named |= secrets_of(name, system.sut)
            with suppress(LineError):
                named |= secrets_of(name, system.sut, (await self._ask(system, wire.AskSecrets)).secrets)
        return named

    @property
    def gates(self) -> dict[str, GateApart]:
        return {name: system.gate for name, system in self.systems.items()}

    @property
    def channels(self) -> list[str]:
        return [name for name, system in self.systems.items() if system.kind == "marketplace"]

    @property
    def last_change_ns(self) -> int:
        return max(system.status.last_change_ns for system in self.systems.values())

    @property
    def last_hope_ns(self) -> int:
        return max(system.status.last_hope_ns for system in self.systems.values())

    @property
    def pending(self) -> int:
        now_s = asyncio.get_running_loop().time()
        here = [system for system in self.systems.values() if system.is_here]
        return sum(
            system.status.pending + len(system.asked) + (now_s - system.heard_s > SILENT_S) for system in here
        )

    @property
    def far_off(self) -> int:
        return sum(system.status.far_off for system in self.systems.values() if system.is_here)

    @property
    def connections_waiting(self) -> int | None:
        return in_all(system.status.connections for system in self.systems.values())

    @property
    def errors(self) -> list[str]:
        return [error for system in self.systems.values() for error in system.gate.errors]

    def uses(self) -> dict[str, Use]:
        lags = self._lags
        self._lags = {name: [] for name in self.systems}
        return {name: Use(system.status.cpu_s, lags[name]) for name, system in self.systems.items()}

    def facts(self) -> dict[str, dict[str, object]]:
        """Of each process, as run.json says it: host, pid, and how well its clock is known."""
        return {name: dict(system.facts) for name, system in self.systems.items()}

    def observe(self, observer: Callable[[Effect], None], kinds: Collection[str]) -> None:
        self._observers.append(observer)
        for system in self.systems.values():
            system.tell(wire.Watch(sorted(kinds)))

    def at_the_desk(self, act: DeskAct, then: Callable[[bool], None]) -> None:
        for system in self.systems.values():
            if system.kind == act.where and system.is_here:
                answer = self._asking(system, wire.AtTheDesk, act=act)
                answer.add_done_callback(lambda done: _tell_of(done, then))

    def subscribe(self, url_of: Callable[[str], str | None], secret: str) -> None:
        for system in self.systems.values():
            urls = {topic: url for topic in KINDS[system.kind].topics if (url := url_of(topic)) is not None}
            system.tell(wire.Subscribe(urls, secret))

    def seed(self, items: Iterable[OpeningItem], earlier: Iterable[EarlierOrder] = ()) -> None:
        """Done by ``start``."""
        self._items, self._earlier = list(items), list(earlier)

    async def keep_state(self, folder: Path) -> None:
        """Every system's own final state, below the run's folder; of a lost one there is none."""
        folder.mkdir(parents=True, exist_ok=True)
        for system in self.systems.values():
            with suppress(LineError):
                await self._ask(system, wire.KeepState)

    def mark(
        self,
        mark: Literal["armed", "fired", "healed", "never_fired"],
        injection: str,
        fault: str,
        system: str,
        *,
        operation: str | None = None,
        call_id: str | None = None,
        detail: str | None = None,
        by_hand: bool = False,
    ) -> None:
        """One line of the fault log. That something never fired is written when everybody has said so."""
        line = FaultMark(
            at_ns=self.clock(),
            injection=injection,
            fault=fault,
            mark=mark,
            system=system,
            operation=operation,
            call_id=call_id,
            detail=detail,
            by_hand=by_hand,
        )
        if mark == "never_fired" and any(injection in gate.unsure for gate in self.gates.values()):
            self._doubtful[injection] = line
        else:
            self.writer.fault(line)

    def _settle_doubts(self, *, at_last: bool = False) -> None:
        for injection, line in list(self._doubtful.items()):
            gates = self.gates.values()
            if at_last or not any(injection in gate.unsure for gate in gates):
                del self._doubtful[injection]
                if not any(gate.has_fired(injection) for gate in gates):
                    self.writer.fault(line)


def _tell_of(answer: "asyncio.Future[wire.Answer]", then: Callable[[bool], None]) -> None:
    if not answer.cancelled() and answer.exception() is None:
        then(answer.result().done)


def _how_ended(code: int) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}"
