"""``python -m peakproof.loadtests.generator.master``: Locust's master, which deals a plan out to its workers.

It is told what a generator is told, and speaks as one; it sends nothing itself.
"""

from locust.env import Environment  # noqa: I001  first: it patches what everything else imports

import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

import gevent
import msgspec
from gevent.fileobject import FileObject
from gevent.queue import Queue
from locust.exception import RPCError
from locust.runners import MasterRunner
from locust.stats import stats_history

from ...history.clock import Clock
from ...history.records import WorkloadItem
from ...history.writer import HistoryWriter
from .crew import Crew
from .job import Cue, Job, Status
from .process import FLUSH_S, STATUS_S, keep, say
from .shape import ProfileShape
from .users import PriceWatch, StockPoll
from .wire import MESSAGE, FromMaster, from_worker, packed

FAREWELLS_S = 5.0
"""So long the workers have for their last word."""
LOOK_S = 0.5

Event = Cue | tuple[str, Any] | None
"""A cue of the run's, a message of a worker's, or nothing new but the time."""


def main() -> int:
    """Serve until told to stop, or until nobody listens any more; returns the exit code."""
    told = FileObject(sys.stdin.buffer, "rb", close=False)
    job = msgspec.json.decode(told.readline(), type=Job)
    assert job.distribution is not None, "a master is told where to listen"
    StockPoll.fixed_count = len(job.channels)
    environment = Environment(user_classes=[PriceWatch, StockPoll], shape_class=ProfileShape(job))
    try:
        runner = environment.create_master_runner(job.distribution.host, job.distribution.port)
    except (RPCError, SystemExit) as error:  # Locust leaves where the port is taken
        where = f"{job.distribution.host}:{job.distribution.port}"
        why = str(error) if isinstance(error, RPCError) else "it is taken"
        say(
            Status(
                is_ready=False, error=f"the load master cannot listen at {where}: {why}; choose another port"
            )
        )
        return 1
    if job.ui_port is not None:
        environment.create_web_ui("127.0.0.1", job.ui_port)
        gevent.spawn(stats_history, runner)
    master = Master(job, runner)
    gevent.spawn(master.read, told)
    return master.serve()


class Master:
    """One loop for all that happens, so that nothing happens in between."""

    def __init__(self, job: Job, runner: MasterRunner) -> None:
        self._clock = Clock()
        self._runner = runner
        self._folder = Path(job.folder) / "history"
        self._writers: dict[int, HistoryWriter] = {}
        self._inbox: Queue = Queue()
        self._crew = Crew(job, self._clock, self._send, self._keep)
        self._stopping = False
        runner.register_message(MESSAGE, self._hear)
        runner.environment.events.worker_connect.add_listener(self._greet)
        gevent.spawn(keep, LOOK_S, lambda: self._inbox.put(None))

    def read(self, told: FileObject) -> None:
        """Every cue, to the last one: whoever stops speaking wants us to stop."""
        while line := told.readline():
            self._inbox.put(msgspec.json.decode(line, type=Cue))
        self._inbox.put(Cue("stop"))

    def serve(self) -> int:
        """Until it is over; returns the exit code."""
        saying = gevent.spawn(keep, STATUS_S, self._say)
        flushing = gevent.spawn(keep, FLUSH_S, self._flush)
        try:
            while self._crew.ended is None and not self._stopping:
                self._handle(self._inbox.get())
            deadline_ns = self._clock() + round(FAREWELLS_S * 1e9)
            while self._crew.ended is None and not self._crew.all_have_left and self._clock() < deadline_ns:
                self._handle(self._inbox.get())
            self._runner.quit()
        finally:
            gevent.killall([saying, flushing])
            for writer in self._writers.values():
                writer.close()
        self._say()
        return 0 if self._crew.ended is None else 1

    def _handle(self, event: Event) -> None:
        match event:
            case Cue():
                if event.what == "go":
                    self._begin(event.at_ns)
                self._crew.obey(event)
                self._stopping = self._stopping or event.what == "stop"
            case (str() as node, data):
                try:
                    said = from_worker(data)
                except ValueError:
                    self._crew.hear_nonsense(node)
                else:
                    self._crew.hear(node, said)
            case None:
                self._crew.look()

    def _begin(self, start_ns: int) -> None:
        """Those who only look around are Locust's own to spread; over our workers alone."""
        for node in list(self._runner.clients):
            self._show_out(node)
        gevent.spawn_later(max(0.0, (start_ns - self._clock()) / 1e9), self._runner.start_shape)

    def _hear(self, environment: Any, msg: Any) -> None:
        self._inbox.put((str(msg.node_id), msg.data))

    def _greet(self, client_id: str) -> None:
        """Locust gives work to whoever knocks; once the run is under way, nobody new gets any."""
        if self._crew.is_closed:
            gevent.spawn_later(LOOK_S, self._show_out, client_id)

    def _show_out(self, node: str) -> None:
        if not self._crew.knows(node) and node in self._runner.clients:
            del self._runner.clients[node]

    def _send(self, node: str, message: FromMaster) -> None:
        self._runner.send_message(MESSAGE, packed(message), node)

    def _keep(self, index: int, items: Sequence[WorkloadItem]) -> None:
        writer = self._writers.get(index)
        if writer is None:
            writer = self._writers[index] = HistoryWriter(self._folder, f"load-{index + 1}")
        for item in items:
            writer.workload(item)

    def _flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def _say(self) -> None:
        status = self._crew.status()
        port, cpu_s = self._runner.server.port, status.cpu_s + process_time()
        say(msgspec.structs.replace(status, port=port, cpu_s=cpu_s))


if __name__ == "__main__":
    raise SystemExit(main())
