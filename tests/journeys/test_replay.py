"""`run --from RUN --only ORDER`: what broke one order among all the others breaks it alone."""

from pathlib import Path

import pytest

from .command import Done, peakproof
from .conftest import DefectRuns


@pytest.fixture(scope="module")
def naive(defect_runs: DefectRuns) -> Done:
    return defect_runs.of("naive")


@pytest.fixture(scope="module")
def order(naive: Done) -> str:
    """One that is booked twice because a reply was lost or an event came twice."""
    booked = next(one for one in naive.document["invariants"] if one["id"] == "orders_booked_exactly_once")
    return str(booked["findings"][0]["order_ref"])


@pytest.fixture(scope="module")
def replay(naive: Done, order: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    cwd = tmp_path_factory.mktemp("replay")
    return peakproof(cwd, "run", "--from", str(naive.folder), "--only", order, "--json")


def test_the_finding_comes_back(replay: Done, order: str) -> None:
    assert replay.code == 1, replay
    assert "orders_booked_exactly_once" in replay.violated
    booked = next(one for one in replay.document["invariants"] if one["id"] == "orders_booked_exactly_once")
    assert [finding["order_ref"] for finding in booked["findings"]] == [order]


def test_it_is_this_order_alone_with_the_faults_that_it_felt(replay: Done, naive: Done, order: str) -> None:
    with replay.history() as history:
        placed = history.rows("SELECT order_ref FROM accepted_orders WHERE NOT before_run")
    assert placed == [{"order_ref": order}]
    felt = {fault["id"] for fault in replay.document["faults"]}
    assert felt < {fault["id"] for fault in naive.document["faults"]}
    assert felt & {"booking-reply-lost", "events-twice", "oms-errors"}


def test_the_order_holds_what_it_held(replay: Done, naive: Done, order: str) -> None:
    """Letter for letter, also where others had bought something out of its basket."""

    def placed(done: Done) -> object:
        with done.history() as history:
            (row,) = history.rows(
                "SELECT lines, currency, total, shipping, customer, ship_to, channel FROM accepted_orders "
                "WHERE order_ref = $1",
                [order],
            )
        return row

    assert placed(replay) == placed(naive)


def test_seed_and_middleware_are_those_of_the_run(replay: Done, naive: Done) -> None:
    assert replay.document["run"]["sut"] == "reference with defect naive"
    assert replay.document["run"]["seed"] == naive.document["run"]["seed"]
    assert f"system under test: the reference with defect naive, like {naive.folder}" in replay.stderr


def test_a_replay_does_not_wait_for_the_rest_of_the_day(replay: Done, naive: Done) -> None:
    with replay.history() as history:
        (row,) = history.rows(
            "SELECT (max(at_ns) FILTER (WHERE detail = 'heal') - min(at_ns) FILTER (WHERE detail = 'workload')) / 1e9 "
            "AS workload_s FROM workload WHERE kind = 'phase'"
        )
    assert row["workload_s"] < naive.run["workload_s"]


def test_an_order_that_the_run_never_had_is_named(naive: Done, tmp_path: Path) -> None:
    done = peakproof(tmp_path, "run", "--from", str(naive.folder), "--only", "web-999999")
    assert done.code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: order 'web-999999' is not among the 1")
    assert f" orders of {naive.folder}" in line
    assert not list(tmp_path.iterdir())
