"""The report of a failing run as people open it: in a browser, from a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from peakproof.history.records import FaultMark
from peakproof.verdict.judge import judge_history
from peakproof.verdict.report import write_reports

from ..verdict.histories import accepted, at, booked, call, history_of, no_reply, posted
from .browser import chromium, needs_chromium, opened, serious

pytestmark = needs_chromium

EVIL = "<img src=x onerror=alert(1)>"
RUN = {
    "id": "r1",
    "scenario": {"name": "black-friday"},
    "seed": 7,
    "flows": ["order-to-erp"],
    "finished_at": "x",
    "settled": True,
    "objectives": ["duplicate_rate <= 0"],
}
ROWS = [
    at(0, accepted("web-000001")),
    at(1, no_reply(order="web-000001", key="k1")),
    at(1, FaultMark(at_ns=0, injection="late", fault="lost-reply", mark="armed", system="erp")),
    at(1, FaultMark(at_ns=0, injection="late", fault="lost-reply", mark="fired", system="erp")),
    at(2, booked("web-000001")),
    at(2, FaultMark(at_ns=0, injection="late", fault="lost-reply", mark="healed", system="erp")),
    at(3, call(order="web-000001", key="k2")),
    at(4, booked("web-000001", document="SO-2")),
    at(5, posted("web-000001")),
    at(6, call(order="web-000001", system=EVIL)),
    at(7, accepted(EVIL)),
    at(30, call("list_orders", order=None, changes=False)),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a failing run's page."""
    folder = tmp_path_factory.mktemp("run")
    with history_of(ROWS, run=RUN) as history:
        _, path = write_reports(judge_history(history), folder, history)
    return Path(path).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def test_the_finding_its_story_and_the_values_of_a_plot_are_found(browser: Browser, report: str) -> None:
    watched = opened(browser, report)
    page = watched.page
    page.get_by_role("link", name="Findings").click()
    article = page.locator("article", has_text="repeated under k2 after k1")
    assert article.get_by_text("the guilty step").is_visible(), "the first finding's story is open"
    assert article.get_by_text("peakproof run --from").is_visible()
    article.locator("summary", has_text="the guilty step").click()
    assert article.get_by_text("Idempotency-Key: k2").is_visible()

    figure = page.locator("figure", has_text="Calls to erp")
    figure.locator(".moving").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert "done (2xx): " in (figure.get_by_role("status").text_content() or "")
    assert watched.requests == [report], "a page that needs no network asks nobody"
    assert watched.complaints == []


def test_zooming_one_plot_zooms_all_and_0_shows_the_whole_run(browser: Browser, report: str) -> None:
    page = opened(browser, report).page

    def pictures() -> list[str]:
        return page.evaluate("[...document.querySelectorAll('.moving canvas')].map((one) => one.toDataURL())")  # type: ignore[no-any-return]

    whole = pictures()
    page.locator(".moving").first.focus()
    page.keyboard.press("+")
    assert all(now != before for now, before in zip(pictures(), whole, strict=True))
    page.keyboard.press("0")
    assert pictures() == whole


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_it_is_usable_by_everybody_and_nothing_sticks_out(
    width: int, dark: bool, browser: Browser, report: str
) -> None:
    page = opened(browser, report, width=width, dark=dark).page
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_and_without_scripts_the_plots_are_pictures(browser: Browser, report: str) -> None:
    page = opened(browser, report).page
    assert not page.locator(".plot").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator(".plot").first.is_visible()
    assert not page.locator(".moving").first.is_visible()
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(report)
        assert plain.locator(".plot").first.is_visible()
