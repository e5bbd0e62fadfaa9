"""The system under test as a process: started in a group of its own, watched, asked, and surely stopped."""

import asyncio
import atexit
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from ..simulators.estate import SystemAddress
from .config import SutConfig, absolute
from .errors import SutDied, SutFailed, SutNotReady
from .guardian import RELEASED
from .process_tree import MARK, ProcessTree
from .spread import TOKEN

Failure = TypeVar("Failure", bound=SutFailed)

POLL_S = 0.1
WATCH_S = 0.1
"""How often the size of its log is looked at."""
ANSWER_S = 5.0
"""So long it may take to answer a question of ours."""
LARGEST_ANSWER = 32 * 1024 * 1024
LOG_LINES = 15
LONGEST_LINE = 300

DEEPEST = 50
"""Levels that an answer may be nested."""
PASSAGE = 2 * 1024 * 1024
"""So much of the beginning of a log is looked through for its first error."""
ERROR = re.compile(r"\b(error|exception|traceback|fatal|panic)\b", re.IGNORECASE)

_trees: set[ProcessTree] = set()
"""Process trees that still live; whatever happens to us, they do not outlive us."""


class Sut:
    """One system under test in one run. Use it in an ``async with``, or call ``start`` and ``stop``.

    With a URL there is no process: it is only waited for and asked. ``start`` raises SutNotReady or SutDied with the
    last lines of the log, and leaves no process behind. What a fault does to it is no death: it comes back in the
    background, and only if it does not, it has died.
    """

    def __init__(
        self,
        config: SutConfig,
        addresses: Mapping[str, SystemAddress],
        secret: str,
        folder: Path,
        *,
        on_back: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_back`` hears when it is ready again after a fault had it end."""
        self.config = config
        self.folder = folder
        self.log = folder / "sut.log"
        self.complaints: list[str] = []
        """What it answered that could not be read."""
        self._addresses = addresses
        self._on_back = on_back
        self.secret = secret
        self._port = None if config.url else config.port or _free_port()
        self.base_url = (config.url or f"http://127.0.0.1:{self._port}").rstrip("/")
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._down = False
        self._held_down = False
        """It is killed, and not to be started yet."""
        self._struck: asyncio.subprocess.Process | None = None
        """Whose end was a fault's doing."""
        self._coming_back: asyncio.Task[None] | None = None
        self._lost: SutFailed | None = None
        """Why it did not come back."""
        self._tree = ProcessTree()
        """Everything that it starts, over all its restarts."""
        self._guardian: subprocess.Popen[bytes] | None = None
        self._flooded = False
        self._stopping = False
        self._session: aiohttp.ClientSession | None = None

    # Life

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        try:
            if self.config.url is None:
                await self._spawn()
            await self._until_ready()
        except BaseException:
            await self.stop()
            raise

    @property
    def alive(self) -> bool:
        """It has not ended by itself; always so where it was not started by us."""
        return not self._ended.is_set() or self._stopping

    @property
    def is_down(self) -> bool:
        """A fault has killed it or restarts it, and it is not ready again."""
        return self._down and self.alive

    @property
    def process_id(self) -> int | None:
        """Of its present process; None where it was not started by us."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """Of its process, once that has ended; below 0 is the signal that ended it."""
        return self._process.returncode if self._process else None

    async def watch(self) -> None:
        """Return when it ends by itself; never, where it was not started by us."""
        await self._ended.wait()

    def death(self) -> SutDied:
        """Why the run cannot go on, with its last words."""
        if self._lost is not None:
            text = f"the system under test did not come back after a fault: {self._lost.message}"
            return SutDied(text, self.folder, self._lost.log)
        return self._failure(SutDied, f"the system under test {self._how()}")

    async def stop(self) -> None:
        """SIGTERM to all that it started, then SIGKILL to whatever is left; does nothing the second time."""
        self._stopping = True
        if self._coming_back is not None:
            self._coming_back.cancel()
            await asyncio.gather(self._coming_back, return_exceptions=True)
        try:
            if self._process is not None:
                await self._end_tree(self._process)
        finally:
            _kill_tree(self._tree)
            self._release_guardian()
            if self._watcher is not None:
                self._watcher.cancel()
            if self._session is not None:
                await self._session.close()
                self._session = None

    def tail(self, lines: int = LOG_LINES) -> list[str]:
        """The last lines that it wrote."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - lines * 2 * LONGEST_LINE))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        shown = [line[:LONGEST_LINE] for line in text.splitlines()[-lines:]]
        first = self._first_error()
        return shown if first is None or first in shown else [f"first error: {first}", "…", *shown]

    def _first_error(self) -> str | None:
        """The first line of its log that speaks of one: of a flood, the last lines tell the end of a trace only."""
        with self.log.open("rb") as file:
            text = file.read(PASSAGE).decode("utf-8", "replace")
        return next((line[:LONGEST_LINE] for line in text.splitlines() if ERROR.search(line)), None)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # What faults do to its process

    def kill(self) -> None:
        """SIGKILL to all that it started; it stays down until ``start_again``."""
        if self._process is not None:
            self._down, self._held_down, self._struck = True, True, self._process
            self._tree.signal(signal.SIGKILL)

    def start_again(self) -> None:
        """With the same command, environment, port and folder; it gets ready in the background."""
        self._held_down = False
        if self._down:
            self._come_back(graceful=False)

    def restart(self) -> None:
        """SIGTERM, in time SIGKILL, then as ``start_again``."""
        if self._process is not None and not self._down:
            self._down, self._struck = True, self._process
            self._come_back(graceful=True)

    def pause(self) -> None:
        """SIGSTOP to all that it started."""
        self._tree.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT to all that it started."""
        self._tree.signal(signal.SIGCONT)

    def _come_back(self, *, graceful: bool) -> None:
        if self._coming_back is None or self._coming_back.done():
            self._coming_back = asyncio.get_running_loop().create_task(self._revive(graceful=graceful))

    async def _revive(self, *, graceful: bool) -> None:
        """Wait for the old process's end, and start it anew; where that fails, it has died after all.

        One that is killed while it comes back stays down until it may be started again.
        """
        assert self._process is not None, "only what was started can come back"
        await (self._end_tree(self._process) if graceful else self._process.wait())
        try:
            while not self._held_down:
                await self._spawn()
                if self._held_down:
                    self.kill()
                if await self._until_ready():
                    self._down = False
                    self._on_back()
                    return
                await self._process.wait()
        except SutFailed as failure:
            self._lost = failure
            self._ended.set()
            self._down = False

    # What it is asked

    async def silence(self) -> str | None:
        """Why one that was not started by us cannot be told to be alive; None when it answers."""
        if self.config.url is None:
            return None
        url = absolute(self.config.ready, self.base_url)
        said = await self._knock(url, ANSWER_S)
        return f"GET {url}: {said}" if said else None

    def webhook_url(self, topic: str) -> str | None:
        """Where it takes this topic; None if it does not."""
        return self.config.webhook_address(topic, self.base_url)

    async def pending(self) -> int | None:
        """How much it still has to do; None if it does not say."""
        if self.config.pending_url is None:
            return None
        answer = await self._ask(self.config.pending_url)
        count = answer.get("pending") if isinstance(answer, dict) else None
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            return count
        self._complain(f'pending_url must answer {{"pending": n}}, got {str(answer)[:80]}')
        return None

    async def exceptions(self) -> list[dict[str, Any]]:
        """The orders that it gave up on visibly; none if it does not say."""
        if self.config.exceptions_url is None:
            return []
        answer = await self._ask(self.config.exceptions_url)
        if not isinstance(answer, list):
            self._complain(f"exceptions_url must answer a list, got {str(answer)[:80]}")
            return []
        good = [one for one in answer if isinstance(one, dict) and isinstance(one.get("order_ref"), str)]
        if len(good) < len(answer):
            self._complain(
                f"exceptions_url: {len(answer) - len(good)} of {len(answer)} entries have no order_ref"
            )
        return good

    async def replay(self, order_ref: str) -> bool:
        """Ask it to try a parked order again; whether it said that it will. Of several at once, one yes will do."""
        assert self.config.replay_url is not None, "asked only of those who name it"
        url = absolute(
            self.config.replay_url.replace("{order_ref}", quote(order_ref, safe="")), self.base_url
        )
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_S)
            async with self._client().post(url, timeout=timeout, allow_redirects=False) as reply:
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    # Inside

    async def _spawn(self) -> None:
        if self.config.port is not None and not _is_free(self.config.port):
            raise SutFailed(
                f"the system under test cannot be started: its port {self.config.port} is in use already; "
                "end what listens there, or choose another in sut.port",
                self.folder,
            )
        data_dir = self.folder / "sut"
        data_dir.mkdir(parents=True, exist_ok=True)
        command, env = self.config.filled_in(
            self._addresses,
            port=self._port,
            base_url=self.base_url,
            data_dir=data_dir.resolve(),
            secret=self.secret,
        )
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.config.cwd,
                env={
                    **{name: value for name, value in os.environ.items() if name not in (TOKEN, MARK)},
                    **env,
                    **self._tree.environment,
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            where = f" in {self.config.cwd}" if self.config.cwd else ""
            raise SutFailed(
                f"the system under test cannot be started: {command[0]!r}{where}: {error.strerror}; check sut.command",
                self.folder,
            ) from None
        finally:
            os.close(log)
        _trees.add(self._tree)
        self._post_guardian()
        self._watcher = asyncio.create_task(self._watch(self._process))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.ensure_future(process.wait())
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=WATCH_S)
                with suppress(OSError):
                    if not ended.done() and self.log.stat().st_size > self.config.log_limit_mb * 2**20:
                        self._flooded = True
                        self._tree.kill()
            if self._flooded:
                os.truncate(self.log, int(self.config.log_limit_mb * 2**20))  # what came before we looked
        finally:
            ended.cancel()
            if process.returncode is not None and process is not self._struck:
                self._ended.set()

    async def _until_ready(self) -> bool:
        """False where a fault kills it meanwhile."""
        url = absolute(self.config.ready, self.base_url)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.config.ready_timeout_s
        last = "no answer"
        while loop.time() < deadline_s:
            if not self.alive:
                raise self.death()
            if self._process is not None and self._process is self._struck:
                return False
            last = await self._knock(url, deadline_s - loop.time())
            if last == "":
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), POLL_S)
        raise self._failure(
            SutNotReady,
            f"the system under test was not ready within {self.config.ready_timeout_s:g} s: GET {url}: {last}; "
            "check sut.ready and sut.ready_timeout_s",
        )

    async def _knock(self, url: str, patience_s: float) -> str:
        """Empty when it is ready, else why not."""
        try:
            timeout = aiohttp.ClientTimeout(total=max(0.01, min(patience_s, ANSWER_S)))
            async with self._client().get(url, timeout=timeout, allow_redirects=False) as reply:
                return "" if 200 <= reply.status < 300 else f"answered {reply.status}"
        except TimeoutError:
            return "no answer in time"
        except aiohttp.ClientConnectorError:
            return "connection refused"
        except (aiohttp.ClientError, OSError) as error:
            return f"{type(error).__name__}"

    async def _ask(self, address: str) -> Any:
        url = absolute(address, self.base_url)
        try:
            timeout = aiohttp.ClientTimeout(total=ANSWER_S)
            async with self._client().get(url, timeout=timeout, allow_redirects=False) as reply:
                raw = await reply.content.read(LARGEST_ANSWER)
                if reply.status != 200:
                    return f"status {reply.status}"
                while chunk := await reply.content.read(LARGEST_ANSWER - len(raw)):
                    raw += chunk
                if len(raw) >= LARGEST_ANSWER:
                    return f"more than {LARGEST_ANSWER // 2**20} MB from {url}"
                answer = msgspec.json.decode(raw)
                return answer if _is_shallow(answer) else f"nested deeper than {DEEPEST} levels from {url}"
        except RecursionError:
            return f"nested deeper than {DEEPEST} levels from {url}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"{type(error).__name__} from {url}"

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    def _complain(self, text: str) -> None:
        if text not in self.complaints:
            self.complaints.append(text)

    def _failure(self, kind: type[Failure], text: str) -> Failure:
        return kind(text, self.folder, self.tail())

    def _how(self) -> str:
        """How it ended, to come after its name."""
        code = self.exit_code
        if self._flooded:
            return (
                f"wrote more than {self.config.log_limit_mb:g} MB of log and was stopped (sut.log_limit_mb)"
            )
        if code is not None and code < 0:
            with suppress(ValueError):
                return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    async def _end_tree(self, process: asyncio.subprocess.Process) -> None:
        survivors = await asyncio.to_thread(self._tree.end, self.config.stop_timeout_s)
        if survivors:
            self._complain(f"could not be ended: {', '.join(survivors)}")
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.config.stop_timeout_s)

    def _post_guardian(self) -> None:
        """A process that ends the tree when we are gone."""
        if self._guardian is None:
            self._guardian = subprocess.Popen(
                [sys.executable, "-m", "peakproof.scenarios.guardian", self._tree.mark],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _release_guardian(self) -> None:
        if self._guardian is None or self._guardian.stdin is None:
            return
        with suppress(OSError):
            self._guardian.stdin.write(RELEASED)
            self._guardian.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._guardian.wait(ANSWER_S)
        self._guardian = None


class Nobody:
    """No system under test: who calls the systems was started by somebody else, and takes no questions."""

    alive = True
    is_down = False
    exit_code = None

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def webhook_url(self, topic: str) -> str | None:
        return None

    async def silence(self) -> str | None:
        return None

    async def pending(self) -> int | None:
        return None

    async def exceptions(self) -> list[dict[str, Any]]:
        return []

    async def stop(self) -> None:
        return None


def _kill_tree(tree: ProcessTree) -> None:
    """Once for each tree."""
    if tree in _trees:
        _trees.discard(tree)
        tree.kill()


@atexit.register
def _kill_all() -> None:
    for tree in list(_trees):
        _kill_tree(tree)


def _is_shallow(answer: Any) -> bool:
    """Whether it is nested no deeper than anybody means it to be; what is cannot be written down again."""
    level = [answer]
    for _ in range(DEEPEST):
        level = [
            part
            for one in level
            if isinstance(one, dict | list)
            for part in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return True
    return False


def _prctl() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    with suppress(OSError, AttributeError):
        found: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
        return found
    return None


PR_SET_PDEATHSIG = 1
_set_death_signal = _prctl()


def _die_with_parent() -> None:
    """Runs in the child: a killed peakproof takes its system under test along (Linux)."""
    if _set_death_signal is not None:
        _set_death_signal(PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_free(port: int) -> bool:
    """Nobody listens there, so that nobody else can be taken for the system under test."""
    with socket.socket() as caller:
        caller.settimeout(1.0)
        return caller.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
