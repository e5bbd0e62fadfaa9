"""The fault that serves another version of an operation: each change, and what it leaves alone."""

import asyncio
import json
from typing import Any

import pytest

from peakproof.chaos.dice import Dice
from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import FaultContext, Reply
from peakproof.chaos.faults.drifted import Drifted

from .calls import a_call

CONTEXT = FaultContext(sleep=asyncio.sleep, dice=Dice(1), now=lambda: 0, armed_ns=0)
TOLD = {"id": "1", "total": "9.90", "lines": [{"sku": "MUG"}, {"sku": "TEA"}]}


async def answered(fault: Drifted, *, body: Any = None, told: Any = TOLD, status: int = 200) -> Reply:
    async def forward(_: Any) -> Reply:
        return Reply(
            status,
            json.dumps(told).encode(),
            [("content-type", "application/json"), ("etag", '"v1"')],
            committed=True,
        )

    asked = a_call()
    asked.body = json.dumps(body).encode()
    return await fault.apply(asked, forward, CONTEXT)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("rename", "id", "key"), {"key": "1", "total": "9.90", "lines": TOLD["lines"]}),
        (("rename", "lines.sku", "article"), {**TOLD, "lines": [{"article": "MUG"}, {"article": "TEA"}]}),
        (("remove", "total", None), {"id": "1", "lines": TOLD["lines"]}),
        (("retype", "total", None), {**TOLD, "total": 9.9}),
        (("null", "id", None), {**TOLD, "id": None}),
        (("value", "lines.sku", "X"), {**TOLD, "lines": [{"sku": "X"}, {"sku": "X"}]}),
        (("add", "lines.colour", "red"), {**TOLD, "lines": [{"sku": "MUG", "colour": "red"}, {"sku": "TEA", "colour": "red"}]}),
        (("remove", "nothing", None), TOLD),
    ],
)  # fmt: skip
async def test_an_answer_of_another_version(change: Any, expected: object) -> None:
    kind, field, to = change
    reply = await answered(Drifted(kind, field, to))
    assert (reply.status, reply.committed, json.loads(reply.body)) == (200, True, expected)


async def test_every_item_of_a_page_is_of_that_version() -> None:
    reply = await answered(Drifted("rename", "id", "key"), told={"items": [{"id": "1"}, {"id": "2"}]})
    assert json.loads(reply.body) == {"items": [{"key": "1"}, {"key": "2"}]}


async def test_status_and_headers_of_another_version() -> None:
    assert (await answered(Drifted("status", None, "202"))).status == 202
    assert [name for name, _ in (await answered(Drifted("drop-header", "ETag", None))).headers] == [
        "content-type"
    ]
    assert (await answered(Drifted("add-header", "X-New", "1"))).headers[-1] == ("x-new", "1")


@pytest.mark.parametrize(
    ("fault", "body", "status"),
    [
        (Drifted("need", "tenant", None), {"a": 1}, 422),
        (Drifted("need", "tenant", None), {"tenant": "x"}, 200),
        (Drifted("refuse", "lines.sku", "MUG"), {"lines": [{"sku": "MUG"}]}, 422),
        (Drifted("refuse", "lines.sku", "MUG"), {"lines": [{"sku": "TEA"}]}, 200),
        (Drifted("gone", None, None), {}, 404),
    ],
)
async def test_a_request_of_another_version(fault: Drifted, body: Any, status: int) -> None:
    reply = await answered(fault, body=body)
    assert (reply.status, reply.committed) == (status, status == 200)


async def test_a_refusal_is_left_alone() -> None:
    reply = await answered(Drifted("status", None, "202"), status=409)
    assert reply.status == 409


@pytest.mark.parametrize(
    "settings", [("rename", "id", None), ("remove", None, None), ("status", None, "soon")]
)
def test_what_cannot_be_is_refused(settings: Any) -> None:
    with pytest.raises(ChaosError):
        Drifted(*settings)
