"""Faults that answer in HTTP, alone: no gate, no server, no clock."""

import json
import re
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import CallFault, Leaving, Reply
from peakproof.chaos.faults.conflict import Conflict
from peakproof.chaos.faults.maintenance_page import MaintenancePage
from peakproof.chaos.faults.never_completes import NeverCompletes
from peakproof.chaos.faults.not_found_yet import NotFoundYet
from peakproof.chaos.faults.ok_with_error_body import OkWithErrorBody
from peakproof.chaos.faults.partial_batch import PartialBatch
from peakproof.chaos.faults.precondition_failed import PreconditionFailed
from peakproof.chaos.faults.redirect import Redirect
from peakproof.chaos.faults.scope_revoked import ScopeRevoked
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.faults.throttled import Throttled
from peakproof.chaos.faults.token_expired import TokenExpired

from .stage import CALL, TRUE_REPLY, Stage

ORDERS = "/v1/sales-orders"


def header(reply: Reply, name: str) -> str | None:
    return dict(reply.headers).get(name)


# Before and after the commit


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (ServerError(502), 502, "bad_gateway"),
        (OkWithErrorBody(), 200, "internal_error"),
        (Conflict(), 409, "concurrent_modification"),
        (ScopeRevoked(), 403, "forbidden"),
        (MaintenancePage(), 503, "maintenance"),
        (MaintenancePage(200), 200, "maintenance"),
        (Throttled(), 429, "throttled"),
        (Throttled(status=503), 503, "unavailable"),
        (Redirect(308), 308, "moved"),
    ],
)
async def test_a_refusal_before_the_commit_does_nothing(fault: CallFault, status: int, code: str) -> None:
    stage = Stage(fault)
    reply = await stage.call()
    assert (stage.commits, reply.status, reply.error) == (0, status, code)
    assert (reply.committed, reply.refused_by, reply.permanent, reply.wire) == (False, "fault", False, None)


@pytest.mark.parametrize(
    ("fault", "status"), [(ServerError(504, when="after"), 504), (OkWithErrorBody("after"), 200)]
)
async def test_a_refusal_after_the_commit_hides_that_it_was_done(fault: CallFault, status: int) -> None:
    stage = Stage(fault)
    reply = await stage.call()
    assert (stage.commits, reply.status, reply.committed, reply.refused_by) == (1, status, True, "fault")
    assert b"SO-1" not in reply.body
    refused = Stage(fault, Reply(409, error="duplicate_reference"))
    assert not (await refused.call()).committed


async def test_an_error_document_lies_under_a_200() -> None:
    reply = await Stage(OkWithErrorBody()).call()
    assert json.loads(reply.body)["errors"][0]["code"] == "INTERNAL_ERROR"
    assert header(reply, "content-type") == "application/json"


async def test_a_maintenance_page_is_html_and_may_say_when() -> None:
    reply = await Stage(MaintenancePage()).call()
    assert reply.body.startswith(b"<!doctype html>")
    assert header(reply, "content-type") == "text/html; charset=utf-8"
    assert (header(reply, "retry-after"), reply.retry_after_s) == (None, None)
    reply = await Stage(MaintenancePage(retry_after_s=1.2)).call()
    assert (header(reply, "retry-after"), reply.retry_after_s) == ("2", 2.0)


# Retry-After


@pytest.mark.parametrize(
    ("how", "told", "read_s"),
    [
        ("seconds", "3", 3.0),
        ("decimal", "2.5", 2.5),
        ("absent", None, None),
        ("too-short", "1", 1.0),
        ("too-long", "25", None),
    ],
)
async def test_retry_after_is_told_in_its_way_and_recorded_as_it_must_be_read(
    how: str, told: str | None, read_s: float | None
) -> None:
    reply = await Stage(Throttled(how, 2.5)).call()  # type: ignore[arg-type] # a parameter
    assert (header(reply, "retry-after"), reply.retry_after_s) == (told, read_s)


async def test_a_date_is_not_before_the_wait_is_over() -> None:
    stage = Stage(Throttled("date", wait_s=2.5))
    stage.now_s = 1_000.25
    reply = await stage.call()
    told = header(reply, "retry-after")
    assert told == "Thu, 01 Jan 1970 00:16:43 GMT"
    assert reply.retry_after_s == pytest.approx(parsedate_to_datetime(told).timestamp() - 1_000.25)


async def test_who_waits_as_long_as_it_takes_gets_through_and_who_comes_early_does_not() -> None:
    stage = Stage(Throttled(wait_s=2))
    told = []
    for now_s in (1_000.0, 1_000.5, 1_001.9):
        stage.now_s = now_s
        told.append((await stage.call()).retry_after_s)
    assert (told, stage.commits) == ([2.0, 2.0, 1.0], 0)
    stage.now_s = 1_002.0
    assert (await stage.call(subject="web-000002")).status == 429
    assert await stage.call() is TRUE_REPLY
    assert (await stage.call()).status == 429


async def test_who_believes_a_wait_that_is_too_short_is_refused_again() -> None:
    stage = Stage(Throttled("too-short", wait_s=8))
    for expected_s in (4.0, 2.0, 1.0):
        reply = await stage.call()
        assert (reply.status, reply.retry_after_s) == (429, expected_s)
        stage.now_s += expected_s
    stage.now_s = 1_008.0
    assert (await stage.call()).status == 201


# Who may do what

BEARER = {"authorization": "Bearer old"}
TOKEN = Reply(200, b'{"access_token": "new"}')


async def test_an_expired_token_is_refused_until_a_new_one_is_fetched() -> None:
    stage = Stage(TokenExpired(lockout_s=5))
    for _ in range(2):
        refused = await stage.call(headers=BEARER)
        assert (refused.status, refused.error, refused.permanent) == (401, "unauthenticated", False)
        assert header(refused, "www-authenticate") == 'Bearer realm="erp", error="invalid_token"'
    assert stage.commits == 0
    stage.reply = TOKEN
    basic = {"authorization": "Basic c3V0OnM="}
    assert (await stage.call(operation="issue_token", headers=basic)).status == 200
    stage.reply = TRUE_REPLY
    assert (await stage.call(headers={"authorization": "bearer new"})).status == 201
    assert (await stage.call(headers=BEARER)).status == 401


async def test_a_static_key_is_not_locked_out_for_good() -> None:
    stage = Stage(TokenExpired(lockout_s=5))
    assert (await stage.call(headers=BEARER)).status == 401
    stage.now_s += 4.9
    assert (await stage.call(headers=BEARER)).status == 401
    stage.now_s += 0.1
    for _ in range(2):
        assert (await stage.call(headers=BEARER)).status == 201


async def test_no_token_is_kept_in_memory() -> None:
    stage = Stage(TokenExpired())
    await stage.call(headers=BEARER)
    assert "old" not in repr(stage.context.memory)


@pytest.mark.parametrize(
    ("scope", "changes", "client", "status"),
    [
        ("write", True, "sut", 403),
        ("write", False, "sut", 201),
        ("read", False, "sut", 403),
        ("read", True, "sut", 201),
        ("write", True, None, 201),
    ],
)
async def test_a_revoked_scope_meets_only_calls_that_need_it(
    scope: str, changes: bool, client: str | None, status: int
) -> None:
    stage = Stage(ScopeRevoked(scope))  # type: ignore[arg-type] # a parameter
    assert (await stage.call(changes=changes, client=client)).status == status


# Records that are not there yet, or not as they were


async def test_a_new_record_is_not_found_until_reads_have_caught_up() -> None:
    stage = Stage(NotFoundYet(lag_s=2))
    read = replace(CALL, method="GET", changes=False, path=f"{ORDERS}/SO-1")
    listed = replace(read, path=ORDERS)
    assert (await stage.call(read)).status == 201
    assert (await stage.call()).status == 201
    for path in (f"{ORDERS}/SO-1", f"{ORDERS}/SO-1/lines"):
        reply = await stage.call(read, path=path)
        assert (reply.status, reply.error, reply.permanent) == (404, "not_found", False)
    for path in (f"{ORDERS}/SO-11", f"{ORDERS}/SO-2", "/v1/jobs/JOB-1"):
        assert (await stage.call(read, path=path)).status == 201
    assert (await stage.call(method="POST", path=f"{ORDERS}/SO-1/cancel")).status == 201

    page = {"items": [{"sales_order_id": "SO-0"}, {"sales_order_id": "SO-1"}], "next_cursor": "2"}
    stage.reply = Reply(200, json.dumps(page).encode())
    reply = await stage.call(listed)
    assert json.loads(reply.body) == {"items": [{"sales_order_id": "SO-0"}], "next_cursor": "2"}
    stage.now_s += 2
    assert await stage.call(listed) is stage.reply
    assert await stage.call(read) is stage.reply
    assert stage.context.memory == {}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(409, b'{"type": "x"}', error="duplicate_reference"),
        replace(TRUE_REPLY, committed=False, replayed=True),
        Reply(201, b"[]", committed=True),
    ],
    ids=["refused", "an answer of before", "no document"],
)
async def test_only_what_was_just_created_lags(reply: Reply) -> None:
    stage = Stage(NotFoundYet(), reply)
    await stage.call()
    assert stage.context.memory == {}


async def test_a_lost_optimistic_lock_meets_only_calls_that_hold_one() -> None:
    stage = Stage(PreconditionFailed())
    assert await stage.call() is TRUE_REPLY
    reply = await stage.call(headers={"if-match": '"v1"'})
    assert (reply.status, reply.error, stage.commits) == (412, "precondition_failed", 1)


def test_a_job_that_has_ended_is_shown_as_queued() -> None:
    fault, ctx = NeverCompletes(), Stage(Conflict()).context
    job = {"job_id": "JOB-1", "kind": "invoice", "status": "failed", "reason": "x", "version": 1}
    leaving = Leaving("erp", "get_job", "web-000001", 1, is_event=False)
    shown = fault.change(job, leaving, ctx)
    assert shown == {"job_id": "JOB-1", "kind": "invoice", "status": "queued", "reason": None, "version": 0}
    assert job["status"] == "failed"
    for document in (
        {**job, "status": "queued"},
        {"status": "succeeded"},
        {"job_id": "JOB-1", "status": "posted"},
    ):
        assert fault.change(document, leaving, ctx) is None
    assert fault.change(job, replace(leaving, is_event=True), ctx) is None


def test_an_item_fails_with_a_status_of_its_own() -> None:
    assert PartialBatch(409).decision("22423", Stage(Conflict()).context) == {"status": 409}


# Elsewhere


async def test_who_follows_a_redirect_gets_through() -> None:
    stage = Stage(Redirect())
    reply = await stage.call()
    assert (reply.status, header(reply, "location")) == (307, "/v1/sales-orders?moved=1")
    assert (await stage.call(subject="web-000002")).status == 307
    assert await stage.call(attempt=2) is TRUE_REPLY
    assert (await stage.call(attempt=3)).status == 307


async def test_a_move_to_another_host_names_the_same_server() -> None:
    reply = await Stage(Redirect(to="other-host")).call(path="/v1/items/a ü")
    assert header(reply, "location") == "http://localhost:8101/v1/items/a%20%C3%BC?moved=1"


# What cannot be


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ServerError(when="in"), "when must be before or after, got 'in'"),  # type: ignore[arg-type]
        (
            lambda: Throttled("soon"),  # type: ignore[arg-type]
            "retry_after must be seconds, date, decimal, absent, too-short or too-long, got 'soon'",
        ),
        (lambda: Throttled(wait_s=0), "wait_s must be above 0, got 0"),
        (lambda: Throttled(status=420), "status must be 429 or 503, got 420"),  # type: ignore[arg-type]
        (lambda: MaintenancePage(404), "status must be 503, 502 or 200, got 404"),  # type: ignore[arg-type]
        (lambda: MaintenancePage(retry_after_s=0), "retry_after_s must be above 0, got 0"),
        (lambda: TokenExpired(0), "lockout_s must be above 0, got 0"),
        (lambda: ScopeRevoked("all"), "scope must be write or read, got 'all'"),  # type: ignore[arg-type]
        (lambda: NotFoundYet(0), "lag_s must be above 0, got 0"),
        (lambda: OkWithErrorBody("in"), "when must be before or after, got 'in'"),  # type: ignore[arg-type]
        (lambda: PartialBatch(404), "status must be 503, 409 or 500, got 404"),  # type: ignore[arg-type]
        (lambda: Redirect(301), "status must be 307, 308 or 302, got 301"),  # type: ignore[arg-type]
        (lambda: Redirect(to="mars"), "to must be same-host or other-host, got 'mars'"),  # type: ignore[arg-type]
    ],
)
def test_impossible_settings_are_refused(make: type, message: str) -> None:
    with pytest.raises(ChaosError, match=f"^{re.escape(message)}$"):
        make()
