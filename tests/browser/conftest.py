"""Pages in a real browser: a page whose requests are known, and what axe finds wrong with it.

Chromium is Debian's (`apt-get install chromium`), or what CHROMIUM names; where there is none, these tests are skipped.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")
OWN = ("127.0.0.1", "localhost", "")  # "": file://, data:, blob:
SERIOUS = ("serious", "critical")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies in this folder opens a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Watched:
    """A page with what it asked of other hosts and what it complained of."""

    page: Page
    foreign: list[str] = field(default_factory=list)  # addresses
    complaints: list[str] = field(default_factory=list)  # errors of its console, exceptions

    def check_quiet(self) -> None:
        """No request to another host, no error."""
        assert self.foreign == []
        assert self.complaints == []

    def check_accessible(self) -> None:
        """Axe has nothing serious to say of the page as it is now."""
        found = Axe().run(self.page).response["violations"]
        serious = [f"{v['id']}: {v['help']}: {[node['html'][:160] for node in v['nodes'][:3]]}" for v in found if v["impact"] in SERIOUS]
        assert serious == []


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; no test here runs without one."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium, or CHROMIUM=/its/path")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A new page of 1280 x 900; `watched.page.set_viewport_size`, `.emulate_media(color_scheme="dark")` change it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(20_000)
    seen = Watched(page)
    page.on("request", lambda request: seen.foreign.append(request.url) if (urlsplit(request.url).hostname or "") not in OWN else None)
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    yield seen
    context.close()
