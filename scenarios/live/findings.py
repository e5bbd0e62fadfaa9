"""The invariants asked on the history so far, and which findings are new; slow, so it has a thread of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ...history.reader import History
from ...verdict.errors import VerdictError
from ...verdict.judge import judge_history
from ...verdict.timeline import order_timeline

EVERY_S = 5.0
"""At most so often."""
REST = 4
"""It rests so many times as long as it took: a long run is asked less often."""
SHOWN = 30
STORY_SHOWN = 400


@dataclass(slots=True)
class Findings:
    """What is found so far in one run; a finding keeps the time at which it was first seen."""

    folder: Path
    clock: Callable[[], float] = time.monotonic
    found: list[dict[str, Any]] | None = None
    """The newest first: ``id``, ``invariant``, ``claim``, ``severity``, ``subject``, ``finding``, ``order_ref``, ``seen_s``.
    Null until they were asked once."""
    count: int = 0
    """All of them, also those that are not shown."""
    problem: str | None = None
    """Why they could not be asked the last time."""
    _next_s: float = 0.0
    _lines: int = -1

    def is_due(self, lines: int) -> bool:
        """There is something new to ask about, and the last time is long enough ago."""
        return lines != self._lines and self.clock() >= self._next_s

    def ask(self, lines: int, elapsed_s: float) -> None:
        """Judge what there is; ``lines`` is how much that is, ``elapsed_s`` when that is in the run."""
        start_s = self.clock()
        known = {one["id"]: one["seen_s"] for one in self.found or ()}
        try:
            with History.of_run(self.folder, threads=1) as history:
                verdict = judge_history(history)
        except (OSError, ValueError, duckdb.Error, VerdictError) as error:  # the view goes on and says so
            self.problem = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        else:
            found = [
                {
                    "id": f"{result.id} {finding.subject}",
                    "invariant": result.id,
                    "claim": result.claim,
                    "severity": result.severity,
                    "subject": finding.subject,
                    "finding": finding.finding,
                    "order_ref": finding.order_ref,
                    "seen_s": known.get(f"{result.id} {finding.subject}", round(elapsed_s, 1)),
                }
                for result, finding in verdict.worst
            ]
            found.sort(key=lambda one: -float(one["seen_s"]))
            self.found, self.problem = found[:SHOWN], None
            self.count = sum(result.findings_count for result in verdict.invariants)
            self._lines = lines
        self._next_s = self.clock() + max(EVERY_S, REST * (self.clock() - start_s))


def story_of(folder: Path, order_ref: str) -> list[dict[str, Any]]:
    """What has happened to an order so far: ``at_s``, ``what``, ``system``, ``words``; its last moments where it is long."""
    with History.of_run(folder, threads=1) as history:
        moments = order_timeline(history, order_ref)
    return [
        {"at_s": round(one.at_s, 3), "what": one.what, "system": one.system, "words": one.words}
        for one in moments[-STORY_SHOWN:]
    ]
