"""Whatever is sent to any system, it answers as its own OpenAPI document says, and never with a 5xx.

``PEAKPROOF_FUZZ_CASES=2000 pytest tests/simulators/test_openapi_conformance.py`` sends so many cases to each system.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from peakproof.simulators.estate import EarlierOrder, Estate
from peakproof.simulators.kit.auth import Client

from .doors import order_body
from .estates import KINDS, articles, small_estate
from .orders import content

CASES = int(os.environ.get("PEAKPROOF_FUZZ_CASES", "0"))
"""To each system; 0 is a small budget that is the same every time."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]

SKUS = ("22423", "85123A", "21212")
ORDERS = ("web-900001", "bazaar-900002", "web-900003")
PLACED = tuple(f"web-{number:06d}" for number in range(1, 9))


def _numbered(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}-{number:06d}" for number in range(1, 9))


KNOWN: dict[str, tuple[Any, ...]] = {
    "sku": SKUS,
    "order_ref": (*ORDERS, *PLACED),
    "order_id": _numbered("OMS"),
    "sales_order_id": _numbered("SO"),
    "job_id": _numbered("JOB"),
    "invoice_id": _numbered("INV"),
    "credit_memo_id": _numbered("CM"),
    "fulfilment_id": _numbered("FUL"),
    "payment_id": _numbered("PAY"),
    "shipment_id": ("SHP-1", "SHP-2", "SHP-before-web-900001"),
    "return_id": ("R-1", *_numbered("web-R")),
    "request_id": _numbered("web-C"),
    "subscription_id": tuple(f"{name}-sub-{number:04d}" for name in KINDS for number in range(1, 9)),
    "line_id": ("1", "2"),
    "location": ("north", "south"),
    "currency": ("GBP", "EUR", "JPY"),
    "amount": ("2.08", "0", 1),
    "total": ("11.19", "6.24"),
    "quantity": (1, 2),
    "url": ("http://127.0.0.1:9/webhooks",),
    "topics": (["*"],),
    "if_match": ('"v0"', "*"),
    "updated_since": ("2026-11-27T09:30:00Z",),
    "idempotency_key": ("k", '"k"'),
    "grant_type": ("client_credentials",),
    "scope": ("read",),
}
"""Values that lead past the first refusal, by field: a fuzzer would hardly guess them."""

UNITS = [{"line_id": "1", "quantity": 1}]
PARTS = [{"line_id": "1", "sku": "22423", "quantity": 1}]
BOUGHT = {
    name: value
    for name, value in order_body().items()
    if name not in ("priority", "ship_by", "payment_id", "channel")
}
BACK = {"return_id": "R-1", "order_ref": "web-900001", "lines": PARTS}
BODIES: dict[str, dict[str, Any]] = {
    "checkout": BOUGHT,
    "request_return": {"order_ref": "web-900001", "lines": UNITS, "reason": "too small"},
    "create_order": order_body(),
    "create_sales_order": order_body(),
    "create_invoice": {
        "order_ref": "web-000001",
        "sales_order_id": "SO-000001",
        "shipment_id": "SHP-1",
        "currency": "GBP",
        "lines": UNITS,
        "shipping": "0.00",
        "total": "2.08",
    },
    "create_credit_memo": {
        **BACK,
        "currency": "GBP",
        "lines": [PARTS[0] | {"restock": True}],
        "total": "2.08",
    },
    "create_fulfilment": {
        "order_ref": "web-000001",
        "part_id": "OMS-000001-1",
        "location": "north",
        "lines": PARTS,
        "priority": 5,
        "ship_by": "2026-11-28T12:00:00Z",
        "service_level": "standard",
        "ship_to": order_body()["ship_to"],
    },
    "authorise_return": BACK,
    "expect_return": BACK,
    "confirm_refund": {"refund_id": "REF-000001", "amount": "2.08", "currency": "GBP"},
    "capture_payment": {"amount": "2.08", "currency": "GBP", "shipment_id": "SHP-1"},
    "refund_payment": {"amount": "2.08", "currency": "GBP", "return_id": "R-1"},
}
"""A good body of each operation whose fields must agree with each other."""


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """A running estate in a thread of its own, with articles and orders from before the run."""
    standing, done = threading.Event(), threading.Event()
    made: list[Estate] = []

    async def stand(folder: Path) -> None:
        estate = small_estate(folder, time_scale=1e-4)
        lines = (("1", "22423", 3), ("2", "85123A", 1))
        estate.seed(
            articles(*SKUS, units=1_000_000),
            [
                EarlierOrder(ref.split("-")[0], content(*lines, order_ref=ref, currency=currency), "north")
                for ref, currency in zip(ORDERS, ("GBP", "EUR", "GBP"), strict=True)
            ],
        )
        await estate.start()
        made.append(estate)
        standing.set()
        await asyncio.to_thread(done.wait)
        await estate.stop()
        estate.writer.close()

    thread = threading.Thread(target=lambda: asyncio.run(stand(tmp_path_factory.mktemp("fuzzed"))))
    thread.start()
    assert standing.wait(10)
    yield made[0]
    done.set()
    thread.join(10)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "bazaar"])
def test_a_system_answers_as_its_document_says(name: str, estate: Estate) -> None:
    system = estate.systems[name]
    schema = schemathesis.openapi.from_dict(system.face.openapi())
    schema.config.update(base_url=system.url)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == len(system.face.operations)
    budget = settings(
        max_examples=ceil(CASES / len(operations)) if CASES else 4,
        derandomize=not CASES,
        database=None,
        deadline=None,
        phases=[Phase.generate] if not CASES else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with requests.Session() as session:
        for operation in operations:
            name = operation.definition.raw["operationId"]
            client = system.shopper if system.face.operations[name].scope == "shop" else system.sut
            budget(_conforming(operation, session, client))()
    assert estate.errors == []


def _conforming(
    operation: APIOperation[Any, Any, Any, Any], session: requests.Session, client: Client
) -> Callable[[], None]:
    """The test of one operation."""
    good = BODIES.get(operation.definition.raw["operationId"])
    known = KNOWN | {"client_id": (client.client_id,), "client_secret": (client.client_secret,)}

    @given(
        case=st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        ),
        data=st.data(),
    )
    def conforms(case: Case[Any], data: st.DataObject) -> None:
        if good is not None and not data.draw(st.booleans(), label="as it is: body"):
            case.body = dict(good)
            if good.get("order_ref") == PLACED[0]:
                case.body["order_ref"] = data.draw(st.sampled_from(PLACED), label="order")
            case.media_type = "application/json"
        else:
            case.body = _with_known_values(case.body, known, data)
        for place in (case.path_parameters, case.query, case.headers):
            place.update(_with_known_values(dict(place), known, data))
        stranger = data.draw(st.integers(0, 9), label="stranger") == 9
        headers = {} if stranger else {"Authorization": f"Bearer {client.api_key}"}
        case.validate_response(case.call(session=session, headers=headers), checks=CHECKS)

    return conforms


def _with_known_values(value: Any, known: dict[str, tuple[Any, ...]], data: st.DataObject) -> Any:
    """The same with values that the system knows in the place of some that it does not."""
    match value:
        case dict():
            return {
                name: _chosen(name, _with_known_values(part, known, data), known, data)
                for name, part in value.items()
            }
        case list():
            return [_with_known_values(part, known, data) for part in value]
    return value


def _chosen(name: Any, value: Any, known: dict[str, tuple[Any, ...]], data: st.DataObject) -> Any:
    values = known.get(str(name).lower().replace("-", "_"))
    if values is None or data.draw(st.integers(0, 3), label=f"as it is: {name}") == 3:
        return value
    return data.draw(st.sampled_from(values), label=name)
