"""``python -m peakproof.loadtests.bench.metered FILE load ...``: the command as it is, with a meter on the estate's processor.

It charges the processor time of the estate's thread to the system that works just then: for reading a call and answering it,
for what its ledger does later, for events on their way. What is charged to nobody is the loop's, the history's and
the clients' own. Asking for the time costs about a microsecond a call.
"""

import json
import runpy
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...simulators.estate import Estate
from ...simulators.kit.connection import Departures, WireProtocol
from ...simulators.kit.door import Door
from ...simulators.kit.events import Dispatcher

EVENTS, REST = "events", "rest"
"""Accounts that are no system's."""


class Meter:
    """Who had how much of the processor. Of accounts that call each other, the inner one is charged."""

    def __init__(self, now: Callable[[], int] = time.thread_time_ns) -> None:
        self._now = now
        self._accounts: list[str] = []
        self._since_ns = 0
        self._begun_ns: int | None = None
        self._ended_ns = 0
        self._spent_ns: defaultdict[str, int] = defaultdict(int)
        self.counts: defaultdict[str, int] = defaultdict(int)
        """Calls of systems, and deliveries."""

    @property
    def account(self) -> str | None:
        """Who is charged just now."""
        return self._accounts[-1] if self._accounts else None

    @contextmanager
    def charging(self, account: str) -> Generator[None]:
        """All of the block is this account's."""
        self._enter(account)
        try:
            yield
        finally:
            self._leave()

    def spent_s(self) -> dict[str, float]:
        """By account; ``rest`` is what nobody was charged for, from the first charge to the last."""
        spent = {name: ns / 1e9 for name, ns in self._spent_ns.items()}
        whole_s = (self._ended_ns - (self._begun_ns or 0)) / 1e9
        return spent | {REST: whole_s - sum(spent.values())}

    def _enter(self, account: str) -> None:
        now_ns = self._now()
        if self._begun_ns is None:
            self._begun_ns = now_ns
        if self._accounts:
            self._spent_ns[self._accounts[-1]] += now_ns - self._since_ns
        self._accounts.append(account)
        self._since_ns = now_ns

    def _leave(self) -> None:
        now_ns = self._now()
        self._spent_ns[self._accounts.pop()] += now_ns - self._since_ns
        self._since_ns = self._ended_ns = now_ns


class Charged(Coroutine[Any, Any, Any]):
    """A coroutine whose every step is charged to one account."""

    def __init__(self, meter: Meter, account: str, work: Coroutine[Any, Any, Any]) -> None:
        self._meter = meter
        self._account = account
        self._work = work

    def send(self, value: Any) -> Any:
        with self._meter.charging(self._account):
            return self._work.send(value)

    def throw(self, *error: Any) -> Any:
        with self._meter.charging(self._account):
            return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        value = None
        while True:
            try:
                asked = self.send(value)
            except StopIteration as done:
                return done.value
            try:
                value = yield asked
            except BaseException as error:  # noqa: BLE001 - whatever is thrown in goes on into the work
                try:
                    asked = self.throw(error)
                except StopIteration as done:
                    return done.value
                value = yield asked


def install(meter: Meter) -> None:
    """Let every estate of this process be metered."""
    read, leave, serve, open_ = WireProtocol.data_received, Departures._leave, Door.__call__, Door._open
    later, do, record = Estate.later, Dispatcher._do, Dispatcher._record

    def data_received(self: WireProtocol, data: bytes) -> None:
        with meter.charging(self.config.loaded_app.system):
            read(self, data)

    def left(self: Departures) -> None:
        protocol, _ = self._waiting[0]
        with meter.charging(protocol.config.loaded_app.system):
            leave(self)

    def opened(self: Door, *call: Any) -> Any:
        meter.counts[self.system] += 1
        return open_(self, *call)

    async def served(self: Door, scope: Any, receive: Any, send: Any) -> None:
        await Charged(meter, self.system, serve(self, scope, receive, send))

    def charged_later(self: Estate, delay_s: float, action: Callable[[], None]) -> None:
        account = meter.account
        if account is None:
            later(self, delay_s, action)
            return

        def act() -> None:
            with meter.charging(account):
                action()

        later(self, delay_s, act)

    def charged_do(self: Dispatcher, work: Coroutine[Any, Any, None]) -> None:
        do(self, Charged(meter, EVENTS, work))

    def recorded(self: Dispatcher, *delivery: Any) -> None:
        meter.counts[EVENTS] += 1
        record(self, *delivery)

    for owner, name, metered in (
        (WireProtocol, "data_received", data_received),
        (Departures, "_leave", left),
        (Door, "_open", opened),
        (Door, "__call__", served),
        (Estate, "later", charged_later),
        (Dispatcher, "_do", charged_do),
        (Dispatcher, "_record", recorded),
    ):
        setattr(owner, name, metered)


def main() -> None:
    """Run the command; leave ``{"spent_s": {account: seconds}, "counts": {account: number}}`` in the file."""
    file, *command = sys.argv[1:]
    meter = Meter()
    install(meter)
    sys.argv = ["peakproof", *command]
    try:
        runpy.run_module("peakproof", run_name="__main__", alter_sys=False)
    finally:
        Path(file).write_text(json.dumps({"spent_s": meter.spent_s(), "counts": meter.counts}), "utf-8")


if __name__ == "__main__":
    main()
