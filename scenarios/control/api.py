"""The control API of one run: its status, and faults put in, looked at and healed while it goes on.

===========================  =====================================================================================
GET /v1/status               run, phase, systems with their addresses and rates, every injection as it stands
GET /v1/faults               what can be injected, with settings and an example each
GET /v1/shoppers             where to buy on each channel, and with which key
GET /v1/calls                how many calls, events and of what name each system has seen
POST /v1/injections          an entry of a schedule without ``at``; ``?dry_run=true`` says what it would have met
DELETE /v1/injections/{id}   heal one
POST /v1/heal                heal all that act just now
===========================  =====================================================================================
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from ...chaos.errors import ChaosError
from ...chaos.injection import Injection
from ...chaos.registry import FAULTS
from ...chaos.schedule import Schedule
from ...simulators.control import ControlPort, ControlRefused, Traffic, read_object
from ...simulators.standing import Standing
from ..estate_choice import SystemChoice
from ..schedule_entry import ScheduleEntry
from ..validation import Wrong, problem
from . import beacon
from .examples import example
from .rehearsal import calls_so_far, would_have_met

SCHEMA = "peakproof/control/1"
WITHOUT_ID = "unnamed"


class Control:
    """Opens the control port of one run and says where it is in the run's folder.

    ``changed`` is called when the schedule has a new step to come, so that its owner comes back in time.
    """

    def __init__(
        self,
        estate: Standing,
        schedule: Schedule,
        *,
        folder: Path,
        systems: Mapping[str, SystemChoice],
        seed: int,
        phase: Callable[[], str],
        elapsed_s: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._estate = estate
        self._schedule = schedule
        self._folder = folder
        self._systems = systems
        self._seed = seed
        self._phase = phase
        self._elapsed_s = elapsed_s
        self._changed = changed
        self._port = ControlPort()
        self._traffic = Traffic(estate)
        self._declare()

    async def open(self) -> None:
        """Listen, and leave address and token where the command finds them."""
        await self._port.open()
        self._traffic.start()
        kinds = {name: system.kind for name, system in self._estate.systems.items()}
        beacon.light(
            self._folder, self._port.url, self._port.token, kinds, strikes_sut=self._schedule.strikes_sut
        )

    async def close(self) -> None:
        beacon.put_out(self._folder)
        self._traffic.stop()
        await self._port.close()

    def _declare(self) -> None:
        app = self._port.app

        @app.get("/v1/status")
        async def status() -> dict[str, Any]:
            return self._status()

        @app.get("/v1/faults")
        async def faults() -> dict[str, Any]:
            entries = FAULTS.entries()
            return {
                "schema": SCHEMA,
                "faults": [asdict(entry) | {"example": example(entry)} for entry in entries],
            }

        @app.get("/v1/shoppers")
        async def shoppers() -> dict[str, Any]:
            systems = self._estate.systems
            found = {
                name: {"url": systems[name].near_url, "api_key": systems[name].shopper.api_key}
                for name in self._estate.channels
            }
            return {"schema": SCHEMA, "shoppers": found}

        @app.get("/v1/calls")
        async def calls() -> dict[str, Any]:
            self._estate.writer.flush()
            counted = await asyncio.to_thread(calls_so_far, self._folder)
            return {"schema": SCHEMA, **counted}

        @app.post("/v1/injections", status_code=201)
        async def inject(request: Request, dry_run: bool = False) -> dict[str, Any]:
            injection = self._injection(await read_object(request))
            try:
                self._schedule.check(injection)
                if dry_run:
                    return await self._rehearse(injection)
                self._schedule.add(injection, self._now_s())
            except ChaosError as error:
                raise ControlRefused(409, "cannot_be_injected", str(error)) from None
            self._changed()
            return {"schema": SCHEMA, "injection": self._standing(injection.id)}

        @app.delete("/v1/injections/{injection_id}")
        async def heal(injection_id: str) -> dict[str, Any]:
            try:
                self._schedule.heal(injection_id)
            except ChaosError as error:
                raise ControlRefused(404, "unknown_injection", str(error)) from None
            return {"schema": SCHEMA, "injection": self._standing(injection_id)}

        @app.post("/v1/heal")
        async def heal_all() -> dict[str, Any]:
            return {"schema": SCHEMA, "healed": self._schedule.heal_active()}

    def _status(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "run": self._folder.name,
            "folder": str(self._folder),
            "phase": self._phase(),
            "elapsed_s": round(self._elapsed_s(), 3),
            "systems": self._traffic.systems(),
            "faults": [asdict(standing) for standing in self._schedule.status(self._now_s())],
        }

    def _standing(self, injection_id: str) -> dict[str, Any]:
        found = self._schedule.status(self._now_s())
        return next(asdict(standing) for standing in found if standing.id == injection_id)

    async def _rehearse(self, injection: Injection) -> dict[str, Any]:
        self._estate.writer.flush()
        kinds = {name: system.kind for name, system in self._estate.systems.items()}
        met = await asyncio.to_thread(would_have_met, injection, self._seed, self._folder, kinds)
        return {"schema": SCHEMA, "would_match": met}

    def _injection(self, document: dict[str, Any]) -> Injection:
        """What is asked for, checked against this estate. ControlRefused."""
        try:
            entry = ScheduleEntry.model_validate({"id": WITHOUT_ID, **document})
            if entry.id == WITHOUT_ID:
                entry = entry.model_copy(update={"id": self._schedule.new_id(entry.system, entry.fault)})
            return entry.by_hand(self._systems)
        except ValidationError as error:
            loc, text = problem(error, ScheduleEntry, document)
        except Wrong as wrong:
            loc, text = wrong.loc, str(wrong)
        raise ControlRefused(422, "invalid", text, ".".join(map(str, loc)) or None)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()
