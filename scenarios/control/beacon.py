"""``control.json`` in a run's folder: where the process of a run can be reached while it lives, and with which token."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError

FILE = "control.json"
SCHEMA = "peakproof/control-file/1"
START_ONE = "start one with: peakproof up"


@dataclass(frozen=True, slots=True)
class Beacon:
    """What a running process says of itself; ``token`` is secret."""

    folder: Path
    pid: int
    url: str
    token: str
    systems: Mapping[str, str]
    """Name and kind."""
    strikes_sut: bool = False
    """The system under test was started by it, and can be killed, paused and restarted."""

    @property
    def is_alive(self) -> bool:
        """Its process still runs; a killed one leaves its file behind."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    @property
    def gone(self) -> str:
        """The line about one whose process is gone."""
        return f"{self.folder} is not running any more: its process {self.pid} is gone; {START_ONE}"


def light(
    folder: Path, url: str, token: str, systems: Mapping[str, str], *, strikes_sut: bool = False
) -> None:
    """Say where this process listens; only its own user can read it."""
    document = {
        "schema": SCHEMA,
        "run": folder.name,
        "pid": os.getpid(),
        "url": url,
        "token": token,
        "systems": dict(systems),
        "strikes_sut": strikes_sut,
    }
    partial = folder / f"{FILE}.partial"
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
    partial.replace(folder / FILE)


def put_out(folder: Path) -> None:
    (folder / FILE).unlink(missing_ok=True)


def find(out: Path, run: str | None = None) -> Beacon:
    """The run that is meant, else the newest one that runs below ``out``. UsageError where none does."""
    if run is not None:
        return _of_run(out, run)
    found = [beacon for path in _newest_first(out) if (beacon := _read(path)) is not None]
    for beacon in found:
        if beacon.is_alive:
            return beacon
    raise UsageError(found[0].gone if found else f"nothing runs below {out}; {START_ONE}")


def of_folder(folder: Path) -> Beacon:
    """The one in this folder. UsageError where there is none."""
    found = _read(folder / FILE)
    if found is None:
        raise UsageError(f"{folder} is not running: it has no {FILE}; {START_ONE}")
    return found


def running(out: Path) -> Beacon | None:
    """The newest one that runs below ``out``, for those who can do without."""
    try:
        return find(out)
    except UsageError:
        return None


def _of_run(out: Path, run: str) -> Beacon:
    for folder in (Path(run), out / run):
        beacon = _read(folder / FILE)
        if beacon is not None:
            if not beacon.is_alive:
                raise UsageError(beacon.gone)
            return beacon
        if (folder / "run.json").is_file():
            raise UsageError(f"{folder} is not running: it has no {FILE}; {START_ONE}")
    names = ", ".join(path.parent.name for path in _newest_first(out)) or "none"
    raise UsageError(f"--run {run}: there is no such run (running below {out}: {names})")


def _newest_first(out: Path) -> list[Path]:
    dated = []
    for path in out.glob(f"*/{FILE}"):
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue  # it has just ended
    return [path for _, path in sorted(dated, reverse=True)]


def _read(path: Path) -> Beacon | None:
    """None where there is none, or none that can be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
        return Beacon(
            path.parent,
            int(document["pid"]),
            str(document["url"]),
            str(document["token"]),
            {str(name): str(kind) for name, kind in document["systems"].items()},
            bool(document.get("strikes_sut")),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
