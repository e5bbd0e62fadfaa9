"""``python -m peakproof.loadtests.generator.worker``: one Locust worker, which places its part of a plan's orders.

It reads one line (``Enlistment``) and then nothing more: where its standard input ends, it leaves. All else goes
through Locust's own connection to the master. What it has to say to a user is a line on its standard error.
"""

from locust.env import Environment  # noqa: I001  first: it patches what everything else imports

import hmac
import os
import socket
import sys
from argparse import Namespace
from secrets import token_hex
from typing import Any, TypeVar

import gevent
import msgspec
from gevent.fileobject import FileObject
from gevent.queue import Empty, Queue
from locust.runners import WorkerRunner

from ...history.clock import Clock
from ...history.records import WorkloadItem
from .agreement import ASKED, Agreement, Answer
from .crowd import Crowd
from .job import ALONE, DONE, MORE_TO_COME, NOT_TAKEN, Cue, Enlistment
from .muster import NONCE_BYTES, proof
from .process import FLUSH_S, STATUS_S, keep, lift_the_limit_of_open_files
from .sharding import digest
from .users import PriceWatch, Scene, Shopper, StockPoll
from .wire import (
    MESSAGE,
    AskTime,
    Challenge,
    Farewell,
    FromWorker,
    Hello,
    Progress,
    Proof,
    Ready,
    Refusal,
    Samples,
    Shard,
    Time,
    from_master,
    packed,
)

QUIT_S = 3.0
"""So long for the master to have our last word."""
LINGER_S = 0.3
"""And so long for it to be on its way, where nobody says that it has come."""

Said = TypeVar("Said")


class Ended(Exception):
    """It is over for this worker: in one line, and with this exit code."""

    def __init__(self, why: str, code: int) -> None:
        super().__init__(why)
        self.code = code


def main() -> int:
    """One worker's life; returns the exit code."""
    lift_the_limit_of_open_files()
    told = FileObject(sys.stdin.buffer, "rb", close=False)
    enlistment = msgspec.json.decode(told.readline(), type=Enlistment)
    try:
        worker = Worker(enlistment, told)
        tell(worker.serve())
    except Ended as end:
        tell(str(end))
        gevent.sleep(LINGER_S)
        return end.code
    return MORE_TO_COME if worker.more_to_come else DONE


def tell(line: str) -> None:
    print(f"worker process {os.getpid()}: {line}", file=sys.stderr, flush=True)


class Worker:
    """It comes, is taken or refused, works, and leaves."""

    def __init__(self, enlistment: Enlistment, told: FileObject) -> None:
        """Ended where no master answers."""
        self.more_to_come = False
        """The master has said that there may be another run."""
        self._enlistment = enlistment
        self._where = f"{enlistment.host}:{enlistment.port}"
        self._inbox: Queue = Queue()
        self._clock = Clock()
        self._samples: list[WorkloadItem] = []
        self._runner = self._connected()
        self._runner.register_message(MESSAGE, self._hear)
        gevent.spawn(self._leave_with, told)
        gevent.spawn(self._miss_the_master)

    def serve(self) -> str:
        """Work until the master says that it is over; returns the line about it. Ended."""
        shard = self._taken()
        self.more_to_come = shard.more_to_come
        agreement = self._agreed()
        clock = Clock(agreement.ahead_ns)
        Shopper.scene = scene = Scene(shard.job, clock, self._samples.append)
        crowd = self._ready(shard, scene, agreement)
        tell(
            f"taken as {shard.name} of {shard.workers} by the master at {self._where}: {len(shard.job.acts)} acts"
        )
        gevent.spawn(keep, FLUSH_S, self._hand_over)
        saying = gevent.spawn(keep, STATUS_S, lambda: self._send(Progress(crowd.status())))
        try:
            self._follow(crowd)
        finally:
            saying.kill()
            crowd.give_up()
            self._hand_over()
            self._send(Farewell(crowd.status()))
        with gevent.Timeout(QUIT_S, False):
            self._runner.greenlet.join()
        return f"the run is over: {crowd.status().sent} orders sent, {crowd.status().placed} placed"

    def _connected(self) -> WorkerRunner:
        enlistment = self._enlistment
        environment = Environment(user_classes=[PriceWatch, StockPoll])
        environment.parsed_options = Namespace(
            web_base_path="", headless=False
        )  # else it reads Locust's files for them
        with gevent.Timeout(enlistment.wait_s, False):
            return environment.create_worker_runner(enlistment.host, enlistment.port)
        if enlistment.runs:
            raise Ended(
                f"no further run at {self._where} within {enlistment.wait_s:g} s, after {enlistment.runs}: this was all",
                DONE,
            )
        raise Ended(
            f"no load master answered at {self._where} within {enlistment.wait_s:g} s; start it first "
            "(peakproof load PROFILE --master HOST:PORT --workers N), and see that it can be reached",
            ALONE,
        )

    def _taken(self) -> Shard:
        """Say hello, show the token, and wait for all the others."""
        creed, token, nonce = self._enlistment.creed, self._enlistment.token, token_hex(NONCE_BYTES)
        self._send(Hello(creed, socket.gethostname(), os.getpid(), nonce))
        challenge = self._next(Challenge, self._enlistment.wait_s)
        self._send(Proof(proof(token, "worker", nonce, challenge.nonce)))
        shard = self._next(Shard, None)
        if not hmac.compare_digest(challenge.proof, proof(token, "master", nonce, challenge.nonce)):
            raise Ended(f"the master at {self._where} has another token: nothing is sent for it", NOT_TAKEN)
        return shard

    def _agreed(self) -> Agreement:
        answers = []
        for _ in range(ASKED):
            sent_ns = self._clock()
            self._send(AskTime())
            theirs_ns = self._next(Time, self._enlistment.wait_s).now_ns
            answers.append(Answer(sent_ns, theirs_ns, self._clock()))
        return Agreement.of(answers)

    def _ready(self, shard: Shard, scene: Scene, agreement: Agreement) -> Crowd:
        """Tell the master how we read our part: it says no where that is not what it sent. Ended."""
        try:
            read, crowd = digest(shard.job.acts), Crowd(self._runner.environment, scene)
        except msgspec.DecodeError:
            read, crowd = "none at all", None
        self._send(Ready(read, agreement.ahead_ns, agreement.uncertainty_ns))
        return crowd if crowd is not None else self._next(Crowd, None)

    def _follow(self, crowd: Crowd) -> None:
        """Do what the master says, until it says stop."""
        while True:
            cue = self._next(Cue, None)
            match cue.what:
                case "go":
                    crowd.begin(cue.at_ns)
                case "now":
                    crowd.now(cue.number)
                case "give_up":
                    crowd.give_up()
                case "stop":
                    return

    def _next(self, kind: type[Said], wait_s: float | None) -> Said:
        """The next message, which must be of this kind. Ended."""
        try:
            said = self._inbox.get(timeout=wait_s)
        except Empty:
            raise Ended(f"the master at {self._where} answered nothing within {wait_s:g} s", ALONE) from None
        if isinstance(said, Ended):
            raise said
        if isinstance(said, Refusal):
            raise Ended(f"the master at {self._where} refused this worker: {said.why}", NOT_TAKEN)
        if not isinstance(said, kind):
            raise Ended(f"the master at {self._where} speaks otherwise than this peakproof", NOT_TAKEN)
        return said

    def _hand_over(self) -> None:
        if self._samples:
            self._send(Samples(list(self._samples)))
            self._samples.clear()

    def _send(self, message: FromWorker) -> None:
        self._runner.send_message(MESSAGE, packed(message))

    def _hear(self, environment: Any, msg: Any) -> None:
        try:
            self._inbox.put(from_master(msg.data))
        except ValueError:
            self._inbox.put(
                Ended(f"the master at {self._where} speaks otherwise than this peakproof", NOT_TAKEN)
            )

    def _leave_with(self, told: FileObject) -> None:
        """Whoever started this worker has gone, or wants it to go."""
        told.read()
        self._inbox.put(Ended("this worker was told to leave", ALONE))

    def _miss_the_master(self) -> None:
        """Locust ends its own greenlets when the master says quit, or has been silent for a minute."""
        self._runner.greenlet.join()
        self._inbox.put(Ended(f"the master at {self._where} is gone", ALONE))


if __name__ == "__main__":
    raise SystemExit(main())
