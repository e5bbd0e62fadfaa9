"""A team's own invariants, in SQL and in Python, asked of a run that was recorded before they were written."""

import re
import shutil
from pathlib import Path

import pytest

from .command import Done, peakproof

DOCS = Path(__file__).resolve().parents[2] / "docs"

CARELESS = '''
def careless(history):
    """The first order is booked first.

    flow: order-to-erp, order-to-ship
    class: consistency
    severity: minor
    remedy: Keep the order of arrival.
    """
    booked = history.rows("SELECT order_ref FROM effects WHERE kind = 'sales_order_received' ORDER BY at_ns")
    yield from ({"subject": one["order_ref"]} for one in booked)


def wrong(history):
    """No order is booked under its channel's name.

    flow: order-to-erp, order-to-ship
    class: consistency
    severity: minor
    remedy: Leave the prefix out.
    """
    for row in history.rows("SELECT order_ref, effect_id FROM effects WHERE kind = 'sales_order_received'"):
        yield {
            "subject": row["order_ref"],
            "holds": not row["order_ref"].startswith("web-"),
            "finding": "booked with its prefix",
            "evidence": [row["effect_id"]],
        }
'''


@pytest.fixture
def stored(reference_run: Done, tmp_path: Path) -> Path:
    """A copy of a recorded run, with the documentation's own invariants beside it."""
    assert reference_run.code == 0, reference_run
    (tmp_path / "invariants").mkdir()
    page = (DOCS / "own-invariants.md").read_text("utf-8")
    for language, name in (
        ("toml", "peakproof.toml"),
        ("sql", "invariants/acknowledged_in_time.sql"),
        ("python", "invariants/names.py"),
    ):
        block = re.search(f"```{language}\n(.*?)```", page, re.DOTALL)
        assert block is not None
        (tmp_path / name).write_text(block[1], "utf-8")
    (tmp_path / "careless.py").write_text(CARELESS)
    return Path(shutil.copytree(reference_run.folder, tmp_path / "runs" / "stored"))


def test_the_documentations_own_invariants_hold_of_a_recorded_run(stored: Path) -> None:
    done = peakproof(stored.parents[1], "judge", "stored", "--config", "peakproof.toml", "--json")
    assert done.status("names_in_one_form") == "holds", done
    assert done.status("acknowledged_in_time") in ("holds", "violated"), done
    told = {one["objective"]: one for one in done.document["objectives"]}
    assert set(told) == {"order_sync_latency_p95 < 30 s", "manual_touch_rate <= 1%"}
    assert told["order_sync_latency_p95 < 30 s"]["met"]
    assert set(told["order_sync_latency_p95 < 30 s"]["by_channel"]) <= {"web", "bazaar"}


def test_a_finding_of_a_function_fails_and_is_told_with_its_order(stored: Path) -> None:
    done = peakproof(stored.parents[1], "judge", "stored", "--invariants", "careless.py:wrong", "--json")
    assert done.code == 1, done
    assert done.violated == {"wrong"}
    (one,) = (one for one in done.document["invariants"] if one["id"] == "wrong")
    first = one["findings"][0]
    assert first["order_ref"] == first["subject"]
    assert first["evidence"][0] in done.document["evidence"]
    assert "booked with its prefix" in (stored / "report.html").read_text("utf-8")


def test_one_that_gives_no_rows_of_an_invariant_is_inconclusive_and_no_traceback(stored: Path) -> None:
    done = peakproof(stored.parents[1], "judge", "stored", "--invariants", "careless.py:careless")
    assert done.code == 3, done
    assert "careless gave a row without holds, finding, evidence" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stdout + done.stderr
