"""What the live view makes of a record that grows, and whom it lets in."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from peakproof.scenarios.live.findings import Findings, story_of
from peakproof.scenarios.live.server import Guard, Live, app_of
from peakproof.scenarios.live.tail import Tail

SECOND_NS = 1_000_000_000
AT_NS = 1_764_200_000 * SECOND_NS


def effect(kind: str, order_ref: str = "A", system: str = "web", **values: Any) -> dict[str, Any]:
    return {
        "effect_id": f"{system}-{kind}-{values.get('at_ns', AT_NS)}",
        "at_ns": AT_NS,
        "system": system,
        "kind": kind,
        "order_ref": order_ref,
        **values,
    }


def call(after_s: float = 0.0, took_ms: float = 2.0, outcome: str = "ok") -> dict[str, Any]:
    at_ns = AT_NS + round(after_s * SECOND_NS)
    return {
        "call_id": f"c{after_s}-{outcome}",
        "system": "erp",
        "operation": "create_sales_order",
        "subject": "A",
        "attempt": 1,
        "method": "POST",
        "path": "/v1/sales-orders",
        "at_ns": at_ns,
        "replied_ns": at_ns + round(took_ms * 1e6),
        "outcome": outcome,
        "changes": True,
    }


def wrote(folder: Path, table: str, *rows: dict[str, Any], tail: str = "") -> None:
    (folder / "history").mkdir(exist_ok=True)
    with (folder / "history" / f"{table}-estate.jsonl").open("a") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows) + tail)


# The record, read on


def test_orders_are_counted_once_a_state_and_earlier_ones_not_at_all(tmp_path: Path) -> None:
    wrote(
        tmp_path,
        "effects",
        effect("order_placed"),
        effect("order_placed", "B"),
        effect("order_placed", "old", actor="before-run"),
        effect("sales_order_received", system="erp"),
        effect("sales_order_received", system="erp"),
        effect("sales_order_rejected", "B", system="erp", permanent=True),
        effect("sales_order_rejected", system="erp", permanent=False),
    )
    tail = Tail(tmp_path)
    tail.read()
    assert tail.orders() == {"placed": 2, "created": 0, "booked": 1, "posted": 0, "shipped": 0, "ended": 1}
    assert tail.newest == ["B", "A"]


def test_a_line_under_way_is_read_when_it_is_whole_and_a_damaged_one_is_left_out(tmp_path: Path) -> None:
    tail = Tail(tmp_path)
    tail.read()
    whole = json.dumps(effect("order_placed"))
    wrote(tmp_path, "effects", tail=f"garbage\n{whole[:20]}")
    tail.read()
    assert tail.orders()["placed"] == 0
    wrote(tmp_path, "effects", tail=f"{whole[20:]}\n")
    tail.read()
    assert tail.orders()["placed"] == 1


def test_answers_are_those_of_the_last_seconds(tmp_path: Path) -> None:
    wrote(
        tmp_path, "calls", call(0, 900.0, "unknown"), call(20, 1.0), call(21, 3.0, "refused"), call(22, 2.0)
    )
    tail = Tail(tmp_path)
    tail.read()
    now_ns = AT_NS + 25 * SECOND_NS
    assert tail.answers(now_ns) == {"erp": {"p50_ms": 2.0, "p95_ms": 3.0, "failing": 1, "asked": 3}}
    assert tail.answers(now_ns + 60 * SECOND_NS)["erp"] == {
        "p50_ms": None,
        "p95_ms": None,
        "failing": 0,
        "asked": 0,
    }


# Findings so far


def test_a_finding_keeps_the_time_at_which_it_was_first_seen(tmp_path: Path) -> None:
    now_s = [0.0]
    findings = Findings(tmp_path, clock=lambda: now_s[0])
    wrote(
        tmp_path,
        "effects",
        effect("order_placed"),
        effect("sales_order_received", system="erp", at_ns=AT_NS + 1, document_id="SO-1"),
    )
    assert findings.is_due(2)
    findings.ask(2, 10.0)
    assert findings.found == []
    assert not findings.is_due(3), "it rests"
    wrote(
        tmp_path, "effects", effect("sales_order_received", system="erp", at_ns=AT_NS + 2, document_id="SO-2")
    )
    now_s[0] += 60
    assert findings.is_due(3)
    for elapsed_s in (70.0, 80.0):
        findings.ask(3, elapsed_s)
        assert findings.found is not None
        (one,) = [found for found in findings.found if found["invariant"] == "orders_booked_exactly_once"]
        assert (one["subject"], one["finding"], one["seen_s"]) == ("A", "booked in the ERP twice", 70.0)
    assert findings.problem is None


def test_a_record_that_cannot_be_judged_is_said_so(tmp_path: Path) -> None:
    findings = Findings(tmp_path)
    findings.ask(1, 1.0)
    assert findings.problem is not None
    assert "is no run" in findings.problem


def test_an_order_is_followed(tmp_path: Path) -> None:
    wrote(tmp_path, "effects", effect("order_placed"))
    assert [one["words"] for one in story_of(tmp_path, "A")] == ["order_placed"]
    assert story_of(tmp_path, "B") == []


# Whom it lets in

HOST = b"127.0.0.1:8123"


class FakeRemote:
    """The control port of a run, as far as the view asks it."""

    def __init__(self) -> None:
        self.injected: list[dict[str, Any]] = []

    def status(self) -> dict[str, Any]:
        return {"elapsed_s": 1.0, "systems": [], "faults": []}

    def inject(self, entry: dict[str, Any]) -> dict[str, Any]:
        self.injected.append(entry)
        return {"id": "erp-outage-1"}


def asked(
    folder: Path, method: str, path: str, headers: dict[bytes, bytes], body: bytes = b""
) -> tuple[int, dict[bytes, bytes], FakeRemote]:
    """Status, headers and what reached the run."""
    remote = FakeRemote()
    sent: list[Any] = []

    async def ask() -> None:
        live = Live(folder, remote)  # type: ignore[arg-type]  # as far as the view asks it
        guarded = Guard(app_of(live), "s3cret", 8123)
        given = [(b"content-length", str(len(body)).encode()), *headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": given, "query_string": b""}

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await guarded(scope, receive, send)

    asyncio.run(ask())
    return sent[0]["status"], dict(sent[0]["headers"]), remote


def test_the_page_is_served_below_its_secret_and_allows_no_script_but_its_own(tmp_path: Path) -> None:
    status, headers, _ = asked(tmp_path, "GET", "/s3cret/", {b"host": HOST})
    assert status == 200
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"script-src 'self';" in headers[b"content-security-policy"]
    assert asked(tmp_path, "GET", "/s3cret/page.js", {b"host": HOST})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        pytest.param("GET", "/", {b"host": HOST}, 404, id="no secret"),
        pytest.param("GET", "/s3cre/", {b"host": HOST}, 404, id="a wrong secret"),
        pytest.param(
            "GET", "/s3cret/", {b"host": b"evil.example:8123"}, 421, id="a name that was made to point here"
        ),
        pytest.param("POST", "/s3cret/inject", {b"host": HOST}, 403, id="no page at all"),
        pytest.param(
            "POST",
            "/s3cret/inject",
            {b"host": HOST, b"origin": b"http://evil.example"},
            403,
            id="another page",
        ),
        pytest.param(
            "POST",
            "/s3cret/inject",
            {b"host": HOST, b"origin": b"http://127.0.0.1:9"},
            403,
            id="another port",
        ),
    ],
)
def test_nobody_else_gets_in(
    method: str, path: str, headers: dict[bytes, bytes], status: int, tmp_path: Path
) -> None:
    got, _, remote = asked(tmp_path, method, path, headers, b'{"on": "erp", "fault": "outage"}')
    assert (got, remote.injected) == (status, [])


@pytest.mark.parametrize(("body", "status"), [(b'{"on": "erp"}', 200), (b"[]", 409), (b"{", 409)])
def test_a_button_reaches_the_run(body: bytes, status: int, tmp_path: Path) -> None:
    page = {b"host": HOST, b"origin": b"http://" + HOST}
    got, _, remote = asked(tmp_path, "POST", "/s3cret/inject", page, body)
    assert got == status
    assert remote.injected == ([{"on": "erp"}] if status == 200 else [])
