"""The limit for real: an ERP that is the slower the more is asked of it at once, and a rate that is too much for it."""

import json
import signal
import socket
from pathlib import Path

from peakproof.scenarios.spread import TOKEN

from .command import ended, peakproof, started

SEARCH = """
summary = "One rate that can be kept up, and one that cannot"
curve = [[0, 1], [4, 1]]

[search]
start_per_min = 60
step_factor = 15
step_s = 4
step_orders = 4
resolution = 0.99
least_per_min = 60
objectives = ["order_sync_latency_p50 <= 2"]
"""
SLOW_ERP = """
name: slow-erp
settle: { quiet_s: 1 }
schedule:
  - { id: few-workers, fault: latency-under-load, on: erp.create_sales_order, set: { per_call_s: 0.5, free_calls: 1, max_s: 4 } }
  # a fixed time in each of them, so that calls meet there on a fast machine too
  - { id: slow, fault: latency, on: erp.create_sales_order, set: { seconds: 0.4 } }
"""


def test_two_rates_are_enough_where_one_holds_and_the_next_breaks(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(SEARCH)
    (tmp_path / "slow.yaml").write_text(SLOW_ERP)
    done = peakproof(tmp_path, "load", "two.toml", "--scenario", "slow.yaml", "--json")
    found = done.document
    assert found["schema"] == "peakproof/limit/1", done
    outcomes = {one["per_min"]: one["outcome"] for one in found["steps"]}
    (page,) = tmp_path.glob("runs/*/report.html")
    assert all(f"{one['run']}/report.html" in page.read_text("utf-8") for one in found["steps"])
    if "limited" in outcomes.values():
        assert done.code == 3, "a machine that is slow itself proves nothing, and says so"
        assert "was the limit" in found["sentences"][-1] or "fell behind" in found["sentences"][-1]
        return
    assert outcomes == {60: "held", 900: "broke"}, done.stderr
    assert (found["highest_held_per_min"], found["lowest_broke_per_min"]) == (60, 900)
    assert found["broken"][0].startswith("order_sync_latency_p50 <= 2")
    assert done.code == 0


def test_a_worker_comes_anew_for_each_rate_of_a_search(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(SEARCH)
    (tmp_path / "slow.yaml").write_text(SLOW_ERP)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    secret = {TOKEN: "of-no-use-to-anybody-after-this-test"}
    worker = started(tmp_path, "load", "two", "--worker", address, "--wait", "100s", env=secret)
    options = ("--master", address, "--workers", "1", "--wait", "100s", "--json")
    search = ("load", "two.toml", "--scenario", "slow.yaml", *options)
    try:
        done = ended(started(tmp_path, *search, env=secret), tmp_path, *search)
    finally:
        worker.send_signal(signal.SIGINT)
        served = ended(worker, tmp_path, "load", "two", "--worker", address)
    steps = done.document["steps"]
    runs = [json.loads(path.read_text("utf-8")) for path in sorted(tmp_path.glob("runs/*/*/run.json"))]
    assert len(steps) == len(runs) == served.stderr.count("the run is over: "), (done, served)
    assert [(run["load"]["workers"], run["load"]["workers_lost"]) for run in runs] == [(1, [])] * len(runs)
    if any(one["outcome"] == "limited" for one in steps):
        return  # a machine that is slow itself; whoever came, came
    assert [one["outcome"] for one in steps] == ["held", "broke"], done
