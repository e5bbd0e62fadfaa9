"""What can go wrong around a run, and the exit code of each.

    UsageError      2   the user wrote something that cannot be
      ScenarioError       in a scenario, or in what overrides it
      ConfigError         in peakproof.toml
    RunError        3   the run could not be made or says nothing; what was recorded is kept
      SutNotReady         the system under test never answered
      SutDied             it ended by itself

Each text is one line for the user: where, the value, what was expected, and what to do next.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar


class UsageError(Exception):
    """The user's mistake: said in one line, without a traceback."""

    exit_code: ClassVar[int] = 2


class ScenarioError(UsageError):
    """A scenario that cannot be."""


class ConfigError(UsageError):
    """A peakproof.toml that cannot be."""


class RunError(Exception):
    """A run that could not be made; ``folder`` holds what there is of it, None where nothing was written."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, folder: Path | None = None) -> None:
        super().__init__(message)
        self.folder = folder


class SutFailed(RunError):
    """The system under test did not do its part; ``log`` are the last lines that it wrote."""

    def __init__(self, message: str, folder: Path | None = None, log: Iterable[str] = ()) -> None:
        super().__init__(message, folder)
        self.message = message
        self.log = list(log)

    def __str__(self) -> str:
        """With its last words, for those who see nothing but this line."""
        last = next((line.strip() for line in reversed(self.log) if line.strip()), None)
        return self.message if last is None else f"{self.message}; it last wrote: {last}"


class SutNotReady(SutFailed):
    """It never answered at its readiness address."""


class SutDied(SutFailed):
    """Its process ended although nobody asked it to."""


def unknown(what: str, value: object, valid: Iterable[str]) -> str:
    """``unknown fault 'outtage'; did you mean 'outage'? (valid: …)``."""
    names = sorted(valid)
    given = str(value)
    near = get_close_matches(given, names, n=2, cutoff=0.5) or [
        name for name in names if given and given in name
    ]
    hint = f"; did you mean {' or '.join(map(repr, near[:2]))}?" if near else ""
    return f"unknown {what} {value!r}{hint} (valid: {', '.join(names) or 'none'})"
