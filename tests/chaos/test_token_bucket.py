"""Golden vectors of the token bucket: times in, decisions and headers out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Call
from peakproof.chaos.scope import Scope
from peakproof.chaos.throttles.token_bucket import TokenBucket

S = 1_000_000_000


def a_call(client: str | None = "sut", operation: str = "create_sales_order") -> Call:
    return Call(
        call_id="erp-1",
        system="erp",
        operation=operation,
        subject="web-000001",
        attempt=1,
        method="POST",
        path="/v1/sales-orders",
        headers={},
        body=b"",
        at_ns=0,
        changes=True,
        client=client,
    )


def wait_s(bucket: TokenBucket, at_s: float) -> int:
    """0 where the call is admitted, else the seconds it is told to wait."""
    refusal = bucket.admit(a_call(), round(at_s * S)).refusal
    return 0 if refusal is None else int(refusal.retry_after_s or -1)


@pytest.mark.parametrize(
    ("rate_per_s", "burst", "times_s", "waits_s"),
    [
        pytest.param(1, 1, [0, 0, 0.5, 1, 1.5, 2], [0, 1, 1, 0, 1, 0], id="one a second, no burst"),
        pytest.param(
            2, 3, [0, 0, 0, 0, 0.5, 0.5, 10, 10, 10, 10], [0, 0, 0, 1, 0, 1, 0, 0, 0, 1], id="burst refills"
        ),
        pytest.param(0.25, 1, [0, 0, 1, 3.5, 4], [0, 4, 3, 1, 0], id="one in four seconds"),
        pytest.param(0.0167, 1, [0, 0, 59, 59.9], [0, 60, 1, 0], id="a vendor's rate of 0.0167 a second"),
        pytest.param(
            3,
            3,
            [0, 0, 0, 0.333333333, 0.333333334, 1, 1, 1],
            [0, 0, 0, 1, 0, 0, 0, 1],
            id="thirds are not lost to rounding",
        ),
    ],
)
def test_golden_vectors(rate_per_s: float, burst: int, times_s: list[float], waits_s: list[int]) -> None:
    bucket = TokenBucket(rate_per_s, burst)
    assert [wait_s(bucket, at_s) for at_s in times_s] == waits_s


def test_a_refusal_is_a_problem_document_with_an_honest_wait() -> None:
    bucket = TokenBucket(rate_per_s=0.4, burst=2)
    assert bucket.admit(a_call(), 0).refusal is None
    assert bucket.admit(a_call(), 0).refusal is None
    decision = bucket.admit(a_call(), 0)
    reply = decision.refusal
    assert reply is not None
    assert reply.status == 429
    assert reply.headers == [
        ("content-type", "application/problem+json"),
        ("retry-after", "3"),
        ("ratelimit", '"client";r=0;t=3'),
        ("ratelimit-policy", '"client";q=2;w=5'),
    ]
    assert reply.body == (
        b'{"type": "https://peakproof.invalid/problems/throttled", "title": "Too many requests", "status": 429, '
        b'"detail": "erp/sut allows 0.4 calls a second; try again in 3 s"}'
    )
    assert (reply.error, reply.refused_by, reply.retry_after_s) == ("throttled", "throttle", 3.0)
    assert reply.bucket == decision.bucket == "erp/sut"
    assert (reply.committed, reply.permanent) == (False, False)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("client", "erp/sut"),
        ("operation", "erp/create_sales_order"),
        ("client-operation", "erp/sut/create_sales_order"),
        ("system", "erp"),
    ],
)
def test_the_scope_names_the_bucket(scope: Scope, name: str) -> None:
    assert TokenBucket(1, scope=scope).admit(a_call(), 0).bucket == name


def test_callers_without_a_token_share_a_bucket() -> None:
    assert TokenBucket(1).admit(a_call(client=None), 0).bucket == "erp/anonymous"


def test_one_client_does_not_empty_the_bucket_of_another() -> None:
    bucket = TokenBucket(1)
    assert bucket.admit(a_call("a"), 0).refusal is None
    assert bucket.admit(a_call("b"), 0).refusal is None
    assert bucket.admit(a_call("a"), 0).refusal is not None


def test_a_cut_scales_rate_and_burst_and_says_so() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=10)
    bucket.factor = 0.2
    waits = [wait_s(bucket, 0) for _ in range(3)]
    assert waits == [0, 0, 1]
    refusal = bucket.admit(a_call(), 0).refusal
    assert refusal is not None
    assert ("ratelimit-policy", '"client";q=2;w=1') in refusal.headers
    assert [wait_s(bucket, 0.5), wait_s(bucket, 0.5)] == [0, 1]


def test_a_cut_never_takes_the_last_call() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=2)
    bucket.factor = 0.1
    assert [wait_s(bucket, at_s) for at_s in (0, 0, 9, 10)] == [0, 10, 1, 0]


def test_healing_a_cut_brings_the_normal_rate_back() -> None:
    bucket = TokenBucket(rate_per_s=1)
    bucket.factor = 0.1
    assert [wait_s(bucket, at_s) for at_s in (0, 1)] == [0, 9]
    bucket.factor = 1.0
    assert [wait_s(bucket, at_s) for at_s in (10, 11, 12)] == [0, 0, 0]


@given(
    rate_per_s=st.floats(0.01, 1000),
    burst=st.integers(1, 50),
    factor=st.floats(0.05, 1),
    gaps_ns=st.lists(st.integers(0, 3 * S), max_size=60),
)
def test_waiting_as_told_gets_a_token_and_the_rate_is_never_exceeded(
    rate_per_s: float, burst: int, factor: float, gaps_ns: list[int]
) -> None:
    bucket = TokenBucket(rate_per_s, burst)
    bucket.factor = factor
    now_ns = 0
    for admitted, gap_ns in enumerate(gaps_ns, start=1):
        now_ns += gap_ns
        refusal = bucket.admit(a_call(), now_ns).refusal
        if refusal is not None:
            now_ns += round((refusal.retry_after_s or 0) * S)
            assert bucket.admit(a_call(), now_ns).refusal is None
        assert admitted <= max(1, burst * factor) + now_ns / S * rate_per_s * factor + 1e-3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate_per_s": 0}, "rate_per_s must be above 0, got 0"),
        ({"rate_per_s": float("nan")}, "rate_per_s must be above 0, got nan"),
        ({"rate_per_s": 1, "burst": 0}, "burst must be at least 1, got 0"),
        (
            {"rate_per_s": 1, "scope": "store"},
            "scope must be client, operation, client-operation or system, got 'store'",
        ),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ChaosError, match=f"^{message}$"):
        TokenBucket(**settings)  # type: ignore[arg-type] # wrong on purpose
