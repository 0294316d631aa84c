"""The page escapes what it shows, names what is absent, and is the same bytes each time."""

import re
from html.parser import HTMLParser

from markupsafe import Markup

from pipeline.report.blocks import Absent, Card, Figures, Quote, Quotes, Section, Table, excerpt
from pipeline.report.charts import Curve, line_chart
from pipeline.report.page import absences, flat, render

EVIL = '<script>alert("x")</script><img src=x onerror=1>'
SETTINGS = {"corpus": {"target": "data/corpus", "words": EVIL}, "clean": {"source": "data/corpus", "target": "data/clean"}}
SECTIONS = [
    Section("text", "Text", "What came in.", [
        Table(EVIL, ("name", EVIL), [(EVIL, EVIL)], EVIL),
        Quotes("Samples", [Quote(EVIL, EVIL, "good")], EVIL, folded=True),
        Figures([line_chart([Curve(EVIL, [(0, 1.0), (1, 2.0)])], title=EVIL, x="step", levels=[], log=False)]),
        Absent("Facts", EVIL),
    ]),
]  # fmt: skip
VOID = {"meta", "img", "br", "input"}


def page(**changes: object) -> str:
    arguments = {
        "title": EVIL,
        "lead": EVIL,
        "cards": [Card(EVIL, EVIL, EVIL)],
        "sections": SECTIONS,
        "settings": SETTINGS,
        "edges": [("corpus", "clean")],
        "metrics": {"corpus": {"documents": 3, EVIL: EVIL, "nothing": None}, "clean": None},
    }
    return render(**(arguments | changes))  # type: ignore[arg-type]


class Reader(HTMLParser):
    """Collects the tags, and complains about one that is closed by another."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_a_script_in_the_data_stays_text_wherever_it_stands() -> None:
    html = page()
    tags = [tag for tag, _ in read(html).seen]
    assert tags.count("script") == 1  # the page's own
    assert "img" not in tags
    assert 'alert("x")' not in html
    assert html.count("&lt;script&gt;") > 12


def test_every_tag_is_closed_in_its_place() -> None:
    assert read(page()).open == []


def test_the_page_asks_the_network_for_nothing() -> None:
    html = page()
    for _, attributes in read(html).seen:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?://|@import|url\(", html)


def test_every_link_leads_into_the_page_and_every_chapter_is_linked() -> None:
    seen = read(page()).seen
    ids = {attributes["id"] for _, attributes in seen if "id" in attributes}
    links = {(attributes["href"] or "").removeprefix("#") for tag, attributes in seen if tag == "a"}
    assert links <= ids
    assert {attributes["id"] for tag, attributes in seen if tag == "h2"} <= links


def test_the_page_is_the_same_bytes_each_time() -> None:
    assert page() == page()


def test_a_number_that_is_not_there_is_a_dash_and_its_stage_says_why() -> None:
    html = page()
    assert "<td>–</td>" in html  # `nothing`
    assert "Numbers: not run." in html
    assert absences(SECTIONS) == 1


def test_nested_numbers_are_named_by_their_dotted_key() -> None:
    assert flat({"a": {"b": 1, "c": [2, {"d": None}]}}) == [("a.b", 1), ("a.c.0", 2), ("a.c.1.d", None)]


def test_an_excerpt_shows_what_is_invisible_and_says_that_it_goes_on() -> None:
    assert excerpt("a\x00b\u202ec\nd", 99) == "a␀b\ufffdc\nd"
    assert excerpt("abcdef", 3) == "abc …"
    assert excerpt("a\n\nb" + "\n" * 30, 99) == "a\n\nb\n⏎ × 30\n"


def test_markup_is_not_accepted_from_plain_text() -> None:
    html = page(lead="<em>x</em>", title=Markup("<em>y</em>"))
    assert "&lt;em&gt;x" in html
    assert "<em>y</em>" in html
