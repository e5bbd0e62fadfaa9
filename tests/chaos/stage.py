"""What a fault stands on when it is alone: a ledger, a clock that tests move, and a connection that notes all."""

from dataclasses import replace
from typing import Any

from peakproof.chaos.dice import Dice
from peakproof.chaos.fault import Call, CallFault, ChoosyFault, Connection, FaultContext, Reply, WatchfulFault

CALL = Call(
    call_id="erp-1",
    system="erp",
    operation="create_sales_order",
    subject="web-000001",
    attempt=1,
    method="POST",
    path="/v1/sales-orders",
    headers={"host": "127.0.0.1:8101"},
    body=b"{}",
    at_ns=0,
    changes=True,
    client="sut",
)
TRUE_REPLY = Reply(
    status=201,
    body=b'{"sales_order_id": "SO-1"}',
    headers=[("content-type", "application/json")],
    committed=True,
)


class Stage:
    """A fault, the ledger behind it, and the time; ``call`` is what a gate does with one call."""

    def __init__(self, fault: CallFault, reply: Reply = TRUE_REPLY) -> None:
        self.fault = fault
        self.reply = reply
        self.log: list[str] = []
        """``commit`` and ``wait S``, in order."""
        self.now_s = 1_000.0
        self.context = FaultContext(
            sleep=self._sleep, dice=Dice(7), now=lambda: round(self.now_s * 1e9), armed_ns=round(1_000 * 1e9)
        )

    @property
    def commits(self) -> int:
        return self.log.count("commit")

    async def call(self, call: Call = CALL, **changed: Any) -> Reply:
        call = replace(call, **changed)
        if isinstance(self.fault, ChoosyFault) and not self.fault.concerns(call, self.context):
            return await self._forward(call)
        return await self.fault.apply(call, self._forward, self.context)

    async def _forward(self, call: Call) -> Reply:
        self.log.append("commit")
        if isinstance(self.fault, WatchfulFault):
            self.fault.watch(call, self.reply, self.context)
        return self.reply

    async def _sleep(self, seconds: float) -> None:
        self.log.append(f"wait {seconds:g}")


class KeptLine:
    """A connection that notes what happens to it; ``closes_after`` pieces its caller is gone."""

    def __init__(self, closes_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.sent = b""
        self._closes_after = closes_after

    @property
    def is_closed(self) -> bool:
        return self._closes_after is not None and self.seen.count("add") >= self._closes_after

    async def send(self, reply: Reply) -> None:
        self.seen.append("send")

    async def begin(self, reply: Reply) -> None:
        self.seen.append("begin")

    async def add(self, piece: bytes, *, last: bool) -> None:
        self.seen.append("last" if last else "add")
        self.sent += piece

    async def write(self, raw: bytes) -> None:
        self.seen.append("write")
        self.sent += raw

    def reset(self) -> None:
        self.seen.append("reset")

    def close(self) -> None:
        self.seen.append("close")

    def reset_on_next(self) -> None:
        self.seen.append("reset on next")

    async def gone(self) -> None:
        self.seen.append("gone")


async def left(reply: Reply, line: KeptLine | None = None) -> KeptLine:
    """The connection after a reply has left in its own way."""
    line = line or KeptLine()
    connection: Connection = line
    assert reply.wire is not None
    await reply.wire.leave(reply, connection)
    return line
