"""A system under test that faults kill, pause and restart: a client that talks to it, and a run that goes on."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import ProcessFault
from peakproof.chaos.faults.clock_skew import ClockSkew
from peakproof.chaos.faults.sut_kill import SutKill
from peakproof.chaos.faults.sut_pause import SutPause
from peakproof.chaos.faults.sut_restart import SutRestart
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.runner import Runner
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.sut import Sut
from peakproof.scenarios.sut_levers import SutLevers

SERVER = """
import http.server, os, pathlib, signal, sys
mark = pathlib.Path(os.environ["DATA"], "begun")
if "once" in sys.argv and mark.exists():
    sys.exit("cannot begin twice")
mark.write_text("yes")
def end(*_):
    print("ends politely", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())
    def log_message(self, *_):
        pass
print("begins", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()
"""


def sut(folder: Path, *arguments: str, on_back: Callable[[], None] = lambda: None) -> Sut:
    config = SutConfig.model_validate(
        {
            "command": [
                sys.executable,
                "-c",
                SERVER.replace("{", "{{").replace("}", "}}"),
                *arguments,
            ],
            "env": {"DATA": "{sut.data_dir}"},
            "flows": ["cancel"],
            "ready_timeout_s": 20.0,
            "stop_timeout_s": 3.0,
        }
    )
    return Sut(config, {}, "whsec_x", folder, on_back=on_back)


async def answered_by(one: Sut, patience_s: float = 5.0) -> int:
    """The number of the process that answers now."""
    timeout = aiohttp.ClientTimeout(total=patience_s)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(one.base_url) as answer:
        return int(await answer.text())


async def until_back(one: Sut) -> None:
    async with asyncio.timeout(20):
        while one.is_down:
            await asyncio.sleep(0.01)


async def test_one_that_is_killed_is_refused_until_it_is_back_as_another_process_with_its_folder(
    tmp_path: Path,
) -> None:
    async with sut(tmp_path) as one:
        before, fault, levers = await answered_by(one), SutKill(), SutLevers(one)
        assert before == one.process_id
        fault.strike(levers)
        async with asyncio.timeout(10):
            while True:
                try:
                    await answered_by(one)
                except aiohttp.ClientConnectorError:
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.01)
        assert one.alive
        assert one.is_down
        fault.heal(levers)
        await until_back(one)
        after = await answered_by(one)
        assert after == one.process_id != before
        assert one.alive
        assert one.tail() == ["begins", "begins"]
        assert (tmp_path / "sut" / "begun").exists()


async def test_one_that_is_paused_takes_calls_and_answers_none_until_it_goes_on(tmp_path: Path) -> None:
    async with sut(tmp_path) as one:
        before, fault, levers = await answered_by(one), SutPause(), SutLevers(one)
        fault.strike(levers)
        with pytest.raises(TimeoutError):
            await answered_by(one, patience_s=0.3)
        assert one.alive
        assert not one.is_down
        fault.heal(levers)
        assert await answered_by(one) == before


async def test_one_that_is_still_paused_at_the_end_can_be_stopped_politely(tmp_path: Path) -> None:
    async with sut(tmp_path) as one:
        SutPause().strike(SutLevers(one))
    assert one.tail() == ["begins", "ends politely"]


async def test_one_that_is_restarted_ends_in_its_own_way_first(tmp_path: Path) -> None:
    back: list[str] = []
    async with sut(tmp_path, on_back=lambda: back.append("ready again")) as one:
        before, fault, levers = await answered_by(one), SutRestart(), SutLevers(one)
        fault.strike(levers)
        fault.strike(levers)
        assert one.is_down
        fault.heal(levers)
        await until_back(one)
        assert await answered_by(one) != before
        assert one.tail() == ["begins", "ends politely", "begins"]
        assert back == ["ready again"]
    assert one.tail() == ["begins", "ends politely", "begins", "ends politely"]


async def test_of_kills_that_overlap_the_last_to_heal_brings_it_back_and_one_while_it_comes_back_is_no_end(
    tmp_path: Path,
) -> None:
    async with sut(tmp_path) as one:
        before, fault, levers = one.process_id, SutKill(), SutLevers(one)
        fault.strike(levers)
        fault.strike(levers)
        fault.heal(levers)
        await asyncio.sleep(0.05)
        assert one.process_id == before, "one fault still keeps it down"
        fault.heal(levers)
        while one.process_id == before:
            await asyncio.sleep(0.001)
        between = one.process_id
        fault.strike(levers)
        fault.heal(levers)
        await until_back(one)
        assert one.alive
        assert await answered_by(one) == one.process_id != between


async def test_one_that_does_not_come_back_has_died_and_the_reason_is_told(tmp_path: Path) -> None:
    async with sut(tmp_path, "once") as one:
        fault, levers = SutKill(), SutLevers(one)
        fault.strike(levers)
        fault.heal(levers)
        await asyncio.wait_for(one.watch(), 20)
        assert not one.alive
        assert one._coming_back is not None
        await one._coming_back
        assert not one.is_down
        assert str(one.death()) == (
            "the system under test did not come back after a fault: the system under test ended with exit code 1; "
            "it last wrote: cannot begin twice"
        )


async def test_one_that_is_stopped_while_it_comes_back_leaves_nothing_behind(tmp_path: Path) -> None:
    one = sut(tmp_path)
    await one.start()
    SutRestart().strike(SutLevers(one))
    await one.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await answered_by(one)


async def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    config = SutConfig(url="http://127.0.0.1:9", flows=("cancel",), api_key="sixteen-or-more-characters")
    there = SutLevers(Sut(config, {}, "whsec_x", tmp_path))
    faults: list[ProcessFault] = [SutKill(), SutPause(), SutRestart()]
    for fault in faults:
        with pytest.raises(ChaosError, match="was not started here"):
            fault.strike(there)
    with pytest.raises(ChaosError, match="the clock of the system under test cannot be reached"):
        ClockSkew().strike(SutLevers(sut(tmp_path)))


def test_a_schedule_that_strikes_one_that_runs_elsewhere_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    day = Scenario.load("quiet-day").model_dump(mode="json")
    strike = {"id": "end", "fault": "sut-kill", "on": "sut"}
    scenario = Scenario.of_document({**day, "schedule": [strike]}, "a test")
    config = SutConfig(url="http://127.0.0.1:9", flows=("cancel",), api_key="sixteen-or-more-characters")
    with pytest.raises(
        UsageError, match=r"^schedule\.end: sut-kill needs a system under test that peakproof starts itself"
    ):
        Runner(scenario, config, seed=1, out=tmp_path / "runs").run()
    assert not (tmp_path / "runs").exists()
