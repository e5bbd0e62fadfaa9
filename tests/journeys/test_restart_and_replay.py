"""A middleware that is killed in mid-flight, started again, and asked twice to try again what it had parked."""

import sys
from dataclasses import dataclass

import pytest

from .command import Done, ended, started

SCENARIO = """
name: struck
flows: [order-to-ship]
duration_s: 5
time_scale: 0.01
workload: {{ profile: ordinary-day, orders: 30, cancellations: false, returns: false, back_office: false }}
schedule:
  - {{ id: forbidden, fault: scope-revoked, on: erp.create_sales_order, probability: 0.4 }}
  - {{ id: slow, fault: latency, on: erp.create_sales_order, set: {{ seconds: 0.5 }} }}
{kill}
replay_parked: 2
settle: {{ quiet_s: 1, max_s: 60 }}
"""
KILL = "  - { id: killed, fault: sut-kill, on: sut, at: 55%, for: 4% }"

CLICKED = """
import asyncio, sys
from peakproof.middleware import __main__, worker

replay, parked = worker.Worker.replay, set()

def book_again(self, order_ref):  # every click books anew, whatever has become of the one before
    parked.update(one.order_ref for one in self._store.parked() if one.step.startswith("book"))
    if order_ref in parked:
        order, step = self.order(order_ref), worker.STEPS["book"]
        booking = self._client(order, step).call(step.request(order, ""), key=None, trace="", starting=lambda: None)
        asyncio.get_running_loop().create_task(booking)
    return replay(self, order_ref) or 1

worker.Worker.replay = book_again
sys.exit(__main__.main([]))
"""

TOML = """
[sut]
command = ["{python}", "{program}"]
flows = ["order-to-ship"]
exceptions_url = "/exceptions"
replay_url = "/exceptions/{{order_ref}}/replay"
pending_url = "/pending"

[sut.webhooks]
"*" = "/webhooks"
"""


@dataclass(frozen=True)
class Both:
    reference: Done
    clicked: Done


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """They share the machine, to be over sooner."""
    arguments = ("run", "struck.yaml", "--json")
    reference, clicked = (tmp_path_factory.mktemp(name) for name in ("reference", "clicked"))
    (reference / "struck.yaml").write_text(SCENARIO.format(kill=KILL))
    (clicked / "struck.yaml").write_text(SCENARIO.format(kill=""))
    program = clicked / "middleware.py"
    program.write_text(CLICKED)
    (clicked / "peakproof.toml").write_text(TOML.format(python=sys.executable, program=program))
    processes = [(started(folder, *arguments), folder) for folder in (reference, clicked)]
    return Both(*(ended(process, folder, *arguments) for process, folder in processes))


def test_the_reference_goes_on_where_it_was_and_a_second_replay_doubles_nothing(runs: Both) -> None:
    done = runs.reference
    assert done.code == 0, done
    assert all(one["fired"] for one in done.document["faults"]), done
    assert done.run["sut"]["death"] is None
    assert done.run["replayed"] == done.run["parked_then"] > 0
    with done.history() as history:
        assert history.one("SELECT count(*) FROM workload WHERE kind = 'replay'") == done.run["replayed"]
        in_doubt = "SELECT count(*) FROM calls WHERE operation = 'create_sales_order' AND outcome = 'unknown'"
        assert history.one(in_doubt) > 0, "it was killed while the ERP was at work"


def test_one_that_books_at_every_click_is_found(runs: Both) -> None:
    done = runs.clicked
    assert done.code == 1, done
    assert "orders_booked_exactly_once" in done.violated
    assert done.run["replayed"] > 0
