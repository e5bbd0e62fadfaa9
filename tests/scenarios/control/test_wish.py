"""What is typed becomes an entry of a schedule; every example does."""

import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peakproof import cli
from peakproof.chaos.registry import FAULTS, Entry
from peakproof.scenarios.control import client
from peakproof.scenarios.control.beacon import Beacon
from peakproof.scenarios.control.examples import example
from peakproof.scenarios.control.wish import Wish
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.estate_choice import EstateChoice
from peakproof.scenarios.schedule_entry import ScheduleEntry


def test_what_is_left_out_is_not_said() -> None:
    assert Wish("erp", "outage", more={"probability": None, "set": {}}).entry() == {
        "fault": "outage",
        "on": "erp",
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60.0), ("1.5m", 90.0), ("200ms", 0.2), ("1h", 3600.0), ("5", 5.0), (" 5 s ", 5.0)],
)
def test_times(text: str, seconds: float) -> None:
    assert Wish("erp", "outage", lasts=text).entry()["for"] == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-5s", "0s", "5 weeks", "1e9"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--for .*: must be a time above 0 like 60s, 1.5m or 200ms"):
        Wish("erp", "outage", lasts=text).entry()


@pytest.mark.parametrize("entry", FAULTS.entries(), ids=lambda entry: entry.name)
def test_every_example_is_one_that_the_usual_estate_takes(
    entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled = {"erp": {"kind": "erp", "throttle": {"rate_per_s": 5}}}
    systems = EstateChoice.model_validate({"systems": throttled}).standing
    taken = []

    def inject(self: client.Remote, document: dict[str, object]) -> dict[str, object]:
        taken.append(ScheduleEntry.model_validate({"id": "a", **document}).by_hand(systems))
        return {"id": "a", "fault": entry.name, "system": "erp", "operation": None, "left_s": 60.0}

    beacon = Beacon(Path("runs/a"), 1, "http://127.0.0.1:1", "secret", {})
    monkeypatch.setattr("peakproof.scenarios.control.beacon.find", lambda out, run: beacon)
    monkeypatch.setattr(client.Remote, "inject", inject)
    program, *arguments = shlex.split(example(entry))
    result = CliRunner().invoke(cli.app, arguments)
    assert (program, result.exit_code) == ("peakproof", 0), result.stderr
    assert [injection.fault_name for injection in taken] == [entry.name]


def test_a_docstring_may_hold_its_own_example(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Short picks.\n\n    Example: peakproof chaos inject wms short-pick --for 30s\n    "
    monkeypatch.setattr(FAULTS, "documentation", lambda name: said)
    assert example(FAULTS.entry("outage")) == "peakproof chaos inject wms short-pick --for 30s"
