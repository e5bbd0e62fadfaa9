"""Whatever cuts a run short: the record is kept, the reason is named in a line, and nothing lives on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .command import Done, ended, peakproof, started, texts_to_hand_on, when

API_KEY = "a-key-that-only-this-test-knows"
WEBHOOK_SECRET = "whsec_b25seSB0aGlzIHRlc3Qga25vd3MgdGhpcyBzZWNyZXQ="

REFERENCE = f"""
[sut]
command = ["{sys.executable}", "-m", "peakproof.middleware"]
flows = ["order-to-ship", "stock-sync", "cancel", "return-to-refund", "price-publish"]
exceptions_url = "/exceptions"
pending_url = "/pending"
api_key = "{API_KEY}"
webhook_secret = "{WEBHOOK_SECRET}"
webhooks = {{ "*" = "/webhooks" }}
"""

DOOR = """
import os, sys, threading, time, http.client
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Door(BaseHTTPRequestHandler):
    taken = 0
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"[]")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204); self.end_headers()
        Door.taken += 1
        took(Door.taken)
    def log_message(self, *_):
        pass

def took(number):
    pass
"""
SERVE = '\nThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Door).serve_forever()\n'

DIES = """
def took(number):
    print("taken", number, flush=True)
    if number == 3:
        print("database is locked", file=sys.stderr, flush=True)
        os._exit(7)
"""

SHOUTS = """
def took(number):
    while True:
        print("the same again" * 100)
"""

HAMMERS = """
def hammer():
    erp = http.client.HTTPConnection(os.environ["ERP_URL"].removeprefix("http://"))
    while True:
        try:
            erp.request("POST", "/v1/sales-orders", b"{}", {"Content-Type": "application/json"})
            erp.getresponse().read()
        except (OSError, http.client.HTTPException):
            erp.close()
for _ in range(3):
    threading.Thread(target=hammer, daemon=True).start()
"""


def project(folder: Path, behaviour: str, **settings: str) -> Path:
    """A user's folder with a small middleware in it."""
    (folder / "middleware.py").write_text(DOOR + behaviour + SERVE)
    (folder / "peakproof.toml").write_text(
        f"""
[sut]
command = ["{sys.executable}", "middleware.py"]
flows = ["order-to-erp"]
webhooks = {{ "order.placed" = "/orders" }}
{chr(10).join(f"{name} = {value}" for name, value in settings.items())}
[sut.env]
ERP_URL = "{{erp.url}}"
ERP_KEY = "{{erp.api_key}}"
"""
    )
    return folder


def orders_placed(cwd: Path) -> int:
    """So many orders stand in the history of the run under way."""
    return sum(
        path.read_bytes().count(b'"kind":"order"') for path in cwd.glob("*/*/history/workload-*.jsonl")
    )


def children_of(process: subprocess.Popen[str]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(number) for number in listed.split()]


def is_gone(number: int) -> bool:
    """It has ended, whoever may still have to collect it."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def all_gone(numbers: list[int], patience_s: float = 15.0) -> bool:
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        if all(is_gone(number) for number in numbers):
            return True
        time.sleep(0.05)
    return False


def has_no_traceback(done: Done) -> bool:
    return "Traceback" not in done.stdout + done.stderr


# kill -9


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, list[int]]:
    """peakproof is killed in the middle of a day; also the processes that it had started."""
    cwd = tmp_path_factory.mktemp("killed")
    process = started(cwd, "run", "--duration", "20")
    when(lambda: orders_placed(cwd) >= 8, process)
    children = children_of(process)
    process.kill()
    return ended(process, cwd), children


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_the_middleware_does_not_outlive_a_kill(killed: tuple[Done, list[int]]) -> None:
    done, children = killed
    assert done.code == -signal.SIGKILL
    assert children
    assert all_gone(children)


def test_what_a_kill_leaves_is_judged_and_said_to_be_cut_off(killed: tuple[Done, list[int]]) -> None:
    done, _ = killed
    judged = peakproof(done.cwd, "judge", f"runs/{done.folder.name}", "--json")
    assert judged.code == 3, judged
    assert judged.document["verdict"] == "inconclusive"
    assert judged.document["reasons"][0] == "the run was cut off: it has no end"
    assert judged.document["counts"]["orders"] >= 8
    assert judged.document["counts"]["calls"] > 50
    assert judged.document["counts"]["unreadable_lines"] <= 6, "at most the last line of each file"
    assert {"verdict.json", "junit.xml", "report.html"} <= {path.name for path in done.folder.iterdir()}


# Ctrl-C


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, list[int]]:
    """Ctrl-C in the middle of a day, with a middleware whose secrets are known."""
    cwd = tmp_path_factory.mktemp("interrupted")
    (cwd / "peakproof.toml").write_text(REFERENCE)
    arguments = ("run", "--json", "--duration", "20")
    process = started(cwd, *arguments)
    when(lambda: orders_placed(cwd) >= 8, process)
    children = children_of(process)
    process.send_signal(signal.SIGINT)
    return ended(process, cwd, *arguments), children


def test_ctrl_c_judges_what_there_is_and_says_so(interrupted: tuple[Done, list[int]]) -> None:
    done, children = interrupted
    assert done.code == 3, done
    assert has_no_traceback(done)
    assert "interrupted: faults are healed and what is under way may settle" in done.stderr
    assert done.document["verdict"] == "inconclusive"
    assert done.document["reasons"][0] == "the run ended early: interrupted by the user"
    assert done.document["counts"]["orders"] >= 8
    assert done.status("orders_booked_exactly_once") == "holds"
    assert all_gone(children)


def test_ctrl_c_heals_every_fault_first(interrupted: tuple[Done, list[int]]) -> None:
    done, _ = interrupted
    with done.history() as history:
        marks = history.rows(
            "SELECT injection, max(at_ns) FILTER (WHERE mark = 'armed') AS armed_ns, "
            "max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns FROM faults GROUP BY injection"
        )
        settle_ns = history.one("SELECT at_ns FROM workload WHERE kind = 'phase' AND detail = 'settle'")
    armed = [row for row in marks if row["armed_ns"] is not None]
    assert len(armed) >= 6
    assert all(row["armed_ns"] < row["healed_ns"] <= settle_ns for row in armed)


def test_no_secret_of_the_run_is_written_where_people_hand_it_on(interrupted: tuple[Done, list[int]]) -> None:
    done, _ = interrupted
    for name, text in [*texts_to_hand_on(done.folder), ("stdout", done.stdout), ("stderr", done.stderr)]:
        assert API_KEY not in text, name
        assert WEBHOOK_SECRET.removeprefix("whsec_") not in text, name


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    process = started(tmp_path, "run", "--duration", "20")
    when(lambda: orders_placed(tmp_path) >= 1, process)
    children = children_of(process)
    process.send_signal(signal.SIGINT)
    when(
        lambda: '"settle"' in "".join(x.read_text() for x in tmp_path.glob("*/*/history/workload-*")), process
    )
    process.send_signal(signal.SIGINT)
    done = ended(process, tmp_path)
    assert done.code == 3, done
    assert done.stderr.splitlines()[-2:] == [
        "error: interrupted twice: the run was not brought to its end",
        f"recorded in runs/{done.folder.name}",
    ]
    assert done.run["ended_early"] == "interrupted twice by the user"
    assert has_no_traceback(done)
    assert all_gone(children)


def test_ctrl_c_does_not_wait_for_a_middleware_that_never_gets_ready(tmp_path: Path) -> None:
    project(tmp_path, "print('thinking', flush=True)\ntime.sleep(600)\n")
    process = started(tmp_path, "run", "quiet-day")
    when(lambda: any(log.read_text() for log in tmp_path.glob("runs/*/sut.log")), process)
    children = children_of(process)
    process.send_signal(signal.SIGINT)
    done = ended(process, tmp_path)
    assert done.code == 3, done
    assert "error: interrupted before the system under test was ready" in done.stderr
    assert all_gone(children)


# The middleware fails


def test_a_middleware_that_dies_in_mid_run_is_named_with_its_last_words(tmp_path: Path) -> None:
    done = peakproof(project(tmp_path, DIES), "run", "--json", "--duration", "10")
    assert done.code == 3, done
    assert done.document["reasons"][0] == "the system under test ended with exit code 7"
    assert done.document["counts"]["orders"] >= 3
    last = done.stderr.splitlines()[-7:]
    assert last[0].startswith("recorded in runs/")
    assert last[1:] == [
        "the system under test ended with exit code 7; its last lines:",
        "  | taken 1",
        "  | taken 2",
        "  | taken 3",
        "  | database is locked",
        f"all that it wrote is in runs/{done.folder.name}/sut.log",
    ]
    assert done.run["sut"]["exit"] == 7
    assert has_no_traceback(done)


def test_a_middleware_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    project(tmp_path, "print('thinking', flush=True)\ntime.sleep(600)\n", ready_timeout_s="1.5")
    done = peakproof(tmp_path, "run", "quiet-day", "--json")
    assert done.code == 3, done
    error, words, log, recorded = done.stderr.splitlines()[-4:]
    assert error.startswith("error: the system under test was not ready within 1.5 s: GET http://127.0.0.1:")
    assert error.endswith("/health: connection refused; check sut.ready and sut.ready_timeout_s")
    assert words == "  | thinking"
    assert (log, recorded) == (
        f"all that it wrote is in runs/{done.folder.name}/sut.log",
        f"recorded in runs/{done.folder.name}",
    )
    assert done.document["verdict"] == "inconclusive"
    assert done.document["reasons"][0].startswith(
        "the run could not be made: the system under test was not ready within 1.5 s"
    )
    assert (done.folder / "junit.xml").is_file(), "what reads JUnit must see that there is no verdict"


def test_a_middleware_that_floods_its_log_is_stopped_and_named(tmp_path: Path) -> None:
    done = peakproof(project(tmp_path, SHOUTS, log_limit_mb="1.0"), "run", "--json", "--duration", "10")
    assert done.code == 3, done
    said = "the system under test wrote more than 1 MB of log and was stopped (sut.log_limit_mb)"
    assert done.document["reasons"][0] == said
    assert f"{said}; its last lines:" in done.stderr
    assert "  | the same again" in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 400


def test_a_middleware_that_floods_its_systems_is_named(tmp_path: Path) -> None:
    settle = ("--set", "settle.max_s=3", "--set", "settle.quiet_s=1")
    done = peakproof(project(tmp_path, HAMMERS), "run", "quiet-day", "--json", "--duration", "3", *settle)
    assert done.code == 1, done
    assert done.violated == {"attempts_bounded"}
    reasons = done.document["reasons"]
    assert "not settled: still busy after 3 s (settle.max_s)" in reasons
    (named,) = [
        reason for reason in reasons if reason.startswith("somebody unknown called erp create_sales_order ")
    ]
    assert named.endswith(" times a second until the end")


# What is taken already


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_of_a_system_that_is_in_use_is_named(tmp_path: Path, taken: int) -> None:
    done = peakproof(tmp_path, "run", "--json", "--set", f"estate.systems.erp.port={taken}")
    assert done.code == 3, done
    error, recorded = done.stderr.splitlines()[-2:]
    assert error.startswith(
        f"error: system 'erp': port {taken} of 127.0.0.1 cannot be had (Address already in use)"
    )
    assert recorded == f"recorded in runs/{done.folder.name}"
    assert done.document["reasons"][0].startswith("the run could not be made: system 'erp': port ")


def test_a_port_of_the_middleware_that_is_in_use_is_named(tmp_path: Path, taken: int) -> None:
    """Whoever listens there would answer in its place."""
    done = peakproof(project(tmp_path, DIES, port=str(taken)), "run", "quiet-day")
    assert done.code == 3, done
    assert (
        f"error: the system under test cannot be started: its port {taken} is in use already;" in done.stderr
    )
    assert done.run["failed"].startswith("the system under test cannot be started")


def test_a_place_where_no_folder_can_be_made_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = peakproof(tmp_path, "run", "--out", "file")
    assert done.code == 2, done
    assert done.stderr.splitlines()[-1] == "error: --out file: is a file; expected a folder"


def test_a_middleware_that_may_not_run_is_named(tmp_path: Path) -> None:
    """The program is there, but cannot be started."""
    program = tmp_path / "middleware"
    program.write_text("#!/nowhere/at/all\n")
    program.chmod(0o700)
    (tmp_path / "peakproof.toml").write_text("[sut]\ncommand = './middleware'\nflows = ['cancel']\n")
    done = peakproof(tmp_path, "run", "quiet-day")
    assert done.code == 3, done
    assert "error: the system under test cannot be started: './middleware' in " in done.stderr
    assert json.loads((done.folder / "run.json").read_text())["finished_at"]
    assert os.listdir(done.folder / "history")
