"""One execution of a scenario: start, warm up, workload with schedule, heal everything, settle, read final states."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..chaos.gate import Gate
from ..chaos.schedule import SUT, Place, Schedule
from ..history.clock import Clock
from ..history.records import WorkloadItem
from ..loadtests.plan import Plan
from ..simulators.estate import Estate, EstateError
from ..simulators.kit.events import new_secret
from ..simulators.standing import Standing
from ..simulators.standins import StandIns
from .config import SutConfig
from .control.api import Control
from .errors import RunError, SutDied, SutFailed, UsageError
from .live.process import LiveView
from .loop import new_loop, signals_restored
from .run_record import RunRecord, new_folder
from .scenario import Scenario
from .settling import BRIEFLY_S, AttentiveWriter, Settling
from .shop import Shop, opening
from .spread import token_of
from .sut import Nobody, Sut
from .sut_levers import SutLevers
from .sut_log import look_through

TICK_S = 0.1
PROGRESS_S = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is, twice a second."""

    phase: str
    elapsed_s: float
    orders_placed: int
    orders_total: int
    pending: int
    """What the estate itself still means to do, and shoppers' wishes that wait for their moment."""
    faults: list[str]
    """Injections whose window is open just now; those that last the whole workload are no news."""
    interrupted: bool = False
    """The user has asked for the end."""


class Runner:
    """Runs one scenario with one seed against one SUT, and leaves everything in a new folder below ``out``.

    ``run`` returns the folder; it raises RunError when the run could not be made, with the folder where there is
    one. Ctrl-C ends the workload early: faults are healed, the estate settles briefly, and the record is whole;
    a second one ends the run at once. Faults can be put in and healed from outside while it lasts (``control``).
    Without a SUT nobody is started, asked or told anything. ``origin`` says how the user named the SUT (``SutChoice.origin``),
    ``judged_by`` what the run is to be judged by besides (``Wishes.recorded``).
    ``on_live`` wants a live view beside the run: it gets the page's address, or null where there can be none. ``on_news``
    hears of who joins a run that waits for others.
    """

    def __init__(
        self,
        scenario: Scenario,
        sut: SutConfig | None,
        *,
        seed: int,
        out: Path = Path("runs"),
        on_progress: Callable[[Progress], None] | None = None,
        origin: Mapping[str, str | None] | None = None,
        on_live: Callable[[str | None], None] | None = None,
        on_news: Callable[[str], None] | None = None,
        judged_by: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.scenario = scenario
        self.sut_config = sut
        self.seed = seed
        self.out = out
        self.folder = out
        self.death: SutDied | None = None
        """How the SUT ended in mid-run, with its last words; the run is recorded all the same."""
        self.complaints: list[str] = []
        """What the SUT answered to our questions that could not be read."""
        self._on_progress = on_progress or (lambda progress: None)
        self._origin = origin or {}
        self._judged_by = judged_by or {}
        self._on_live = on_live
        self._on_news = on_news or (lambda line: None)
        self._interrupted = asyncio.Event()
        self._rescheduled = asyncio.Event()
        """The schedule has a new step to come."""
        self._phase = "start"
        self._clock = Clock()

    @property
    def interrupted(self) -> bool:
        """The user has asked for the end."""
        return self._interrupted.is_set()

    def run(self) -> Path:
        """Blocks until the run is over. UsageError where the scenario asks for what this SUT cannot."""
        if (why := self.scenario.impossible_with(self.sut_config)) is not None:
            raise UsageError(why)
        gathers = self.scenario.estate.gather_at is not None
        self._token = token_of("estate.gather_at", os.environ) if gathers else None
        self.folder = new_folder(self.out, self.scenario.name, self.seed)
        self._record = RunRecord(
            self.folder,
            self.scenario,
            self.sut_config,
            seed=self.seed,
            clock=self._clock,
            origin=self._origin,
            judged_by=self._judged_by,
        )
        try:
            with signals_restored(), asyncio.Runner(loop_factory=new_loop) as loop:
                loop.run(self._run())
        except asyncio.CancelledError:
            self._record.add(ended_early="interrupted twice by the user")
            raise RunError("interrupted twice: the run was not brought to its end", self.folder) from None
        except BaseException as error:
            self._record.add(failed=_said(error))
            raise
        finally:
            self._record.finish()
        return self.folder

    # The phases

    async def _run(self) -> None:
        self._listen_to_the_user()
        self._writer = AttentiveWriter(self.folder / "history", "estate")
        plan = self.scenario.plan(self.seed)
        estate = await self._estate()
        sut: Sut | Nobody | None = None
        self._record.stands(estate)
        live = LiveView(self.folder)
        try:
            if self._on_live is not None:
                await live.start()
            estate.seed(*opening(plan, self._clock, self.scenario.workload.unknown_items))
            await self._start_estate(estate)
            self._call_stand_ins(estate)
            sut = await self._start_sut(estate)
            shop = self._shop(estate, self._todo(plan))
            gates = self._gates(estate, sut)
            schedule = Schedule(self.scenario.injections(), gates, estate.mark, self.seed)
            settling = Settling(self.scenario.settle, estate, self._writer, shop, self._clock)
            control = self._control(estate, schedule)
            await control.open()
            if self._on_live is not None:
                self._on_live(await live.url())
            progress = asyncio.create_task(self._report(estate, shop, schedule))
            timing = asyncio.create_task(self._keep_time(schedule))
            try:
                await shop.prepare()
                await self._work(estate, sut, shop, schedule, settling)
                await self._settle(sut, settling)
                await self._replay(sut, settling)
                shop.give_up_waiting()
                await self._read_final_states(estate, sut)
            finally:
                progress.cancel()
                timing.cancel()
                await control.close()
                await shop.close()
                errors = [*estate.errors, *shop.errors]
                if SUT in gates:
                    errors += gates[SUT].errors
                self._record.add(unsent=shop.unsent, errors=errors)
        finally:
            self._enter("stop")
            await live.stop()
            if sut is not None:
                self.complaints = sut.complaints
                self._record.add_of_sut(complaints=sut.complaints)
                await sut.stop()
                await self._look_through_log(estate, sut)
            await estate.stop()
            self._writer.close()
            self._record.add(deliveries_given_up=estate.dispatcher.given_up, systems_lost=list(estate.lost))

    async def _estate(self) -> Standing:
        """In this process, or in one for each system. RunError where it cannot stand."""
        config = self.sut_config
        key, host = (config.api_key, config.host) if config else (None, None)
        if not self.scenario.estate.processes:
            try:
                return Estate(self.scenario.estate_settings(self.seed, key, host), self._writer, self._clock)
            except EstateError as error:
                self._writer.close()
                raise RunError(str(error), self.folder) from None
        from .apart.estate import EstateApart

        estate = EstateApart(
            self.scenario,
            self._writer,
            self._clock,
            seed=self.seed,
            folder=self.folder,
            sut_key=key,
            sut_host=host,
            token=self._token,
            on_news=self._on_news,
        )
        try:
            await self._or_give_up(estate.gather(), "interrupted before all systems stood")
        except BaseException as error:
            await estate.stop()
            self._writer.close()
            if isinstance(error, EstateError):
                raise RunError(str(error), self.folder) from None
            raise
        return estate

    async def _start_estate(self, estate: Standing) -> None:
        """RunError where a system is lost before it serves."""
        try:
            await estate.start()
        except EstateError as error:
            raise RunError(str(error), self.folder) from None

    async def _or_give_up(self, work: Coroutine[Any, Any, None], why: str) -> None:
        """Wait for it, unless the user does not want to: RunError."""
        working = asyncio.create_task(work)
        given_up = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait((working, given_up), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise RunError(why, self.folder)
            working.result()
        finally:
            given_up.cancel()
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    def _todo(self, plan: Plan) -> Plan:
        """What of the plan shoppers and the back office carry out."""
        return plan

    def _shop(self, estate: Standing, plan: Plan) -> Shop:
        """Who carries it out."""
        return Shop(estate, plan, self._writer, self._clock)

    async def _start_sut(self, estate: Standing) -> Sut | Nobody:
        """RunError where it does not start, or the user does not want to wait for it."""
        self._enter("start")
        if self.sut_config is None:
            return Nobody()
        secret = self.sut_config.webhook_secret or new_secret()
        sut = Sut(
            self.sut_config,
            estate.addresses(),
            secret,
            self.folder,
            on_back=lambda: self._note_sut("ready again"),
        )
        await self._or_give_up(sut.start(), "interrupted before the system under test was ready")
        estate.subscribe(sut.webhook_url, secret)
        return sut

    def _gates(self, estate: Standing, sut: Sut | Nobody) -> Mapping[str, Place]:
        """Where faults can act: every system, and the SUT's process where it was started by us."""
        if not isinstance(sut, Sut) or sut.config.url is not None:
            return estate.gates
        levers = SutLevers(sut)
        gate = Gate(SUT, sleep=asyncio.sleep, now=self._clock, marks=estate.mark, levers=levers)
        return {**estate.gates, SUT: gate}

    def _call_stand_ins(self, estate: Standing) -> None:
        """What the scenario needs and the SUT does not claim is done by the estate itself."""
        if self.sut_config is None:
            return
        claimed = frozenset(self.sut_config.flows)
        needed = frozenset(self.scenario.flows)
        books = not claimed & {"order-to-erp", "order-to-ship"}
        if isinstance(estate, Estate):  # systems that stand apart need none: else the scenario was refused
            StandIns(estate, needed - claimed, books=books)

    async def _work(
        self, estate: Standing, sut: Sut | Nobody, shop: Shop, schedule: Schedule, settling: Settling
    ) -> None:
        """Shoppers and faults, by the clock; ends early when the SUT dies or the user interrupts."""
        self._enter("warm_up")
        await self._unless_interrupted(self.scenario.warm_up_s)
        self._enter("workload")
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        schedule.start(start_s)
        self._rescheduled.set()
        work = asyncio.create_task(shop.work())
        while not self._interrupted.is_set() and sut.alive:
            if work.done() and self._has_seen_all(loop.time() - start_s, settling):
                break
            if (why := self._why_stop(estate)) is not None:
                self._record.add(ended_early=why)
                break
            await self._unless_interrupted(TICK_S)
        if work.done():
            work.result()
        work.cancel()
        if self._interrupted.is_set():
            self._record.add(ended_early="interrupted by the user")
        if estate.lost:
            settling.at_most(BRIEFLY_S)
        self._enter("heal")
        schedule.end_workload(loop.time())
        self._rescheduled.set()
        if schedule.is_stretched and not self._interrupted.is_set():
            await self._outlast(sut, schedule, settling)
        schedule.heal_all(loop.time())

    async def _outlast(self, sut: Sut | Nobody, schedule: Schedule, settling: Settling) -> None:
        """Some faults follow a flow that comes late: wait for it, until nothing comes any more."""
        settling.begin_anew()
        while schedule.is_stretched and sut.alive and not self._interrupted.is_set():
            if settling.is_quiet and not await sut.pending():
                break
            await self._unless_interrupted(TICK_S)
        settling.begin_anew()

    def _why_stop(self, estate: Standing) -> str | None:
        """Why the workload need not go on."""
        return estate.lost[0] if estate.lost else None

    async def _keep_time(self, schedule: Schedule) -> None:
        """Bring the schedule up to date whenever a step of it is due, and when somebody has changed it."""
        loop = asyncio.get_running_loop()
        while True:
            next_s = schedule.advance(loop.time())
            self._rescheduled.clear()
            wait_s = None if next_s is None else max(0.0, next_s - loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._rescheduled.wait(), wait_s)

    def _control(self, estate: Standing, schedule: Schedule) -> Control:
        return Control(
            estate,
            schedule,
            folder=self.folder,
            systems=self.scenario.estate.standing,
            seed=self.seed,
            phase=lambda: self._phase,
            elapsed_s=lambda: self._record.elapsed_s,
            changed=self._rescheduled.set,
        )

    def _has_seen_all(self, elapsed_s: float, settling: Settling) -> bool:
        """The workload's time is over. A replay of single orders need not wait for the rest of the day."""
        if elapsed_s >= self.scenario.duration_s:
            return True
        windows = [injection.when for injection in self.scenario.injections()]
        last_s = max((when.stop_s or when.start_s for when in windows), default=0.0)
        return bool(self.scenario.workload.only) and elapsed_s >= last_s and settling.is_quiet

    async def _settle(self, sut: Sut | Nobody, settling: Settling) -> None:
        """Wait until nothing changes any more, or the deadline; then look whether the SUT is still there."""
        self._enter("settle")
        settled, reason = await settling.wait(sut, self._interrupted)
        self._record.add(
            settled=settled,
            settle_reason=reason,
            in_vain_since_ns=settling.in_vain_since_ns,
            pending=settling.pending,
        )
        if isinstance(sut, Sut) and not sut.alive:
            self.death = sut.death()
            self._record.add_of_sut(exit=sut.exit_code, death=self.death.message)
            self._note_sut(f"died with exit code {sut.exit_code}")
        elif (silence := await sut.silence()) is not None:
            self._record.add_of_sut(
                death=f"the system under test no longer answered at the end of the run: {silence}"
            )

    def _note_sut(self, detail: str) -> None:
        """What became of its process."""
        self._writer.workload(WorkloadItem(at_ns=self._clock(), kind="sut", detail=detail))

    async def _replay(self, sut: Sut | Nobody, settling: Settling) -> None:
        """Ask the SUT to try what it has parked again, each order so often at once, and let everything settle anew."""
        times = self.scenario.replay_parked
        if not (times and isinstance(sut, Sut) and sut.alive) or self.interrupted:
            return
        self._enter("replay")
        parked = dict.fromkeys(str(one["order_ref"]) for one in await sut.exceptions())
        replayed = 0
        for order_ref in parked:
            answers = await asyncio.gather(*(sut.replay(order_ref) for _ in range(times)))
            replayed += any(answers)
            self._writer.workload(WorkloadItem(at_ns=self._clock(), kind="replay", order_ref=order_ref))
        self._record.add(parked_then=len(parked), replayed=replayed)
        settling.begin_anew()
        await self._settle(sut, settling)

    async def _read_final_states(self, estate: Standing, sut: Sut | Nobody) -> None:
        folder = self.folder / "state"
        await estate.keep_state(folder)
        rows = [
            {
                "system": "sut",
                "kind": "exception",
                "id": f"{number}",
                "order_ref": parked.get("order_ref"),
                "sku": None,
                "doc": parked,
            }
            for number, parked in enumerate(await sut.exceptions(), 1)
        ]
        with (folder / "sut.jsonl").open("wb") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)

    async def _look_through_log(self, estate: Standing, sut: Sut | Nobody) -> None:
        """Note which secrets the SUT wrote down; nothing where it was not started by us, for then we have no log."""
        if not isinstance(sut, Sut) or sut.config.url is not None:
            return
        try:
            looked = look_through(sut.log, {**await estate.find_secrets(), sut.secret: "the webhook secret"})
        except OSError:
            return
        for leak in looked.leaks:
            self._writer.workload(WorkloadItem(at_ns=self._clock(), kind="sut_leak", detail=leak))
        self._writer.workload(WorkloadItem(at_ns=self._clock(), kind="sut_log", detail=looked.sentence))

    # What is said and heard meanwhile

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self._writer.workload(WorkloadItem(at_ns=self._clock(), kind="phase", detail=phase))
        self._record.enters(phase)

    async def _report(self, estate: Standing, shop: Shop, schedule: Schedule) -> None:
        while True:
            open_windows = [
                standing.id
                for standing in schedule.status()
                if standing.state == "active" and (standing.stop_s is not None or standing.by_hand)
            ]
            self._on_progress(
                Progress(
                    self._phase,
                    self._record.elapsed_s,
                    shop.placed,
                    shop.total,
                    estate.pending + shop.waiting,
                    open_windows,
                    self._interrupted.is_set(),
                )
            )
            await asyncio.sleep(PROGRESS_S)

    def _listen_to_the_user(self) -> None:
        self._interrupted, self._rescheduled = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        this_run = asyncio.current_task()
        assert this_run is not None, "a run is a task"

        def interrupt() -> None:
            if self._interrupted.is_set():
                this_run.cancel()
            self._interrupted.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, interrupt)

    async def _unless_interrupted(self, wait_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._interrupted.wait(), wait_s)


def _said(error: BaseException) -> str:
    """Why there is no run, for run.json; not what the SUT wrote, which may hold secrets."""
    if isinstance(error, SutFailed):
        return error.message
    if isinstance(error, RunError | UsageError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted by the user"
    return f"peakproof itself failed: {type(error).__name__}: {error}"
