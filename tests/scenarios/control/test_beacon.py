"""Where a running process says that it can be reached, and how one that is gone is known."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from peakproof.scenarios.control import beacon
from peakproof.scenarios.errors import UsageError

KINDS = {"web": "marketplace", "erp": "erp"}


@pytest.fixture(scope="module")
def ended_pid() -> int:
    """Of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lit(out: Path, name: str, pid: int | None = None, at_s: int = 0) -> Path:
    """A run's folder with its file; of this very process unless said."""
    folder = out / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    beacon.light(folder, "http://127.0.0.1:4711", "secret", KINDS)
    path = folder / beacon.FILE
    if pid is not None:
        path.write_text(json.dumps({**json.loads(path.read_text()), "pid": pid}))
    os.utime(path, (at_s, at_s))
    return folder


def test_it_is_for_its_own_user_only_and_goes_away(tmp_path: Path) -> None:
    folder = lit(tmp_path, "one")
    path = folder / beacon.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = beacon.find(tmp_path)
    assert (found.folder, found.url, found.token, found.systems) == (
        folder,
        "http://127.0.0.1:4711",
        "secret",
        KINDS,
    )
    beacon.put_out(folder)
    beacon.put_out(folder)
    assert not path.exists()


def test_the_newest_one_that_runs_is_found(tmp_path: Path, ended_pid: int) -> None:
    lit(tmp_path, "old", at_s=1)
    new = lit(tmp_path, "new", at_s=2)
    lit(tmp_path, "dead", ended_pid, at_s=3)
    assert beacon.find(tmp_path).folder == new
    assert beacon.find(tmp_path, "old").folder == tmp_path / "old"
    assert beacon.find(tmp_path, str(tmp_path / "old")).folder == tmp_path / "old"


def test_where_nothing_runs_it_is_said_in_a_line(tmp_path: Path, ended_pid: int) -> None:
    assert beacon.running(tmp_path) is None
    with pytest.raises(UsageError, match=r"nothing runs below .*; start one with: peakproof up"):
        beacon.find(tmp_path)
    with pytest.raises(UsageError, match="--run one: there is no such run"):
        beacon.find(tmp_path, "one")
    dead = lit(tmp_path, "dead", ended_pid)
    for run in (None, "dead"):
        with pytest.raises(
            UsageError, match=f"dead is not running any more: its process {ended_pid} is gone"
        ):
            beacon.find(tmp_path, run)
    beacon.put_out(dead)
    with pytest.raises(UsageError, match=r"dead is not running: it has no control\.json"):
        beacon.find(tmp_path, "dead")


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    folder = lit(tmp_path, "one")
    (folder / beacon.FILE).write_text('{"pid": 1}')
    assert beacon.running(tmp_path) is None
