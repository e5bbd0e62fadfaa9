"""A load spread over several generators: what the user asks for, and the workers that a run starts itself."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from math import ceil
from pathlib import Path
from secrets import token_urlsafe

import msgspec

from .. import __version__
from ..loadtests.generator.job import ALONE, MORE_TO_COME, Creed, Distribution, Enlistment
from ..simulators.estate import EVERYWHERE
from .errors import UsageError
from .scenario import Scenario

TOKEN = "PEAKPROOF_LOAD_TOKEN"
"""Where both sides find the secret that they share."""
SHORTEST_TOKEN = 24
MAKE_ONE = f"export {TOKEN}=$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"
HERE = "127.0.0.1"
WAIT_S = 60.0
MOST_PER_S = 2_000
"""Orders that one generator can send at best: measured, 0.35 ms of a processor each, and beyond 2,000 a second later than
0.1 s. What a machine really sends is less, and is found out by the run."""
LOG = "load-workers.log"
"""What the workers of this machine wrote."""
STOP_S = 10.0
LOOK_UP_S = 1.0
BETWEEN_RUNS_S = 1.0
"""So long a worker leaves the master of the last run to end, before it looks for that of the next."""
MODULE = "peakproof.loadtests.generator"
WORKER = (sys.executable, "-m", f"{MODULE}.worker")
"""One worker; it reads its enlistment from its standard input."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Over how many workers, and where their master listens."""

    workers: int
    host: str = HERE
    """An IPv4 address of this machine, or 0.0.0.0 for all that it has."""
    port: int = 0
    token: str = field(default_factory=token_urlsafe, repr=False)
    wait_s: float = WAIT_S
    is_here: bool = True
    """The workers are processes of this machine, started by the run."""
    more_to_come: bool = False
    """It is for one run after another: workers of other machines come anew for each."""

    def opened(self, scenario: Scenario) -> Scenario:
        """The same with an estate that workers on other machines reach. UsageError where they never can."""
        stays_here = (
            self.is_here or ip_address(self.host).is_loopback or scenario.estate.gather_at is not None
        )
        if stays_here or not ip_address(scenario.estate.host).is_loopback:
            return scenario
        if self.host == EVERYWHERE:
            raise UsageError(
                f"--master {self.host}:{self.port}: workers must reach the estate, too; say at which name of this "
                f"machine: --set estate.host={EVERYWHERE} --set estate.reached_at=NAME"
            )
        return scenario.with_overrides({"estate.host": self.host}, source="--master")

    def distribution(self, creed: Creed) -> Distribution:
        return Distribution(
            creed=creed,
            host=self.host,
            port=self.port,
            workers=self.workers,
            token=self.token,
            wait_s=self.wait_s,
            more_to_come=self.more_to_come,
        )


def spread_of(
    workers: int | None, master: str | None, wait_s: float | None, env: Mapping[str, str] = os.environ
) -> Spread | None:
    """What ``--workers``, ``--master`` and ``--wait`` come to; None where one generator does it all. UsageError."""
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: must be a whole number from 1 up")
    if master is None:
        return Spread(workers, wait_s=wait_s or WAIT_S) if workers is not None else None
    if workers is None:
        raise UsageError(f"--master {master}: say with --workers N for how many workers it waits")
    host, port = address_of("--master", master)
    return Spread(
        workers, _own_address(master, host), port, token_of("--master", env), wait_s or WAIT_S, False
    )


def check_peak(peak: str, peak_per_min: float, workers: int | None) -> None:
    """UsageError for a peak that no generator of this kind sends on any machine that we know."""
    senders = workers or 1
    if (peak_per_s := peak_per_min / 60) > MOST_PER_S * senders:
        who = "one generator sends" if senders == 1 else f"{senders} generators send"
        raise UsageError(
            f"--peak {peak}: {who} {MOST_PER_S * senders:,} orders a second at best, and these are {peak_per_s:,.0f}; "
            f"say --workers {ceil(peak_per_s / MOST_PER_S)}, on so many processors or machines (--master), or a lower peak"
        )


def address_of(option: str, text: str) -> tuple[str, int]:
    """Host and port. UsageError."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"{option} {text!r}: must be an address like 10.0.0.5:5557")
    return host, int(port)


def token_of(option: str, env: Mapping[str, str]) -> str:
    """The secret that master and workers share. UsageError; it is never shown."""
    token = env.get(TOKEN, "")
    if len(token) < SHORTEST_TOKEN:
        what = f"is too short: give it at least {SHORTEST_TOKEN} characters" if token else "is not set"
        raise UsageError(f"{option}: {TOKEN} {what}; make one and give it to both sides: {MAKE_ONE}")
    return token


def creed_of(profile: str, seed: int) -> Creed:
    """What both sides say that they are; of a profile's path its file's name, which is the same on every machine."""
    return Creed(__version__, Path(profile).stem, seed)


def enlist(
    profile: str,
    seed: int,
    master: str,
    wait_s: float = WAIT_S,
    *,
    env: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Be a worker until the run is over, or all runs of a search: each a process of its own, which writes to our standard error.

    UsageError for what cannot be.
    """
    host, port = address_of("--worker", master)
    token = token_of("--worker", env)
    found = _found(master, host, wait_s, sleep)
    enlistment = Enlistment(creed=creed_of(profile, seed), host=found, port=port, token=token, wait_s=wait_s)
    return served(enlistment, _serve_once, sleep=sleep)


def served(
    enlistment: Enlistment,
    serve_once: Callable[[Enlistment], int],
    *,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Serve one run, and as long as its master says that another may come, that too; returns the exit code.

    Between two runs there is no master, or still the last one's; who finds none for ``wait_s`` says itself that it is over.
    """
    code = serve_once(enlistment)
    while code == MORE_TO_COME:
        enlistment = msgspec.structs.replace(enlistment, runs=enlistment.runs + 1)
        over_s = now()
        sleep(BETWEEN_RUNS_S)
        while (code := serve_once(enlistment)) == ALONE and now() - over_s < enlistment.wait_s:
            sleep(BETWEEN_RUNS_S)
    return code


def _serve_once(enlistment: Enlistment) -> int:
    process = subprocess.Popen(
        WORKER,
        stdin=subprocess.PIPE,
        env=environment(),
        start_new_session=True,  # Ctrl-C is for us, and leaves it the time to say goodbye
    )
    assert process.stdin is not None, "it was started with a pipe"
    try:
        process.stdin.write(msgspec.json.encode(enlistment) + b"\n")
        process.stdin.flush()
        return process.wait()
    finally:
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def environment() -> dict[str, str]:
    """Of a process that shall find what we find, and has no need of our secrets."""
    kept = {name: value for name, value in os.environ.items() if name != TOKEN}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class LocalWorkers:
    """The workers that a run starts on its own machine; ``on_end`` hears of each that ends by itself."""

    def __init__(self, folder: Path, on_end: Callable[[int], None]) -> None:
        self._folder = folder
        self._on_end = on_end
        self._processes: list[asyncio.subprocess.Process] = []
        self._watches: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, number: int, enlistment: Enlistment) -> None:
        with (self._folder / LOG).open("ab") as log:
            for _ in range(number):
                process = await asyncio.create_subprocess_exec(
                    *WORKER,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    start_new_session=True,
                )
                assert process.stdin is not None, "it was started with a pipe"
                process.stdin.write(msgspec.json.encode(enlistment) + b"\n")
                self._processes.append(process)
                self._watches.append(asyncio.create_task(self._watch(process)))

    async def stop(self) -> None:
        """Those that have not gone with their master are told to, and then made to."""
        self._stopping = True
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        if self._watches:
            _, late = await asyncio.wait(self._watches, timeout=STOP_S)
            for process in self._processes if late else ():
                if process.returncode is None:
                    process.kill()
            await asyncio.wait(self._watches)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if not self._stopping:
            self._on_end(process.pid)


def _found(master: str, host: str, wait_s: float, sleep: Callable[[float], None]) -> str:
    """The master's address; a container's name is known a while after the container was asked for. UsageError."""
    for _ in range(max(1, round(wait_s / LOOK_UP_S))):
        try:
            return _addresses(host)[0]
        except OSError as error:
            why = error.strerror or error
            sleep(LOOK_UP_S)
    raise UsageError(f"--worker {master!r}: no such host within {wait_s:g} s: {why}")


def _own_address(master: str, host: str) -> str:
    """As a number. UsageError where it is none of this machine's."""
    try:
        found = _addresses(host)[0]
        with socket.socket() as trial:
            trial.bind((found, 0))
    except OSError as error:
        raise UsageError(
            f"--master {master}: nothing can listen at {host} on this machine: {error.strerror or error}"
        ) from None
    return found


def _addresses(host: str) -> list[str]:
    """IPv4: Locust's own connection takes it everywhere."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)]
