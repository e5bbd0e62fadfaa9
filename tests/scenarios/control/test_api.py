"""The control API over a real estate that nobody serves: what each endpoint does and refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.injection import Injection, When, Where
from peakproof.chaos.schedule import Schedule
from peakproof.history.clock import Clock
from peakproof.history.writer import HistoryWriter
from peakproof.scenarios.control.api import Control
from peakproof.scenarios.scenario import Scenario
from peakproof.simulators.estate import Estate

SCENARIO = Scenario.load("black-friday")


class Desk:
    """The API as its client sees it, without a port."""

    def __init__(self, estate: Estate, folder: Path) -> None:
        self.estate = estate
        planned = [Injection("wms-slow", Latency(), Where("wms"), When(start_s=30))]
        self.schedule = Schedule(planned, self.estate.gates, self.estate.mark, seed=1)
        self.changes = 0
        self._control = Control(
            self.estate,
            self.schedule,
            folder=folder,
            systems=SCENARIO.estate.standing,
            seed=1,
            phase=lambda: "workload",
            elapsed_s=lambda: 12.3456,
            changed=self._changed,
        )

    def _changed(self) -> None:
        self.changes += 1

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        path, _, query = path.partition("?")
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"content-type", b"application/json")],
        }
        await self._control._port.app(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """One for all tests: each leaves it healed."""
    writer = HistoryWriter(tmp_path_factory.mktemp("run") / "history", "estate")
    found = Estate(SCENARIO.estate_settings(1), writer, Clock())
    yield found
    for system in found.systems.values():
        system.socket.close()
    writer.close()


@pytest.fixture
def desk(estate: Estate, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(estate, tmp_path)
    yield found
    found.schedule.heal_all(0.0)


async def test_status_says_where_the_run_is(desk: Desk, tmp_path: Path) -> None:
    code, status = await desk("GET", "/v1/status")
    assert code == 200
    assert (status["run"], status["phase"], status["elapsed_s"]) == (tmp_path.name, "workload", 12.346)
    erp = next(system for system in status["systems"] if system["name"] == "erp")
    assert erp == {
        "name": "erp",
        "kind": "erp",
        "url": desk.estate.systems["erp"].url,
        "calls": 0,
        "calls_per_s": 0.0,
        "in_flight": 0,
        "queued": 0,
        "throttle_factor": 1,
    }
    (fault,) = status["faults"]
    assert (fault["id"], fault["state"], fault["by_hand"]) == ("wms-slow", "waiting", False)


@pytest.mark.parametrize("dry", ["", "?dry_run=true"])
async def test_a_system_under_test_that_was_not_started_here_cannot_be_struck(desk: Desk, dry: str) -> None:
    code, problem = await desk("POST", f"/v1/injections{dry}", {"fault": "sut-kill", "on": "sut"})
    assert code == 409
    assert problem["detail"] == (
        "injection 'sut-sut-kill-1': sut-kill strikes the process of the system under test, "
        "and there is none here that was started by peakproof"
    )


async def test_shoppers_are_told_where_to_buy(desk: Desk) -> None:
    code, found = await desk("GET", "/v1/shoppers")
    assert (code, set(found["shoppers"])) == (200, {"web", "bazaar"})
    web = desk.estate.systems["web"]
    assert found["shoppers"]["web"] == {"url": web.url, "api_key": web.shopper.api_key}


async def test_a_fault_is_injected_at_once_under_an_id_of_its_own(desk: Desk) -> None:
    code, answer = await desk("POST", "/v1/injections", {"fault": "outage", "on": "erp", "for": 60})
    assert code == 201
    injection = answer["injection"]
    assert (injection["id"], injection["state"], injection["by_hand"]) == ("erp-outage-1", "active", True)
    assert 59 < injection["left_s"] <= 60
    assert not desk.estate.gates["erp"].idle
    assert desk.changes == 1
    named = {"id": "mine", "fault": "latency", "on": "*", "set": {"seconds": 2}}
    assert (await desk("POST", "/v1/injections", named))[1]["injection"]["id"] == "mine"
    again, problem = await desk("POST", "/v1/injections", named)
    assert (again, problem["detail"]) == (409, "injection id 'mine' is used twice; each needs its own")


async def test_a_dry_run_injects_nothing(desk: Desk) -> None:
    code, answer = await desk("POST", "/v1/injections?dry_run=true", {"fault": "outage", "on": "erp"})
    assert code == 201
    assert (answer["would_match"]["met"], answer["would_match"]["systems"]) == (0, ["erp"])
    assert desk.estate.gates["erp"].idle
    assert [standing.id for standing in desk.schedule.status()] == ["wms-slow"]


async def test_one_is_healed_and_then_all(desk: Desk) -> None:
    for system in ("erp", "oms", "web"):
        await desk("POST", "/v1/injections", {"fault": "outage", "on": system})
    code, answer = await desk("DELETE", "/v1/injections/erp-outage-1")
    assert (code, answer["injection"]["state"]) == (200, "healed")
    assert desk.estate.gates["erp"].idle
    assert await desk("POST", "/v1/heal") == (
        200,
        {"schema": "peakproof/control/1", "healed": ["oms-outage-1", "web-outage-1"]},
    )
    assert desk.schedule.status()[0].state == "waiting", "what is to come still comes"
    code, problem = await desk("DELETE", "/v1/injections/erp-outag-1")
    assert code == 404
    assert problem["detail"].startswith("unknown injection 'erp-outag-1'; did you mean 'erp-outage-1'")


async def test_faults_and_calls_are_listed(desk: Desk) -> None:
    _, faults = await desk("GET", "/v1/faults")
    outage = next(entry for entry in faults["faults"] if entry["name"] == "outage")
    assert outage["example"] == "peakproof chaos inject erp outage --for 60s"
    assert await desk("GET", "/v1/calls") == (
        200,
        {"schema": "peakproof/control/1", "calls": [], "events": []},
    )


async def test_after_the_end_nothing_is_taken(desk: Desk) -> None:
    desk.schedule.heal_all(0.0)
    code, problem = await desk("POST", "/v1/injections", {"fault": "outage", "on": "erp"})
    assert (code, problem["detail"]) == (
        409,
        "everything has been healed for good: this run takes no more faults",
    )


@pytest.mark.parametrize(
    ("body", "key", "said"),
    [
        ({"on": "erp"}, "fault", "is missing"),
        ({"fault": "outtage", "on": "erp"}, "fault", "unknown fault 'outtage'; did you mean 'outage'"),
        ({"fault": "outage", "on": "epr"}, "on", "unknown system 'epr'; did you mean 'erp'"),
        ({"fault": "outage", "on": "erp.creat_invoice"}, "on", "did you mean 'create_invoice'"),
        ({"fault": "drop-delivery", "on": "erp.create_invoice"}, "on", "unknown topic of erp"),
        ({"fault": "rejected-later", "on": "erp.post"}, "on", "did you mean 'post_sales_order'"),
        ({"fault": "throttle-cut", "on": "wms"}, "on", "wms has no throttle to cut"),
        ({"fault": "throttle-cut", "on": "erp", "nth": 2}, None, "changes a system's throttle as a whole"),
        ({"fault": "outage", "on": "erp", "probability": 1.2}, "probability", "must be at most 1, got 1.2"),
        ({"fault": "outage", "on": "erp", "for": -1}, "for", "got -1"),
        ({"fault": "outage", "on": "erp", "for": 0}, "for", "must be seconds above 0, got 0"),
        ({"fault": "outage", "on": "erp", "at": 5}, "at", "starts now"),
        ({"fault": "duplicate-delivery", "on": "erp", "set": {"copies": 0}}, "set", "copies must be"),
        ({"fault": "outage", "on": "erp", "sett": {}}, "sett", "unknown key 'sett'; did you mean 'set'"),
        ([], None, "the body must be a JSON object"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_injected(
    desk: Desk, body: Any, key: str | None, said: str
) -> None:
    code, problem = await desk("POST", "/v1/injections", body)
    assert (code, problem["status"], problem.get("key")) == (422, 422, key)
    assert said in problem["detail"]
    assert len(desk.schedule.status()) == 1


async def test_what_is_no_json_is_refused(desk: Desk) -> None:
    code, problem = await desk("POST", "/v1/injections", b"{")
    assert code == 400
    assert problem["detail"].startswith("the body is not JSON")
