"""What is shown of faults by hand, line by line."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from peakproof.scenarios.control import render


def shown(show: Any, document: Any) -> list[str]:
    console = Console(file=StringIO(), width=100, highlight=False)
    show(document, console)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def standing(**changed: Any) -> dict[str, Any]:
    usual = {
        "id": "erp-outage-1",
        "fault": "outage",
        "system": "erp",
        "operation": None,
        "state": "active",
        "fired": 3,
        "start_s": 0.0,
        "stop_s": None,
        "by_hand": True,
        "wait_s": None,
        "left_s": 4.2,
    }
    return {**usual, **changed}


def status(*faults: dict[str, Any]) -> dict[str, Any]:
    erp = {
        "name": "erp",
        "kind": "erp",
        "url": "http://127.0.0.1:4711",
        "calls": 1200,
        "calls_per_s": 7.25,
        "throttle_factor": 0.25,
    }
    return {"run": "r1", "phase": "warm_up", "elapsed_s": 12.4, "systems": [erp], "faults": list(faults)}


def test_a_status_without_faults_says_how_to_get_one() -> None:
    assert shown(render.show_status, status()) == [
        "r1 · warm up, 12 s",
        "system  address                calls  a second  throttle",
        "erp     http://127.0.0.1:4711  1,200       7.2  cut to 0.25",
        "",
        "no faults; put one in with: peakproof chaos inject SYSTEM FAULT",
    ]


def test_a_status_has_a_line_for_each_fault() -> None:
    faults = (
        standing(),
        standing(id="slow", fault="latency", system="*", left_s=None, fired=0),
        standing(id="later", operation="create_invoice", state="waiting", wait_s=185.0, left_s=None, fired=0),
        standing(id="over", state="healed", left_s=None, fired=1500),
    )
    assert shown(render.show_status, status(*faults))[4:] == [
        "id            fault    where               state      fired          time left",
        "erp-outage-1  outage   erp                 ● active       3              4.2 s",
        "slow          latency  all systems         ● active       0       until healed",
        "later         outage   erp.create_invoice  ○ waiting      0  starts in 3.1 min",
        "over          outage   erp                 ✓ healed   1,500",
    ]


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (standing(), "● erp-outage-1  outage on erp, heals by itself in 4.2 s"),
        (standing(left_s=None), "● erp-outage-1  outage on erp, until: peakproof chaos heal erp-outage-1"),
    ],
)
def test_an_injection_says_how_it_ends(document: dict[str, Any], line: str) -> None:
    assert shown(render.show_injected, document) == [line]


def test_a_rehearsal_says_that_nothing_was_done() -> None:
    found = {
        "fault": "outage",
        "systems": ["erp"],
        "what": "operation",
        "names": ["create_invoice", "create_sales_order"],
        "whole": None,
        "seen": 3,
        "met": 2,
        "by_name": [{"system": "erp", "name": "create_invoice", "seen": 2, "met": 2}],
        "subjects": ["web-000001", "web-\x1b[2J"],
        "note": None,
    }
    assert shown(render.show_rehearsal, found) == [
        "outage on erp: nothing is injected",
        "operation  create_invoice, create_sales_order",
        "would have met 2 of 3 calls recorded so far, had it stood from the start",
        "system  operation       met  of",
        "erp     create_invoice    2   2",
        "e.g.  web-000001, web-\\x1b[2J",
    ]
