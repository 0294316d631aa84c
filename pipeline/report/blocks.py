"""What a page is made of: sections of tables, figures, quotations and of what is absent, with its reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

Cell = str  # Markup is a str that is not escaped again
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_EMPTY_LINES = re.compile("\n{3,}")
_PICTURES = 0x2400  # the Unicode block that shows control characters


@dataclass(frozen=True)
class Table:
    """Rows under column heads; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    form: str = field(default="table", init=False)


@dataclass(frozen=True)
class Figures:
    """Drawings side by side, as many as fit; under a title they are folded."""

    figures: Sequence[Markup]
    note: str = ""
    title: str = ""
    form: str = field(default="figures", init=False)


@dataclass(frozen=True)
class Quote:
    """A piece of data as it is: who says it, and what."""

    by: str
    text: str
    mark: str = ""  # good, bad or nothing


@dataclass(frozen=True)
class Quotes:
    """Pieces of data under one title; `folded` shows the title only until it is opened."""

    title: str
    quotes: Sequence[Quote]
    note: str = ""
    folded: bool = False
    aside: bool = False  # side by side, to compare
    form: str = field(default="quotes", init=False)


@dataclass(frozen=True)
class Absent:
    """Something that the page would show if it were there."""

    what: str
    why: str
    form: str = field(default="absent", init=False)


Block = Table | Figures | Quotes | Absent


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Card:
    """A headline number, what it is to be compared with, and its interval as a drawing."""

    name: str
    value: str
    note: str
    picture: Markup = field(default_factory=Markup)


def excerpt(text: str, most: int) -> str:
    """The beginning of a text, at most so many characters, with invisible characters made visible and empty lines counted."""
    start = _EMPTY_LINES.sub(lambda found: f"\n⏎ × {len(found[0])}\n", text[:most])
    shown = _CONTROL.sub(lambda found: chr(_PICTURES + ord(found[0])) if ord(found[0]) < 32 else "\ufffd", start)
    return shown + (" …" if len(text) > most else "")
