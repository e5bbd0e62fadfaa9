"""What the tab key offers, with and without an estate that runs."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from peakproof import cli
from peakproof.scenarios.control import beacon, completion


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def offered(line: str) -> list[str]:
    """What bash gets for the last word of a line."""
    env = {
        "_PEAKPROOF_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    return CliRunner().invoke(cli.app, [], env=env, prog_name="peakproof").stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("peakproof chaos inject b", ["bazaar"]),
        ("peakproof chaos inject s", ["sut"]),
        ("peakproof chaos inject sut ", ["sut-kill", "sut-pause", "sut-restart"]),
        ("peakproof chaos inject erp sut", []),
        ("peakproof chaos inject erp outa", ["outage"]),
        ("peakproof chaos inject erp outage --on create_s", None),
        ("peakproof chaos inject erp drop-delivery --on inv", ["invoice.posted"]),
        ("peakproof chaos inject erp rejected-later --on ", ["post_sales_order"]),
        ("peakproof chaos inject erp latency --set sec", ["seconds="]),
    ],
)
def test_systems_faults_operations_and_settings_are_offered(line: str, words: list[str] | None) -> None:
    expected = (
        words
        if words is not None
        else ["create_sales_order", "create_stock_adjustment", "create_stock_adjustment_batch"]
    )
    assert offered(line) == expected


def test_the_systems_of_the_running_estate_go_before_the_usual_ones() -> None:
    assert "payments" in completion.systems(Path("runs"))
    folder = Path("runs/one")
    folder.mkdir(parents=True)
    beacon.light(folder, "http://127.0.0.1:1", "secret", {"shop": "marketplace", "erp": "erp"})
    assert completion.systems(Path("runs")) == ["shop", "erp", "*"]
    beacon.light(folder, "http://127.0.0.1:1", "secret", {"erp": "erp"}, strikes_sut=True)
    assert completion.systems(Path("runs")) == ["erp", "sut", "*"]
    beacon.light(folder, "http://127.0.0.1:1", "secret", {"shop": "marketplace", "erp": "erp"})
    assert "create_invoice" in completion.operations(Path("runs"), "erp", "outage")
    assert "create_invoice" not in completion.operations(Path("runs"), "shop", "outage")
    assert os.getpid() == beacon.find(Path("runs")).pid


def test_where_nothing_runs_there_is_nothing_to_heal() -> None:
    assert completion.injections(Path("runs")) == []
