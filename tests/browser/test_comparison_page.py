"""The page of a comparison in a browser."""

from pathlib import Path

from pipeline.report.comparison import comparison, page
from tests.browser.conftest import Watched
from tests.report.test_comparison import RUNS


def test_it_asks_no_host_has_no_serious_fault_and_fits_a_phone(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "comparison.html"
    path.write_text(page(comparison(RUNS, every=True), title="Comparison"))
    watched.page.goto(path.as_uri())
    assert watched.page.locator("h2").all_inner_texts() == ["Runs", "Sweep", "Settings", "Metrics", "Curves", "Glossary"]
    watched.check_accessible()
    watched.page.emulate_media(color_scheme="dark")
    watched.check_accessible()
    watched.page.set_viewport_size({"width": 390, "height": 800})
    assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
    watched.check_quiet()
