"""Vendor plans: golden vectors for each (times in, decisions and headers out), and what is wrong said in one line."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Throttle
from peakproof.chaos.plan import Plan

from .calls import S, a_call

NOW_NS = 1_790_000_000 * S
"""Some day: time begins here in every vector."""

IN = 0
"""Admitted; anything else is the status of the refusal."""


def vectors(
    throttle: Throttle, times_s: list[tuple[float, str]], header: str | None
) -> list[tuple[int, str | None]]:
    """Of each call at its time on its operation: its status and what one header says."""
    seen = []
    for at_s, operation in times_s:
        decision = throttle.admit(a_call(operation=operation), NOW_NS + round(at_s * S))
        headers = dict(decision.refusal.headers if decision.refusal else decision.headers)
        seen.append((decision.refusal.status if decision.refusal else IN, headers.get(header or "")))
        if decision.release is not None:
            decision.release()
    return seen


def at(operation: str, *times_s: float) -> list[tuple[float, str]]:
    return [(at_s, operation) for at_s in times_s]


@pytest.mark.parametrize(
    ("plan", "settings", "header", "times_s", "expected"),
    [
        pytest.param(
            "shopify-rest",
            {"calls": {"size": 3}},
            "x-shopify-shop-api-call-limit",
            at("get_order", 0, 0, 0, 0, 0.4, 0.5, 2.5),
            [(IN, "1/3"), (IN, "2/3"), (IN, "3/3"), (429, "3/3"), (429, "3/3"), (IN, "3/3"), (IN, "1/3")],
            id="shopify-rest fills and leaks",
        ),
        pytest.param(
            "shopify-rest",
            {"calls": {"size": 2}},
            "retry-after",
            at("get_order", 0, 0, 0, 0.25),
            [(IN, None), (IN, None), (429, "0.5"), (429, "0.3")],
            id="shopify-rest says the wait in tenths, rounded up",
        ),
        pytest.param(
            "amazon-sp-api",
            {},
            "x-amzn-ratelimit-limit",
            at("list_orders", *[0.0] * 21, 59, 60) + at("get_order", 60),
            [(IN, "0.0167")] * 20 + [(429, "0.0167"), (429, "0.0167"), (IN, "0.0167"), (IN, "0.5")],
            id="amazon-sp-api has a bucket for each operation and tells the rate",
        ),
        pytest.param(
            "netsuite",
            {},
            "retry-after",
            at("create_sales_order", *[0.0] * 7),
            [(IN, None)] * 7,
            id="netsuite counts nobody who has left",
        ),
        pytest.param(
            "business-central",
            {"window": {"limit": 2}},
            "retry-after",
            at("create_sales_order", 0, 100, 299, 300, 300, 400),
            [(IN, None), (IN, None), (429, None), (IN, None), (429, None), (IN, None)],
            id="business-central looks back five minutes and names no wait",
        ),
        pytest.param(
            "bigcommerce",
            {"store": {"limit": 2}},
            "x-rate-limit-requests-left",
            at("get_order", 0, 1, 2, 29.9, 30),
            [(IN, "1"), (IN, "0"), (429, "0"), (429, "0"), (IN, "1")],
            id="bigcommerce tells what is left",
        ),
        pytest.param(
            "bigcommerce",
            {"store": {"limit": 2}},
            "x-rate-limit-time-reset-ms",
            at("get_order", 0, 1, 2, 29.9996, 30),
            [(IN, "30000"), (IN, "29000"), (429, "28000"), (429, "1"), (IN, "30000")],
            id="bigcommerce tells the milliseconds to the next window, rounded up",
        ),
        pytest.param(
            "stripe",
            {"account": {"burst": 3, "rate_per_s": 1}, "endpoint": {"burst": 2, "rate_per_s": 1}},
            "stripe-rate-limited-reason",
            at("refund_payment", 0, 0, 0) + at("capture_payment", 0, 1),
            [(IN, None), (IN, None), (429, "endpoint-rate"), (429, "global-rate"), (IN, None)],
            id="stripe says which limit it was",
        ),
    ],
)
def test_golden_vectors(
    plan: str,
    settings: Mapping[str, Mapping[str, Any]],
    header: str,
    times_s: list[tuple[float, str]],
    expected: list[tuple[int, str | None]],
) -> None:
    assert vectors(Plan.load(plan).throttle(changes=settings), times_s, header) == expected


def test_shopify_graphql_tells_costs_in_the_body_and_refuses_with_200() -> None:
    throttle = Plan.load("shopify-graphql").throttle()

    def status(extensions: bytes | None) -> tuple[int, int | None, int]:
        cost = json.loads(extensions or b"")["cost"]
        throttled = cost["throttleStatus"]
        assert (throttled["maximumAvailable"], throttled["restoreRate"]) == (1000, 100)
        return cost["requestedQueryCost"], cost["actualQueryCost"], throttled["currentlyAvailable"]

    told = []
    for at_s, operation in at("ship_order", 0) + at("list_orders", 0, 0.05):
        decision = throttle.admit(a_call(operation=operation), NOW_NS + round(at_s * S))
        told.append(status(decision.extensions))
        if decision.release is not None:
            decision.release()
    assert told == [(10, 10, 990), (102, 12, 978), (102, 12, 971)]
    refusal = None
    while refusal is None:
        refusal = throttle.admit(a_call(operation="list_orders"), NOW_NS + S).refusal
    assert (refusal.status, refusal.refused_by, refusal.retry_after_s) == (200, "throttle", None)
    document = json.loads(refusal.body)
    assert document["errors"] == [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    assert "data" not in document
    assert status(json.dumps(document["extensions"]).encode()) == (102, None, 82)


def test_a_cut_leaves_json_that_can_be_read() -> None:
    throttle = Plan.load("shopify-graphql").throttle()
    throttle.factor = 0.123
    cost = json.loads(throttle.admit(a_call(), NOW_NS).extensions or b"")["cost"]
    assert cost["throttleStatus"] == {"maximumAvailable": 123, "currentlyAvailable": 113, "restoreRate": 12.3}


def test_the_status_of_a_refusal_can_be_switched() -> None:
    throttle = Plan.load("shopify-graphql").throttle(
        changes={"cost": {"size": 102}, "refusal": {"status": 429}}
    )
    seen = vectors(throttle, at("ship_order", *[0.0] * 11), None)
    assert [status for status, _ in seen] == [IN] * 10 + [429]


REFUSALS: dict[str, tuple[dict[str, Any], int, list[tuple[str, str]], Any]] = {
    "shopify-rest": (
        {"calls": {"size": 1}},
        429,
        [
            ("content-type", "application/json; charset=utf-8"),
            ("retry-after", "0.5"),
            ("x-shopify-shop-api-call-limit", "1/1"),
        ],
        {
            "errors": "Exceeded 2 calls per second for api client. "
            "Reduce request rates to resume uninterrupted service."
        },
    ),
    "amazon-sp-api": (
        {"get-order": {"burst": 1}},
        429,
        [
            ("content-type", "application/json"),
            ("x-amzn-ratelimit-limit", "0.5"),
            ("x-amzn-requestid", "erp-1"),
        ],
        {
            "errors": [
                {
                    "code": "QuotaExceeded",
                    "message": "You exceeded your quota for the requested resource.",
                    "details": "",
                }
            ]
        },
    ),
    "netsuite": (
        {"account": {"limit": 1}},
        400,
        [("content-type", "application/json; charset=UTF-8")],
        {
            "error": {
                "code": "SSS_REQUEST_LIMIT_EXCEEDED",
                "message": '{"type":"error.SuiteScriptError","name":"SSS_REQUEST_LIMIT_EXCEEDED",'
                '"message":"Request Limit Exceeded."}',
            }
        },
    ),
    "business-central": (
        {"window": {"limit": 1}},
        429,
        [("content-type", "application/json; odata.metadata=minimal")],
        {
            "error": {
                "code": "Application_TooManyRequests",
                "message": "Too many requests reached. CorrelationId: erp-1.",
            }
        },
    ),
    "bigcommerce": (
        {"store": {"limit": 1}},
        429,
        [
            ("content-type", "application/json"),
            ("x-rate-limit-time-window-ms", "30000"),
            ("x-rate-limit-time-reset-ms", "30000"),
            ("x-rate-limit-requests-quota", "1"),
            ("x-rate-limit-requests-left", "0"),
            ("x-retry-after", "30"),
        ],
        {"status": 429, "title": "You have exceeded the rate limit", "type": "about:blank", "errors": {}},
    ),
    "stripe": (
        {"concurrency": {"limit": 1}},
        429,
        [
            ("content-type", "application/json"),
            ("request-id", "erp-1"),
            ("stripe-rate-limited-reason", "global-concurrency"),
        ],
        {
            "error": {
                "code": "rate_limit",
                "message": "Request rate limit exceeded.",
                "type": "invalid_request_error",
            }
        },
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_the_vendors_own(name: str) -> None:
    settings, status, headers, document = REFUSALS[name]
    throttle = Plan.load(name).throttle(changes=settings)
    assert throttle.admit(a_call(operation="get_order"), NOW_NS).refusal is None
    refusal = throttle.admit(a_call(operation="get_order"), NOW_NS).refusal
    assert refusal is not None
    assert (refusal.status, refusal.headers, json.loads(refusal.body)) == (status, headers, document)
    assert (refusal.error, refusal.refused_by, refusal.permanent) == ("throttled", "throttle", False)
    wait = dict(headers).get("retry-after")
    assert refusal.retry_after_s == (None if wait is None else float(wait))
    assert refusal.bucket is not None


def test_every_shipped_plan_has_sources_and_can_be_made_in_every_tier() -> None:
    assert Plan.names() == sorted([*REFUSALS, "shopify-graphql"])
    for name in Plan.names():
        plan = Plan.load(name)
        assert re.fullmatch(r"[A-Z].*\.", plan.summary), name
        assert any(source.standing == "documented" for source in plan.sources), name
        for tier in (None, *plan.tiers):
            plan.throttle(tier)


def test_a_tier_changes_the_vendors_own_settings() -> None:
    call = a_call(operation="get_order")
    assert Plan.load("shopify-rest").throttle("plus").admit(call, 0).headers == (
        ("x-shopify-shop-api-call-limit", "1/400"),
    )


def test_a_plan_can_be_cut() -> None:
    throttle = Plan.load("bigcommerce").throttle(changes={"store": {"limit": 10}})
    throttle.factor = 0.2
    assert [status for status, _ in vectors(throttle, at("get_order", 0, 0, 0), None)] == [IN, IN, 429]


def test_the_scale_makes_the_vendors_time_shorter_and_stays_honest() -> None:
    throttle = Plan.load("bigcommerce").throttle(scale=0.1, changes={"store": {"limit": 1}})
    assert vectors(throttle, at("get_order", 0, 2.9, 3), "x-rate-limit-time-reset-ms") == [
        (IN, "3000"),
        (429, "100"),
        (IN, "3000"),
    ]


@pytest.mark.parametrize("scale", [0.001, 0.03, 1 / 3, 1, 7])
def test_who_waits_as_the_plan_tells_is_admitted_at_every_scale(scale: float) -> None:
    throttle = Plan.load("shopify-rest").throttle(scale=scale, changes={"calls": {"size": 1}})
    now_ns = NOW_NS
    for step in range(50):
        now_ns += step * 7_919_777
        refusal = throttle.admit(a_call(), now_ns).refusal
        if refusal is not None:
            assert refusal.retry_after_s is not None
            now_ns += round(refusal.retry_after_s * S)
            assert throttle.admit(a_call(), now_ns).refusal is None


def test_a_rule_that_refuses_gives_back_the_places_taken_before_it() -> None:
    throttle = Plan.load("stripe").throttle(changes={"concurrency": {"limit": 1}, "endpoint": {"burst": 1}})
    first = throttle.admit(a_call(), 0)
    assert first.release is not None
    first.release()
    for _ in range(3):
        refusal = throttle.admit(a_call(), 0).refusal
        assert refusal is not None
        assert ("stripe-rate-limited-reason", "endpoint-rate") in refusal.headers


def test_several_rules_have_buckets_of_their_own() -> None:
    throttle = Plan.load("stripe").throttle(changes={"endpoint": {"burst": 1}})
    assert throttle.admit(a_call(), 0).bucket == "erp/sut:concurrency"
    assert throttle.admit(a_call(), 0).bucket == "erp/sut/create_sales_order:endpoint"


GOOD = """
summary = "One."
[[sources]]
facts = "guessed"
read = 2026-11-21
standing = "unverified"
[rules.calls]
kind = "token-bucket"
rate_per_s = 1
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("=", "own.toml: is not TOML: "),
        (GOOD.replace("summary", "sumary"), "own.toml: summary: "),
        (
            GOOD + '[told.headers]\nX-Left = "${lefft}"',
            "own.toml: unknown value 'lefft'; did you mean 'left'?",
        ),
        (GOOD + '[refusal]\nbody = "$"', "own.toml: must name values like ${left}"),
        (GOOD + "[refusals.cals]\nstatus = 400", "own.toml: unknown rule 'cals'; did you mean 'calls'?"),
        (GOOD + "[tiers.gold]\ncals = {burst = 2}", "own.toml: unknown rule 'cals'; did you mean 'calls'?"),
        (
            GOOD.replace('standing = "unverified"', 'standing = "documented"'),
            "own.toml: sources.0: a documented fact needs its url",
        ),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ChaosError) as wrong:
        Plan.parse("own.toml", text.encode())
    assert str(wrong.value).startswith(message)
    assert "\n" not in str(wrong.value)


def test_a_plan_of_ones_own_is_a_file(tmp_path: Any) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD)
    assert Plan.load(str(path)).throttle().admit(a_call(), 0).bucket == "erp/sut"
    with pytest.raises(ChaosError, match=r"none\.toml: cannot be read: No such file or directory$"):
        Plan.load(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"tier": "plas"}, "unknown tier 'plas'; did you mean 'plus'? (valid: advanced, plus)"),
        ({"scale": 0}, "scale must be above 0, got 0"),
        (
            {"changes": {"cals": {}}},
            "unknown key of this plan 'cals'; did you mean 'calls'? (valid: calls, refusal, scale, tier)",
        ),
        ({"changes": {"calls": 3}}, "calls must be a table of settings, got 3"),
        (
            {"changes": {"calls": {"siez": 3}}},
            "rule 'calls': unknown setting of throttle 'leaky-bucket' 'siez'; did you mean 'size'? (valid: leak_per_s, scope, size)",
        ),
        (
            {"changes": {"calls": {"size": 0}}},
            "rule 'calls': throttle 'leaky-bucket': size must be at least 1, got 0",
        ),
        (
            {"changes": {"refusal": {"status": "x"}}},
            "refusal.status: Input should be a valid integer, got 'x'",
        ),
    ],
)
def test_a_plan_cannot_be_changed_into_nonsense(how: dict[str, Any], message: str) -> None:
    with pytest.raises(ChaosError) as wrong:
        Plan.load("shopify-rest").throttle(**how)
    assert str(wrong.value) == message


def test_an_unknown_plan_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ChaosError,
        match=r"^unknown throttle plan 'shopify-rst'; did you mean 'shopify-rest'\? \(valid: amazon",
    ):
        Plan.load("shopify-rst")
