"""Dirt: noise of scanners, scrapers and publishers, added so that perfect cleaning restores the text.

Each kind is named like the repair that undoes it, and has several variants. Kinds are added in order: characters, lines, pages, file; they
are undone in reverse.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipeline.world.books import Rng
from pipeline.world.dirt_characters import HEADING, Paragraphs, controls, italics, ligatures, quotes, unicode_variants
from pipeline.world.dirt_files import boilerplate, encoding, licence
from pipeline.world.dirt_layout import BROKEN, Line, as_lines, contents, hard_wrap
from pipeline.world.dirt_ocr import LOWER_WORD, ocr
from pipeline.world.dirt_pages import add_furniture, duplicate_pages, make_furniture

State = TypeVar("State")
Steps = Sequence[tuple[str, Callable[[State], State]]]

DIRT_KINDS = (
    *("ocr", "italics", "quotes", "ligatures", "unicode", "controls"),
    *("wrapping", "hyphenation", "page_numbers", "running_heads", "duplicate_pages", "contents"),
    *("boilerplate", "licence", "encoding"),
)  # in the order in which they are added
REQUIRES = {
    "encoding": "quotes",  # a wrong encoding shows in non-ASCII characters; the books have few but quotes
    "hyphenation": "wrapping",  # words are broken at line ends
}


@dataclass(frozen=True)
class FrontMatter:
    """Title, author and headings of a book, clean."""

    title: str
    author: str
    headings: dict[int, str]  # by position of the paragraph

    @property
    def names(self) -> list[str]:
        """The headings without their numbers."""
        return [HEADING.sub("", heading) for heading in self.headings.values()]


def add_dirt(text: str, plants: Collection[str], generator: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    """Add kinds of dirt and those that they require; returns the text and the kinds that changed it. Deterministic given the generator."""
    wanted = {*plants, *(REQUIRES[name] for name in plants if name in REQUIRES)}
    rng, paragraphs = Rng(generator), text.split("\n\n")
    headings = {place: one for place, one in enumerate(paragraphs) if HEADING.match(one)}
    front = FrontMatter(paragraphs[0], paragraphs[1].removeprefix("by "), headings)
    planted: list[str] = []
    paragraphs = _applied(paragraphs, _on_characters(wanted, rng), wanted, planted)
    words = frozenset(LOWER_WORD.findall(text))
    lines = _paged(_laid_out(paragraphs, front, words, wanted, rng, planted), front, wanted, rng, planted)
    rows = [line.text for line in _applied(lines, _on_lines(front, wanted, rng), wanted, planted)]
    rows = _applied(rows, [("boilerplate", lambda rows: boilerplate(rows, front.title, rng))], wanted, planted)
    on_file: Steps[str] = (
        ("licence", lambda text: licence(text, front.title, front.author, rng)),
        ("encoding", lambda text: encoding(text, rng)),
    )
    return _applied("\n".join(rows), on_file, wanted, planted), tuple(name for name in DIRT_KINDS if name in planted)


def _on_characters(wanted: Collection[str], rng: Rng) -> Steps[Paragraphs]:
    return (
        ("ocr", lambda text: ocr(text, rng)),
        ("italics", lambda text: italics(text, rng)),
        ("quotes", lambda text: quotes(text, rng, plain="encoding" in wanted)),
        ("ligatures", lambda text: ligatures(text, rng)),
        (
            "unicode",
            lambda text: unicode_variants(text, rng, spaced="encoding" in wanted),
        ),  # fullwidth letters in a wrong encoding can't be repaired
        ("controls", lambda text: controls(text, rng)),
    )


def _laid_out(
    paragraphs: Paragraphs, front: FrontMatter, words: frozenset[str], wanted: Collection[str], rng: Rng, planted: list[str]
) -> list[Line]:
    """The book as lines, hard-wrapped and hyphenated if wanted."""
    if "wrapping" not in wanted:
        return as_lines(paragraphs, front.headings.keys())
    lines = hard_wrap(paragraphs, front.headings.keys(), rng, breakable=words if "hyphenation" in wanted else frozenset())
    planted += ["wrapping"] * (sum(bool(line.text) for line in lines) > len(paragraphs))
    planted += ["hyphenation"] * any(line.text.endswith(BROKEN) for line in lines)
    return lines


def _paged(lines: list[Line], front: FrontMatter, wanted: Collection[str], rng: Rng, planted: list[str]) -> list[Line]:
    """The book with page numbers and running heads, if wanted."""
    kinds = [name for name in ("page_numbers", "running_heads") if name in wanted]
    if not kinds:
        return lines
    pages = add_furniture(lines, make_furniture(kinds, front.title, front.author, front.names, rng), broken="wrapping" in wanted)
    planted += kinds * (len(pages) > len(lines))
    return pages


def _on_lines(front: FrontMatter, wanted: Collection[str], rng: Rng) -> Steps[list[Line]]:
    def with_contents(lines: list[Line]) -> list[Line]:
        below = next(place for place, line in enumerate(lines) if line.heading) - 1  # the blank line after the author
        return [*lines[:below], *(Line(text, 0, "furniture") for text in contents(list(front.headings.values()), rng)), *lines[below:]]

    return (("duplicate_pages", lambda lines: duplicate_pages(lines, rng, broken="wrapping" in wanted)), ("contents", with_contents))


def _applied(state: State, steps: Steps[State], wanted: Collection[str], planted: list[str]) -> State:
    """Apply the wanted steps; the names of those that changed the state are added to `planted`."""
    for name, step in steps:
        if name in wanted:
            after = step(state)
            if after != state:
                planted.append(name)
            state = after
    return state
