"""Every vendor's plan over real sockets: what an admitted and a refused caller sees, and what is on record."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from peakproof.chaos.fault import Throttle
from peakproof.chaos.plan import Plan
from peakproof.chaos.throttles.queue_then_refuse import QueueThenRefuse
from peakproof.history.writer import HistoryWriter

from .doors import asked_erp
from .serving import Caller, Seen, served
from .test_estate import port_of, standing

ITEM = "/v1/items/22423"
OWN = {"connection", "content-length", "content-type", "etag"}


class Turnstile:
    """Working time of a system that goes on when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.begun.set()
        await self.go_on.wait()


async def first_and_second(throttle: Throttle, folder: Path) -> tuple[Seen, Seen, list[dict[str, Any]]]:
    """Two callers at the same time, the second while the first is at work; and the calls on record."""
    work = Turnstile()
    writer = HistoryWriter(folder, "erp")
    erp = asked_erp(recorder=writer, service_s=0.1, sleep=work)
    erp.gate.throttle = throttle
    async with served(erp.door) as port, Caller(port) as one, Caller(port) as two:
        one.send("GET", ITEM)
        await work.begun.wait()
        refused = await two.ask("GET", ITEM)
        work.go_on.set()
        admitted = await one.reply()
    writer.close()
    calls = [json.loads(line) for line in (folder / "calls-erp.jsonl").read_bytes().splitlines()]
    return admitted, refused, calls


@pytest.mark.parametrize(
    ("name", "changes", "status", "told", "refusal", "says", "retry_after_s"),
    [
        pytest.param(
            "shopify-rest",
            {"calls": {"size": 1, "leak_per_s": 0.001}},
            429,
            {"x-shopify-shop-api-call-limit": "1/1"},
            {"x-shopify-shop-api-call-limit": "1/1", "retry-after": r"\d+\.\d"},
            b"calls per second for api client",
            True,
            id="shopify-rest",
        ),
        pytest.param(
            "shopify-graphql",
            {"cost": {"size": 10, "restore_per_s": 0.001, "costs": {}, "actual_costs": {}}},
            200,
            {},
            {},
            b'"extensions":{"code":"THROTTLED"}',
            False,
            id="shopify-graphql",
        ),
        pytest.param(
            "amazon-sp-api",
            {"others": {"burst": 1, "rate_per_s": 0.001}},
            429,
            {"x-amzn-ratelimit-limit": "0.001", "x-amzn-requestid": "erp-c0000001"},
            {"x-amzn-ratelimit-limit": "0.001", "x-amzn-requestid": "erp-c0000002"},
            b'"code":"QuotaExceeded"',
            False,
            id="amazon-sp-api",
        ),
        pytest.param(
            "netsuite",
            {"account": {"limit": 1}},
            400,
            {},
            {},
            b"SSS_REQUEST_LIMIT_EXCEEDED",
            False,
            id="netsuite",
        ),
        pytest.param(
            "business-central",
            {"window": {"limit": 1}},
            429,
            {},
            {},
            b"Application_TooManyRequests",
            False,
            id="business-central",
        ),
        pytest.param(
            "bigcommerce",
            {"store": {"limit": 1, "window_s": 3000}},
            429,
            {"x-rate-limit-requests-quota": "1", "x-rate-limit-requests-left": "0"}
            | {"x-rate-limit-time-window-ms": "3000000", "x-rate-limit-time-reset-ms": "3000000"},
            {"x-rate-limit-requests-quota": "1", "x-rate-limit-requests-left": "0"}
            | {"x-rate-limit-time-window-ms": "3000000", "x-rate-limit-time-reset-ms": r"\d+"}
            | {"x-retry-after": r"\d+"},
            b"You have exceeded the rate limit",
            False,
            id="bigcommerce",
        ),
        pytest.param(
            "stripe",
            {"concurrency": {"limit": 1}},
            429,
            {},
            {"request-id": "erp-c0000002", "stripe-rate-limited-reason": "global-concurrency"},
            b'"code":"rate_limit"',
            False,
            id="stripe",
        ),
    ],
)
async def test_a_plan_as_the_caller_meets_it(
    tmp_path: Path,
    name: str,
    changes: dict[str, dict[str, Any]],
    status: int,
    told: dict[str, str],
    refusal: dict[str, str],
    says: bytes,
    retry_after_s: bool,
) -> None:
    throttle = Plan.load(name).throttle(changes=changes)
    admitted, refused, calls = await first_and_second(throttle, tmp_path)
    assert (admitted.status, admitted.document["sku"], refused.status) == (200, "22423", status)
    assert {key: value for key, value in admitted.headers.items() if key not in OWN} == told
    sent = {key: value for key, value in refused.headers.items() if key not in OWN}
    assert sorted(sent) == sorted(refusal)
    for key, pattern in refusal.items():
        assert re.fullmatch(pattern, sent[key]), key
    assert says in refused.body
    [second, first] = calls
    assert (first["outcome"], second["outcome"], second["refused_by"]) == ("ok", "refused", "throttle")
    assert second["status"] == status
    assert first["bucket"]
    assert second["bucket"]
    assert ("retry_after_s" in second) == retry_after_s
    if retry_after_s:
        assert second["retry_after_s"] == float(sent["retry-after"])


async def test_shopifys_cost_stands_in_the_body_of_an_ordinary_answer() -> None:
    erp = asked_erp()
    erp.gate.throttle = Plan.load("shopify-graphql").throttle()
    async with served(erp.door) as port, Caller(port) as caller:
        seen = await caller.ask("GET", ITEM)
    assert seen.document["sku"] == "22423"
    assert seen.document["extensions"]["cost"] == {
        "requestedQueryCost": 10,
        "actualQueryCost": 10,
        "throttleStatus": {"maximumAvailable": 1000.0, "currentlyAvailable": 990, "restoreRate": 100.0},
    }


async def test_a_queued_call_goes_on_after_its_wait() -> None:
    slept_s: list[float] = []

    async def sleep(seconds: float) -> None:
        slept_s.append(seconds)

    erp = asked_erp(sleep=sleep)
    erp.gate.throttle = QueueThenRefuse(rate_per_s=0.001, queue=1)
    async with served(erp.door) as port, Caller(port) as caller:
        assert [(await caller.ask("GET", ITEM)).status for _ in range(3)] == [200, 200, 429]
    assert [round(one) for one in slept_s if one] == [1000]


async def test_a_vendor_throttles_its_api_and_not_its_shop(tmp_path: Path) -> None:
    throttle = Plan.load("shopify-rest").throttle(changes={"calls": {"size": 1, "leak_per_s": 0.001}})
    async with standing(tmp_path, web={"throttle": throttle}) as estate:
        web = estate.systems["web"]
        async with Caller(port_of(estate, "web")) as caller:
            mine = [await caller.ask("GET", "/v1/orders", token=web.sut.api_key) for _ in range(2)]
            shop = [await caller.ask("GET", "/v1/catalogue", token=web.shopper.api_key) for _ in range(3)]
    assert [seen.status for seen in mine] == [200, 429]
    assert [seen.status for seen in shop] == [200, 200, 200]
    assert "x-shopify-shop-api-call-limit" in mine[0].headers
    assert "x-shopify-shop-api-call-limit" not in shop[0].headers
