"""An estate that is kept up, broken and healed from a second terminal, by commands as a user types them."""

import json
import os
import signal
import stat
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from .command import Done, ended, peakproof, started, when


class Terminals:
    """``peakproof up`` in the first, and what is typed in the second."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd
        self.process = started(cwd, "up", "quiet-day", "--json")
        self.folder = when(lambda: next(iter(cwd.glob("runs/*/control.json")), None), self.process).parent
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("\n}\n"):
            text += self.process.stdout.readline()
        self.ready: dict[str, Any] = json.loads(text)

    def chaos(self, *arguments: str) -> Done:
        return peakproof(self.cwd, "chaos", *arguments)

    def injection(self, name: str) -> dict[str, Any]:
        listed = self.chaos("status", "--json").document["faults"]
        found: dict[str, Any] = next(one for one in listed if one["id"] == name)
        return found

    def read_orders(self) -> int:
        """A client of the ERP; its status. ConnectionResetError where it meets a RST."""
        erp = self.ready["systems"]["erp"]
        connection = HTTPConnection(erp["url"].removeprefix("http://"), timeout=10)
        try:
            connection.request(
                "GET", "/v1/sales-orders", headers={"Authorization": f"Bearer {erp['api_key']}"}
            )
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self) -> Done:
        self.process.send_signal(signal.SIGINT)
        return ended(self.process, self.cwd, "up", "quiet-day", "--json")


@pytest.fixture(scope="module")
def terminals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminals]:
    found = Terminals(tmp_path_factory.mktemp("up"))
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.communicate()


def test_an_outage_by_hand_is_felt_shown_and_heals_by_itself(terminals: Terminals) -> None:
    assert terminals.read_orders() == 200
    rehearsed = terminals.chaos("inject", "erp", "outage", "--on", "list_sales_orders", "--dry-run")
    assert "would have met 1 of 1 call recorded so far" in rehearsed.stdout, rehearsed
    assert terminals.read_orders() == 200, "a dry run injects nothing"
    injected = terminals.chaos("inject", "erp", "outage", "--for", "6s")
    assert injected.code == 0, injected
    assert injected.stdout.startswith("● erp-outage-1  outage on erp, heals by itself in ")
    with pytest.raises(ConnectionResetError):
        terminals.read_orders()
    standing = terminals.injection("erp-outage-1")
    assert (standing["state"], standing["fired"], standing["by_hand"]) == ("active", 1, True)
    assert 0 < standing["left_s"] < 6
    when(lambda: terminals.injection("erp-outage-1")["state"] == "healed", terminals.process)
    assert terminals.read_orders() == 200


def test_a_fault_is_healed_by_hand(terminals: Terminals) -> None:
    terminals.chaos("inject", "erp", "server-error", "--set", "status=502")
    terminals.chaos("inject", "wms", "latency", "--set", "seconds=2")
    assert terminals.read_orders() == 502
    healed = terminals.chaos("heal", "erp-server-error-1")
    assert healed.stdout == "✓ erp-server-error-1  healed\n", healed
    assert terminals.read_orders() == 200
    shown = terminals.chaos("status").stdout
    assert "✓ healed      1" in shown
    assert "wms-latency-1       latency       wms    ● active      0  until healed" in shown
    assert terminals.chaos("heal", "--all", "--json").document == {"healed": ["wms-latency-1"]}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["inject", "erp", "outage", "--rate", "1.2"], "--rate: must be at most 1, got 1.2"),
        (
            ["inject", "erp", "outage", "--on", "creat_invoice"],
            "--on: unknown operation of erp 'creat_invoice'",
        ),
        (["inject", "epr", "outage"], "SYSTEM: unknown system 'epr'; did you mean 'erp'"),
        (["heal", "erp-outage-9"], "unknown injection 'erp-outage-9'; did you mean"),
    ],
)
def test_what_cannot_be_is_refused(terminals: Terminals, arguments: list[str], said: str) -> None:
    refused = terminals.chaos(*arguments)
    assert refused.code == 2, refused
    assert refused.stderr.startswith("error: ")
    assert said in refused.stderr


def test_ctrl_c_leaves_a_record_that_can_be_judged_and_no_secret(terminals: Terminals) -> None:
    beacon = terminals.folder / "control.json"
    assert stat.S_IMODE(os.stat(beacon).st_mode) == 0o600
    token = json.loads(beacon.read_text())["token"]
    done = terminals.end()
    assert done.code == 0, done
    assert not beacon.exists()
    assert token not in done.stderr
    judged = peakproof(terminals.cwd, "judge", str(terminals.folder), "--json")
    assert judged.code == 3, "nobody bought anything"
    assert not any("never fired" in reason for reason in judged.document["reasons"])
    faults = {one["id"]: (one["where"], one["fired"], one["by_hand"]) for one in judged.document["faults"]}
    assert faults == {
        "erp-outage-1": ("erp", 1, True),
        "erp-server-error-1": ("erp", 1, True),
        "wms-latency-1": ("wms", 0, True),
    }, "and nothing of what was refused"
    gone = terminals.chaos("status")
    assert (gone.code, gone.stderr) == (2, "error: nothing runs below runs; start one with: peakproof up\n")


def test_one_that_was_killed_is_recognised(tmp_path: Path) -> None:
    process = started(tmp_path, "up", "quiet-day")
    found = when(lambda: next(iter(tmp_path.glob("runs/*/control.json")), None), process)
    process.kill()
    process.communicate()
    gone = peakproof(tmp_path, "chaos", "status")
    assert gone.code == 2
    assert gone.stderr == (
        f"error: {found.parent.relative_to(tmp_path)} is not running any more: "
        f"its process {process.pid} is gone; start one with: peakproof up\n"
    )


def test_a_run_in_progress_takes_faults_too(tmp_path: Path) -> None:
    process = started(
        tmp_path, "run", "quiet-day", "--json", "--duration", "5", "--set", "settle.quiet_s=0.5"
    )
    try:
        when(lambda: _phase(tmp_path) == "workload", process)
        injected = peakproof(tmp_path, "chaos", "inject", "web", "drop-delivery", "--for", "200ms", "--json")
        assert injected.document["id"] == "web-drop-delivery-1", injected
    except BaseException:
        process.kill()
        raise
    done = ended(process, tmp_path, "run", "quiet-day", "--json")
    marks = {one["id"]: one["by_hand"] for one in done.document["faults"]}
    assert marks == {"web-drop-delivery-1": True}
    with done.history() as history:
        lasted_s = history.one(
            "SELECT (max(at_ns) FILTER (WHERE mark = 'healed') - max(at_ns) FILTER (WHERE mark = 'armed')) / 1e9 "
            "FROM faults"
        )
    assert 0.19 <= lasted_s < 5, "timers and clocks differ by less than a hundredth"


def _phase(cwd: Path) -> str | None:
    status = peakproof(cwd, "chaos", "status", "--json")
    return None if status.code else str(status.document["phase"])
