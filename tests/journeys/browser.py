"""A headless Chromium for tests that look at pages; where there is none they are skipped, and say so."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no chromium on this machine's PATH (apt-get install chromium)"
)


@dataclass
class Watched:
    """A page, and what it complained about or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def opened(browser: Browser, url: str, *, width: int = 1280, dark: bool = False) -> Watched:
    """The page at ``url``, with what it says on the console and asks of the network from the start."""
    watched = Watched(
        browser.new_page(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    )
    watched.page.set_default_timeout(60_000)
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    watched.page.goto(url)
    return watched


def serious(page: Page) -> list[str]:
    """What axe finds that keeps somebody out, a line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")
    ]
