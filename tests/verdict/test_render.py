"""Renderings: each says what the verdict says, and nothing from the wire can steer a terminal, a page or a parser."""

import io
import json
from pathlib import Path

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from rich.console import Console

from peakproof.history.printable import printable
from peakproof.verdict.judge import judge_history
from peakproof.verdict.render import html, junit, markdown, terminal
from peakproof.verdict.render import json as json_rendering
from peakproof.verdict.render.exhibits import exhibits_of
from peakproof.verdict.report import write_reports
from peakproof.verdict.result import Verdict
from peakproof.verdict.timeline import order_timeline

from .histories import (
    Row,
    accepted,
    at,
    authorised,
    booked,
    call,
    final_statuses,
    history_of,
    no_reply,
    posted,
    told,
)

RUN = {
    "id": "r1",
    "scenario": {"name": "black-friday"},
    "seed": 7,
    "sut": {"name": "mine", "exit": None},
    "flows": ["order-to-erp"],
    "finished_at": "x",
    "duration_s": 90.0,
    "settled": True,
    "objectives": ["order_sync_latency_p50 <= 60"],
}

TWICE: list[Row] = [
    at(0, accepted("web-000001")),
    at(1, no_reply(order="web-000001")),
    at(2, booked("web-000001")),
    at(3, call(order="web-000001")),
    at(4, booked("web-000001", document="SO-2")),
    at(5, posted("web-000001")),
]
FOLDER = Path("elsewhere/r1")
EVIL = "A<script>alert(1)</script>\x1b[31m\x00"


def verdict_of(rows: list[Row]) -> Verdict:
    with history_of(rows, run=RUN) as history:
        return judge_history(history)


def on_terminal(verdict: Verdict, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    terminal.render(verdict, console, FOLDER)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_explains_the_worst_finding() -> None:
    shown = on_terminal(verdict_of(TWICE))
    assert "FAIL" in shown
    assert "web-000001: booked in the ERP twice" in shown
    assert "Send one Idempotency-Key per order" in shown
    assert "peakproof run --from elsewhere/r1 --only web-000001" in shown
    assert "✗     4.000 s  effect    erp       sales_order_received SO-2" in shown
    assert "✗     2.000 s" not in shown


def test_a_changed_key_is_told_before_what_it_led_to() -> None:
    rows = [
        at(0, accepted("web-000001")),
        at(1, no_reply(order="web-000001", key="k1")),
        at(2, booked("web-000001")),
        at(3, call(order="web-000001", key="k2")),
        at(4, booked("web-000001", document="SO-2")),
    ]
    shown = on_terminal(verdict_of(rows))
    assert shown.index("repeated under k2 after k1") < shown.index("booked in the ERP twice")
    assert "✗     3.000 s  call      erp" in shown


def test_the_terminal_shows_a_pass() -> None:
    shown = on_terminal(
        verdict_of(
            [
                accepted(),
                authorised(),
                booked(),
                posted(),
                *final_statuses("placed", None, "posted", None, "authorised"),
            ]
        )
    )
    assert "PASS" in shown
    assert "order_sync_latency_p50 <= 60" in shown
    assert "not exercised" in shown


def test_a_narrow_terminal_leaves_the_channels_to_the_report() -> None:
    assert "┃ web" in on_terminal(verdict_of(TWICE))
    narrow = on_terminal(verdict_of(TWICE), width=80)
    assert "┃ web" not in narrow
    assert "│ 5.00 · ? · ? s        │" in narrow
    assert "? too few samples to say it" in narrow


def test_the_json_is_one_document() -> None:
    assert json.loads(json_rendering.render(verdict_of(TWICE)))["verdict"] == "fail"


def test_junit_has_a_case_for_each_invariant() -> None:
    verdict = verdict_of(TWICE)
    (suite,) = JUnitXml.fromstring(junit.render(verdict).encode())
    found = {case.name: case.result for case in suite}
    assert len(found) == len(verdict.invariants) + 2
    (failure,) = found["orders_booked_exactly_once"]
    assert isinstance(failure, Failure)
    assert "web-000001: booked in the ERP twice" in failure.text
    assert isinstance(found["only_refused_orders_stay_parked"][0], Skipped)
    assert found["no_order_lost"] == []


def test_junit_says_how_long_the_run_took() -> None:
    with history_of(TWICE, run={**RUN, "duration_s": 61.25}) as history:
        document = JUnitXml.fromstring(junit.render(judge_history(history)).encode())
    (suite,) = document
    assert (document.time, suite.time) == (61.25, 61.25)


def test_junit_shows_an_invalid_run_as_an_error() -> None:
    (suite,) = JUnitXml.fromstring(junit.render(verdict_of([])).encode())
    found = {case.name: case.result for case in suite}
    assert isinstance(found["the run earned a verdict"][0], Error)


def test_the_page_shows_the_finding_and_its_story() -> None:
    with history_of(TWICE, run=RUN) as history:
        verdict = judge_history(history)
        page = html.render(verdict, FOLDER, exhibits_of(history, verdict))
    assert "web-000001: booked in the ERP twice" in page
    assert "The whole story of web-000001" in page
    assert "peakproof explain elsewhere/r1 web-000001" in page


def test_nothing_from_the_wire_is_taken_for_html_xml_or_terminal_codes() -> None:
    verdict = verdict_of([accepted(EVIL), booked(EVIL), booked(EVIL, document=f"SO-{EVIL}")])
    assert verdict.verdict == "fail"
    page = html.render(verdict, FOLDER)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    JUnitXml.fromstring(junit.render(verdict).encode())
    for shown in (page, junit.render(verdict), on_terminal(verdict)):
        assert "\x1b" not in shown
        assert "\x00" not in shown


@pytest.mark.parametrize(
    ("text", "shown"), [("Zoë 王", "Zoë 王"), ("a\x1b[2J\nb", "a\\x1b[2J\\nb"), ("[bold]", "[bold]")]
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_orders_story_is_told_in_time_order() -> None:
    rows = [*TWICE, at(2.5, told("order.placed", order="web-000001")), at(3.5, call(order="web-000002"))]
    with history_of(rows) as history:
        story = order_timeline(history, "web-000001")
    assert [(moment.at_s, moment.what, moment.system) for moment in story] == [
        (0.0, "effect", "web"),
        (1.0, "call", "erp"),
        (2.0, "effect", "erp"),
        (2.5, "delivery", "web"),
        (3.0, "call", "erp"),
        (4.0, "effect", "erp"),
        (5.0, "effect", "erp"),
    ]


def test_a_bulk_call_belongs_to_the_story_of_each_of_its_subjects() -> None:
    with history_of([accepted("A"), call(order=None, subjects=["A", "B"], subject="A")]) as history:
        assert [moment.what for moment in order_timeline(history, "B")] == ["call"]


def told_to(terminal_width: int, rows: list[Row], order: str) -> str:
    console = Console(file=io.StringIO(), width=terminal_width, color_system=None)
    with history_of(rows, run=RUN) as history:
        found = judge_history(history).about(order)
        terminal.render_timeline(order_timeline(history, order), console, found)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_an_orders_story_in_the_terminal_points_at_the_guilty_step() -> None:
    lines = told_to(120, TWICE, "web-000001").splitlines()
    assert (
        "✗     4.000 s  effect    erp  sales_order_received SO-2 28.95 GBP [received]  ← the guilty step"
        in lines
    )
    assert "◆     0.000 s  effect    web  order_placed web-000001 28.95 GBP [placed]" in lines
    assert "✗ booked in the ERP twice  (orders_booked_exactly_once)" in lines
    assert "  should be: Every order that a channel accepted is booked in the ERP exactly once." in lines


def test_an_orders_story_says_where_nobody_is_guilty() -> None:
    shown = told_to(120, [at(0, accepted("A")), at(1, told("order.placed"))], "A")
    assert "the guilty step\n" not in shown.replace("✗ the guilty step, ◆ other evidence", "")
    assert "no single step is at fault: an expected step is missing" in shown


def test_a_pull_request_gets_the_verdict_the_worst_findings_and_the_commands() -> None:
    verdict = verdict_of(TWICE)
    shown = markdown.render(verdict, FOLDER)
    assert shown.startswith("## ❌ black-friday: FAIL: the middleware broke what it must keep\n")
    assert "**web-000001: booked in the ERP twice**" in shown
    assert "✗     4.000 s  effect    erp       sales_order_received SO-2" in shown
    assert "peakproof run --from elsewhere/r1 --only web-000001" in shown
    assert "| order\\_sync\\_latency\\_p50 &lt;= 60 | 5.00 s | ✓ met |" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[a](https://x)", "\\[a\\](https\\://x)"),
        ("a|b\n# c", "a\\|b\\\\n\\# c"),
        ("`x`", "\\`x\\`"),
        ("@team", "\\@team"),
    ],
)
def test_nothing_is_taken_for_markdown(text: str, shown: str) -> None:
    assert markdown.plain(text) == shown


def test_no_line_closes_the_block_of_code_that_it_stands_in() -> None:
    evil = "A\n```\n<b>"
    shown = markdown.render(verdict_of([accepted(evil), booked(evil), booked(evil)]), FOLDER)
    assert "\n```\n<b>" not in shown


def test_reports_lie_beside_the_run(tmp_path: Path) -> None:
    with history_of(TWICE, run=RUN) as history:
        verdict = judge_history(history)
        for source in (history.folder / "history").glob("*.jsonl"):
            target = tmp_path / "history" / source.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes())
    junit_path, html_path = write_reports(verdict, tmp_path)
    assert "web-000001" in junit_path.read_text("utf-8")
    assert "The whole story of web-000001" in html_path.read_text("utf-8")
    assert f"peakproof explain {tmp_path} web-000001" in html_path.read_text("utf-8")
    assert "web-000001" in (tmp_path / "summary.md").read_text("utf-8")
    assert not list(tmp_path.glob("*.part"))
