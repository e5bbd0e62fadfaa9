"""One mock server of others: where it is found on this machine, how it is set up, and its process while it runs."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psutil

from ..servers import Answers
from ..traffic import Target, order

MOST_STARTING_S = 60.0
ASK_AGAIN_S = 0.2
WARM_UP_S = 4.0
PRODUCTION = {"NODE_ENV": "production"}
"""Without it Express answers slower."""


class ReadsBack(Enum):
    """What comes when an order is read that was posted."""

    ORDER = "that order"
    REFERENCE = "its reference only"
    SAME = "the same for all"


@dataclass(frozen=True, slots=True)
class Conduct:
    """What a server does with orders, as it was seen to."""

    checks: bool
    """It refuses an order that says nothing."""
    reads_back: ReadsBack


class NotCompared(Exception):
    """Why a peer cannot be measured here, in a few words."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How to run a mock server.

    ``options`` writes into the folder what the peer is to read, and returns its command line for a port.
    """

    name: str
    program: str
    options: Callable[[Path, int, Answers], list[str]]
    jar: str | None = None
    """A pattern: the program runs this file."""
    path: str = "/v1/sales-orders"
    warm_up_s: float = WARM_UP_S
    """Compilers that learn while they run are slow at first."""

    def command(self, folder: Path | None) -> list[str]:
        """What its command line begins with. ``folder`` is looked into before PATH. Raises NotCompared."""
        program = _program(self.program, folder)
        if program is None:
            raise NotCompared(f"no {self.program} on PATH" + (f" or in {folder}" if folder else ""))
        if self.jar is None:
            return [program]
        jars = sorted(_jars(self.jar, folder))
        if not jars:
            raise NotCompared(
                f"no {self.jar} in {folder}" if folder else f"no folder with {self.jar} was named"
            )
        return [program, "-jar", str(jars[-1])]


class PeerServer(AbstractContextManager["PeerServer"]):
    """A peer's process, and those that it starts; returns when it takes orders. Raises NotCompared."""

    def __init__(self, peer: Peer, folder: Path | None, answers: Answers) -> None:
        command = peer.command(folder)
        self._scratch = TemporaryDirectory()
        scratch = Path(self._scratch.name)
        port = free_port()
        self._log = (scratch / "output.txt").open("w+b")
        self._process = subprocess.Popen(
            [*command, *peer.options(scratch, port, answers)],
            cwd=scratch,
            env=os.environ | PRODUCTION,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.target = Target(peer.name, port, "x" * 43, peer.path)
        try:
            self.conduct = self._first_order()
        except NotCompared:
            self.__exit__()
            raise

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far, user and system."""
        spent_s = 0.0
        for process in self._processes():
            try:
                times = process.cpu_times()
            except psutil.Error:  # it has just ended
                continue
            spent_s += times.user + times.system
        return spent_s

    def __exit__(self, *_: object) -> None:
        for process in self._processes():
            try:
                process.kill()
            except psutil.Error:  # it has just ended
                continue
        self._process.wait(10)
        self._log.close()
        self._scratch.cleanup()

    def _processes(self) -> list[psutil.Process]:
        try:
            root = psutil.Process(self._process.pid)
            return [*root.children(recursive=True), root]
        except psutil.Error:
            return []

    def _first_order(self) -> Conduct:
        until_s = time.monotonic() + MOST_STARTING_S
        said = ""
        while time.monotonic() < until_s:
            if self._process.poll() is not None:
                raise NotCompared(f"it ended by itself: {self._last_words()}")
            try:
                return conduct_of(self.target)
            except OSError:  # it does not listen yet
                pass
            except (http.client.HTTPException, ValueError) as error:
                said = f": {error}"
            time.sleep(ASK_AGAIN_S)
        raise NotCompared(f"it took no order within {MOST_STARTING_S:g} s{said or ': ' + self._last_words()}")

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[:200] if lines else "it said nothing"


def conduct_of(target: Target) -> Conduct:
    """Post an order and read it back, then post one that says nothing.

    OSError for nobody there, ValueError for wrong answers to the right one.
    """
    order_ref, body = order(999_998)
    posted = msgspec.json.decode(body, type=dict[str, object])
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
    headers = {
        "accept": "application/json",
        "authorization": f"Bearer {target.token}",
        "content-type": "application/json",
        "idempotency-key": f'"book-{order_ref}"',
    }
    try:
        created = _document(connection, "POST", target.path, headers, 201, body)
        read = _document(connection, "GET", f"{target.path}/{created.get('sales_order_id')}", headers, 200)
        connection.request("POST", target.path, b"{}", headers | {"idempotency-key": '"book-nothing"'})
        reply = connection.getresponse()
        reply.read()
    finally:
        connection.close()
    if "sales_order_id" not in created or read.get("sales_order_id") != created["sales_order_id"]:
        raise ValueError(f"its order has no id to read it back by: {str(created)[:200]}")
    return Conduct(400 <= reply.status < 500, _reads_back(posted, read))


def _reads_back(posted: dict[str, object], read: dict[str, object]) -> ReadsBack:
    if posted.items() <= read.items():
        return ReadsBack.ORDER
    return ReadsBack.REFERENCE if read.get("order_ref") == posted["order_ref"] else ReadsBack.SAME


def _document(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    body: bytes | None = None,
) -> dict[str, object]:
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    said = reply.read()
    if reply.status != status:
        raise ValueError(f"{method} {path} was answered by {reply.status} {said[:200]!r}")
    return msgspec.json.decode(said, type=dict[str, object])


def free_port() -> int:
    """One that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str, folder: Path | None) -> str | None:
    if folder is not None:
        places = os.pathsep.join(str(place) for place in (folder, folder / "node_modules" / ".bin"))
        found = shutil.which(name, path=places)
        if found is not None:
            return str(Path(found).absolute())
    return shutil.which(name)


def _jars(pattern: str, folder: Path | None) -> Iterator[Path]:
    if folder is None:
        return
    for jar in (*folder.glob(pattern), *folder.glob(f"node_modules/*/build/{pattern}")):
        yield jar.absolute()
