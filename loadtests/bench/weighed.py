"""``python -m peakproof.loadtests.bench.weighed FILE load ...``: the command as it is, with its systems' state weighed.

Weighed are the objects that the systems keep of orders, each once: ledgers, stored first answers, counts of attempts and of
events. This is done as the estate begins to serve and once more when all is over, so that nothing waits for it.
"""

import gc
import json
import runpy
import sys
from collections.abc import Iterable
from pathlib import Path
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
    kept: list[Any] = [estate.dispatcher.__dict__["_occurrences"]]
    for system in estate.systems.values():
        ledger = system.ledger
        kept += [value for name, value in vars(ledger).items() if name not in ledger.outside]
        kept += [system.face.idempotency.__dict__["_claims"], system.door.__dict__["_attempts"]]
    return kept


def install(weights: dict[str, int]) -> None:
    """Let every estate of this process note its state's weight: ``before`` and ``after``."""
    start, write_state = Estate.start, Estate.write_state

    async def weighed_start(self: Estate) -> None:
        weights["before"] = weigh(state_of(self))
        await start(self)

    def weighed_write(self: Estate, folder: Path) -> None:
        print("weighing what the systems keep", file=sys.stderr, flush=True)
        weights["after"] = weigh(state_of(self))
        write_state(self, folder)

    for name, weighed in (("start", weighed_start), ("write_state", weighed_write)):
        setattr(Estate, name, weighed)


def main() -> None:
    """Run the command; leave ``{"before": bytes, "after": bytes}`` in the file."""
    file, *command = sys.argv[1:]
    weights: dict[str, int] = {}
    install(weights)
    sys.argv = ["peakproof", *command]
    try:
        runpy.run_module("peakproof", run_name="__main__", alter_sys=False)
    finally:
        Path(file).write_text(json.dumps(weights), "utf-8")


if __name__ == "__main__":
    main()
