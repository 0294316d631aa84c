"""The report in a browser: what a number means by pointer, keyboard and tap; search; print; nothing that bars a reader."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pipeline.report.blocks import Quote, Quotes, Section
from pipeline.report.contents import page_of
from pipeline.report.page import render
from pipeline.report.vocabulary import pieces
from pipeline.tokens.kinds.bpe import train
from tests.browser.conftest import Watched
from tests.report.conftest import SHOWN
from tests.report.conftest import run as finished_run

MOST_BYTES = 2_000_000
run = finished_run


@pytest.fixture
def report(run, tmp_path: Path) -> str:
    """The address of the page of a small run."""
    html, *_ = page_of("Scriptorium", *run(facts=True), SHOWN)
    assert len(html.encode()) < MOST_BYTES
    path = tmp_path / "index.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def told(page: Page) -> str:
    """What the explanation beside a number says; nothing while there is none."""
    what = page.locator("#what")
    return what.inner_text() if what.is_visible() else ""


def test_the_page_is_quiet_and_bars_no_reader_by_day_and_by_night(watched: Watched, report: str) -> None:
    for scheme in ("light", "dark"):
        watched.page.emulate_media(color_scheme=scheme)
        watched.page.goto(report)
        watched.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        watched.check_accessible()
    watched.check_quiet()


def test_a_number_is_explained_on_hover_and_by_keyboard_and_escape_ends_it(watched: Watched, report: str) -> None:
    page = watched.page
    page.goto(report)
    card = page.locator(".card a.term").first
    assert told(page) == ""
    card.hover()
    assert told(page).startswith("bits per byte\n")
    page.mouse.move(1, 1)
    assert told(page) == ""
    page.locator(".card a.term").first.focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "what"
    assert "likelier" in told(page)
    page.keyboard.press("Escape")
    assert told(page) == ""
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#term-knowledge-of-facts"


def test_search_leaves_the_terms_that_match(watched: Watched, report: str) -> None:
    page = watched.page
    page.goto(report)
    every = page.locator(".terms > div").count()
    page.get_by_label("Search").fill("bradley")
    assert page.locator(".terms > div:visible dt").all_inner_texts() == ["Bradley-Terry"]
    assert page.locator("#hits").inner_text() == f"1 of {every}"
    page.get_by_label("Search").fill("")
    assert page.locator(".terms > div:visible").count() == every


def test_on_a_phone_a_tap_explains_nothing_is_wider_than_the_screen(browser: Browser, report: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator(".card a.term").nth(2).tap()
    assert told(page)
    box = page.locator("#what").bounding_box()
    assert box is not None
    assert (box["x"] >= 0, box["x"] + box["width"] <= 360) == (True, True)
    assert page.evaluate("location.hash") == ""
    page.locator("h1").tap()
    assert told(page) == ""
    context.close()


def test_a_tap_on_a_token_tells_its_number(watched: Watched, tmp_path: Path) -> None:
    codec = train(["so it is and so it was " * 9], vocab_size=270, pattern="gpt2")
    quotes = Quotes("Tokens", [Quote("", pieces("so it was", codec))])
    sections = [Section("tokens", "Tokens", "", [quotes])]
    (tmp_path / "t.html").write_text(render(title="t", lead="", cards=[], sections=sections, settings={}, edges=[], metrics={}))
    watched.page.goto((tmp_path / "t.html").as_uri())
    watched.page.locator(".pieces span").first.click()
    assert told(watched.page) == f"token {codec.encode('so it was', add_special_tokens=False).ids[0]}"
    watched.page.locator("h1").click()
    assert told(watched.page) == ""


def test_paper_gets_everything_unfolded_and_no_tools(watched: Watched, report: str) -> None:
    page = watched.page
    page.goto(report)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_a_script_every_name_still_leads_to_its_term(browser: Browser, report: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report)
    page.locator(".card a.term").first.click()
    assert page.url.endswith("#term-bits-per-byte")
    context.close()
