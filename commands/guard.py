"""How a command may fail: each way with its line and its exit code, and no traceback for a user's mistake."""

import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from rich.markup import escape

from ..history.printable import printable
from ..scenarios.errors import RunError, SutFailed, UsageError
from .console import err

PASS, FAIL, USAGE, INCONCLUSIVE, OUR_FAULT = 0, 1, 2, 3, 70
LOG_LINES_SHOWN = 8

P = ParamSpec("P")
R = TypeVar("R")


class HasFolder(Protocol):
    @property
    def folder(self) -> Path: ...


class Desk:
    """Where the details of a failure of our own are written."""

    folder: Path | None = None

    @classmethod
    @contextmanager
    def of(cls, runner: "HasFolder", out: Path) -> Iterator[None]:
        """From here on the run's own folder, once it has one below ``out``."""
        try:
            yield
        finally:
            cls.folder = runner.folder if runner.folder != out else None


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Every way that a command can fail, with its line and its exit code; no traceback for a user's mistake."""

    @functools.wraps(command)
    def run_guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UsageError as error:
            raise stopped(error, error.exit_code) from None
        except RunError as error:
            raise stopped(error, error.exit_code) from None
        except KeyboardInterrupt:
            raise stopped("interrupted", INCONCLUSIVE) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(INCONCLUSIVE) from None
        except Exception as error:
            if _debugging():
                raise
            code = _known(error)
            if code is not None:
                raise stopped(error, code) from None
            raise stopped(_our_fault(error), OUR_FAULT) from None

    return run_guarded


def stopped(error: object, code: int) -> SystemExit:
    said = error.message if isinstance(error, SutFailed) else error
    err.print(f"[bold red]error:[/] {escape(printable(str(said)))}", soft_wrap=True)
    if isinstance(error, SutFailed):
        show_last_words(error)
    if isinstance(error, RunError) and error.folder is not None:
        err.print(f"recorded in {error.folder}", markup=False, soft_wrap=True)
    return SystemExit(code)


def show_last_words(failure: SutFailed) -> None:
    for line in failure.log[-LOG_LINES_SHOWN:]:
        err.print(f"  | {printable(line)}", markup=False, soft_wrap=True)
    log = failure.folder / "sut.log" if failure.folder is not None else None
    if log is not None and log.is_file():
        wrote = "all that it wrote is" if failure.log else "it wrote nothing"
        err.print(f"{wrote} in {log}" if failure.log else wrote, markup=False, soft_wrap=True)


def _known(error: Exception) -> int | None:
    """The exit code of an error that a lower room raised about what the user gave it; None for our own fault."""
    from ..chaos.errors import ChaosError
    from ..history.errors import RecordError
    from ..loadtests.profile import ProfileError
    from ..loadtests.trace import TraceError
    from ..simulators.estate import EstateError
    from ..verdict.errors import VerdictError

    if isinstance(error, ChaosError | ProfileError | RecordError | TraceError | VerdictError):
        return USAGE
    return INCONCLUSIVE if isinstance(error, EstateError) else None


def _our_fault(error: Exception) -> str:
    details = "".join(traceback.format_exception(error))
    where = "nowhere, for even that failed"
    for folder in (Desk.folder, Path(tempfile.gettempdir())):
        if folder is None:
            continue
        try:
            path = folder / f"peakproof-error-{os.getpid()}.txt"
            path.write_text(details, "utf-8")
        except OSError:
            continue
        where = str(path)
        break
    said = " ".join(str(error).split())[:200]
    return f"peakproof itself failed: {type(error).__name__}: {said}; the details were written to {where}"


def _debugging() -> bool:
    return os.environ.get("PEAKPROOF_DEBUG") == "1"
