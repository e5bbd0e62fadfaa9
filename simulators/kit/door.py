"""The tap: one pure-ASGI step that reads a request, passes it through the gate to the face, and records what the
caller was told before the reply leaves.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from ...chaos.fault import Call, Document, Forward, Line, Reply
from ...history import records
from .connection import (
    PROTOCOL,
    Departures,
    HttpConnection,
    RawConnection,
    RawHeaders,
    Receive,
    Scope,
    Send,
    WireProtocol,
    send_reply,
)
from .face import JSON, TOO_LARGE, Decoded, Face, Operation
from .idempotency import bare
from .refusal import Refused
from .wire import ListQuery

MAX_BODY_BYTES = 1_048_576
OPENAPI_PATH = "/openapi.json"
NO_SCOPES: frozenset[str] = frozenset()
TRACES_REMEMBERED = 10_000
_NAMED_ORDER = re.compile(rb'"order_ref"\s*:\s*"([A-Za-z0-9][A-Za-z0-9._:-]{0,63})"')
"""Found in any body, whole or not: a search is linear in its length, whatever it holds."""

Witness = Callable[[str, str, bytes, dict[str, str], bytes], None]
"""Takes method, path, query, headers and body."""


class GateLike(Protocol):
    """What the door needs of ``chaos.gate.Gate``."""

    idle: bool
    open: bool
    reset_standing: Callable[[], int]

    async def meet(self, connection: Line) -> None: ...

    def pass_at_once(self, call: Call, answer: Callable[[Call], Reply]) -> Reply: ...

    def described(self, document: Document) -> Document: ...

    async def __call__(self, call: Call, forward: Forward) -> Reply: ...


class Recorder(Protocol):
    """What the door needs of ``history.writer.HistoryWriter``."""

    def call(self, call: records.Call) -> None: ...

    def body(self, raw: bytes) -> str: ...

    def flush_now(self) -> None: ...


class Door:
    """The ASGI application of one system: tap(gate(face(ledger)))."""

    def __init__(
        self,
        face: Face,
        gate: GateLike,
        recorder: Recorder,
        now: Callable[[], int],
        *,
        service_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self.system = face.system
        self.face = face
        self.gate = gate
        self._recorder = recorder
        self._now = now
        self._calls = 0
        self._attempts: dict[str, dict[str, int]] = defaultdict(dict)
        """By operation, then by subject."""
        self._traced: dict[str, str] = {}
        """The order that was last asked about under a trace, oldest first."""
        self.in_flight = 0
        self.departures = Departures(recorder.flush_now)
        self.callers: set[WireProtocol] = set()
        """Who holds a connection just now: the server's own set, since the first of them came."""
        self.witnesses: list[Witness] = []
        """Who wants to see every request as it came."""
        gate.reset_standing = self._reset_standing
        self._service_s = service_s
        self._sleep = sleep

    @property
    def calls(self) -> int:
        """How many it has seen."""
        return self._calls

    @property
    def is_prompt(self) -> bool:
        """Nothing has to be waited for: the gate is idle and the system takes no time of its own."""
        return self.gate.idle and not self._service_s

    @property
    def is_open(self) -> bool:
        """No fault on connections is armed: who connects needs no look."""
        return self.gate.open

    async def meet(self, connection: Line) -> None:
        """Let the faults on connections meet a caller who has just connected."""
        await self.gate.meet(connection)

    def _reset_standing(self) -> int:
        callers = list(self.callers)
        for caller in callers:
            RawConnection(caller).reset()
        return len(callers)

    def answer_at_once(
        self, method: str, path: str, query: bytes, raw_headers: RawHeaders, body: bytes
    ) -> Reply:
        """The whole exchange, for a prompt door; recorded, but only written by the recorder's next ``flush_now``."""
        if path == OPENAPI_PATH:
            return self._openapi()
        try:
            call = self._open(method, path, query, raw_headers, body)
            reply = self.gate.pass_at_once(call, self.face.answer)
            self._record(call, reply)
        except Exception as error:  # noqa: BLE001 - our own fault
            return self.face.broken(f"{method} {path}", error)
        return reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path, headers = scope["method"], scope["path"], scope["headers"]
        if path == OPENAPI_PATH:
            await send_reply(send, self._openapi())
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            more = message.get("more_body", False)
            if len(body) <= MAX_BODY_BYTES:
                body += message.get("body", b"")
        if self.is_prompt:
            reply = self.answer_at_once(method, path, scope["query_string"], headers, body)
        else:
            try:
                call = self._open(method, path, scope["query_string"], headers, body)
                reply = await self._answer(call, scope.get(PROTOCOL))
            except Exception as error:  # noqa: BLE001 - our own fault
                reply = self.face.broken(f"{method} {path}", error)
        self._recorder.flush_now()
        if reply.wire is None:
            await send_reply(send, reply)
        else:
            connection = HttpConnection(scope, receive, send)
            await reply.wire.leave(reply, connection)
            if not reply.wire.answers:
                await connection.gone()

    async def _answer(self, call: Call, caller: WireProtocol | None) -> Reply:
        self.in_flight += 1
        try:
            reply = await self.gate(call, self._forward)
        finally:
            self.in_flight -= 1
        self._record(call, reply, heard=caller is None or not RawConnection(caller).is_closed)
        return reply

    def forget(self) -> None:
        """Start counting attempts anew (after a reset of the estate)."""
        self._attempts.clear()

    async def _forward(self, call: Call) -> Reply:
        if self._service_s and self._sleep is not None:
            return await self.face.answer_slowly(call, self._service_s, self._sleep)
        return self.face.answer(call)

    def _open(self, method: str, path: str, query: bytes, raw_headers: RawHeaders, body: bytes) -> Call:
        """Decode and authenticate; what is wrong is answered behind the gate, as in a real system."""
        at_ns = self._now()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw_headers}
        for witness in self.witnesses:
            witness(method, path, query, headers, body)
        face = self.face
        known = face.authenticator.known(headers.get("authorization"))
        client, scopes = (None, NO_SCOPES) if known is None else (known[0].client_id, known[1])
        operation, path_values, refused = face.find(method, path)
        order_ref = sku = None
        trace_id = _trace_id(headers.get("traceparent"))
        subjects: tuple[tuple[str, int], ...] = ()
        name, changes = "unknown_operation", False
        if operation is None:
            decoded = Decoded(None, refused=refused)
        elif len(body) > MAX_BODY_BYTES:
            name, changes, body = operation.name, operation.changes, b""
            decoded = Decoded(operation, refused=TOO_LARGE.because(f"a body may have {MAX_BODY_BYTES} bytes"))
        else:
            name, changes = operation.name, operation.changes
            decoded = face.decode(operation, path_values, query, headers, body)
            if decoded.refused is None:
                if operation.order_ref is not None:
                    order_ref = operation.order_ref(**decoded.arguments)
                if operation.sku is not None:
                    sku = operation.sku(**decoded.arguments)
                if operation.items is not None:
                    subjects = tuple(
                        (item, self._count(name, item)) for item in operation.items(**decoded.arguments)
                    )
        if order_ref is not None:
            self._remember(trace_id, order_ref)
        elif decoded.refused is not None and (operation is None or not operation.secret):
            order_ref = self._order_meant(operation, path_values, body, trace_id)
        decoded.scopes = scopes
        decoded.key = bare(headers.get("idempotency-key"))
        subject = order_ref or sku or client or "anonymous"
        self._calls += 1
        return Call(
            f"{self.system}-c{self._calls:07d}",
            self.system,
            name,
            subject,
            self._count(name, subject),
            method,
            path,
            headers,
            body,
            at_ns,
            changes,
            client,
            order_ref,
            sku,
            subjects,
            about=decoded,
        )

    def _remember(self, trace_id: str | None, order_ref: str) -> None:
        if trace_id is not None:
            self._traced[trace_id] = order_ref
            if len(self._traced) > TRACES_REMEMBERED:
                del self._traced[next(iter(self._traced))]

    def _order_meant(
        self, operation: Operation | None, path_values: dict[str, str], body: bytes, trace_id: str | None
    ) -> str | None:
        """The order that a request speaks of although it cannot be read: by its body, its path, or its trace.

        A refusal belongs to its order all the same: without it nothing explains why the order stands still.
        """
        if (named := _NAMED_ORDER.search(body)) is not None:
            return named[1].decode()
        if operation is not None and operation.order_ref is not None and path_values:
            try:
                if (order_ref := operation.order_ref(**path_values)) is not None:
                    return order_ref
            except (TypeError, Refused):
                pass  # it takes more than the path says
        return None if trace_id is None else self._traced.get(trace_id)

    def _count(self, operation: str, subject: str) -> int:
        counts = self._attempts[operation]
        counts[subject] = count = counts.get(subject, 0) + 1
        return count

    def _record(self, call: Call, reply: Reply, *, heard: bool = True) -> None:
        """``heard``: the caller was still there when the reply was ready."""
        recorder = self._recorder
        decoded: Decoded = call.about
        secret = decoded.operation is not None and decoded.operation.secret
        answered = heard and (reply.wire is None or reply.wire.answers)
        recorder.call(
            records.Call(
                call_id=call.call_id,
                system=call.system,
                operation=call.operation,
                subject=call.subject,
                attempt=call.attempt,
                method=call.method,
                path=call.path,
                at_ns=call.at_ns,
                replied_ns=self._now(),
                outcome=_outcome(reply, answered),
                changes=call.changes,
                committed=reply.committed,
                status=reply.status if answered else None,
                client=call.client,
                order_ref=call.order_ref,
                sku=call.sku,
                idempotency_key=decoded.key,
                replayed=reply.replayed,
                trace_id=_trace_id(call.headers.get("traceparent")),
                error=reply.error,
                refused_by=reply.refused_by,
                permanent=reply.permanent,
                retry_after_s=reply.retry_after_s,
                retry_after_form=None if reply.retry_after_s is None else _form(reply),
                if_match=call.headers.get("if-match"),
                bucket=call.bucket if reply.bucket is None else reply.bucket,
                faults=call.faults or None,
                cursor=_cursor(decoded),
                subjects=[subject for subject, _ in call.subjects] or None,
                request_body=recorder.body(call.body) if call.body and not secret else None,
                response_body=recorder.body(reply.body) if reply.body and not secret else None,
            )
        )

    def _openapi(self) -> Reply:
        return Reply(
            200, msgspec.json.encode(self.gate.described(self.face.openapi())), [("content-type", JSON)]
        )


def _outcome(reply: Reply, answered: bool) -> str:
    """What the caller may believe: done, surely not done, or it cannot know."""
    if not answered:
        return "unknown"
    if reply.status < 400 and reply.refused_by is None:
        return "ok"
    if reply.committed:
        return "unknown"  # whoever refuses after the commit, and be it by a 503, says nothing about it
    if reply.status < 500 or reply.status == 503:
        return "refused"
    return "unknown"


def _cursor(decoded: Decoded) -> str | None:
    query = decoded.arguments.get("query")
    return query.cursor if isinstance(query, ListQuery) else None


def _form(reply: Reply) -> str:
    """Seconds are digits and a point; every HTTP date names its day."""
    told = next((value for name, value in reply.headers if name == "retry-after"), "0")
    return "seconds" if told[:1].isdigit() else "date"


def _trace_id(traceparent: str | None) -> str | None:
    """The trace id of a valid W3C ``traceparent``; anything else counts as none."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or parts[0] == "ff" or parts[1] == "0" * 32:
        return None
    return parts[1]
