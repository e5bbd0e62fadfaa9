"""An estate apart, as the run sees it: what comes over the lines, and who is missed."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.injection import Injection, When, Where
from peakproof.chaos.registry import FAULTS
from peakproof.chaos.schedule import Schedule
from peakproof.history.clock import Clock
from peakproof.history.reader import History
from peakproof.history.records import Effect
from peakproof.history.writer import HistoryWriter
from peakproof.scenarios.apart import estate as room
from peakproof.scenarios.apart import wire
from peakproof.scenarios.apart.estate import EstateApart
from peakproof.scenarios.apart.line import LineError
from peakproof.scenarios.scenario import Scenario
from peakproof.simulators.back_office import DeskAct
from peakproof.simulators.estate import EstateError


class Told:
    """A line's other end, which remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[wire.Said] = []

    def tell(self, message: wire.Said) -> None:
        self.said.append(message)


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[EstateApart]:
    """One whose systems are all here."""
    writer = HistoryWriter(tmp_path / "history", "estate")
    made = EstateApart(Scenario(name="apart"), writer, Clock(), seed=1, folder=tmp_path)
    for system in made.systems.values():
        line: Any = Told()
        system.line = line
    yield made
    writer.close()


def told(estate: EstateApart, name: str) -> list[wire.Said]:
    line: Any = estate.systems[name].line
    said: list[wire.Said] = line.said
    return said


def hear(estate: EstateApart, name: str, message: wire.FromSystem) -> None:
    estate._take(estate.systems[name], message)


def outage(estate: EstateApart, on: str) -> Schedule:
    injection = Injection("down", FAULTS.build("outage", {}), Where(on))
    schedule = Schedule([injection], estate.gates, estate.mark, 1)
    schedule.start(0.0)
    return schedule


def marks(estate: EstateApart, folder: Path) -> list[str]:
    estate.writer.flush()
    with History.of_run(folder) as history:
        return [row["mark"] for row in history.rows("SELECT mark FROM faults ORDER BY at_ns")]


async def test_what_all_systems_mean_to_do_is_pending_and_so_is_what_they_were_asked(
    estate: EstateApart,
) -> None:
    for name in estate.systems:
        hear(estate, name, wire.Status(pending=2, deliveries=1, calls=5, last_change_ns=7))
    assert (estate.pending, estate.dispatcher.pending, estate.last_change_ns) == (12, 6, 7)
    estate.at_the_desk(DeskAct("receipt", "A", "north", 1), lambda done: None)
    assert estate.pending == 13


async def test_the_desk_hears_whether_there_was_anything_to_do(estate: EstateApart) -> None:
    heard: list[bool] = []
    estate.at_the_desk(DeskAct("price_change", "A", amount=Decimal(1)), heard.append)
    (asked,) = told(estate, "erp")
    assert isinstance(asked, wire.AtTheDesk)
    assert told(estate, "wms") == []
    hear(estate, "erp", wire.Answer(asked.number, done=False))
    await asyncio.sleep(0)
    assert heard == [False]


async def test_only_what_somebody_waits_for_is_asked_for_and_everybody_sees_it(estate: EstateApart) -> None:
    seen: list[Effect] = []
    estate.observe(seen.append, {"picking_started"})
    assert told(estate, "wms") == [wire.Watch(["picking_started"])]
    effect = Effect(effect_id="wms-e1", at_ns=1, system="wms", kind="picking_started", order_ref="web-1")
    hear(estate, "wms", wire.Seen([effect]))
    assert seen == [effect]


async def test_an_injection_on_all_systems_fires_as_often_as_it_does_in_each(
    estate: EstateApart, tmp_path: Path
) -> None:
    schedule = outage(estate, "*")
    armed = told(estate, "erp")[0]
    assert isinstance(armed, wire.Arm)
    assert (armed.injection.fault, armed.seed) == ("outage", 1)
    hear(estate, "erp", wire.Status(fired={"down": 2}))
    hear(estate, "oms", wire.Status(fired={"down": 1}))
    hear(estate, "erp", wire.Status(fired={"down": 3}))
    assert [one.fired for one in schedule.status()] == [4]
    schedule.heal_all(1.0)
    assert wire.Heal("down") in told(estate, "wms")
    assert marks(estate, tmp_path) == ["armed", "healed"]


async def test_what_counts_over_all_systems_is_refused_and_one_system_may_count(estate: EstateApart) -> None:
    schedule = Schedule([], estate.gates, estate.mark, 1)
    often = Injection("often", FAULTS.build("outage", {}), Where("*"), When(limit=3, after=1))
    with pytest.raises(ChaosError, match="limit and after count over all systems"):
        schedule.check(often)
    schedule.check(Injection("often", often.fault, Where("erp"), often.when))


@pytest.mark.parametrize(
    ("fired", "expected"), [(1, ["armed", "healed"]), (0, ["armed", "healed", "never_fired"])]
)
async def test_that_it_never_fired_is_said_when_the_system_has_said_so(
    estate: EstateApart, tmp_path: Path, fired: int, expected: list[str]
) -> None:
    schedule = outage(estate, "erp")
    schedule.heal_all(1.0)
    assert marks(estate, tmp_path) == ["armed", "healed"]
    hear(estate, "erp", wire.Healed("down", fired))
    assert marks(estate, tmp_path) == expected


async def test_whoever_is_lost_is_missed_in_one_line_and_waited_for_by_nobody(estate: EstateApart) -> None:
    heard: list[bool] = []
    for name in estate.systems:
        hear(estate, name, wire.Status())
    estate.at_the_desk(DeskAct("price_change", "A"), heard.append)
    assert estate.pending == 1
    estate._lose(estate.systems["erp"], "it was ended by SIGKILL")
    estate._lose(estate.systems["erp"], "the line is cut")
    assert estate.lost == ["the process of erp was lost: it was ended by SIGKILL"]
    assert estate.pending == 0
    estate.at_the_desk(DeskAct("price_change", "A"), heard.append)
    await asyncio.sleep(0)
    assert heard == []


async def test_a_system_that_sends_another_ones_file_is_hung_up_on(
    estate: EstateApart, tmp_path: Path
) -> None:
    hear(estate, "erp", wire.Piece("history/calls-system-erp.jsonl", b"{}"))
    hear(estate, "erp", wire.Piece("history/calls-system-erp.jsonl", b"\n"))
    hear(estate, "erp", wire.Piece("state/erp.jsonl", b"x"))
    assert (tmp_path / "history" / "calls-system-erp.jsonl").read_bytes() == b"{}\n"
    for path in ("history/calls-system-oms.jsonl", "../run.json", "history/../run.json", "state/oms.jsonl"):
        with pytest.raises(LineError, match="none of its own"):
            hear(estate, "erp", wire.Piece(path, b"x"))


async def test_a_system_that_falls_silent_is_lost(
    estate: EstateApart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MISS_S", 0.005)
    monkeypatch.setattr(room, "GONE_S", 0.02)
    missing = asyncio.create_task(estate._keep_missing())
    async with asyncio.timeout(30):
        while not estate.lost:
            await asyncio.sleep(0.001)
    missing.cancel()
    assert estate.lost[0].endswith("was lost: nothing was heard of it for 0.02 s")


async def test_a_system_that_cannot_stand_is_a_line_for_the_user(estate: EstateApart) -> None:
    hear(estate, "erp", wire.Refusal("system 'erp': port 8104 cannot be had; choose another or 0"))
    with pytest.raises(EstateError, match="port 8104 cannot be had"):
        estate._check_whole()


async def test_strangers_and_twins_are_not_taken(estate: EstateApart) -> None:
    def why_not(name: str) -> str | None:
        return estate._why_not(wire.Hello("1", name, "host", 1, "nonce"))

    assert why_not("crm") == "this run has no system 'crm', only web, bazaar, oms, erp, wms, payments"
    assert why_not("erp") == "erp is here already"
