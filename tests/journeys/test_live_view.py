"""The live view of a standing estate in a browser: see it, break it, see it fail, heal it, see it recover."""

import json
import signal
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from .browser import chromium, needs_chromium, opened, serious
from .command import PATIENCE_S, started

pytestmark = needs_chromium

SOON_MS = PATIENCE_S * 1000


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    """An estate with a middleware that repeats whatever it got no answer to."""
    found = started(tmp_path_factory.mktemp("up"), "up", "quiet-day", "--middleware", "naive", "--json")
    yield found
    if found.poll() is None:
        found.kill()
        found.communicate()


@pytest.fixture(scope="module")
def url(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    text = ""
    while not text.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()
        text += line
    address: str = json.loads(text)["live"]
    return address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


def test_an_outage_by_click_is_seen_and_heals(browser: Browser, url: str) -> None:
    watched = opened(browser, url)
    page = watched.page
    erp = page.locator("#rows tr", has=page.get_by_role("rowheader", name="erp", exact=True))
    expect(erp.locator("td").nth(4)).to_have_text("0", timeout=SOON_MS)
    page.get_by_role("button", name="outage 30 s on erp").click()
    expect(page.get_by_role("status")).to_have_text("erp-outage-1: outage on erp", timeout=SOON_MS)
    expect(erp.locator("td").nth(7)).to_have_text("outage", timeout=SOON_MS)
    expect(erp.locator("td").nth(4)).to_contain_text(" of ", timeout=SOON_MS)
    page.get_by_role("button", name="heal erp-outage-1").click()
    expect(erp.locator("td").nth(7)).to_have_text("", timeout=SOON_MS)
    expect(erp.locator("td").nth(4)).to_have_text("0", timeout=SOON_MS)
    assert watched.complaints == []
    assert all(one.startswith(url) or one == "data:," for one in watched.requests)


def test_an_order_by_hand_is_followed_and_what_is_wrong_with_it_is_found(browser: Browser, url: str) -> None:
    page = opened(browser, url).page
    page.get_by_label("the fault").select_option("lost-reply", timeout=SOON_MS)
    page.get_by_label("on", exact=True).select_option("oms")
    page.get_by_role("button", name="Inject", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("lost-reply on oms", timeout=SOON_MS)
    page.get_by_role("button", name="Place it").click()
    expect(page.locator("#moments")).to_contain_text("oms_order_created", timeout=SOON_MS)
    expect(page.locator("#findings li").first).to_contain_text("created in the OMS ", timeout=SOON_MS)
    assert "web-hand-" in (page.locator("#findings li").first.text_content() or "")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
def test_everybody_can_use_it(width: int, dark: bool, browser: Browser, url: str) -> None:
    page = opened(browser, url, width=width, dark=dark).page
    page.locator("#rows tr").first.wait_for(timeout=SOON_MS)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_ends_with_the_run(process: "subprocess.Popen[str]", browser: Browser, url: str) -> None:
    page = opened(browser, url).page
    page.locator("#rows tr").first.wait_for(timeout=SOON_MS)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    expect(page.locator("#run")).to_contain_text("has ended", timeout=SOON_MS)
