"""``python -m peakproof.scenarios.apart SYSTEM --join HOST:PORT``: one system of a run on another machine, until the run ends.

The run is one whose estate has ``gather_at``; both sides have the same PEAKPROOF_LOAD_TOKEN. Without arguments, as the
run starts those of its own machine, all is read from standard input.
"""

import argparse
import os
import sys
import time

import msgspec

from ...history.printable import printable
from ..errors import RunError, UsageError
from ..spread import address_of, token_of
from .line import Caller, LineError, Unreachable
from .system import live
from .wire import Errand

WAIT_S = 120.0
AGAIN_S = 1.0


def say(line: str) -> None:
    print(printable(line), file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    system = "a system"
    try:
        if arguments:
            given = parsed(arguments)
            system, token = given.system, token_of("--join", os.environ)
            live(_called(given, token), system, token, given.reached_at)
        else:
            errand = msgspec.json.decode(sys.stdin.buffer.readline(), type=Errand)
            system = errand.system
            caller = Caller(errand.host, errand.port, system, errand.token)
            live(caller, system, errand.token)
    except UsageError as error:
        say(str(error))
        return error.exit_code
    except LineError as error:
        say(f"{system}: {error}")
        return RunError.exit_code
    return 0


def parsed(arguments: list[str]) -> argparse.Namespace:
    """``system``, ``join``, ``reached_at`` and ``wait``. SystemExit where they are none."""
    parser = argparse.ArgumentParser(
        prog="python -m peakproof.scenarios.apart",
        description="One system of a run on another machine, until the run ends.",
    )
    parser.add_argument("system", help="which of the run's systems this is, e.g. erp")
    parser.add_argument(
        "--join", required=True, metavar="HOST:PORT", help="where the run waits (estate.gather_at)"
    )
    parser.add_argument(
        "--reached-at", metavar="NAME", help="how others reach this machine; by its address unless said"
    )
    parser.add_argument(
        "--wait", type=float, default=WAIT_S, metavar="SECONDS", help="how long to try for the run"
    )
    return parser.parse_args(arguments)


def _called(given: argparse.Namespace, token: str) -> Caller:
    """The run, as soon as it answers. UsageError where it never does, LineError where it refuses."""
    host, port = address_of("--join", given.join)
    until_s = time.monotonic() + given.wait
    while True:
        try:
            return Caller(host, port, given.system, token)
        except Unreachable as error:
            if time.monotonic() > until_s:
                raise UsageError(f"--join {given.join}: no run within {given.wait:g} s: {error}") from None
            time.sleep(AGAIN_S)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
