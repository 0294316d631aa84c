"""Code in pages keeps its lines, between fences, so that cleaning keeps it too."""

from pathlib import Path

import pytest

from tests.text.reading_tools import read
from tests.text.test_read_formats import as_epub, as_warc

PARAGRAPH = "A paragraph of words, which tells how <code>x = 1</code> came to pass on that day in the town of the harbour."
PROSE = PARAGRAPH.replace("<code>", "").replace("</code>", "")
CODE = "def f(x):\n    if x:\n\n        return   [x for _ in x]\n\treturn ``x``"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "input"
    place.mkdir()
    return place


def pages_of(folder: Path, body: str) -> list[str]:
    """The text of a page of the web, of a web archive and of a book."""
    page = f"<html><body><h1>Head</h1><p>{PARAGRAPH}</p>{body}<p>And then: {PARAGRAPH}</p></body></html>"
    (folder / "a.html").write_text(page)
    (folder / "b.warc").write_bytes(as_warc(("response", "http://a.org/x", "text/html;charset=utf-8", page.encode())))
    (folder / "c.epub").write_bytes(as_epub({"a.xhtml": page}))
    return read(folder).texts


@pytest.mark.parametrize(
    "body",
    [
        f"<pre>{CODE}</pre>",
        f"<pre>\n{CODE}\n\n</pre>",
        f"<pre><code class='language-python'>{CODE}</code></pre>",
        f"<div class='highlight'><pre><span></span>{CODE.replace('return', '<span>return</span>')}</pre></div>",
        f"<pre>{CODE}</pre>".replace("\n", "<br>"),
        f"<pre>{CODE}</pre>".replace("\n", "\r\n").replace(" ", "&nbsp;"),
        "<pre>" + "".join(f"<div>{line}</div>" if line else "<div>\n</div>" for line in CODE.split("\n")) + "</pre>",
        f"<blockquote><pre>{CODE}</pre></blockquote>",
    ],
)
def test_code_keeps_its_lines_between_fences(folder: Path, body: str) -> None:
    for text in pages_of(folder, body):
        assert text == f"Head\n\n{PROSE}\n\n```\n{CODE}\n```\n\nAnd then: {PROSE}"


@pytest.mark.parametrize("inner", ["```", "````"])
def test_fences_are_longer_than_those_within(folder: Path, inner: str) -> None:
    for text in pages_of(folder, f"<pre>{inner}\na = b\n{inner}</pre>"):
        assert f"\n\n{inner}`\n{inner}\na = b\n{inner}\n{inner}`\n\n" in text


def test_code_without_a_word_is_none(folder: Path) -> None:
    for text in pages_of(folder, "<pre> \n </pre>"):
        assert text == f"Head\n\n{PROSE}\n\nAnd then: {PROSE}"


def test_code_of_an_item_or_a_cell_is_a_block_too(folder: Path) -> None:
    for text in pages_of(folder, f"<ul><li>item<pre>{CODE}</pre></li></ul><table><tr><td><pre>{CODE}</pre></td></tr></table>"):
        assert text == f"Head\n\n{PROSE}\n\nitem\n\n```\n{CODE}\n```\n\n```\n{CODE}\n```\n\nAnd then: {PROSE}"
