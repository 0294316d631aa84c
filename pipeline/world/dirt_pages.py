"""Dirt of pages: page numbers, running heads, duplicate pages.

A foot and a head are inserted between pages. Pages end inside a paragraph only if the text is hard-wrapped.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.world.books import Rng
from pipeline.world.dirt_layout import BROKEN, Line

PAGE_LINES = 36
PAGE_CHARACTERS = 1700
NUMBERS = ("{page}", "- {page} -", "[{page}]", "Page {page}", "Page {page} of {last}", "{{{page}}}", "[Pg {page}]")
# on left and right pages; the last two also include the page number
HEADS = (
    ("{title}", "{title}"),
    ("{title}", "{author}"),
    ("{title}, BY {author}", "{title}, BY {author}"),
    ("{own}", "{own}"),
    ("{title}", "{chapter}"),
    ("{page}  {title}", "{title}  {page}"),
    ("{page}    {author}", "{title}    {page}"),
)
NUMBERED_HEADS = 2
ENDED = re.compile(r"[.!?:;\"”“″')]\W*$")
TWICE = (1, 3)  # duplicate pages, minimum and maximum
TWICE_PARAGRAPHS = (3, 6)
TWICE_LINES = (24, 40)
APART = 3  # lines between two duplicate pages
MOST = 400  # pages per book

Around = Literal["tight", "airy", "feed"]  # text right before and after, or blank lines, or a form feed between foot and head


@dataclass(frozen=True)
class Furniture:
    """The lines between the pages of a book."""

    foot: str  # a template, or ""
    heads: tuple[str, str]  # templates, or ""
    indent: str
    around: Around
    first: int  # the number of the first page
    names: dict[str, str]
    chapters: Sequence[str]  # headings without number, in capitals

    def between(self, turn: int, chapter: int) -> list[str]:
        """The lines between one page and the next; `turn` counts the pages from 0."""
        names = {**self.names, "chapter": self.chapters[max(0, chapter - 1)], "last": str(self.first + MOST)}
        foot = self.foot.format(**names, page=self.first + turn)
        head = self.heads[turn % 2].format(**names, page=self.first + turn + 1)
        feet, heads = [self.indent + foot] if foot else [], [head] if head else []
        return [*feet, "\f" + head] if self.around == "feed" else feet + heads


def make_furniture(plants: Collection[str], title: str, author: str, headings: Sequence[str], rng: Rng) -> Furniture:
    """The furniture of a book; `headings` without their numbers."""
    numbered = "page_numbers" in plants
    foot = rng.choice(NUMBERS)
    indent = " " * (rng.choice((0, 0, 30, 60)) if foot == "{page}" else 0)
    heads = rng.choice(HEADS[: len(HEADS) - NUMBERED_HEADS * numbered])
    return Furniture(
        foot if numbered else "",
        heads if "running_heads" in plants else ("", ""),
        indent,
        rng.choice(("tight", "airy", "feed")),
        rng.choice((1, 3, 11, 97, 201)) + rng.below(9),
        {"title": title.upper(), "author": author.upper(), "own": title},
        [heading.upper() for heading in headings],
    )


def add_furniture(lines: Sequence[Line], furniture: Furniture, *, broken: bool) -> list[Line]:
    """Insert furniture between pages; `broken`: paragraphs are hard-wrapped."""
    pages: list[Line] = []
    turn, start = 0, 0
    for border in _borders(lines, furniture.around, broken=broken):
        before = lines[border]
        rows = [Line(text, before.chapter, "furniture") for text in furniture.between(turn, before.chapter)]
        blank = [Line("", before.chapter, "furniture")]
        inside = bool(lines[border + 1].text)
        pages += [*lines[start : border + 1], *(rows if inside and furniture.around != "airy" else [*blank, *rows, *blank[:inside]])]
        turn, start = turn + 1, border + 1
    return [*pages, *lines[start:]]


def _borders(lines: Sequence[Line], around: Around, *, broken: bool) -> Iterator[int]:
    """The lines after which a page ends."""
    full = 0.0
    for place, line in enumerate(lines[:-1]):
        full += 1 / PAGE_LINES if broken else max(1 / PAGE_LINES, len(line.text) / PAGE_CHARACTERS)
        if full >= 1 and line.chapter and line.text and not line.heading and not line.text.endswith(BROKEN):
            after = lines[place + 1].text
            cut = broken and after and (around != "airy" or (not ENDED.search(line.text) and after.lstrip(" ")[0].islower()))
            if cut or not after:
                yield place
                full = 0.0


def duplicate_pages(lines: Sequence[Line], rng: Rng, *, broken: bool) -> list[Line]:
    """Duplicate some pages. A book that is too short is unchanged."""
    double, free = list(lines), len(lines)
    chosen = [_page(lines, rng, broken=broken) for _ in range(rng.between(TWICE))]
    for start, stop in sorted(filter(None, chosen), reverse=True):
        if stop + APART <= free:
            double[stop:stop] = lines[start:stop]
            free = start
    return double


def _page(lines: Sequence[Line], rng: Rng, *, broken: bool) -> tuple[int, int] | None:
    """Start and end of a page; None if it would be too short, or begin or end with half a word."""
    first = [place for place, line in enumerate(lines) if line.chapter and line.text and (broken or line.kind != "furniture")]
    count = rng.between(TWICE_LINES if broken else TWICE_PARAGRAPHS)
    if len(first) <= count:
        return None
    chosen = rng.below(len(first) - count)
    start, stop = first[chosen], first[chosen + count]
    halves = lines[start - 1].text.endswith(BROKEN) or lines[stop - 1].text.endswith(BROKEN)
    return None if halves else (start, stop)
