"""The watch over a page can tell a bad one."""

from pathlib import Path

import pytest

from tests.browser.conftest import Watched


def written(folder: Path, body: str) -> str:
    """The address of a page with this body."""
    path = folder / "page.html"
    path.write_text(f"<!doctype html><html lang=en><title>Page</title><main><h1>Page</h1>{body}</main></html>")
    return path.as_uri()


def test_a_good_page_is_quiet_and_accessible(watched: Watched, tmp_path: Path) -> None:
    watched.page.goto(written(tmp_path, "<button>Go</button>"))
    watched.check_quiet()
    watched.check_accessible()


def test_a_request_to_another_host_an_error_and_a_nameless_button_are_seen(watched: Watched, tmp_path: Path) -> None:
    watched.page.goto(
        written(tmp_path, '<button></button><script>fetch("http://192.0.2.1/x").catch(() => 0); throw Error("broken")</script>')
    )
    assert watched.foreign == ["http://192.0.2.1/x"]
    assert any("broken" in complaint for complaint in watched.complaints)
    with pytest.raises(AssertionError, match="button-name"):
        watched.check_accessible()
