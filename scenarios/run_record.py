"""run.json: what a run is and how it went; written before anything can go wrong, and made whole at the end."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..history.clock import Clock, rfc3339
from ..history.records import HISTORY_VERSION
from ..history.seal import SEAL_VERSION, seal_run
from ..simulators.standing import Standing
from .config import SutConfig
from .errors import RunError, UsageError
from .flows import judged_flows
from .scenario import Scenario
from .schedule_entry import ScheduleEntry

RUN_SCHEMA = "peakproof/run/1"
MOST_A_SECOND = 1000


class RunRecord:
    """The document of one run in its folder; it holds no secrets."""

    def __init__(
        self,
        folder: Path,
        scenario: Scenario,
        sut: SutConfig | None,
        *,
        seed: int,
        clock: Clock,
        origin: Mapping[str, str | None],
        judged_by: Mapping[str, Sequence[str]],
    ) -> None:
        self._path = folder / "run.json"
        self._clock = clock
        self._began_ns = clock()
        self._document: dict[str, Any] = {
            "schema": RUN_SCHEMA,
            "history_version": HISTORY_VERSION,
            "id": folder.name,
            "scenario": scenario.model_dump(mode="json"),
            "seed": seed,
            "sut": {
                **(sut.described() if sut else {"name": "nobody"}),
                "origin": dict(origin),
                "exit": None,
                "death": None,
            },
            "flows": judged_flows(scenario.flows, sut.flows) if sut else list(scenario.flows),
            "started_at": rfc3339(self._began_ns),
            "finished_at": None,
            "workload_s": scenario.duration_s,
            "time_scale": scenario.time_scale,
            "objectives": list(scenario.objectives),
            "judged_by": {what: list(names) for what, names in judged_by.items()},
            "failed": None,
            "ended_early": None,
            "settled": False,
            "settle_reason": "the run did not get so far",
            "in_vain_since_ns": None,
            "injections": [_planned(entry) for entry in scenario.schedule],
            "systems": {},
            "estate_clients": [],
            "clock_uncertainty_ns": clock.uncertainty_ns,
            "versions": {"peakproof": __version__, "python": platform.python_version()},
            "machine": {
                "system": platform.system(),
                "machine": platform.machine(),
                "cpus": os.cpu_count(),
            },
            "phases": {},
            "errors": [],
        }
        self._store()

    @property
    def elapsed_s(self) -> float:
        return (self._clock() - self._began_ns) / 1e9

    def stands(self, estate: Standing) -> None:
        """Where its systems are, and who calls them for the estate itself."""
        self._document["systems"] = {
            name: {"kind": address.kind, "url": address.url} for name, address in estate.addresses().items()
        }
        self._document["estate_clients"] = [system.shopper.client_id for system in estate.systems.values()]
        if processes := estate.facts():
            self._document["processes"] = processes
        self._store()

    def enters(self, phase: str) -> None:
        """A phase begins; of one that comes again the first beginning stays."""
        self._document["phases"].setdefault(phase, rfc3339(self._clock()))

    def add(self, **facts: object) -> None:
        """Facts of the run, by their names in run.json."""
        self._document.update(facts)

    def add_of_sut(self, **facts: object) -> None:
        """Facts of the system under test, by their names below ``sut``."""
        self._document["sut"].update(facts)

    def finish(self) -> None:
        """The last word: afterwards the run's record is sealed, and nothing in it may change any more."""
        self.add(finished_at=rfc3339(self._clock()), duration_s=round(self.elapsed_s, 3), seal=SEAL_VERSION)
        self._store()
        seal_run(self._path.parent)

    def _store(self) -> None:
        partial = self._path.with_suffix(".partial")
        text = json.dumps(self._document, indent=2, ensure_ascii=False) + "\n"
        partial.write_text(text, encoding="utf-8")
        partial.replace(self._path)


def _planned(entry: ScheduleEntry) -> dict[str, Any]:
    """What the judge has to know of an injection: where it acts, and why it may have met nothing."""
    return {
        "id": entry.id,
        "fault": entry.fault,
        "where": entry.on,
        "seam": entry.build().seam,
        "changes_only": entry.acts_on_changes_only,
        "optional": entry.optional,
        "needs": entry.needs,
        "left_out": entry.left_out,
    }


def new_folder(out: Path, scenario: str, seed: int) -> Path:
    """A folder of its own for one run. UsageError where none can be made there, RunError where all are taken."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    for number in range(MOST_A_SECOND):
        suffix = f"-{number}" if number else ""
        folder = out / f"{stamp}-{scenario}-{seed}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(
                f"--out {out}: no folder can be made there: {error.strerror}; choose another"
            ) from None
        return folder
    raise RunError(f"no free folder below {out}")
