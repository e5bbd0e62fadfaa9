"""The page of a run: what it draws, tells, masks and says is missing, taken from literal histories."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from functools import cache
from hashlib import sha256
from html import unescape
from pathlib import Path

import msgspec
import pytest

from peakproof.history.reader import History
from peakproof.history.records import FaultMark
from peakproof.verdict.judge import judge_history
from peakproof.verdict.render import html
from peakproof.verdict.render.chart import drawn, numbers
from peakproof.verdict.render.exhibits import Exhibits, exhibits_of
from peakproof.verdict.render.manners import manners_of
from peakproof.verdict.render.masking import MASK, masked
from peakproof.verdict.render.sentences import explanation
from peakproof.verdict.render.sequence import Step, Story
from peakproof.verdict.render.series import Band, Clock, Line, Plot, bands_of, clock_of, plots_of
from peakproof.verdict.report import write_reports
from peakproof.verdict.result import Verdict

from .histories import (
    START_NS,
    Row,
    accepted,
    at,
    body,
    booked,
    call,
    computed,
    history_of,
    listed,
    moved,
    no_reply,
    posted,
    refused,
    stock_set,
    told,
)

RUN = {
    "id": "r1",
    "scenario": {"name": "black-friday"},
    "flows": ["order-to-erp"],
    "finished_at": "x",
    "settled": True,
}
FOLDER = Path("runs/r1")
EVIL = "</script><script>alert(1)</script><!--"

TWICE: list[Row] = [
    at(0, accepted("A")),
    at(1, no_reply()),
    at(2, booked("A")),
    at(3, call()),
    at(4, booked("A", document="SO-2")),
    at(5, posted("A")),
]


@cache
def judged_twice() -> Verdict:
    with history_of(TWICE, run=RUN) as history:
        return judge_history(history)


def shown(rows: list[Row], **run: object) -> Exhibits:
    with history_of(rows, run={**RUN, **run}) as history:
        verdict = judged_twice() if rows == TWICE else judge_history(history)
        return exhibits_of(history, verdict)


def page_of(rows: list[Row], **run: object) -> str:
    with history_of(rows, run={**RUN, **run}) as history:
        verdict = judge_history(history)
        return html.render(verdict, FOLDER, exhibits_of(history, verdict))


def plot(rows: list[Row], title: str) -> Plot:
    with history_of(rows, run=RUN) as history:
        clock = clock_of(history)
        assert clock is not None
        return next(one for one in plots_of(history, clock) if one.title == title)


def mark(second: float, word: str) -> Row:
    return at(second, FaultMark(at_ns=0, injection="i1", fault="outage", mark=word, system="erp"))


# The script, and nothing else, runs


def test_only_the_two_scripts_that_the_policy_names_can_run() -> None:
    page = page_of(TWICE)
    ran = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    names = [f"'sha256-{b64encode(sha256(one.encode()).digest()).decode()}'" for one in ran]
    assert len(ran) == 2
    assert f"script-src {' '.join(names)};" in unescape(page)
    assert "Permission is hereby granted, free of charge" in ran[0]
    assert re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page) is None


def test_nothing_from_the_wire_breaks_out_of_the_numbers() -> None:
    page = page_of([*TWICE, at(6, call(system=EVIL)), at(7, no_reply(system=EVIL))])
    assert page.count("<script") == page.count("</script>") == 3
    (data,) = re.findall(r'<script type="application/json" id="plots-data">(.*?)</script>', page, re.DOTALL)
    names = [line["name"] for one in json.loads(data)["plots"] for line in one["lines"]]
    assert EVIL in names


def test_a_page_without_plots_carries_no_script() -> None:
    assert "<script" not in page_of([])


# Time


def test_orders_are_counted_where_they_happen() -> None:
    drawn_plot = plot(
        [at(0, accepted("A")), at(1, booked("A")), at(8, posted("A"))], "Orders through the systems"
    )
    found = {
        line.name: [
            round(step * drawn_plot.clock.step_s, 1) for step, value in enumerate(line.values) if value
        ]
        for line in drawn_plot.lines
    }
    assert found == {"placed": [0.0], "booked": [1.0], "posted": [8.0]}


def test_an_order_that_is_never_posted_waits_to_the_right_edge() -> None:
    rows: list[Row] = [
        at(0, accepted("A")),
        at(1, accepted("B")),
        at(2, posted("A")),
        at(4, told("order.placed")),
    ]
    (line, *_) = plot([*rows, at(5, call())], "Orders that wait").lines
    assert (max(filter(None, line.values)), line.values[-1]) == (2, 1)


def test_calls_are_told_apart_by_what_the_caller_was_told() -> None:
    rows: list[Row] = [
        at(1, call()),
        at(2, no_reply()),
        at(3, refused()),
        at(4, call(status=503, outcome="unknown")),
    ]
    named = [line.name for line in plot([at(0, accepted()), *rows], "Calls to erp").lines]
    assert named == ["done (2xx)", "refused (other 4xx)", "failed (5xx)", "no reply"]


def test_stock_differs_until_the_copy_is_told() -> None:
    rows: list[Row] = [
        at(0, moved(10, 10, version=1)),
        at(0, stock_set(10, version=1)),
        at(2, moved(-4, 6, version=2)),
        at(4, stock_set(6, version=2)),
        at(5, computed(6)),
        at(6, listed(5)),
        at(8, call()),
    ]
    lines = {line.name: line.values for line in plot(rows, "Stock that differs").lines}
    assert [max(filter(None, values)) for values in lines.values()] == [4, 1]
    assert [values[-1] for values in lines.values()] == [0, 1]


def test_a_fault_is_a_band_from_arming_to_healing_and_lasts_to_the_end_where_it_was_not_healed() -> None:
    orders: list[Row] = [at(second, accepted(str(second))) for second in range(20)]
    with history_of(
        [*orders, mark(2, "armed"), mark(3, "fired"), mark(6, "healed"), mark(18, "armed")]
    ) as history:
        clock = clock_of(history)
        assert clock is not None
        (band,) = bands_of(history, clock)
    assert [second for window in band.windows for second in window] == pytest.approx([2, 6, 18, clock.end_s])
    assert (band.letter, band.where, sum(band.fired), band.whole_run) == ("A", "erp", 1, False)


def test_a_plot_is_drawn_as_a_picture_and_as_numbers() -> None:
    clock = Clock(START_NS, 1_000_000_000, 4)
    chart = drawn(
        Plot("p", "Calls", "calls/s", "", clock, (Line("done", (1.0, None, 12345.678, 0.0), 0),)), []
    )
    assert chart.traces[0].path.count("M") == 2, "a gap where there is no value"
    assert chart.alt == "Calls, calls/s over time. done: at most 12,346 calls/s, at 2 s."
    band = Band("A", "i1", "outage", "erp", ((1.0, 2.0),), (), False)
    stored = numbers([chart], [band, replace(band, whole_run=True)])
    assert stored["plots"][0]["lines"][0]["values"] == [1.0, None, 12350.0, 0.0]
    assert [one["says"] for one in stored["bands"]] == ["i1 (outage)"]


@pytest.mark.parametrize("span_s", [0.0, 0.002, 90.0, 86_400.0, 40 * 365 * 86_400.0])
def test_a_run_of_any_length_has_few_steps(span_s: float) -> None:
    with history_of([at(0, accepted()), at(span_s, booked())]) as history:
        clock = clock_of(history)
    assert clock is not None
    assert 1 <= clock.steps <= 121


# The story of a finding


def told_of(rows: list[Row]) -> Story:
    return shown(rows).stories["A"]


def marked(story: Story) -> list[tuple[str, str]]:
    return [(step.mark, step.words.split(" ")[0]) for step in story.steps if step.mark]


def test_the_second_of_two_is_the_guilty_step() -> None:
    story = told_of(TWICE)
    assert marked(story) == [
        ("evidence", "order_placed"),
        ("evidence", "sales_order_received"),
        ("guilty", "sales_order_received"),
    ]
    assert story.missing is None
    assert story.lanes == ("web", "middleware", "erp")


def test_of_a_lost_order_nothing_is_guilty_but_what_is_missing() -> None:
    story = told_of([at(0, accepted("A")), at(1, told("order.placed"))])
    assert "guilty" not in [mark for mark, _ in marked(story)]
    assert story.missing


def test_a_call_shows_what_was_asked_and_answered_with_secrets_masked() -> None:
    sent = body('{"order_ref": "A", "card_number": "4111", "token": "t0p"}')
    asked = msgspec.structs.replace(call(key="k2", body=sent.hash), at_ns=START_NS + 3_000_000_000)
    story = told_of([sent, *(asked if row is TWICE[3] else row for row in TWICE)])
    step = _call_of(story, "201")
    assert step.exchange is not None
    assert "Idempotency-Key: k2" in step.exchange.asked
    assert "Authorization: ••• (client sut)" in step.exchange.asked
    assert step.exchange.request is not None
    assert ("4111" in step.exchange.request, "t0p" in step.exchange.request) == (False, False)


def _call_of(story: Story, status: str) -> Step:
    return next(step for step in story.steps if step.what == "call" and status in step.words)


@pytest.mark.parametrize(
    ("text", "kept", "gone"),
    [
        pytest.param('{"access_token": "abc", "sku": "mug"}', "mug", "abc", id="a field"),
        pytest.param('[{"user": {"password": "abc"}}]', "user", "abc", id="deep inside"),
        pytest.param(
            '{"payment_authorisation_id": "PAY-1"}', "PAY-1", "•", id="no secret in spite of its name"
        ),
        pytest.param("grant_type=x&client_secret=abc&a=b", "a=b", "abc", id="a form"),
        pytest.param("Authorization: Bearer abc.def", MASK, "abc", id="a header in text"),
        pytest.param("{not json", "{not json", "•", id="not JSON"),
    ],
)
def test_secrets_are_masked(text: str, kept: str, gone: str) -> None:
    assert kept in masked(text)
    assert gone not in masked(text)


def test_retries_under_another_key_are_told() -> None:
    with history_of([at(1, no_reply(key="k1")), at(3, call(key="k2"))]) as history:
        (one,) = manners_of(history)
    assert (one.operation, one.intents, one.calls, one.most) == ("erp create_sales_order", 1, 2, 2)
    assert (one.key_changed, one.unanswered, one.first_wait_s) == (1, 1, 2.0)


def test_another_key_after_a_clear_refusal_is_nothing_wrong() -> None:
    with history_of([at(1, refused(key="k1", status=409)), at(3, call())], run=RUN) as history:
        (one,) = manners_of(history)
    assert (one.calls, one.key_changed) == (2, 0)


# In words


def test_three_sentences_explain_a_fail() -> None:
    outcome, pressure, todo = explanation(judged_twice())
    assert "violated" in outcome
    assert "1 order" in outcome
    assert pressure == "No fault was injected in its 2 calls: this is how it does in fair weather."
    assert todo.startswith("Start with A (booked in the ERP twice): Send one Idempotency-Key per order")


def test_three_sentences_explain_why_nothing_is_proved() -> None:
    verdict = replace(judged_twice(), verdict="inconclusive", reasons=("the run was cut off",), invariants=())
    assert explanation(verdict)[2] == "First put this right: the run was cut off."


# What cannot be shown


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param({"finished_at": None}, "The run was cut off", id="cut off"),
        pytest.param({"history_version": 99}, "another version of peakproof (history version 99", id="newer"),
    ],
)
def test_the_page_says_what_is_wrong_with_its_record(run: dict[str, object], expected: str) -> None:
    assert expected in " ".join(shown(TWICE, **run).missing)


def test_an_empty_record_is_said_to_be_empty() -> None:
    assert shown([]).missing == ("The record is empty: nothing happened that could be drawn.",)


def test_a_whole_record_lacks_nothing() -> None:
    assert shown(TWICE).missing == ()


def test_a_record_that_was_changed_after_judging_is_noticed() -> None:
    with history_of(TWICE[:-1], run=RUN) as changed:
        (said,) = exhibits_of(changed, judged_twice()).missing
    assert "the verdict is about 4 effects, now there are 3" in said


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    with history_of(TWICE, run=RUN) as history:
        for source in (history.folder / "history").glob("*.jsonl"):
            target = tmp_path / "history" / source.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes() + b'{"call_id": "cut o')
    with History.of_run(tmp_path) as damaged:
        assert any(
            "lines of the record cannot be read" in said
            for said in exhibits_of(damaged, judged_twice()).missing
        )


def test_a_record_that_is_gone_leaves_the_verdict(tmp_path: Path) -> None:
    _, path = write_reports(judged_twice(), tmp_path)
    page = path.read_text("utf-8")
    assert "The record of this run cannot be read" in page
    assert "A: booked in the ERP twice" in page
