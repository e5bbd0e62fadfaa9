"""What the calls say of a middleware's manners."""

import json
from itertools import accumulate

import pytest

from peakproof.verdict.forensics import (
    Forensics,
    IdempotencyPolicy,
    RetryPolicy,
    curve_of,
    examine,
    material_of,
)

from .histories import Row, accepted, at, call, failed, history_of, no_reply, refused, throttled


def retry(rows: list[Row]) -> RetryPolicy:
    with history_of(rows) as history:
        (policy,) = examine(history).retry
    return policy


def idempotency(rows: list[Row]) -> IdempotencyPolicy:
    with history_of(rows) as history:
        (policy,) = examine(history).idempotency
    return policy


def ladders(*waits_s: float, requests: int = 12, apart_s: float = 0.0) -> list[Row]:
    """Requests that fail and are tried again after these waits; each answer takes 10 ms."""
    rows: list[Row] = []
    for number in range(requests):
        begin_s = number * 100.0
        waited = accumulate(
            (wait_s * (1 + number * apart_s) + 0.01 for wait_s in waits_s), initial=begin_s + 1
        )
        *failures, last = waited
        order = f"{number:02d}"
        rows += [at(s, failed(order=order, key=f"{order}:book")) for s in failures]
        rows.append(at(last, call(order=order, key=f"{order}:book")))
    return rows


def test_where_nothing_failed_there_is_nothing_to_say_of_retries() -> None:
    with history_of([accepted(), call()]) as history:
        assert examine(history).retry == ()


def test_exponential_waits_are_named_with_base_factor_and_cap() -> None:
    policy = retry(ladders(0.1, 0.2, 0.4, 0.8, 0.8))
    assert (policy.curve, policy.factor) == ("exponential", 2.0)
    assert policy.base_s == pytest.approx(0.1)
    assert policy.cap_s == pytest.approx(0.8)
    assert (policy.jitter, policy.requests, policy.most_attempts, policy.waits) == ("none", 12, 6, 60)
    assert policy.confidence == "high"
    assert (
        "exponential waits from 0.1 s, 2.0 times longer each time, up to 0.8 s, no jitter" in policy.sentence
    )


@pytest.mark.parametrize(("apart_s", "jitter"), [(0.0, "none"), (0.03, "some"), (0.2, "full")])
def test_jitter_is_told_by_the_spread_of_the_waits(apart_s: float, jitter: str) -> None:
    assert retry(ladders(1.0, 1.0, apart_s=apart_s)).jitter == jitter


@pytest.mark.parametrize(
    ("medians_s", "curve"),
    [
        ((), (None, None, None)),
        ((0.1,), (None, None, None)),
        ((0.01, 0.02, 0.01), ("at once", None, None)),
        ((0.5, 0.52, 0.49), ("fixed", None, None)),
        ((1.0, 2.0, 3.0, 4.0), ("linear", None, None)),
        ((1.0, 2.0, 4.0, 8.0), ("exponential", 2.0, None)),
        ((1.0, 3.0, 9.0, 9.0), ("exponential", 3.0, 9.0)),
        ((1.0, 0.2, 4.0), ("irregular", None, None)),
    ],
)
def test_a_curve_is_told_by_its_medians(medians_s: tuple[float, ...], curve: tuple[object, ...]) -> None:
    assert curve_of(medians_s) == curve


def test_who_waits_as_told_is_told_from_who_does_not() -> None:
    patient: list[Row] = [at(1, throttled(retry_after_s=2)), at(3.1, call())]
    hasty: list[Row] = [at(1, throttled(retry_after_s=2, order="B")), at(1.5, call(order="B"))]
    policy = retry([*patient, *hasty])
    assert (policy.told_to_wait, policy.waited, policy.curve) == (2, 1, None)
    assert "waited as told 1 of 2 times" in policy.sentence


def test_what_is_never_asked_again_is_taken_for_permanent() -> None:
    policy = retry([failed(), call(), refused(order="B"), failed(status=500, order="C")])
    assert policy.retried == {"503": 1}
    assert policy.given_up == {"422": 1, "500": 1}


def test_what_was_done_although_the_reply_was_lost_is_not_given_up() -> None:
    assert retry([no_reply(committed=True)]).given_up == {}


def test_keys_are_named_by_what_they_are_made_of_and_how_long_they_live() -> None:
    policy = idempotency(ladders(0.5, 1.0, requests=2))
    assert (policy.changes, policy.keyed, policy.without_key) == (6, 6, ())
    assert policy.made_of == ("order reference and more",)
    assert (policy.repeats, policy.same_key) == (4, 4)
    assert policy.longest_s == pytest.approx(1.0)
    assert policy.confidence == "low"
    assert "the same key over 4 of 4 retries" in policy.sentence


def test_operations_without_a_key_are_named() -> None:
    policy = idempotency([call(key="k"), call("create_invoice")])
    assert (policy.keyed, policy.without_key) == (1, ("create_invoice",))


def test_a_look_before_a_repetition_is_seen() -> None:
    looked: list[Row] = [no_reply(), call("list_sales_orders", changes=False), call()]
    blind: list[Row] = [no_reply(order="B"), call(order="B")]
    policy = idempotency([*looked, *blind])
    assert (policy.unclear, policy.looked_up, policy.keyed) == (2, 1, 0)
    assert policy.sentence.startswith("erp: no keys; looked up before 1 of 2")


@pytest.mark.parametrize(
    ("key", "material"),
    [
        ("web-1", "order reference alone"),
        ("web-1:book", "order reference and more"),
        ("0b1a3bd2-7a63-4a1f-9d52-0f3fbc2dbb0d", "UUID"),
        ("d41d8cd98f00b204e9800998ecf8427e", "digest"),
        ("17", "something else"),
    ],
)
def test_what_a_key_is_made_of(key: str, material: str) -> None:
    assert material_of(key, "web-1") == material


def test_a_document_gives_the_same_values_back() -> None:
    with history_of(ladders(0.1, 0.2, 0.4)) as history:
        found = examine(history)
    assert Forensics.of_document(json.loads(json.dumps(found.document()))) == found


def test_only_what_is_said_with_some_confidence_is_said_aloud() -> None:
    with history_of(ladders(0.1, 0.2, requests=2)) as few, history_of(ladders(0.1, 0.2)) as many:
        assert examine(few).sentences == []
        assert len(examine(many).sentences) == 2
