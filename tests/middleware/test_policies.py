"""The policies: what is tried again and when, keys, what is new, and what answers and lists say."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from peakproof.middleware.policies import (
    Backoff,
    ByEventId,
    HonourRetryAfter,
    InSeconds,
    ItemByItem,
    NewestWins,
    Reply,
    StableKeys,
    ToTheEnd,
    Verdict,
)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (Reply(201), Verdict.DONE),
        (Reply(207), Verdict.DONE),
        (Reply(200, b'{"data": null, "errors": [{"code": "INTERNAL_ERROR"}]}'), Verdict.AGAIN),
        (Reply(200, b'{"data": {}, "errors": []}'), Verdict.DONE),
        (Reply(200, b'{"note": "no \\"errors\\""}'), Verdict.DONE),
        (Reply(None, code="timeout"), Verdict.AGAIN),
        (Reply(None, code="connection_refused", sent=False), Verdict.AGAIN),
        (Reply(401), Verdict.AGAIN),
        (Reply(408), Verdict.AGAIN),
        (Reply(425), Verdict.AGAIN),
        (Reply(429), Verdict.AGAIN),
        (Reply(500), Verdict.AGAIN),
        (Reply(503), Verdict.AGAIN),
        (Reply(409, code="not_posted"), Verdict.AGAIN),
        (Reply(409, code="idempotency_key_in_use"), Verdict.AGAIN),
        (Reply(409, code="concurrent_modification"), Verdict.AGAIN),
        (Reply(412), Verdict.AGAIN),
        (Reply(302), Verdict.AGAIN),
        (Reply(308), Verdict.AGAIN),
        (Reply(409, code="too_late"), Verdict.REFUSED),
        (Reply(400), Verdict.REFUSED),
        (Reply(403), Verdict.REFUSED),
        (Reply(404), Verdict.REFUSED),
        (Reply(422, code="unknown_line"), Verdict.REFUSED),
    ],
)
def test_only_what_may_pass_is_tried_again(reply: Reply, verdict: Verdict) -> None:
    assert Backoff().verdict(reply) is verdict


@pytest.mark.parametrize(
    ("reply", "unclear"),
    [
        (Reply(None, code="connection_lost"), True),
        (Reply(None, code="connection_refused", sent=False), False),
        (Reply(503), True),
        (Reply(429), False),
        (Reply(409), False),
    ],
)
def test_an_outcome_is_unclear_when_it_may_have_been_carried_out(reply: Reply, unclear: bool) -> None:
    assert reply.unclear is unclear


def test_waits_double_up_to_the_cap() -> None:
    backoff = Backoff(base_s=0.1, cap_s=1.0, dice=lambda: 1.0)
    assert [backoff.wait_s(attempts, Reply(503)) for attempts in (0, 1, 2, 10)] == [0.1, 0.2, 0.4, 1.0]


def test_waits_are_spread_over_their_whole_length() -> None:
    backoff = Backoff(base_s=0.1, cap_s=1.0, dice=lambda: 0.25)
    assert backoff.wait_s(1, Reply(503)) == pytest.approx(0.05)


def test_no_wait_is_shorter_than_retry_after() -> None:
    assert Backoff(dice=lambda: 0.0).wait_s(0, Reply(429, retry_after_s=3.0)) == 3.0
    assert HonourRetryAfter().pause_s(3.0) == 3.0


def test_a_key_changes_only_with_its_generation() -> None:
    keys = StableKeys()
    assert [keys.key("web-1:book", generation) for generation in (0, 0, 1)] == [
        "web-1:book",
        "web-1:book",
        "web-1:book~1",
    ]


def test_it_looks_first_only_when_in_doubt() -> None:
    assert (StableKeys().looks_first(True), StableKeys().looks_first(False)) == (True, False)


def test_an_event_is_new_once_and_not_after_a_restart() -> None:
    events = ByEventId()
    assert events.take("erp-evt-1", "sales_order.posted") == ()
    assert events.take("erp-evt-1", "sales_order.posted") is None
    restarted = ByEventId()
    restarted.remember(["erp-evt-1"])
    assert restarted.take("erp-evt-1", "sales_order.posted") is None


def test_only_so_many_events_are_remembered() -> None:
    events = ByEventId(memory=2)
    for event_id in ("a", "b", "c"):
        events.take(event_id, "t")
    assert [events.take(event_id, "t") for event_id in ("c", "b")] == [None, None]
    assert events.take("a", "t") == ()


@pytest.mark.parametrize(
    ("version", "known", "stands"), [(1, None, True), (2, 1, True), (1, 1, False), (1, 2, False)]
)
def test_versions_only_move_forward(version: int, known: int | None, stands: bool) -> None:
    assert NewestWins().supersedes(version, known) is stands


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, None), ("2", 2.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None)]
)
def test_retry_after_is_read_in_seconds(retry_after: str | None, seconds: float | None) -> None:
    assert InSeconds().seconds(retry_after) == seconds


def test_retry_after_may_be_a_date() -> None:
    then = datetime.fromtimestamp(time.time() + 100, UTC)
    assert 90 < (InSeconds().seconds(format_datetime(then, usegmt=True)) or 0.0) <= 100


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        pytest.param(
            b'{"results":[{"index":1,"status":503},{"index":0,"status":200}]}', [503, 200], id="all"
        ),
        pytest.param(b'{"results":[{"index":0,"status":200}]}', None, id="one is left out"),
        pytest.param(
            b'{"results":[{"index":0,"status":200},{"index":0,"status":200}]}', None, id="one twice"
        ),
        pytest.param(b'{"results":[{"index":0,"sta', None, id="broken off"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_the_answer_to_a_bulk_call_is_read_item_by_item(body: bytes, statuses: list[int] | None) -> None:
    results = ItemByItem().results(body, 2)
    assert statuses == (None if results is None else [result.status for result in results])


def test_a_list_is_read_to_its_end_and_its_last_second_again() -> None:
    reading, latest = ToTheEnd(), datetime(2025, 11, 28, 9, 30, 5, tzinfo=UTC)
    assert (reading.next_page("c2"), reading.next_page(None)) == ("c2", None)
    assert reading.since(latest, latest + timedelta(minutes=1)) == latest - timedelta(seconds=1)
