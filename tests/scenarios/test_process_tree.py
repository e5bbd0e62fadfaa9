"""Whatever the system under test started is ended with it, whichever session it put itself into."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from peakproof.scenarios.guardian import RELEASED
from peakproof.scenarios.process_tree import ProcessTree

SLEEPER = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
OWN_SESSION = f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True); import time; time.sleep(60)"
DAEMON = f"import os, subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True)"


def until(condition: Callable[[], bool], most_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + most_s
    while time.monotonic() < deadline_s:
        if condition():
            return True
        time.sleep(0.02)
    return False


started: list[subprocess.Popen[bytes]] = []


@pytest.fixture
def tree() -> Iterator[ProcessTree]:
    made = ProcessTree()
    yield made
    made.kill()
    while started:
        process = started.pop()
        process.kill()
        process.wait(5)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def start(tree: ProcessTree, program: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, **tree.environment}, stdout=subprocess.PIPE
    )
    started.append(process)
    return process


def test_a_child_in_a_session_of_its_own_ends_too(tree: ProcessTree) -> None:
    process = start(tree, OWN_SESSION)
    assert until(lambda: len(tree.processes()) == 2)
    assert tree.end(2.0) == []
    assert tree.processes() == []
    process.wait(5)


def test_a_daemon_whose_parent_is_gone_ends_too(tree: ProcessTree) -> None:
    start(tree, DAEMON).wait(10)
    assert until(lambda: len(tree.processes()) == 1)
    assert tree.end(2.0) == []
    assert tree.processes() == []


def test_one_that_is_deaf_to_sigterm_is_killed(tree: ProcessTree) -> None:
    process = start(tree, DEAF)
    assert process.stdout is not None
    process.stdout.readline()
    assert tree.end(0.2) == []
    assert process.wait(5) == -signal.SIGKILL


def test_the_whole_tree_is_paused_and_goes_on(tree: ProcessTree) -> None:
    start(tree, OWN_SESSION)
    assert until(lambda: len(tree.processes()) == 2)
    tree.signal(signal.SIGSTOP)
    assert until(lambda: all(one.status() == psutil.STATUS_STOPPED for one in tree.processes()))
    tree.signal(signal.SIGCONT)
    assert until(lambda: all(one.status() != psutil.STATUS_STOPPED for one in tree.processes()))


def test_another_runs_processes_are_let_alone(tree: ProcessTree) -> None:
    other = ProcessTree()
    process = start(other, SLEEPER)
    try:
        assert until(lambda: len(other.processes()) == 1)
        assert tree.processes() == []
        tree.kill()
        assert process.poll() is None
    finally:
        other.kill()
        process.wait(5)


def guarded(tree: ProcessTree) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "peakproof.scenarios.guardian", tree.mark]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    started.append(process)
    return process


def test_the_guardian_ends_what_a_killed_run_left(tree: ProcessTree) -> None:
    start(tree, DEAF)
    guardian = guarded(tree)
    assert until(lambda: len(tree.processes()) == 1)
    assert guardian.stdin is not None
    guardian.stdin.close()
    assert guardian.wait(20) == 0
    assert tree.processes() == []


def test_a_released_guardian_ends_nothing(tree: ProcessTree) -> None:
    start(tree, SLEEPER)
    guardian = guarded(tree)
    assert until(lambda: len(tree.processes()) == 1)
    guardian.communicate(RELEASED, timeout=20)
    assert len(tree.processes()) == 1


RUN = """
import asyncio, sys
from pathlib import Path
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.sut import Sut

async def main():
    config = SutConfig.load(Path(sys.argv[1]))
    async with Sut(config, {}, "whsec_x", Path(sys.argv[2])) as sut:
        print(sut._tree.mark, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.usefixtures("tree")
def test_a_runner_that_is_killed_takes_everything_along(tmp_path: Path) -> None:
    server = (
        "import http.server, os, subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {DEAF!r}], start_new_session=True)\n"
        "http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    (tmp_path / "server.py").write_text(server)
    (tmp_path / "peakproof.toml").write_text(
        f'[sut]\ncommand = "{sys.executable} {tmp_path}/server.py"\nready = "/"\nflows = ["order-to-erp"]\n'
        '[sut.env]\nPORT = "{sut.port}"\n'
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path / "peakproof.toml"), str(tmp_path)], stdout=subprocess.PIPE
    )
    started.append(runner)
    assert runner.stdout is not None
    grown = ProcessTree(runner.stdout.readline().decode().strip())
    assert grown.mark, "the system under test got ready"
    assert len(grown.processes()) >= 2
    runner.kill()
    runner.wait(5)
    assert until(lambda: not grown.processes(), 15)
