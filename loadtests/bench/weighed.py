"""``python -m peakproof.loadtests.bench.weighed FILE AFTER_S load ...``: the command as it is, with its systems' state weighed.

Weighed are the objects that the systems keep of orders, each once: ledgers and what they mean to do much later, stored first
answers, counts of attempts and of events. This is done when the estate has served for so long, by a fork that leaves it alone, and once more when all is over.
"""

import asyncio
import gc
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import time_ns
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from ...simulators.estate import Estate

GRAIN = 16
"""Python hands out memory in multiples of this."""
NOT_STATE = (type, ModuleType, FunctionType, MethodType, BuiltinFunctionType)


def weigh(roots: Iterable[object]) -> int:
    """Bytes of these objects and of all that they lead to, each counted once; code is not state."""
    seen: set[int] = set()
    weight = 0
    todo = list(roots)
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, NOT_STATE):
            continue
        seen.add(id(one))
        weight += -(-sys.getsizeof(one) // GRAIN) * GRAIN
        todo += gc.get_referents(one)
        if not gc.is_tracked(
            one
        ):  # a struct that is left out of garbage collection does not say what it holds
            todo += [getattr(one, name) for name in getattr(one, "__struct_fields__", ())]
    return weight


def state_of(estate: Estate) -> list[object]:
    """What the systems keep of orders."""
    kept: list[Any] = [
        estate.dispatcher.__dict__["_occurrences"],
        estate.__dict__["_agenda"].__dict__["_noted"],
    ]
    for system in estate.systems.values():
        ledger = system.ledger
        kept += [value for name, value in vars(ledger).items() if name not in ledger.outside]
        kept += [system.face.idempotency.__dict__["_claims"], system.door.__dict__["_attempts"]]
    return kept


def install(file: Path, after_s: float) -> None:
    """Let every estate of this process note its state's weight in ``file`` as lines ``{"at_ns": ..., "bytes": ...}``."""
    start, write_state = Estate.start, Estate.write_state

    async def weighed_start(self: Estate) -> None:
        await start(self)
        asyncio.get_running_loop().call_later(after_s, in_a_fork, partial(note, self, file))

    def weighed_write(self: Estate, folder: Path) -> None:
        print("weighing what the systems keep", file=sys.stderr, flush=True)
        note(self, file)
        write_state(self, folder)

    for name, weighed in (("start", weighed_start), ("write_state", weighed_write)):
        setattr(Estate, name, weighed)


def in_a_fork(act: Callable[[], None]) -> None:
    """Do it in a copy of this process as it is now, which then ends; nobody waits for it."""
    if os.fork() == 0:
        gc.disable()
        with suppress(BaseException):
            act()
        os._exit(0)


def note(estate: Estate, file: Path) -> None:
    at_ns = time_ns()
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"at_ns": at_ns, "bytes": weigh(state_of(estate))}) + "\n")


def main() -> None:
    """Run the command; two lines are in the file when it has ended."""
    file, after_s, *command = sys.argv[1:]
    install(Path(file), float(after_s))
    sys.argv = ["peakproof", *command]
    runpy.run_module("peakproof", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
