"""A record that was just created cannot be found yet: reads lag behind writes."""

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from ..checks import above
from ..fault import Call, FaultContext, Forward, Reply
from ..problem import refusal


@dataclass(frozen=True, slots=True)
class NotFoundYet:
    """For ``lag_s`` after its creation a GET of the record (and of what lies under it) answers 404, and lists leave it
    out, whatever becomes of it meanwhile. It covers what callers create while the fault is armed, by a POST to the path
    of the list; for records that systems make and tell of in events there is ``early-event``.

    Who looks before a retry finds nothing and creates it twice; who polls by ``updated_since`` and moves the mark on
    misses the record for good. Real APIs do it: replicas, search indexes, SP-API's order index.
    """

    seam: ClassVar[Literal["call"]] = "call"

    lag_s: float = 2.0

    def __post_init__(self) -> None:
        above(0, lag_s=self.lag_s)

    def watch(self, call: Call, reply: Reply, ctx: FaultContext) -> None:
        if call.method != "POST" or not reply.committed or reply.status not in (201, 202):
            return
        record = _own_id(json.loads(reply.body))
        if record is not None:
            ctx.memory[call.path, record] = ctx.now() + round(self.lag_s * 1e9)

    def concerns(self, call: Call, ctx: FaultContext) -> bool:
        if call.method != "GET":
            return False
        now_ns = ctx.now()
        for key in [key for key, seen_ns in ctx.memory.items() if seen_ns <= now_ns]:
            del ctx.memory[key]
        return _record_of(call, ctx) is not None or any(path == call.path for path, _ in ctx.memory)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        if (record := _record_of(call, ctx)) is not None:
            return refusal(
                "not_found", "There is no such document.", 404, f"there is no {record!r}", refused_by="fault"
            )
        reply = await forward(call)
        if reply.status != 200:
            return reply
        page = json.loads(reply.body)
        hidden = {record for path, record in ctx.memory if path == call.path}
        page["items"] = [item for item in page["items"] if _own_id(item) not in hidden]
        return replace(reply, body=json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode())


def _own_id(document: Any) -> str | None:
    """A document names itself first."""
    if not isinstance(document, dict):
        return None
    first = next(iter(document.values()), None)
    return first if isinstance(first, str) else None


def _record_of(call: Call, ctx: FaultContext) -> str | None:
    """The young record at or above the call's path."""
    for path, record in ctx.memory:
        if (call.path + "/").startswith(f"{path}/{record}/"):
            return str(record)
    return None
