"""A middleware that already runs: it keeps its own key, its own secret and the addresses that it knows."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from .command import Done, peakproof, texts_to_hand_on

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "python_order_to_erp" / "middleware.py"
API_KEY = "the-key-that-it-has-always-had"
SECRET = "whsec_dGhlIHNlY3JldCB0aGF0IGl0IGhhcyBhbHdheXMgaGFk"
READY_S = 30.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def toml(url: str, more: str = f'api_key = "{API_KEY}"') -> str:
    return f"""
[sut]
url = "{url}"
flows = ["order-to-erp"]
exceptions_url = "/exceptions"
pending_url = "/pending"
webhook_secret = "{SECRET}"
webhooks = {{ "order.placed" = "/webhooks" }}
{more}
"""


def until_ready(url: str) -> None:
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s:
        try:
            with urlopen(url + "/health", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the example was not ready within {READY_S:g} s")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The example, started by nobody but this test: its URL, and the port at which it looks for the ERP."""
    port, erp_port = free_port(), free_port()
    known = {
        "PORT": f"{port}",
        "INBOX": str(tmp_path_factory.mktemp("elsewhere") / "inbox.jsonl"),
        "ERP_URL": f"http://127.0.0.1:{erp_port}",
        "ERP_KEY": API_KEY,
        "WEBHOOK_SECRET": SECRET,
    }
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLE)],
        env={**os.environ, **known},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until_ready(url)
        yield url, erp_port
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def done(elsewhere: tuple[str, int], tmp_path_factory: pytest.TempPathFactory) -> Done:
    url, erp_port = elsewhere
    cwd = tmp_path_factory.mktemp("peakproof")
    (cwd / "peakproof.toml").write_text(toml(url))
    return peakproof(
        cwd, "run", "quiet-day", "--json", "--duration", "5", "--set", f"estate.systems.erp.port={erp_port}"
    )


def test_it_is_judged_like_any_other(done: Done) -> None:
    assert done.code == 0, done
    assert done.document["verdict"] == "pass"
    assert done.status("orders_booked_exactly_once") == "holds"
    assert done.run["sut"]["command"] is None
    assert not (done.folder / "sut.log").exists()


def test_its_key_and_its_secret_are_written_nowhere(done: Done) -> None:
    for name, text in [*texts_to_hand_on(done.folder), ("stdout", done.stdout), ("stderr", done.stderr)]:
        assert API_KEY not in text, name
        assert SECRET.removeprefix("whsec_") not in text, name


def test_first_contact_works_with_it_too(elsewhere: tuple[str, int], tmp_path: Path) -> None:
    """Its address from the command line, in the place of the one in the file."""
    url, erp_port = elsewhere
    (tmp_path / "peakproof.toml").write_text(toml("http://127.0.0.1:9"))
    fixed = f"estate.systems.erp.port={erp_port}"
    done = peakproof(tmp_path, "try", "--middleware", url, "--set", fixed)
    assert done.code == 0, done
    assert "✓ the ERP posted it, by itself" in done.stdout
    assert done.stdout.endswith(
        f"Next: peakproof run quiet-day --middleware {url} --set {fixed} (no faults yet), then peakproof run\n"
    )
    assert "sut.log" not in done.stderr, "whoever runs elsewhere writes his log elsewhere"


# What it cannot know


def test_without_a_key_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text(toml("http://127.0.0.1:9", more=""))
    done = peakproof(tmp_path, "run")
    assert (done.code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line == (
        "error: peakproof.toml: sut.api_key: is missing; a middleware that already runs (sut.url) cannot learn new "
        "credentials: say here which key of 16 or more characters it calls the systems with"
    )


def test_without_a_fixed_port_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text(toml("http://127.0.0.1:9"))
    done = peakproof(tmp_path, "run")
    assert (done.code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line == (
        "error: peakproof.toml: sut.url: a middleware that already runs cannot learn new ports: fix the port of erp as it knows it, "
        "in the scenario or by --set estate.systems.erp.port=N"
    )
    assert not (tmp_path / "runs").exists()


def test_one_that_does_not_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text(
        toml("http://127.0.0.1:9", f'api_key = "{API_KEY}"\nready_timeout_s = 1.0')
    )
    done = peakproof(tmp_path, "run", "--set", f"estate.systems.erp.port={free_port()}")
    assert done.code == 3, done
    assert (
        "error: the system under test was not ready within 1 s: GET http://127.0.0.1:9/health: "
        in done.stderr
    )
