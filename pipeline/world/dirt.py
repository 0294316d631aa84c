"""What scanners, scrapers and publishers add to a text, planted so that perfect cleaning gives the text back.

Each plant is named like the repair that undoes it, and has several manners. They are planted in the order in which dirt falls:
on characters, on lines, on pages, on the file; whoever undoes them begins at the end.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pipeline.world.books import Dice
from pipeline.world.dirt_characters import HEADING, Paragraphs, controls, exotic, italics, ligatures, quotes
from pipeline.world.dirt_files import boilerplate, encoding, licence
from pipeline.world.dirt_layout import BROKEN, Line, contents, unwrapped, wrapped
from pipeline.world.dirt_ocr import LOWER_WORD, ocr
from pipeline.world.dirt_pages import doubled, furnish, paged

State = TypeVar("State")
Steps = Sequence[tuple[str, Callable[[State], State]]]

PLANTS = (
    *("ocr", "italics", "quotes", "ligatures", "unicode", "controls"),
    *("wrapping", "hyphenation", "page_numbers", "running_heads", "duplicate_pages", "contents"),
    *("boilerplate", "licence", "encoding"),
)  # in the order in which they are planted
NEEDS = {
    "encoding": "quotes",  # a wrong encoding shows in characters beyond ASCII; the books have few but quotes
    "hyphenation": "wrapping",  # words are broken at the ends of lines
}


@dataclass(frozen=True)
class Front:
    """What a book says of itself, clean."""

    title: str
    author: str
    headings: dict[int, str]  # by the place of the paragraph

    @property
    def names(self) -> list[str]:
        """The headings without their numbers."""
        return [HEADING.sub("", heading) for heading in self.headings.values()]


def plant(text: str, plants: Collection[str], draw: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    """The text with the plants and those that they need, and the names of all that changed it; the same stream gives the same dirt."""
    wanted = {*plants, *(NEEDS[name] for name in plants if name in NEEDS)}
    dice, paragraphs = Dice(draw), text.split("\n\n")
    headings = {place: one for place, one in enumerate(paragraphs) if HEADING.match(one)}
    front = Front(paragraphs[0], paragraphs[1].removeprefix("by "), headings)
    planted: list[str] = []
    paragraphs = _fallen(paragraphs, _on_characters(wanted, dice), wanted, planted)
    words = frozenset(LOWER_WORD.findall(text))
    lines = _paged(_laid_out(paragraphs, front, words, wanted, dice, planted), front, wanted, dice, planted)
    rows = [line.text for line in _fallen(lines, _on_lines(front, wanted, dice), wanted, planted)]
    rows = _fallen(rows, [("boilerplate", lambda rows: boilerplate(rows, front.title, dice))], wanted, planted)
    on_file: Steps[str] = (
        ("licence", lambda text: licence(text, front.title, front.author, dice)),
        ("encoding", lambda text: encoding(text, dice)),
    )
    return _fallen("\n".join(rows), on_file, wanted, planted), tuple(name for name in PLANTS if name in planted)


def _on_characters(wanted: Collection[str], dice: Dice) -> Steps[Paragraphs]:
    return (
        ("ocr", lambda text: ocr(text, dice)),
        ("italics", lambda text: italics(text, dice)),
        ("quotes", lambda text: quotes(text, dice, plain="encoding" in wanted)),
        ("ligatures", lambda text: ligatures(text, dice)),
        ("unicode", lambda text: exotic(text, dice, spaced="encoding" in wanted)),  # misread fullwidth letters are beyond repair
        ("controls", lambda text: controls(text, dice)),
    )


def _laid_out(
    paragraphs: Paragraphs, front: Front, words: frozenset[str], wanted: Collection[str], dice: Dice, planted: list[str]
) -> list[Line]:
    """The book as lines; hard-wrapped ones, and words broken at their ends, where wanted."""
    if "wrapping" not in wanted:
        return unwrapped(paragraphs, front.headings.keys())
    lines = wrapped(paragraphs, front.headings.keys(), dice, breakable=words if "hyphenation" in wanted else frozenset())
    planted += ["wrapping"] * (sum(bool(line.text) for line in lines) > len(paragraphs))
    planted += ["hyphenation"] * any(line.text.endswith(BROKEN) for line in lines)
    return lines


def _paged(lines: list[Line], front: Front, wanted: Collection[str], dice: Dice, planted: list[str]) -> list[Line]:
    """The book with numbers and heads on its pages, where wanted."""
    kinds = [name for name in ("page_numbers", "running_heads") if name in wanted]
    if not kinds:
        return lines
    pages = paged(lines, furnish(kinds, front.title, front.author, front.names, dice), broken="wrapping" in wanted)
    planted += kinds * (len(pages) > len(lines))
    return pages


def _on_lines(front: Front, wanted: Collection[str], dice: Dice) -> Steps[list[Line]]:
    def with_contents(lines: list[Line]) -> list[Line]:
        below = next(place for place, line in enumerate(lines) if line.heading) - 1  # the blank line after the author
        return [*lines[:below], *(Line(text, 0, "furniture") for text in contents(list(front.headings.values()), dice)), *lines[below:]]

    return (("duplicate_pages", lambda lines: doubled(lines, dice, broken="wrapping" in wanted)), ("contents", with_contents))


def _fallen(state: State, steps: Steps[State], wanted: Collection[str], planted: list[str]) -> State:
    """The state after those of the steps that are wanted; the names of all that changed it are added to `planted`."""
    for name, step in steps:
        if name in wanted:
            after = step(state)
            if after != state:
                planted.append(name)
            state = after
    return state
