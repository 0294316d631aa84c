"""Dirt of the layout: hard-wrapped lines, hyphenation, table of contents.

From here on a book is a list of lines; blank ones separate paragraphs.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from pipeline.world.books import Rng
from pipeline.world.dirt_characters import HEADING

BREAKABLE = re.compile(r"([a-z]{6,})[.,?]?")
BREAKS = 0.6  # share of breakable words that are broken
BROKEN = ("-", "‐", "¬", "\u00ad")  # hyphen-minus, hyphen, the sign of some scanning programs, soft hyphen
LEAST = 3  # minimum letters on each side of a break
WIDTH = (64, 74)  # characters
SENTENCE_END = re.compile(r"(?<=[.?!\"”]) (?=[A-Z\"“])")
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII", "XVIII", "XIX", "XX")

Style = Literal["blank", "indented", "justified", "spaced", "margin"]
STYLES: tuple[Style, ...] = ("blank", "indented", "justified", "spaced", "margin")


@dataclass(frozen=True)
class Line:
    """A line of text; `chapter` counts the headings up to it."""

    text: str
    chapter: int
    kind: Literal["text", "heading", "furniture"]

    @property
    def heading(self) -> bool:
        """Whether it is a chapter heading."""
        return self.kind == "heading"


def as_lines(paragraphs: Sequence[str], headings: Set[int]) -> list[Line]:
    """One line per paragraph, with blank lines between."""
    lines: list[Line] = []
    for place, text in enumerate(paragraphs):
        chapter = (lines[-1].chapter if lines else 0) + (place in headings)
        lines += [Line(text, chapter, "heading" if place in headings else "text"), Line("", chapter, "text")]
    return lines[:-1]


def hard_wrap(paragraphs: Sequence[str], headings: Set[int], rng: Rng, *, breakable: Set[str]) -> list[Line]:
    """Lines of one width, in one style; `breakable` words are hyphenated at line ends."""
    style, width, margin = rng.choice(STYLES), rng.between(WIDTH), " " * rng.between((2, 5))
    sign = rng.choice(BROKEN)
    lines: list[Line] = []
    for line in as_lines(paragraphs, headings):
        indent = margin if style == "indented" and line.text and not line.heading and line.chapter else ""
        if indent and len(lines) > 1 and not lines[-1].text and not lines[-2].heading:
            lines.pop()  # only the indent marks the start of a paragraph
        texts = _broken(indent + line.text, width, sign, breakable, rng)
        if style == "justified":
            texts = [*(_filled(text, width, rng) for text in texts[:-1]), texts[-1]]
        elif style == "spaced":
            texts = [SENTENCE_END.sub("  ", text) for text in texts]
        elif style == "margin" and line.text:
            texts = [margin * 2 + text for text in texts]
        lines += [Line(text, line.chapter, line.kind) for text in texts]
    return lines


def contents(headings: Sequence[str], rng: Rng) -> list[str]:
    """The lines of a table of contents, surrounded by blank lines; headings like `Chapter 1. The Old Door`."""
    head = rng.choice(("Contents", "CONTENTS", "Table of Contents", "TABLE OF CONTENTS"))
    names = [HEADING.sub("", heading) for heading in headings]
    page, entries = 1 + rng.below(9), []
    style = rng.below(5)
    for place, (heading, name) in enumerate(zip(headings, names, strict=True)):
        roman = ROMAN[place] if place < len(ROMAN) else str(place + 1)
        entries.append(
            (
                f"{heading} {'.' * (60 - len(heading))} {page}",
                f"{place + 1}. {name}{' .' * ((50 - len(name)) // 2)} {page}",
                f"{roman + '.':6}{name:48}{page:4}",
                f"CHAPTER {roman}. {name}",
                heading,
            )[style]
        )
        page += rng.between((2, 9))
    column = ["Chapter" + " " * 45 + "Page"] if style == 2 and rng() < 0.5 else []
    if rng() < 0.4:
        return ["", *(line for entry in (head, *column, *entries) for line in (entry, ""))]
    indent = " " * rng.choice((0, 0, 1, 4))
    return ["", head, "", *(indent + entry for entry in (*column, *entries)), ""]


def _broken(paragraph: str, width: int, sign: str, breakable: Set[str], rng: Rng) -> list[str]:
    """Lines of at most `width` characters, if no word is longer."""
    indent = len(paragraph) - len(paragraph.lstrip(" "))
    first, *others = paragraph[indent:].split(" ")
    lines, line = [], " " * indent + first
    for word in others:
        if len(line) + 1 + len(word) <= width:
            line = f"{line} {word}"
        elif cut := _cut(word, width - len(line) - 2, breakable, rng):  # a blank before, a hyphen after
            lines.append(f"{line} {word[:cut]}{sign}")
            line = word[cut:]
        else:
            lines.append(line)
            line = word
    return [*lines, line]


def _cut(word: str, room: int, breakable: Set[str], rng: Rng) -> int:
    """After how many letters a word is broken; 0: not broken."""
    match = BREAKABLE.fullmatch(word)
    if not match or room < LEAST or match[1] not in breakable or rng() >= BREAKS:
        return 0
    cut = min(room, len(match[1]) - LEAST)
    return 0 if {match[1][:cut], match[1][cut:]} <= breakable else cut  # it would look like a genuine compound


def _filled(line: str, width: int, rng: Rng) -> str:
    """Justify the line with wider blanks."""
    indent = len(line) - len(line.lstrip(" "))
    words = line[indent:].split(" ")
    wider = set(rng.shuffled(range(len(words) - 1))[: max(0, width - len(line))])
    return " " * indent + "".join(f"{word}  " if place in wider else f"{word} " for place, word in enumerate(words)).rstrip(" ")
