"""A scenario under load: the same run, with a load generator in a process of its own in place of a few shoppers."""

import asyncio
import re
import sys
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ..chaos.schedule import Schedule
from ..history.clock import Clock
from ..history.records import Effect
from ..history.writer import HistoryWriter
from ..loadtests.generator.job import KINDS, Creed, Cue, Door, Enlistment, Job, Status, acts_of, shape_of
from ..loadtests.plan import PlaceOrder, Plan, RequestCancellation, RequestReturn
from ..loadtests.profile import Profile
from ..loadtests.window import Window
from ..simulators.standing import Standing
from ..verdict.objective import Objective
from ..verdict.render.wording import counted
from .abort import SEEN, Watched, WatchedTotal, check_watched, watched
from .config import SutConfig
from .errors import RunError, UsageError
from .runner import Progress, Runner
from .saturation import Look, Queues, Saturation, Seconds
from .scenario import Scenario
from .settling import Settling
from .shop import MOMENTS, Shop
from .spread import MODULE, TOKEN, LocalWorkers, Spread, creed_of, environment
from .sut import Nobody, Sut

UNLESS_SAID_S = 60.0
LOOKS_PER_ORDER = 1.0
"""So many prices are looked at for each order; shoppers' doors have no throttle, but each look costs the estate a call."""
READY_S = 30.0
"""Locust takes a second or two to start; on a busy machine longer."""
STOP_S = 10.0
LEAD_S = 0.3
"""Workers are told so long before the workload begins that it does: the first orders are not late."""
LOG = "load.log"
SETTLE_AFTER_ABORT_S = 30.0
"""An aborted run has proved what it had to: whatever is not done by then is not waited for."""
SHOPPERS = (PlaceOrder, RequestCancellation, RequestReturn)
PER_MIN = {"s": 60.0, "min": 1.0, "h": 1 / 60}


def peak_of(text: str) -> float:
    """Orders a minute, of e.g. ``600/min``, ``10/s`` or ``36000/h``. UsageError."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*/\s*(s|min|h)\s*", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(f"--peak {text!r}: must be a rate above 0 like 600/min, 10/s or 36000/h")
    return float(match[1]) * PER_MIN[match[2]]


def loaded(
    profile: str,
    peak_per_min: float,
    duration_s: float | None,
    scenario: str | None = None,
    window: str | None = None,
) -> Scenario:
    """The scenario of a load run: a profile on the plain estate, or on the estate and with the faults of a scenario.

    A window of it lasts as long as it would really last unless ``duration_s`` says otherwise, anything else a minute.
    Raises ProfileError, ScenarioError and, for a window that cannot be, UsageError.
    """
    whole = Profile.named(profile)
    if window is not None:
        try:
            part = Window.of(window).of_profile(whole)
        except ValueError as error:
            raise UsageError(f"--window {window!r}: {error}") from None
        duration_s = duration_s or part.span_s
    duration_s = duration_s or UNLESS_SAID_S
    base = Scenario.load(scenario) if scenario is not None else Scenario(name="plain")
    named = re.sub(r"[^a-z0-9]+", "-", Path(profile).stem.lower()).strip("-")
    return base.with_overrides(
        {
            "name": f"load-{named}" if scenario is None else f"load-{named}-{base.name}",
            "duration_s": duration_s,
            "workload.profile": profile,
            "workload.peak_per_min": peak_per_min,
            "workload.window": window,
            "workload.orders": None,
            "workload.volume": 1.0,
            "settle.quiet_s": max(base.settle.quiet_s, 3.0),
            "settle.max_s": max(base.settle.max_s, 60.0, duration_s),
        },
        source="load",
    )


class CrowdedShop(Shop):
    """A shop whose shoppers are a load generator's; the back office stays at its own desk.

    What has a time of its own is begun by the generator's clock. What waits for its moment (the warehouse begins to
    pick, the parcel has left) it is told when an effect of the estate says so.
    """

    def __init__(
        self,
        estate: Standing,
        plan: Plan,
        writer: HistoryWriter,
        clock: Clock,
        *,
        scenario: Scenario,
        folder: Path,
        ui_port: int | None,
        spread: Spread | None,
        on_news: Callable[[str], None],
        interrupted: asyncio.Event,
    ) -> None:
        super().__init__(estate, plan, writer, clock)
        self._spread = spread
        self._on_news = on_news
        self._interrupted = interrupted
        self._workers = LocalWorkers(folder, lambda pid: self._tell(Cue("gone", number=pid)))
        self._listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._scenario = scenario
        self._folder = folder
        self._ui_port = ui_port
        self._process: asyncio.subprocess.Process | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._status = Status()
        self._stopping = False
        self.start_ns: int | None = None
        """When the workload began; None before."""
        self._due_ns: dict[str, list[int]] = {kind: [] for kind in KINDS}
        """When shoppers' acts are due, each kind sorted: those with a time of their own, and those whose moment has come."""
        self._awaited: dict[tuple[str, str], list[int]] = {}
        for number, item in enumerate(plan.items):
            if isinstance(item, RequestCancellation | RequestReturn) and item.moment != "clock":
                self._awaited.setdefault((item.moment, item.order_ref), []).append(number)

    @property
    def under_way(self) -> int:
        return self._status.under_way

    @property
    def waiting(self) -> int:
        return self.under_way + sum(map(len, self._awaited.values()))

    def due(self, from_ns: int, to_ns: int) -> dict[str, int]:
        """How many acts of each kind were due in that time, sent or not."""
        return {
            kind: bisect_left(due, to_ns) - bisect_left(due, from_ns) for kind, due in self._due_ns.items()
        }

    @property
    def generator_cpu_s(self) -> float:
        """Processor seconds that the generator has used."""
        return self._status.cpu_s

    def facts_of_workers(self) -> dict[str, object]:
        """As run.json says them; their number is null where one generator does it all."""
        return {
            "workers": self._spread.workers if self._spread is not None else None,
            "workers_lost": list(self._status.lost),
            "worker_clocks": msgspec.to_builtins(self._status.clocks),
        }

    async def prepare(self) -> None:
        """Start the generator and wait until it has read what it has to do, with all its workers if it has any.

        RunError where it does not come up.
        """
        with (self._folder / LOG).open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                MODULE if self._spread is None else f"{MODULE}.master",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for the run, which tells the generator what to do then
            )
        self._hearing = asyncio.create_task(self._hear(self._process))
        self._tell(self._job())
        coming = asyncio.create_task(self._come_up())
        interrupted = asyncio.create_task(self._interrupted.wait())
        within_s = READY_S + (self._spread.wait_s if self._spread is not None else 0.0)
        await asyncio.wait(
            (coming, interrupted, self._hearing), timeout=within_s, return_when=asyncio.FIRST_COMPLETED
        )
        for wait in (coming, interrupted):
            wait.cancel()
        if self._ready.is_set():
            return
        if self._interrupted.is_set():
            raise RunError("interrupted before the load generator was ready", self._folder)
        raise RunError(
            self._status.error
            or f"the load generator did not start; what it wrote is in {self._folder / LOG}",
            self._folder,
        )

    async def _come_up(self) -> None:
        """Until it is ready; a master has workers first."""
        spread = self._spread
        if spread is not None:
            port = await self._listening
            creed = self._creed()
            if spread.is_here:
                enlistment = Enlistment(
                    creed=creed, host=spread.host, port=port, token=spread.token, wait_s=spread.wait_s
                )
                await self._workers.start(spread.workers, enlistment)
            else:
                name = self._scenario.estate.reached_at or spread.host
                self._on_news(
                    f"waiting for {counted(spread.workers, 'worker')}; start each, where {TOKEN} is set as here, with: "
                    f"peakproof load {creed.profile} --seed {creed.seed} --worker {name}:{port}"
                )
        await self._ready.wait()

    async def work(self) -> None:
        """Let the generator begin, and sit at the desk until the last thing of the plan was due.

        Who cancels this lets the generator begin nothing more.
        """
        try:
            await self._keep_the_desk()
        except asyncio.CancelledError:
            self._tell(Cue("give_up"))
            raise

    async def _keep_the_desk(self) -> None:
        loop = asyncio.get_running_loop()
        lead_s = LEAD_S if self._spread is not None else 0.0
        start_s, start_ns = loop.time() + lead_s, self._clock() + round(lead_s * 1e9)
        self._tell(Cue("go", at_ns=start_ns))
        for kind, of in KINDS.items():
            self._due_ns[kind] = [
                start_ns + round(item.at_s * 1e9)
                for item in self._plan.items
                if isinstance(item, of) and getattr(item, "moment", "clock") == "clock"
            ]
        self.start_ns = start_ns
        for item in self._plan.items:
            wait_s = start_s + item.at_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            if not isinstance(item, SHOPPERS):
                self._at_the_desk(item, start_ns + round(item.at_s * 1e9))

    def give_up_waiting(self) -> None:
        self._awaited.clear()
        self._tell(Cue("give_up"))

    async def close(self) -> None:
        """Stop the generator, and hear its last word."""
        if self._process is None or self._hearing is None:
            return
        self._stopping = True
        self._tell(Cue("stop"))
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            self.errors.append(f"the load generator did not stop within {STOP_S:g} s")
        await asyncio.wait((self._hearing,), timeout=STOP_S)
        self._hearing.cancel()
        await self._workers.stop()

    def _see(self, effect: Effect) -> None:
        moment = MOMENTS.get(effect.kind)
        if moment is None or effect.order_ref is None or (moment == "shipped" and effect.status != "shipped"):
            return
        for number in self._awaited.pop((moment, effect.order_ref), ()):
            self._tell(Cue("now", number=number))
            item = self._plan.items[number]
            kind = "return_request" if isinstance(item, RequestReturn) else "cancellation_request"
            lag_s = item.lag_s if isinstance(item, RequestReturn) else 0.0
            insort(self._due_ns[kind], self._clock() + round(lag_s * 1e9))

    def _job(self) -> Job:
        profile = self._scenario.workload.shape()
        peak_per_s = (self._scenario.workload.peak_per_min or 0.0) / 60
        duration_s = self._scenario.duration_s
        are_near = self._spread is None or self._spread.is_here
        return Job(
            folder=str(self._folder),
            seed=self._plan.seed,
            duration_s=duration_s,
            channels={
                name: Door(system.near_url if are_near else system.url, system.shopper.api_key)
                for name, system in self._estate.systems.items()
                if system.kind == "marketplace"
            },
            acts=acts_of(self._plan),
            shape=shape_of(profile, duration_s, peak_per_s * LOOKS_PER_ORDER),
            skus=sorted(self._plan.prices),
            ui_port=self._ui_port,
            distribution=self._spread.distribution(self._creed()) if self._spread is not None else None,
        )

    def _creed(self) -> Creed:
        return creed_of(self._scenario.workload.profile, self._plan.seed)

    def _tell(self, message: msgspec.Struct) -> None:
        """Whoever no longer listens has ended; `_hear` says so."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, RuntimeError):
                self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "it was started with a pipe"
        async for line in process.stdout:
            self._status = status = msgspec.json.decode(line, type=Status)
            self.placed = status.placed
            self.unsent = self.total - status.sent
            self.last_act_ns = max(self.last_act_ns, status.last_act_ns)
            if status.error is not None and status.error not in self.errors:
                self.errors.append(status.error)
            for news in status.news:
                self._on_news(news)
            if status.port is not None and not self._listening.done():
                self._listening.set_result(status.port)
            if status.is_ready:
                self._ready.set()
        code = await process.wait()
        self._status = msgspec.structs.replace(self._status, under_way=0)  # nothing of it will ever end
        self._awaited.clear()
        await self._workers.stop()  # nobody hears them any more
        if code or not self._stopping:
            self.errors.append(f"the load generator ended with exit code {code}; see {LOG}")


class LoadRunner(Runner):
    """Runs a scenario with a load generator; all else is a run like any other."""

    def __init__(
        self,
        scenario: Scenario,
        sut: SutConfig | None,
        *,
        seed: int,
        out: Path = Path("runs"),
        on_progress: Callable[[Progress], None] | None = None,
        origin: Mapping[str, str | None] | None = None,
        ui_port: int | None = None,
        spread: Spread | None = None,
        on_news: Callable[[str], None] | None = None,
        abort_on: Sequence[str] = (),
        judged_by: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """``abort_on`` are objectives that end it as soon as they are broken beyond repair. UsageError for one of which
        that cannot be known."""
        super().__init__(
            scenario,
            sut,
            seed=seed,
            out=out,
            on_progress=on_progress,
            origin=origin,
            on_news=on_news,
            judged_by=judged_by,
        )
        check_watched(abort_on, scenario.estate.standing, apart=scenario.estate.processes)
        self._abort_on = abort_on
        self._watched: list[Watched | WatchedTotal] = []
        self._ui_port = ui_port
        self._spread = spread
        self._saturation = Saturation()
        self._seconds: Seconds | None = None
        self._aborted_on: Objective | None = None

    async def _work(
        self, estate: Standing, sut: Sut | Nobody, shop: Shop, schedule: Schedule, settling: Settling
    ) -> None:
        """The same, while somebody looks who is at the limit."""
        assert isinstance(shop, CrowdedShop), "`_shop` made it"
        self._watched = [watched(text, shop.total) for text in self._abort_on]
        for one in self._watched:
            estate.observe(one.see, SEEN)
            self._writer.observers.append(one.hear)
        looking = asyncio.create_task(
            self._saturation.keep_looking(
                lambda: shop.generator_cpu_s,
                lambda: sut.process_id if isinstance(sut, Sut) else None,
                lambda: Queues(estate.pending, estate.dispatcher.pending, estate.connections_waiting),
                lambda look: self._keep(look, shop),
                estate.uses,
            )
        )
        try:
            await super()._work(estate, sut, shop, schedule, settling)
        finally:
            looking.cancel()
            self._record.add(load=self._saturation.facts() | shop.facts_of_workers())
            if self._aborted_on is not None:
                self._record.add(aborted_on=str(self._aborted_on))
                settling.at_most(SETTLE_AFTER_ABORT_S)

    def _keep(self, look: Look, shop: CrowdedShop) -> None:
        if self._seconds is None and shop.start_ns is not None:
            self._seconds = Seconds(shop.start_ns, shop.due, self._writer.load)
        if self._seconds is not None:
            self._seconds.note(look, self._clock())

    def _why_stop(self, estate: Standing) -> str | None:
        for one in self._watched:
            if (why := one.why_broken(self._clock())) is not None:
                self._aborted_on = one.objective
                return why
        return super()._why_stop(estate)

    def _shop(self, estate: Standing, plan: Plan) -> Shop:
        return CrowdedShop(
            estate,
            plan,
            self._writer,
            self._clock,
            scenario=self.scenario,
            folder=self.folder,
            ui_port=self._ui_port,
            spread=self._spread,
            on_news=self._on_news,
            interrupted=self._interrupted,
        )
