"""What run.json says, checked: whoever reads a stored run may rely on the shapes of what it knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

FILE = "run.json"


class _Injection(msgspec.Struct):
    id: str
    fault: str | None = None


class _System(msgspec.Struct):
    kind: str


class _Sut(msgspec.Struct):
    name: str | None = None
    exit: int | None = None
    death: str | None = None


class _Scenario(msgspec.Struct):
    name: str | None = None


class _Facts(msgspec.Struct):
    """The keys that judging and showing look at; others may be anything."""

    seal: int | None = None
    history_version: int | None = None
    id: str | None = None
    scenario: _Scenario | str | None = None
    seed: int | None = None
    sut: _Sut | None = None
    flows: list[str] | None = None
    judged_by: dict[str, list[str]] | None = None
    started_at: str | None = None
    finished_at: str | None = None
    duration_s: float | None = None
    workload_s: float | None = None
    time_scale: float | None = None
    objectives: list[str] | None = None
    failed: str | None = None
    ended_early: str | None = None
    aborted_on: str | None = None
    settled: bool | None = None
    settle_reason: str | None = None
    in_vain_since_ns: int | None = None
    injections: list[_Injection] | None = None
    systems: dict[str, _System] | None = None
    systems_lost: list[str] | None = None
    estate_clients: list[str] | None = None
    unsent: int | list[Any] | None = None
    parked_then: int | None = None
    replayed: int | None = None
    deliveries_given_up: int | None = None
    load: dict[str, Any] | None = None
    phases: dict[str, str] | None = None
    versions: dict[str, Any] | None = None
    machine: dict[str, Any] | None = None
    errors: list[Any] | None = None


def run_facts(folder: Path) -> Mapping[str, Any]:
    """What the run.json of a run's folder says; empty where there is none. ValueError, in one line, where it is damaged."""
    path = folder / FILE
    if not path.is_symlink() and not path.exists():
        return {}
    try:
        if path.is_symlink() or not path.is_file():
            raise ValueError("it is no file of the run's own folder")
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        msgspec.convert(document, _Facts)
        msgspec.json.encode(document)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise _damaged(path, "it is nested too deeply") from None
    except OverflowError:
        raise _damaged(path, "a number has more than 64 bits") from None
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    return document


def _damaged(path: Path, what: str) -> ValueError:
    return ValueError(f"{path} is damaged: {what}; expected what the runner wrote there")
