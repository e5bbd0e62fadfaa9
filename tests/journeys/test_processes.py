"""Each system in a process of its own, for real: the same run, the same verdict, and nobody is left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from peakproof.history.reader import History
from peakproof.scenarios.estate_choice import USUAL_SYSTEMS
from peakproof.scenarios.spread import TOKEN

from .command import PATIENCE_S, Done, ended, peakproof, started, texts_to_hand_on, when

SECRET = "of-no-use-to-anybody-after-this-test"

SCENARIO = """
name: apart
duration_s: 8
flows: [order-to-ship, stock-sync, return-to-refund, price-publish]
workload:
  { orders: 30, shares: { web: 0.6, bazaar: 0.4 }, cancellations: false, returned_share: 0.15, stock_cover: 10 }
schedule:
  - { id: booking-reply-lost, fault: lost-reply, on: erp.create_sales_order, probability: 0.3, nth: 1 }
  - { id: oms-fails, fault: server-error, on: oms.create_order, probability: 0.5, nth: 1, set: { status: 503 } }
  - { id: wms-closed, fault: refused, on: wms, at: 40%, for: 10% }
  - { id: told-twice, fault: duplicate-delivery, on: web.order.placed, probability: 0.5 }
  - { id: lost-goods, fault: stock-changed-mid-order, on: wms, probability: 0.5 }
  - { id: slow, fault: latency, on: "*", probability: 0.2, set: { seconds: 0.05 } }
"""
KEYED = ("booking-reply-lost", "oms-fails", "lost-goods")
"""They roll their dice on orders, each of which is asked about once."""


def command(*more: str) -> tuple[str, ...]:
    return ("run", "apart.yaml", "--seed", "1", "--json", *more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "apart.yaml").write_text(SCENARIO, "utf-8")
    return tmp_path


def sound(done: Done) -> bool:
    """Nothing is violated; that a slow machine proves nothing is no matter here."""
    return done.code in (0, 3) and done.violated == set() and done.run["failed"] is None


def orders(history: History) -> list[tuple[str, str]]:
    """What was sold: reference and lines."""
    rows = history.rows(
        "SELECT order_ref, lines::VARCHAR AS lines FROM effects WHERE kind = 'order_placed' AND actor IS NULL ORDER BY ALL"
    )
    return [(row["order_ref"], row["lines"]) for row in rows]


def fired(history: History, injection: str) -> list[str]:
    """About which orders it fired."""
    rows = history.rows(
        "SELECT DISTINCT coalesce(c.order_ref, f.detail) AS about FROM faults AS f LEFT JOIN calls AS c USING (call_id) "
        f"WHERE f.injection = '{injection}' AND f.mark = 'fired' ORDER BY 1"
    )
    return [row["about"] for row in rows]


def written_by(folder: Path, kind: str) -> set[str]:
    """Which processes have something to say."""
    return {
        path.name.removeprefix(f"{kind}-").partition(".")[0]
        for path in (folder / "history").glob(f"{kind}-*")
        if path.stat().st_size
    }


def test_a_run_apart_sells_the_same_orders_meets_the_same_faults_and_passes_as_well(folder: Path) -> None:
    beside = folder / "beside"
    beside.mkdir()
    (beside / "apart.yaml").write_text(SCENARIO, "utf-8")
    near = peakproof(folder, *command())
    assert sound(near), near
    apart = peakproof(beside, *command("--processes"))
    assert sound(apart), apart
    with near.history() as first, apart.history() as second:
        assert orders(first) == orders(second)
        for injection in KEYED:
            assert fired(first, injection) == fired(second, injection), injection
        assert second.rows("SELECT injection FROM faults WHERE mark = 'never_fired'") == []
        assert second.one("SELECT count(*) = count(DISTINCT call_id) FROM calls")
        assert second.one("SELECT count(*) = count(DISTINCT effect_id) FROM effects")
        assert second.one("SELECT count(*) = count(DISTINCT delivery_id) FROM deliveries")
        paid = second.one(
            "SELECT count(DISTINCT order_ref) FROM effects WHERE kind = 'payment_authorised' AND actor IS NULL"
        )
        assert paid == len(orders(second))
    systems = {"system-web", "system-bazaar", "system-oms", "system-erp", "system-wms", "system-payments"}
    assert written_by(apart.folder, "effects") == systems
    assert written_by(apart.folder, "workload") == {"estate"}
    pids = [one["pid"] for one in apart.run["processes"].values()]
    assert len(set(pids)) == 6
    assert not any(map(psutil.pid_exists, pids))
    assert Counter(path.name for path in (apart.folder / "state").iterdir()) == Counter(
        path.name for path in (near.folder / "state").iterdir()
    )


def test_a_planted_defect_is_caught_apart_as_well(folder: Path) -> None:
    done = peakproof(folder, *command("--processes", "--middleware", "naive"))
    assert done.code == 1, done
    assert "orders_booked_exactly_once" in done.violated, done


def processes(folder: Path) -> dict[str, int]:
    """Process ids, by system, once orders come in."""
    for path in folder.glob("runs/*/history/workload-estate.jsonl"):
        if b'"order"' in path.read_bytes():
            run = json.loads((path.parents[1] / "run.json").read_text("utf-8"))
            return {name: one["pid"] for name, one in run["processes"].items()}
    return {}


def test_a_system_killed_in_mid_run_is_one_line_and_proves_nothing(folder: Path) -> None:
    process = started(folder, *command("--processes"))
    pids = when(lambda: processes(folder), process)
    os.kill(pids["erp"], signal.SIGKILL)
    done = ended(process, folder, *command("--processes"))
    assert done.code == 3, done
    why = "a part of the estate is missing: the process of erp was lost: it was ended by SIGKILL"
    assert (done.document["verdict"], done.document["reasons"]) == ("inconclusive", [why]), done
    assert not [pid for pid in pids.values() if psutil.pid_exists(pid)]


def test_systems_end_with_the_run_however_it_ends(folder: Path) -> None:
    process = started(folder, *command("--processes"))
    pids = when(lambda: processes(folder), process)
    watched = [psutil.Process(pid) for pid in pids.values()]
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(watched, timeout=30)
    assert alive == []


def test_ctrl_c_ends_the_run_and_its_systems_and_is_judged(folder: Path) -> None:
    process = started(folder, *command("--processes"))
    pids = when(lambda: processes(folder), process)
    os.killpg(process.pid, signal.SIGINT)
    done = ended(process, folder, *command("--processes"))
    assert "the run ended early: interrupted by the user" in done.document["reasons"], done
    assert not [pid for pid in pids.values() if psutil.pid_exists(pid)]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(
            "schedule: [{ id: first, fault: outage, on: '*', limit: 3 }]",
            "schedule.first.on: limit counts over all systems",
            id="counted over all systems",
        ),
        pytest.param(
            "estate: { systems: { oms: { throttle: { plan: shopify-rest, share: s } }, erp: { throttle: { plan: shopify-rest, share: s } } } }",
            "throttles that share 's' count together",
            id="a throttle that two systems share",
        ),
    ],
)
def test_what_cannot_be_apart_is_refused_before_the_run(tmp_path: Path, entry: str, said: str) -> None:
    (tmp_path / "apart.yaml").write_text(f"name: apart\n{entry}\n", "utf-8")
    done = peakproof(tmp_path, *command("--processes"))
    assert (done.code, len(done.stderr.splitlines())) == (2, 1), done
    assert said in done.stderr


def test_stand_ins_need_all_systems_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "peakproof.toml").write_text(
        '[sut]\ncommand = ["true"]\nflows = ["order-to-ship"]\nwebhooks = { "*" = "/webhooks" }\n', "utf-8"
    )
    done = peakproof(tmp_path, "run", "quiet-day", "--processes")
    assert done.code == 2, done
    assert "does not claim cancel, price-publish, return-to-refund, stock-sync (sut.flows)" in done.stderr


# On other machines


def joining(system: str, port: int, token: str) -> subprocess.Popen[str]:
    """A system that comes by itself, as it does from another machine."""
    return subprocess.Popen(
        [sys.executable, "-m", "peakproof.scenarios.apart", system, "--join", f"127.0.0.1:{port}"],
        env={**os.environ, TOKEN: token},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_systems_that_come_by_themselves_send_their_record_home_and_end_with_the_run(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = command("--processes", "--set", f"estate.gather_at=127.0.0.1:{port}")
    process = started(folder, *options, env={TOKEN: SECRET})
    stranger = joining("erp", port, "a-guess-of-somebody-who-was-not-asked")
    _, why = stranger.communicate(timeout=PATIENCE_S)
    assert (stranger.returncode, why) == (3, "erp: it has another token; give both sides the same\n")
    systems = {name: joining(name, port, SECRET) for name in USUAL_SYSTEMS}
    done = ended(process, folder, *options)
    left = {name: one.communicate(timeout=PATIENCE_S)[1] for name, one in systems.items()}
    assert sound(done), done
    assert left == dict.fromkeys(systems, "")
    assert {one.returncode for one in systems.values()} == {0}
    assert "erp is here (" in done.stderr
    assert written_by(done.folder, "calls") == {f"system-{name}" for name in USUAL_SYSTEMS}
    assert {path.stem for path in (done.folder / "state").iterdir()} == {*USUAL_SYSTEMS, "sut"}
    with done.history() as history:
        assert history.unreadable_lines == 0
        bodies = history.one("SELECT count(*) FROM calls WHERE request_body IN (SELECT hash FROM bodies)")
        assert bodies == history.one("SELECT count(*) FROM calls WHERE request_body IS NOT NULL") > 0
    assert SECRET not in "".join(text for _, text in texts_to_hand_on(done.folder))


def test_a_run_that_waits_for_others_needs_the_token(folder: Path) -> None:
    options = command("--processes", "--set", "estate.gather_at=127.0.0.1:5561")
    done = peakproof(folder, *options)
    assert done.code == 2, done
    assert f"estate.gather_at: {TOKEN} is not set; make one and give it to both sides" in done.stderr
