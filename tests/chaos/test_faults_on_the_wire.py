"""Every fault of transport and HTTP over a real socket: what a client feels, what is recorded, and that it ends.

The client is the standard library's, which hides nothing: a RST is a ``ConnectionResetError``, a FIN without a byte
a ``RemoteDisconnected``, a broken promise of Content-Length an ``IncompleteRead``.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import BadStatusLine, HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import pytest

from peakproof.chaos.fault import Fault, FaultContext, Line
from peakproof.chaos.faults.bandwidth import Bandwidth
from peakproof.chaos.faults.conflict import Conflict
from peakproof.chaos.faults.dribble import Dribble
from peakproof.chaos.faults.empty_reply import EmptyReply
from peakproof.chaos.faults.garbage_reply import GarbageReply
from peakproof.chaos.faults.hang_on_connect import HangOnConnect
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.latency_log_normal import LatencyLogNormal
from peakproof.chaos.faults.latency_ramp import LatencyRamp
from peakproof.chaos.faults.latency_under_load import LatencyUnderLoad
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.maintenance_page import MaintenancePage
from peakproof.chaos.faults.never_completes import NeverCompletes
from peakproof.chaos.faults.not_found_yet import NotFoundYet
from peakproof.chaos.faults.ok_with_error_body import OkWithErrorBody
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.partial_batch import PartialBatch
from peakproof.chaos.faults.precondition_failed import PreconditionFailed
from peakproof.chaos.faults.redirect import Redirect
from peakproof.chaos.faults.reset_on_connect import ResetOnConnect
from peakproof.chaos.faults.scope_revoked import ScopeRevoked
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.faults.stale_keep_alive import StaleKeepAlive
from peakproof.chaos.faults.throttled import Throttled
from peakproof.chaos.faults.token_expired import TokenExpired
from peakproof.chaos.faults.truncated_reply import TruncatedReply
from peakproof.chaos.injection import Injection, Trigger, When

from ..simulators.doors import SUT, AskedErp, asked_erp, order_body
from ..simulators.serving import served

ORDERS = "/v1/sales-orders"
PATIENCE_S = 60.0
"""Of a client that is not meant to give up; nothing waits as long as that."""


@dataclass
class Felt:
    """A reply as the client read it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, kept open between calls as a pool does."""

    def __init__(self, port: int, patience_s: float = PATIENCE_S) -> None:
        self.connection = HTTPConnection("127.0.0.1", port, timeout=patience_s)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> Felt:
        """Raises whatever the standard library does."""
        sent = {"authorization": f"Bearer {SUT.api_key}", "content-type": "application/json"}
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(self._ask, method, path, raw, sent)

    async def book(self, number: int = 1, **headers: str) -> Felt:
        return await self.ask("POST", ORDERS, order_body(f"web-{number:06d}"), **headers)

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Felt:
        self.connection.request(method, path, body, headers)
        reply = self.connection.getresponse()
        got = {name.lower(): value for name, value in reply.getheaders()}
        return Felt(reply.status, got, reply.read())


@dataclass
class Served:
    """An ERP on a real port, whose faults wait without waiting."""

    erp: AskedErp
    port: int
    waited_s: list[float]
    marks: list[str]
    clients: list[Client] = field(default_factory=list)

    def client(self, patience_s: float = PATIENCE_S) -> Client:
        client = Client(self.port, patience_s)
        self.clients.append(client)
        return client

    def arm(self, fault: Fault, when: When | None = None) -> Trigger:
        trigger = Trigger(Injection("injected", fault, when=when or When()), rank=0, seed=1)
        self.erp.gate.arm(trigger)
        return trigger

    @property
    def recorded(self) -> list[tuple[str, int | None, bool]]:
        """Outcome, status and whether it was committed, of every call."""
        return [(call.outcome, call.status, call.committed) for call in self.erp.record.calls]

    @property
    def booked(self) -> int:
        return self.erp.made.kinds().count("sales_order_received")

    async def is_clean_again(self, trigger: Trigger) -> None:
        """Healed, the next call of a new connection is as ever."""
        assert trigger.fired
        self.erp.gate.heal(trigger)
        assert self.erp.gate.idle and self.erp.gate.open
        felt = await self.client().book(99)
        assert (felt.status, self.recorded[-1]) == (201, ("ok", 201, True))
        assert self.erp.record.calls[-1].faults is None
        assert self.erp.gate.errors == []


@dataclass(frozen=True)
class Failing:
    """Fails when the caller's request has long been there."""

    seam: ClassVar[Literal["connection"]] = "connection"
    here: Served
    drop_open: bool = False

    async def meet(self, connection: Line, ctx: FaultContext) -> None:
        [caller] = self.here.erp.door.callers
        while not caller.transport.get_protocol()._kept:  # type: ignore[attr-defined] # a Meeting
            await asyncio.sleep(0.001)
        raise KeyError("oops")


@asynccontextmanager
async def standing() -> AsyncIterator[Served]:
    waited_s: list[float] = []
    marks: list[str] = []

    async def sleep(seconds: float) -> None:
        waited_s.append(round(seconds, 6))

    def mark(what: str, *_: object, detail: str | None = None, **__: object) -> None:
        marks.append(detail or what)

    erp = asked_erp(sleep=sleep)
    erp.made.world.decide = erp.gate.decide
    erp.gate._marks = mark  # type: ignore[assignment] # keeps only what it needs
    async with served(erp.door) as port:
        here = Served(erp, port, waited_s, marks)
        try:
            yield here
        finally:
            for client in here.clients:
                client.connection.close()


# The connection breaks


@pytest.mark.parametrize(
    ("fault", "error", "committed"),
    [
        pytest.param(ResetOnConnect(), ConnectionResetError, None, id="reset on connect"),
        pytest.param(Outage(), ConnectionResetError, False, id="reset before the commit"),
        pytest.param(LostReply(), ConnectionResetError, True, id="reset after the commit"),
        pytest.param(TruncatedReply(), IncompleteRead, True, id="truncated"),
        pytest.param(TruncatedReply(end="reset"), ConnectionResetError, True, id="reset in mid-body"),
        pytest.param(EmptyReply(), RemoteDisconnected, True, id="empty"),
        pytest.param(EmptyReply("before"), RemoteDisconnected, False, id="empty, nothing done"),
        pytest.param(GarbageReply(), BadStatusLine, True, id="garbage"),
        pytest.param(GarbageReply("chunk"), IncompleteRead, True, id="a broken chunk"),
        pytest.param(
            GarbageReply("chunk", "before"), IncompleteRead, False, id="a broken chunk, nothing done"
        ),
    ],
)
async def test_a_broken_connection_is_felt_and_its_outcome_is_unknown(
    fault: Fault, error: type[Exception], committed: bool | None
) -> None:
    async with standing() as here:
        trigger = here.arm(fault)
        with pytest.raises(error) as felt:
            await here.client().book()
        assert felt.type is error
        assert here.recorded == ([] if committed is None else [("unknown", None, committed)])
        assert here.booked == bool(committed)
        await here.is_clean_again(trigger)


async def test_a_truncated_reply_has_its_status_and_less_than_it_promised() -> None:
    async with standing() as here:
        trigger = here.arm(TruncatedReply(kept=0.25))
        connection = here.client().connection

        def read() -> tuple[int, int, int]:
            body = json.dumps(order_body()).encode()
            headers = {"authorization": f"Bearer {SUT.api_key}", "content-type": "application/json"}
            connection.request("POST", ORDERS, body, headers)
            reply = connection.getresponse()
            promised = int(reply.headers["content-length"])
            with pytest.raises(IncompleteRead) as cut:
                reply.read()
            return reply.status, promised, len(cut.value.partial)

        status, promised, came = await asyncio.to_thread(read)
        assert (status, came) == (201, promised // 4)
        await here.is_clean_again(trigger)


@pytest.mark.parametrize(
    ("fault", "committed"),
    [
        pytest.param(HangOnConnect(), None, id="before it is read"),
        pytest.param(LostReply("hang"), True, id="after the commit"),
        pytest.param(TruncatedReply(end="hang"), True, id="in mid-body"),
    ],
)
async def test_who_is_left_hanging_has_to_give_up(fault: Fault, committed: bool | None) -> None:
    async with standing() as here:
        trigger = here.arm(fault)
        client = here.client(patience_s=0.2)
        with pytest.raises(TimeoutError):
            await client.book()
        assert here.recorded == ([] if committed is None else [("unknown", None, committed)])
        client.connection.close()
        while here.erp.door.callers:
            await asyncio.sleep(0.001)
        await here.is_clean_again(trigger)


async def test_a_connection_that_stands_goes_on_while_new_ones_are_reset() -> None:
    async with standing() as here:
        old = here.client()
        assert (await old.book(1)).status == 201
        trigger = here.arm(ResetOnConnect())
        with pytest.raises(ConnectionResetError):
            await here.client().book(2)
        assert (await old.book(3)).status == 201
        await here.is_clean_again(trigger)


@pytest.mark.parametrize("fault", [ResetOnConnect(drop_open=True), HangOnConnect(drop_open=True)])
async def test_pooled_connections_are_reset_where_that_is_asked_for(fault: Fault) -> None:
    async with standing() as here:
        pool = [here.client(), here.client()]
        for number, client in enumerate(pool):
            assert (await client.book(number)).status == 201
        trigger = here.arm(fault)
        assert (trigger.fired, here.marks) == (1, ["reset 2 standing connections"])
        for client in pool:
            with pytest.raises(ConnectionResetError):
                await client.book(3)
        await here.is_clean_again(trigger)


async def test_a_fault_that_fails_lets_the_caller_in_with_all_that_was_sent() -> None:
    async with standing() as here:
        here.arm(Failing(here))
        assert (await here.client().book()).status == 201
        assert "raised KeyError on a connection of erp" in here.erp.gate.errors[0]


# The reply takes its time


@pytest.mark.parametrize(
    ("fault", "waits_s"),
    [
        pytest.param(
            Dribble(bytes_at_once=200, gap_s=3), lambda length: [3.0] * -(-length // 200), id="dribble"
        ),
        pytest.param(
            Bandwidth(bytes_per_s=2_000), lambda length: [0.05] * -(-length // 100), id="a narrow line"
        ),
    ],
)
async def test_a_slow_reply_is_whole_in_the_end(fault: Fault, waits_s: Callable[[int], list[float]]) -> None:
    async with standing() as here:
        trigger, client = here.arm(fault), here.client()
        felt = await client.book()
        assert (felt.status, felt.document["order_ref"]) == (201, "web-000001")
        assert here.waited_s == waits_s(len(felt.body))
        assert (await client.book(2)).status == 201
        assert here.recorded == [("ok", 201, True)] * 2
        await here.is_clean_again(trigger)


@pytest.mark.parametrize(
    ("fault", "waits_s"),
    [
        pytest.param(Latency(2), [2.0], id="fixed"),
        pytest.param(Latency(2, when="after"), [2.0], id="after the commit"),
        pytest.param(LatencyLogNormal(median_s=90, max_s=90.0, sigma=1e-9), [90.0], id="log-normal"),
        pytest.param(LatencyRamp(4, 8), [4.0], id="at the foot of a ramp"),
        pytest.param(LatencyUnderLoad(), [0.0], id="without load"),
    ],
)
async def test_a_late_reply_is_as_ever(fault: Fault, waits_s: list[float]) -> None:
    async with standing() as here:
        trigger = here.arm(fault)
        assert (await here.client().book()).status == 201
        assert here.waited_s == pytest.approx(waits_s)
        assert here.recorded == [("ok", 201, True)]
        await here.is_clean_again(trigger)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(StaleKeepAlive(), ConnectionResetError), (StaleKeepAlive("reply"), RemoteDisconnected)],
    ids=["with the next call", "after the reply"],
)
async def test_a_kept_connection_ends_with_the_next_call(fault: Fault, error: type[Exception]) -> None:
    async with standing() as here:
        trigger, client = here.arm(fault), here.client()
        felt = await client.book()
        assert felt.status == 201 and "connection" not in felt.headers
        with pytest.raises((error, ConnectionResetError, BrokenPipeError)):
            await client.book(2)
        assert (here.recorded, here.booked) == ([("ok", 201, True)], 1)
        await here.is_clean_again(trigger)


# The system answers otherwise


@pytest.mark.parametrize(
    ("fault", "status", "told", "outcome", "committed"),
    [
        (ServerError(500), 500, {}, "unknown", False),
        (ServerError(503), 503, {}, "refused", False),
        (ServerError(503, "after"), 503, {}, "unknown", True),
        (ServerError(504, "after"), 504, {}, "unknown", True),
        (Throttled("seconds", 2.5), 429, {"retry-after": "3"}, "refused", False),
        (Throttled("date", 2), 429, {"retry-after": "Fri, 27 Nov 2026 12:00:02 GMT"}, "refused", False),
        (Throttled("decimal", 2.5, 503), 503, {"retry-after": "2.5"}, "refused", False),
        (Throttled("absent"), 429, {"retry-after": None}, "refused", False),
        (Throttled("too-short", 9), 429, {"retry-after": "4"}, "refused", False),
        (Throttled("too-long", 2), 429, {"retry-after": "20"}, "refused", False),
        (MaintenancePage(), 503, {"content-type": "text/html; charset=utf-8"}, "refused", False),
        (MaintenancePage(200), 200, {"content-type": "text/html; charset=utf-8"}, "refused", False),
        (ScopeRevoked(), 403, {}, "refused", False),
        (Conflict(), 409, {"content-type": "application/problem+json"}, "refused", False),
        (OkWithErrorBody(), 200, {"content-type": "application/json"}, "refused", False),
        (OkWithErrorBody("after"), 200, {}, "unknown", True),
        (Redirect(308), 308, {"location": f"{ORDERS}?moved=1"}, "refused", False),
    ],
)
async def test_another_answer_is_told_and_recorded_for_what_it_is(
    fault: Fault, status: int, told: dict[str, str | None], outcome: str, committed: bool
) -> None:
    async with standing() as here:
        trigger = here.arm(fault)
        felt = await here.client().book()
        assert (felt.status, {name: felt.headers.get(name) for name in told}) == (status, told)
        assert here.recorded == [(outcome, status, committed)]
        [call] = here.erp.record.calls
        assert (call.faults, call.refused_by, here.booked) == (["injected"], "fault", int(committed))
        await here.is_clean_again(trigger)


async def test_a_new_token_opens_the_door_that_the_old_one_no_longer_does() -> None:
    async with standing() as here:
        client = here.client()

        async def fetch() -> str:
            form = {
                "grant_type": "client_credentials",
                "client_id": SUT.client_id,
                "client_secret": SUT.client_secret,
            }
            felt = await client.ask(
                "POST",
                "/oauth/token",
                urlencode(form).encode(),
                content_type="application/x-www-form-urlencoded",
                authorization="",
            )
            return f"Bearer {felt.document['access_token']}"

        old = await fetch()
        trigger = here.arm(TokenExpired(lockout_s=5))
        for _ in range(2):
            felt = await client.book(authorization=old)
            assert (felt.status, "invalid_token" in felt.headers["www-authenticate"]) == (401, True)
        assert (await client.book(authorization=await fetch())).status == 201
        assert (await client.book(2)).status == 401
        here.erp.made.advance(5)
        assert (await client.book(2)).status == 201
        await here.is_clean_again(trigger)


async def test_a_new_record_shows_only_when_reads_have_caught_up() -> None:
    async with standing() as here:
        client = here.client()
        await client.book(1)
        trigger = here.arm(NotFoundYet(lag_s=2))
        created = (await client.book(2)).document["sales_order_id"]
        assert (await client.ask("GET", f"{ORDERS}/{created}")).status == 404
        shown = (await client.ask("GET", ORDERS)).document
        assert [order["order_ref"] for order in shown["items"]] == ["web-000001"]
        assert trigger.fired == 2
        here.erp.made.advance(2)
        assert (await client.ask("GET", f"{ORDERS}/{created}")).status == 200
        assert len((await client.ask("GET", ORDERS)).document["items"]) == 2
        assert trigger.fired == 2
        await here.is_clean_again(trigger)


async def test_a_lost_lock_is_412_and_the_order_stays_as_it_was() -> None:
    async with standing() as here:
        client = here.client()
        booked = await client.book()
        trigger = here.arm(PreconditionFailed())
        path, change = (
            f"{ORDERS}/{booked.document['sales_order_id']}",
            {"customer": {"name": "Z", "email": "z@z.eu"}},
        )
        assert (await client.ask("PATCH", path, change, if_match=booked.headers["etag"])).status == 412
        assert here.recorded[-1] == ("refused", 412, False)
        here.erp.gate.heal(trigger)
        assert (await client.ask("PATCH", path, change, if_match=booked.headers["etag"])).status == 200
        await here.is_clean_again(trigger)


async def test_a_job_stays_queued_though_its_order_is_posted() -> None:
    async with standing() as here:
        client = here.client()
        order = (await client.book()).document
        trigger = here.arm(NeverCompletes())
        here.erp.made.advance(120)
        assert (await client.ask("GET", f"/v1/jobs/{order['job_id']}")).document["status"] == "queued"
        assert (await client.ask("GET", f"{ORDERS}/{order['sales_order_id']}")).document["status"] == "posted"
        assert trigger.fired == 1
        here.erp.gate.heal(trigger)
        assert (await client.ask("GET", f"/v1/jobs/{order['job_id']}")).document["status"] == "succeeded"
        await here.is_clean_again(trigger)


async def test_some_items_of_a_batch_fail_and_the_others_are_done() -> None:
    async with standing() as here:
        for number in range(40):
            here.erp.ledger.seed_item(f"sku-{number}", "Article", on_hand=10)
        items = [
            {"change_id": f"c-{number}", "sku": f"sku-{number}", "quantity": 1, "cause": "count"}
            for number in range(40)
        ]
        trigger = here.arm(PartialBatch(), When(probability=0.5))
        felt = await here.client().ask("POST", "/v1/stock-adjustments/batch", {"items": items})
        statuses = [result["status"] for result in felt.document["results"]]
        assert (felt.status, set(statuses)) == (207, {200, 503})
        failed = next(result for result in felt.document["results"] if result["status"] == 503)
        assert failed["problem"]["type"].endswith("/item_failed")
        done = {effect.sku for effect in here.erp.made.of_kind("stock_adjusted")}
        assert done == {item["sku"] for item, status in zip(items, statuses, strict=True) if status == 200}
        assert trigger.fired == statuses.count(503)
        await here.is_clean_again(trigger)


async def test_a_307_is_asked_again_and_a_302_turned_into_a_get_finds_a_list() -> None:
    for status, method, answered, booked in ((307, "POST", 201, 1), (302, "GET", 200, 0)):
        async with standing() as here:
            trigger, client = here.arm(Redirect(status)), here.client()  # type: ignore[arg-type] # one of them
            felt = await client.book()
            body = order_body() if method == "POST" else None
            followed = await client.ask(method, felt.headers["location"], body)
            assert (felt.status, followed.status, here.booked) == (status, answered, booked)
            await here.is_clean_again(trigger)
