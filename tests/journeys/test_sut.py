"""The system under test as a real process: ready, never ready, dying, stubborn, and never left behind."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.errors import SutDied, SutFailed, SutNotReady
from peakproof.scenarios.sut import Sut

SERVER = """
import http.server, json, os, sys
class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"/exceptions": [{"order_ref": "A"}, {"no": 1}], "/pending": {"pending": 3}}.get(self.path, "ok")).encode())
    def do_POST(self):
        self.send_response(202 if self.path == "/exceptions/A%2F1/replay" else 404)
        self.end_headers()
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
"""


def sut(tmp_path: Path, program: str, **settings: object) -> Sut:
    config = SutConfig.model_validate(
        {
            "command": [sys.executable, "-c", program.replace("{", "{{").replace("}", "}}")],
            "flows": ["cancel"],
            "ready_timeout_s": 20.0,
            "stop_timeout_s": 3.0,
            "exceptions_url": "/exceptions",
            "pending_url": "/pending",
            "replay_url": "/exceptions/{order_ref}/replay",
            **settings,
        }
    )
    return Sut(config, {}, "whsec_x", tmp_path)


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_it_is_started_asked_and_stopped(tmp_path: Path) -> None:
    async with sut(tmp_path, SERVER) as one:
        assert one.alive
        assert one._process is not None
        number = one._process.pid
        assert os.getpgid(number) == number != os.getpgrp()
        assert await one.pending() == 3
        assert await one.exceptions() == [{"order_ref": "A"}]
        assert one.complaints == ["exceptions_url: 1 of 2 entries have no order_ref"]
        assert (await one.replay("A/1"), await one.replay("B")) == (True, False)
        assert "listening" in "\n".join(one.tail())
        assert one.log.stat().st_mode & 0o777 == stat.S_IRUSR | stat.S_IWUSR
    assert not lives(number)


async def test_one_that_dies_at_once_is_named_with_its_last_words(tmp_path: Path) -> None:
    one = sut(tmp_path, "import sys; print('no database'); sys.exit(7)")
    with pytest.raises(SutDied, match="ended with exit code 7; it last wrote: no database") as died:
        await one.start()
    assert died.value.exit_code == 3
    assert died.value.log == ["no database"]
    assert died.value.folder == tmp_path
    assert one.exit_code == 7


async def test_one_that_never_gets_ready_is_named_and_stopped(tmp_path: Path) -> None:
    one = sut(tmp_path, "import time; print('thinking', flush=True); time.sleep(60)", ready_timeout_s=1.0)
    with pytest.raises(
        SutNotReady,
        match=r"not ready within 1 s: GET http://127.0.0.1:\d+/health: connection refused; .*thinking",
    ):
        await one.start()
    assert one._process is not None
    assert not lives(one._process.pid)


async def test_one_that_answers_500_is_not_ready(tmp_path: Path) -> None:
    one = sut(tmp_path, SERVER.replace("200", "500"), ready_timeout_s=1.5)
    with pytest.raises(SutNotReady, match="answered 500"):
        await one.start()


async def test_a_death_in_mid_run_is_noticed_at_once(tmp_path: Path) -> None:
    async with sut(tmp_path, SERVER) as one:
        assert one._process is not None
        os.kill(one._process.pid, signal.SIGKILL)
        await asyncio.wait_for(one.watch(), 2)
        assert not one.alive
        assert "was ended by SIGKILL" in str(one.death())
        assert await one.pending() is None
        assert await one.exceptions() == []
        assert not await one.replay("A/1")


async def test_children_and_the_stubborn_are_killed_too(tmp_path: Path) -> None:
    stubborn = "import signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    child = "child = subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)'])\n"
    one = sut(tmp_path, stubborn + child + "print(child.pid, flush=True)\n" + SERVER, stop_timeout_s=0.3)
    await one.start()
    child_number = int(one.tail()[0])
    assert lives(child_number)
    await one.stop()
    assert one._process is not None
    assert not lives(one._process.pid)
    await asyncio.wait_for(_until_gone(child_number), 3)


async def _until_gone(process: int) -> None:
    while lives(process):
        await asyncio.sleep(0.01)


async def test_an_interrupted_start_leaves_nothing_behind(tmp_path: Path) -> None:
    one = sut(tmp_path, "import time; time.sleep(60)")
    starting = asyncio.create_task(one.start())
    while one._process is None:
        await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not lives(one._process.pid)


async def test_one_that_floods_its_log_is_stopped_and_leaves_no_more_than_its_limit(tmp_path: Path) -> None:
    one = sut(tmp_path, "while True: print('x' * 1000)", log_limit_mb=1.0)
    with pytest.raises(SutDied, match="wrote more than 1 MB of log and was stopped"):
        await one.start()
    assert one.log.stat().st_size == 2**20


async def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    program = tmp_path / "no_program"
    program.write_text("#!/nowhere/at/all\n")
    program.chmod(0o700)
    one = sut(tmp_path, "", command=[str(program)])
    with pytest.raises(
        SutFailed, match=r"cannot be started: .*No such file or directory; check sut\.command"
    ):
        await one.start()


@pytest.fixture
async def elsewhere() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        wrong = {"/pending": '{"pending": -1}', "/exceptions": "{", "/health": "{}"}
        return web.Response(text=wrong[request.path])

    app = web.Application()
    app.router.add_get("/{path}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_one_that_runs_elsewhere_is_only_asked(tmp_path: Path, elsewhere: str) -> None:
    async with sut(tmp_path, "", command=None, url=elsewhere, api_key="sixteen-or-more-characters") as one:
        assert one.alive
        assert one.base_url == elsewhere
        assert one.exit_code is None
        assert await one.pending() is None
        assert await one.exceptions() == []
        assert len(one.complaints) == 2
    assert not one.log.exists()


async def test_one_that_runs_elsewhere_is_looked_after_at_the_end(tmp_path: Path, elsewhere: str) -> None:
    key = "sixteen-or-more-characters"
    there = sut(tmp_path, "", command=None, url=elsewhere, api_key=key)
    assert await there.silence() is None
    await there.stop()
    gone = sut(tmp_path, "", command=None, url="http://127.0.0.1:9", api_key=key)
    assert await gone.silence() == "GET http://127.0.0.1:9/health: connection refused"
    await gone.stop()


async def test_one_that_was_started_is_watched_instead(tmp_path: Path) -> None:
    assert await sut(tmp_path, SERVER).silence() is None


HOST = """
import asyncio, pathlib, sys
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.sut import Sut
async def main():
    config = SutConfig(command=(sys.executable, "-c", pathlib.Path(sys.argv[1]).read_text()), flows=("cancel",))
    sut = Sut(config, {}, "whsec_x", pathlib.Path(sys.argv[2]))
    await sut.start()
    print(sut._process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_it_does_not_outlive_a_killed_peakproof(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER.replace("{", "{{").replace("}", "}}"))
    host = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOST, str(tmp_path / "server.py"), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert host.stdout is not None
    number = int(await asyncio.wait_for(host.stdout.readline(), 20))
    assert lives(number)
    host.kill()
    await host.wait()
    await asyncio.wait_for(_until_gone(number), 3)
