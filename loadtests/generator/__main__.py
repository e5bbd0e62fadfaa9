"""``python -m peakproof.loadtests.generator``: reads a job and then cues from standard input, and says how it goes."""

from locust.env import Environment  # noqa: I001  first: it patches what everything else imports

import sys
from pathlib import Path

import gevent
import msgspec
from gevent.fileobject import FileObject
from locust.stats import stats_history

from ...history.clock import Clock
from ...history.writer import HistoryWriter
from .crowd import Crowd
from .job import Cue, Job
from .process import FLUSH_S, STATUS_S, keep, lift_the_limit_of_open_files, say
from .shape import ProfileShape
from .users import PriceWatch, Scene, Shopper, StockPoll


def main() -> int:
    """Serve until told to stop, or until nobody listens any more; returns the exit code."""
    lift_the_limit_of_open_files()
    told = FileObject(sys.stdin.buffer, "rb", close=False)
    job = msgspec.json.decode(told.readline(), type=Job)
    clock = Clock()
    writer = HistoryWriter(Path(job.folder) / "history", "load")
    Shopper.scene = scene = Scene(job, clock, writer.workload)
    StockPoll.fixed_count = len(job.channels)
    environment = Environment(user_classes=[PriceWatch, StockPoll], shape_class=ProfileShape(job))
    runner = environment.create_local_runner()
    if job.ui_port is not None:
        environment.create_web_ui("127.0.0.1", job.ui_port)
        gevent.spawn(stats_history, runner)
    crowd = Crowd(environment, scene)
    gevent.spawn(keep, FLUSH_S, writer.flush)
    gevent.spawn(keep, STATUS_S, lambda: say(crowd.status()))
    try:
        while line := told.readline():
            cue = msgspec.json.decode(line, type=Cue)
            match cue.what:
                case "go":
                    crowd.begin(cue.at_ns)
                    gevent.spawn_later(max(0.0, (cue.at_ns - clock()) / 1e9), runner.start_shape)
                case "now":
                    crowd.now(cue.number)
                case "give_up":
                    crowd.give_up()
                case "stop":
                    break
        crowd.give_up()
        runner.quit()
    finally:
        writer.close()
    say(crowd.status())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
