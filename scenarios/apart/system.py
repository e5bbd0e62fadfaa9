"""One system in a process of its own: it calls the run, is told what it is, serves, and ends with the run."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from ...chaos.injection import Trigger
from ...chaos.schedule import STEP_S
from ...history.clock import Clock
from ...history.records import Effect
from ...loadtests.generator.agreement import ASKED, Agreement
from ...loadtests.generator.agreement import Answer as TimeAnswer
from ...simulators.estate import EVERYWHERE, EarlierOrder, Estate, EstateError
from ..loop import new_loop
from ..scenario import Scenario
from ..settling import AttentiveWriter
from . import wire
from .injections import heard
from .line import Called, Caller, Line, LineError
from .neighbours import House, Neighbours

STATUS_S = 0.1
AT_LEAST_S = 0.5
"""A status is sent so often even where nothing is new."""
SHIP_S = 0.25
PIECE_BYTES = 1 << 20
DRAIN_S = 10.0


def process_of(system: str) -> str:
    """What its history files are named after."""
    return f"system-{system}"


class SystemProcess:
    """One system's life, from the first call to its farewell.

    ``reached_at`` is the name under which others reach a system on another machine; it then listens on every address.
    """

    def __init__(self, caller: Caller, system: str, token: str, reached_at: str | None = None) -> None:
        """Be told what to be, and agree about the time. LineError."""
        self._caller = caller
        self._name = system
        self._token = token
        self._own: TemporaryDirectory[str] | None = None
        stand = caller.hear(wire.ToSystem)
        if isinstance(stand, wire.Refusal):
            raise LineError(stand.why)
        if not isinstance(stand, wire.Stand):
            raise LineError("it says nothing of what to be")
        agreement = self._agreed()
        if stand.folder is None:
            self._own = TemporaryDirectory(prefix="peakproof-", ignore_cleanup_errors=True)
        self._folder = Path(self._own.name if self._own is not None else stand.folder or ".")
        self._writer = AttentiveWriter(self._folder / "history", process_of(system))
        scenario = Scenario.of_document(stand.scenario, "the run's scenario")
        settings = scenario.estate_settings(stand.seed, stand.sut_key, stand.sut_host).of_one(system)
        if self._own is not None:
            host = reached_at or caller.own_host
            settings = settings.reached(EVERYWHERE, host)
        try:
            self._estate = Estate(settings, self._writer, Clock(agreement.ahead_ns))
        except EstateError as error:
            caller.tell(wire.Refusal(str(error)))
            raise LineError(str(error)) from None
        self._agreement = agreement
        self._triggers: dict[str, Trigger] = {}
        self._errors: list[str] = []
        self._wanted: frozenset[str] = frozenset()
        self._seen: list[Effect] = []
        self._lags_s: list[float] = []
        self._neighbours: Neighbours | None = None
        self._shipped: dict[Path, int] = {}
        self._line: Line

    async def serve(self) -> None:
        """Until the run says that it is over, or is gone."""
        (system,) = self._estate.systems.values()
        house = Called(self._token, House(self._estate, self._errors.append).hear)
        own_host = self._caller.own_host
        neighbour = wire.Neighbour(system.kind, own_host, await house.listen(own_host))
        self._caller.tell(
            wire.Stood(
                port=system.port.address[1],
                host=system.reached_at or system.port.address[0],
                sut_secret=system.sut.client_secret,
                sut_key=system.sut.api_key,
                shopper_secret=system.shopper.client_secret,
                shopper_key=system.shopper.api_key,
                neighbour=neighbour,
                ahead_ns=self._agreement.ahead_ns,
                uncertainty_ns=self._agreement.uncertainty_ns,
            )
        )
        self._caller.socket.setblocking(False)
        self._line = Line(*await asyncio.open_connection(sock=self._caller.socket))
        self._estate.observe(self._see, ())
        keeping = [asyncio.create_task(self._keep_saying())]
        if self._own is not None:
            keeping.append(asyncio.create_task(self._keep_shipping()))
        try:
            while True:
                message = await self._line.hear(wire.ToSystem)
                if isinstance(message, wire.Stop):
                    break
                await self._act(message)
        finally:
            for task in keeping:
                task.cancel()
            if self._neighbours is not None:
                self._neighbours.close()
            await house.close()
            await self._estate.stop()
            self._writer.close()
        await self._ship()
        self._line.tell(wire.Farewell(self._status()))
        async with asyncio.timeout(DRAIN_S):
            await self._line.drain()
            await self._line.close()
        if self._own is not None:
            self._own.cleanup()

    def _agreed(self) -> Agreement:
        """How far the run's clock is ahead of ours."""
        clock = Clock()
        answers = []
        for _ in range(ASKED):
            sent_ns = clock()
            self._caller.tell(wire.AskTime())
            told = self._caller.hear(wire.Time)
            answers.append(TimeAnswer(sent_ns, told.now_ns, clock()))
        return Agreement.of(answers)

    # What the run asks for

    async def _act(self, message: wire.ToSystem) -> None:
        match message:
            case wire.SeedItems():
                self._estate.seed_items(message.items)
                self._answer(message.number)
            case wire.Preload():
                (system,) = self._estate.systems.values()
                orders = self._estate.preload(system.kind, message.orders)
                self._estate.writer.flush()
                self._answer(message.number, orders=orders)
            case wire.Begin():
                self._neighbours = Neighbours(self._estate, message.neighbours, self._token)
                await self._estate.start()
                self._answer(message.number)
            case wire.Subscribe():
                self._estate.subscribe(message.urls.get, message.secret)
            case wire.Watch():
                self._wanted |= frozenset(message.kinds)
            case wire.Arm():
                self._arm(message)
            case wire.Heal():
                self._heal(message.injection)
            case wire.AtTheDesk():
                self._estate.at_the_desk(message.act, lambda done: self._answer(message.number, done=done))
            case wire.KeepState():
                self._estate.write_state(self._folder / "state")
                await self._ship()
                self._answer(message.number)
            case wire.AskSecrets():
                (system,) = self._estate.systems.values()
                self._answer(message.number, secrets=list(system.face.authenticator.given_out))
            case _:
                raise LineError(f"a {type(message).__name__} makes no sense here")

    def _answer(
        self,
        number: int,
        *,
        done: bool = True,
        orders: Sequence[EarlierOrder] = (),
        secrets: Sequence[str] = (),
    ) -> None:
        self._line.tell(self._status())
        self._line.tell(wire.Answer(number, done, list(orders), list(secrets)))

    def _arm(self, message: wire.Arm) -> None:
        injection = heard(message.injection)
        trigger = self._triggers[injection.id] = Trigger(injection, message.rank, message.seed)
        (system,) = self._estate.systems.values()
        system.gate.arm(trigger)
        if injection.when.ramp_s is not None:
            loop = asyncio.get_running_loop()
            self._grow(trigger, loop.time(), loop)
        self._line.tell(self._status())

    def _grow(self, trigger: Trigger, armed_s: float, loop: asyncio.AbstractEventLoop) -> None:
        trigger.armed_for_s = loop.time() - armed_s
        ramp_s = trigger.injection.when.ramp_s
        if ramp_s is not None and trigger.armed_for_s < ramp_s:
            loop.call_later(STEP_S, self._grow, trigger, armed_s, loop)

    def _heal(self, injection: str) -> None:
        trigger = self._triggers.get(injection)
        if trigger is None:
            return
        (system,) = self._estate.systems.values()
        system.gate.heal(trigger)
        self._line.tell(wire.Healed(injection, trigger.fired))

    # What the run hears

    def _see(self, effect: Effect) -> None:
        if effect.kind not in self._wanted:
            return
        if not self._seen:
            asyncio.get_running_loop().call_soon(self._show)
        self._seen.append(effect)

    def _show(self) -> None:
        seen, self._seen = self._seen, []
        self._line.tell(wire.Seen(seen))

    async def _keep_saying(self) -> NoReturn:
        """How it stands, whenever that is new, and now and then even where it is not."""
        loop = asyncio.get_running_loop()
        said_s = 0.0
        said = wire.Status()
        while True:
            before_s = loop.time()
            await asyncio.sleep(STATUS_S)
            now_s = loop.time()
            self._lags_s.append(round(max(0.0, now_s - before_s - STATUS_S), 4))
            status = self._status()
            quiet = _without_time(status) == _without_time(said)
            if quiet and now_s - said_s < AT_LEAST_S:
                self._lags_s = status.lags_s
                continue
            self._line.tell(status)
            said, said_s = status, now_s

    def _status(self) -> wire.Status:
        (system,) = self._estate.systems.values()
        estate = self._estate
        throttle = system.gate.throttle
        lags_s, self._lags_s = self._lags_s, []
        return wire.Status(
            last_change_ns=max(estate.last_change_ns, self._writer.last_change_ns),
            last_hope_ns=max(estate.last_change_ns, self._writer.last_hope_ns),
            pending=estate.pending,
            far_off=estate.far_off,
            deliveries=estate.dispatcher.pending,
            given_up=estate.dispatcher.given_up,
            queued=estate.dispatcher.queued(self._name),
            calls=system.door.calls,
            in_flight=system.door.in_flight,
            connections=estate.connections_waiting,
            throttle_factor=None if throttle is None else throttle.factor,
            fired={name: trigger.fired for name, trigger in self._triggers.items()},
            errors=[*estate.errors, *self._errors],
            lags_s=lags_s,
            cpu_s=time.process_time(),
        )

    # The record, where the run sees another disk

    async def _keep_shipping(self) -> NoReturn:
        while True:
            await asyncio.sleep(SHIP_S)
            await self._ship()

    async def _ship(self) -> None:
        """Send what is new in the files."""
        if self._own is None:
            return
        for path in sorted(self._folder.glob("*/*.json*")):
            with path.open("rb") as file:
                file.seek(self._shipped.get(path, 0))
                while data := file.read(PIECE_BYTES):
                    self._shipped[path] = self._shipped.get(path, 0) + len(data)
                    self._line.tell(wire.Piece(str(path.relative_to(self._folder)), data))
                    await self._line.drain()


def _without_time(status: wire.Status) -> wire.Status:
    return wire.replace(status, cpu_s=0.0, lags_s=[])


def live(caller: Caller, system: str, token: str, reached_at: str | None = None) -> None:
    """One system's whole life. LineError where there is nobody to serve."""
    process = SystemProcess(caller, system, token, reached_at)
    with asyncio.Runner(loop_factory=new_loop) as loop:
        loop.run(process.serve())
