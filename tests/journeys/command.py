"""The peakproof command as a user types it: a process of its own, in a folder of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from peakproof.history.compressed import decompressed
from peakproof.history.reader import History

Seen = TypeVar("Seen")

PATIENCE_S = 150.0
"""Longest run here, several times over: machines that test are slow and shared."""


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    arguments: tuple[str, ...]
    cwd: Path
    code: int
    stdout: str
    stderr: str

    @cached_property
    def document(self) -> dict[str, Any]:
        """Its stdout, which must be one JSON document and nothing else."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    @cached_property
    def folder(self) -> Path:
        """The one run that it left behind."""
        (found,) = self.cwd.glob("*/*/run.json")
        return found.parent

    @cached_property
    def run(self) -> dict[str, Any]:
        """Its run.json."""
        found: dict[str, Any] = json.loads((self.folder / "run.json").read_text("utf-8"))
        return found

    @property
    def violated(self) -> set[str]:
        return {one["id"] for one in self.document["invariants"] if one["status"] == "violated"}

    def status(self, invariant: str) -> str:
        return next(str(one["status"]) for one in self.document["invariants"] if one["id"] == invariant)

    def history(self) -> History:
        return History.of_run(self.folder)

    def __str__(self) -> str:
        return f"peakproof {' '.join(self.arguments)} → {self.code}\n{self.stdout[-3000:]}\n{self.stderr}"


def started(cwd: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """The command under way; its group is its own, so that a signal meets nobody else."""
    return subprocess.Popen(
        [sys.executable, "-m", "peakproof", *arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str], cwd: Path, *arguments: str) -> Done:
    """Wait for it; one that does not end is killed, and the test fails."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise AssertionError(f"peakproof did not end within {PATIENCE_S:g} s\n{stdout}\n{stderr}") from None
    return Done(arguments, cwd, process.returncode, stdout, stderr)


def peakproof(cwd: Path, *arguments: str) -> Done:
    """The command from its start to its end."""
    return ended(started(cwd, *arguments), cwd, *arguments)


def when(look: Callable[[], Seen | None], process: subprocess.Popen[str], patience_s: float = 60.0) -> Seen:
    """Wait until there is something to see while the command runs."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        found = look()
        if found:
            return found
        assert process.poll() is None, f"peakproof ended too soon: {process.communicate()}"
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"nothing to see within {patience_s:g} s: {process.communicate()}")


def texts_to_hand_on(folder: Path) -> list[tuple[str, str]]:
    """Everything of a run that somebody may put into a ticket: name and text, bodies unpacked."""
    names = ("run.json", "verdict.json", "junit.xml", "report.html")
    paths = [
        *(folder / name for name in names),
        *sorted((folder / "history").iterdir()),
        *sorted((folder / "state").iterdir()),
    ]
    return [
        (path.name, (decompressed(path) if path.suffix == ".zst" else path.read_bytes()).decode())
        for path in paths
    ]
