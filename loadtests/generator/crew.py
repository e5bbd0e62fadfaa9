"""The workers of a run as their master sees them: gathered, given their parts, listened to, and missed when lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from ...history.clock import Clock
from ...history.records import WorkloadItem
from .job import Act, Cue, Job, Status, WorkerClock
from .muster import Member, Muster, Refused
from .sharding import digest, shards
from .wire import (
    AskTime,
    Farewell,
    FromMaster,
    FromWorker,
    Hello,
    Progress,
    Proof,
    Ready,
    Refusal,
    Samples,
    Shard,
    Time,
)

SILENT_S = 10.0
"""A worker speaks ten times a second; one that is silent for so long is lost, however busy its machine."""


@dataclass(slots=True)
class Seat:
    """One worker at work."""

    node: str
    member: Member
    acts: list[Act]
    heard_ns: int
    is_ready: bool = False
    is_lost: bool = False
    has_left: bool = False
    status: Status = field(default_factory=Status)

    @property
    def orders(self) -> int:
        return sum(act.kind == "order" for act in self.acts)


class Crew:
    """Says what it wants to say through ``send(node, message)``; knows neither Locust nor sockets.

    ``keep(index, items)`` writes down what a worker did. ``ended`` becomes the one line for the user when there can be
    no run.
    """

    def __init__(
        self,
        job: Job,
        clock: Clock,
        send: Callable[[str, FromMaster], None],
        keep: Callable[[int, Sequence[WorkloadItem]], None],
    ) -> None:
        assert job.distribution is not None, "a master's job says where it listens"
        self._job = job
        self._clock = clock
        self._send = send
        self._keep = keep
        self._wanted = job.distribution.workers
        self._wait_s = job.distribution.wait_s
        self._more_to_come = job.distribution.more_to_come
        self._muster = Muster(job.distribution.creed, job.distribution.token, self._wanted)
        self._began_ns = clock()
        self._start_ns: int | None = None
        self._seats: dict[str, Seat] = {}
        self._seat_of_act: dict[int, Seat] = {}
        self._news: list[str] = []
        self._lost: list[str] = []
        self._clocks: list[WorkerClock] = []
        self._stopping = False
        self.ended: str | None = None

    @property
    def is_ready(self) -> bool:
        return bool(self._seats) and all(seat.is_ready for seat in self._seats.values())

    @property
    def all_have_left(self) -> bool:
        return all(seat.has_left or seat.is_lost for seat in self._seats.values())

    @property
    def is_closed(self) -> bool:
        """The run is under way: nobody else is taken."""
        return self._muster.is_closed

    def knows(self, node: str) -> bool:
        return node in self._muster.members

    # What is heard

    def hear(self, node: str, said: FromWorker) -> None:
        """One message of a worker."""
        seat = self._seats.get(node)
        if seat is not None:
            seat.heard_ns = self._clock()
        match said:
            case Hello() | Proof():
                self._admit(node, said)
            case AskTime() if seat is not None:
                self._send(node, Time(self._clock()))
            case Ready() if seat is not None:
                self._seat_is_ready(seat, said)
            case Progress() if seat is not None:
                seat.status = said.status
            case Samples() if seat is not None:
                self._keep(seat.member.index, said.items)
            case Farewell() if seat is not None:
                seat.status, seat.has_left = said.status, True
                if not self._stopping:
                    self._lose(seat, "it left")

    def hear_nonsense(self, node: str) -> None:
        """Something came that is no message of ours."""
        version = self._muster.creed.version
        self._refuse(
            node,
            f"it speaks otherwise than a worker of peakproof {version}; have peakproof {version} on both machines",
        )

    def _admit(self, node: str, said: Hello | Proof) -> None:
        try:
            if isinstance(said, Hello):
                self._send(node, self._muster.hear(node, said))
                return
            member = self._muster.admit(node, said.proof)
        except Refused as refused:
            self._refuse(
                node, str(refused), said.name if isinstance(said, Hello) else self._muster.name(node)
            )
            return
        self._news.append(f"{member.name} is here: {len(self._muster.members)} of {self._wanted}")
        if self._muster.is_complete:
            self._deal()

    def _refuse(self, node: str, why: str, name: str | None = None) -> None:
        self._news.append(f"a worker ({name or node}) was refused: {why}")
        self._send(node, Refusal(why))

    def _deal(self) -> None:
        """Everybody is here: each gets its part."""
        dealt = shards(self._job.acts, self._wanted)
        for (node, member), acts in zip(self._muster.members.items(), dealt, strict=True):
            seat = self._seats[node] = Seat(node, member, acts, heard_ns=self._clock())
            self._seat_of_act |= dict.fromkeys((act.number for act in acts), seat)
            part = msgspec.structs.replace(
                self._job, acts=acts, part=member.index + 1, folder="", distribution=None, ui_port=None
            )
            self._send(node, Shard(part, member.name, self._wanted, self._more_to_come))

    def _seat_is_ready(self, seat: Seat, said: Ready) -> None:
        expected = digest(seat.acts)
        if said.digest != expected:
            self.give_up(
                f"{seat.member.name} reads another plan than was sent to it (digest {said.digest}, not {expected}): "
                "it is another peakproof of the same version; install the very same one on both machines"
            )
            return
        seat.is_ready = True
        clock = WorkerClock(seat.member.name, -said.ahead_ns, said.uncertainty_ns)
        self._clocks.append(clock)
        if clock.off_ns:
            self._news.append(
                f"the clock of {clock.worker} is {clock.off_ns / 1e6:+.3f} ms from ours "
                f"(± {clock.uncertainty_ns / 1e6:.3f} ms): its times are put right"
            )

    # What is to be done

    def obey(self, cue: Cue) -> None:
        """A cue of the run's."""
        match cue.what:
            case "go":
                self._muster.is_closed = True
                self._start_ns = cue.at_ns
                self._send_all(cue)
            case "now":
                seat = self._seat_of_act.get(cue.number)
                if seat is not None and not seat.is_lost:
                    self._send(seat.node, cue)
            case "give_up":
                self._send_all(cue)
            case "stop":
                self._stopping = True
                self._send_all(cue)
            case "gone":
                self._process_has_ended(cue.number)

    def look(self) -> None:
        """Who is missing? To be asked now and then."""
        now_ns = self._clock()
        if not self.is_ready and now_ns - self._began_ns > self._wait_s * 1e9:
            self.give_up(f"{self._missing()} within {self._wait_s:g} s")
        for seat in self._seats.values():
            if not seat.has_left and now_ns - seat.heard_ns > SILENT_S * 1e9:
                self._lose(seat, f"nothing was heard of it for {SILENT_S:g} s")

    def _missing(self) -> str:
        """What has not come about."""
        here = len(self._muster.members)
        if here == self._wanted:
            slow = next(seat.member.name for seat in self._seats.values() if not seat.is_ready)
            return f"{slow} did not read its part of the plan"
        who = f"only {here} of {self._wanted} workers" if here else "no worker"
        return f"{who} came (with this profile, seed and token, and able to reach us)"

    def give_up(self, why: str) -> None:
        """There can be no run."""
        if self.ended is None:
            self.ended = why
            for node in self._muster.members:
                self._send(node, Refusal(f"there is no run: {why}"))

    def status(self) -> Status:
        """Of all workers together. What is new is said once."""
        news, self._news = tuple(self._news), []
        seats = list(self._seats.values())
        return Status(
            placed=sum(seat.status.placed for seat in seats),
            sent=sum(seat.status.sent for seat in seats),
            under_way=sum(seat.status.under_way for seat in seats if not seat.is_lost),
            last_act_ns=max((seat.status.last_act_ns for seat in seats), default=0),
            cpu_s=sum(seat.status.cpu_s for seat in seats),
            error=next((f"{s.member.name}: {s.status.error}" for s in seats if s.status.error), self.ended),
            is_ready=self.is_ready and self.ended is None,
            workers=len(self._muster.members),
            clocks=tuple(self._clocks),
            lost=tuple(self._lost),
            news=news,
        )

    def _send_all(self, cue: Cue) -> None:
        for seat in self._seats.values():
            if not seat.is_lost:
                self._send(seat.node, cue)

    def _process_has_ended(self, pid: int) -> None:
        if not self._seats:
            self.give_up(f"a worker's process ({pid}) ended before it came; what it wrote is in its log")
        for seat in self._seats.values():
            if seat.member.hello.pid == pid and not seat.has_left:
                self._lose(seat, "its process ended")

    def _lose(self, seat: Seat, why: str) -> None:
        if seat.is_lost:
            return
        seat.is_lost = True
        name = seat.member.name
        if self._start_ns is None:
            self.give_up(f"{name} was lost before the run began: {why}")
            return
        unsent = seat.orders - seat.status.sent
        when_s = max(0.0, (self._clock() - self._start_ns) / 1e9)
        self._lost.append(
            f"{name} was lost {when_s:.1f} s into the workload: {why}; "
            f"{unsent} of its {seat.orders} orders had not been sent"
        )
        self._news.append(self._lost[-1])
