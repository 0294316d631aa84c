"""Dirt within the words: what scanners misread and typesetters, word processors and scripts did to the characters.

A plant takes the paragraphs of a book and gives them back with its dirt, in one manner for the whole book.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from pipeline.world.books import Dice

Paragraphs = list[str]

HEADING = re.compile(r"Chapter \d+\. ")
INSIDE_WORD = re.compile(r"(?<=[A-Za-z])(?=[A-Za-z])")
INSIDE_LONG_WORD = re.compile(r"(?<=[a-z]{3})(?=[a-z]{3})")
BORDER = re.compile(r"(?<=[A-Za-z])(?= )|(?<= )(?=[A-Za-z])")
BLANK = re.compile(" ")
WORD = re.compile(r"(?<![^\s\"])[A-Za-z]{3,}(?=[.,?]?\"?(?:\s|$))")
PHRASE = re.compile(r"(?<!\S)[A-Za-z]+(?: [A-Za-z]+){1,3}(?=[.,?]?(?:\s|$))")

C0 = [chr(code) for code in (*range(1, 9), *range(14, 27), 127)]
C1 = list("\x81\x8d\x8f\x90\x9d")  # the codes that Windows-1252 lacks: they cannot be letters of another encoding
ZERO_WIDTH = list("\u200b\u200c\u200d\u2060\ufeff")
DIRECTIONS = list("\u200e\u200f\u202a\u202c")
SOFT_HYPHEN = "\u00ad"
BYTE_ORDER_MARK = "\ufeff"
SPACES = list("\u00a0\u2002\u2003\u2009\u202f\u3000")
FULLWIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
MARKS = ((WORD, "_", "_"), (PHRASE, "_", "_"), (WORD, "*", "*"), (WORD, "<i>", "</i>"), (PHRASE, "<em>", "</em>"))
COMMON_LIGATURES = (("fi", "ﬁ"), ("fl", "ﬂ"))
ALL_LIGATURES = (("ffi", "ﬃ"), ("ffl", "ﬄ"), ("ff", "ﬀ"), *COMMON_LIGATURES)
LIGATURES = (COMMON_LIGATURES, ALL_LIGATURES, (*ALL_LIGATURES, ("st", "ﬆ")), (*ALL_LIGATURES, ("st", "ﬅ")))
QUOTES = (("“", "”", "’"), ("„", "“", "’"), ("″", "″", "′"), ("“", "”", "´"))  # opening, closing, apostrophe


def italics(paragraphs: Paragraphs, dice: Dice) -> Paragraphs:
    """Marks around words that were printed in italics; stops stay outside, headings have none."""
    pattern, opening, closing = dice.one(MARKS)
    return _below_headings(paragraphs, lambda text: scattered(pattern, text, 0.002, dice, lambda word: f"{opening}{word}{closing}"))


def quotes(paragraphs: Paragraphs, dice: Dice, *, plain: bool) -> Paragraphs:
    """Typographic quotes for straight ones; if `plain`, the usual English ones."""
    opening, closing, apostrophe = QUOTES[0] if plain else dice.one(QUOTES)
    return [curled(text, opening, closing, apostrophe) for text in paragraphs]


def curled(text: str, opening: str, closing: str, apostrophe: str) -> str:
    """A double quote that begins a word opens, any other closes."""
    return re.sub(r'(^|(?<=\s))"', opening, text).replace('"', closing).replace("'", apostrophe)


def ligatures(paragraphs: Paragraphs, dice: Dice) -> Paragraphs:
    """One character for two or three letters."""
    table = dice.one(LIGATURES)

    def set_in_type(text: str) -> str:
        for letters, ligature in table:
            text = text.replace(letters, ligature)
        return text

    return [set_in_type(text) for text in paragraphs]


def exotic(paragraphs: Paragraphs, dice: Dice, *, spaced: bool) -> Paragraphs:
    """Accents apart from their letters, and other spaces than the plain, or words in fullwidth letters, or both; `spaced`: no letters."""
    manner = 0 if spaced else dice.below(3)
    spaces = dice.shuffled(SPACES)[: dice.between((1, 3))]

    def written(text: str) -> str:
        text = unicodedata.normalize("NFD", text)
        if manner != 1:
            text = scattered(BLANK, text, 0.003, dice, lambda _: dice.one(spaces))
        return text if manner == 0 else scattered(WORD, text, 0.001, dice, lambda word: word.translate(FULLWIDTH))

    return [written(text) for text in paragraphs]


def controls(paragraphs: Paragraphs, dice: Dice) -> Paragraphs:
    """Characters that are not seen."""
    pattern, signs, share = dice.one(
        (
            (INSIDE_WORD, C0, 0.002),
            (INSIDE_WORD, C1, 0.002),
            (INSIDE_WORD, ZERO_WIDTH, 0.003),
            (BORDER, ZERO_WIDTH, 0.003),
            (INSIDE_LONG_WORD, [SOFT_HYPHEN], 0.02),
            (BORDER, DIRECTIONS, 0.002),
        )
    )
    soiled = [scattered(pattern, text, share, dice, lambda _: dice.one(signs)) for text in paragraphs]
    return [BYTE_ORDER_MARK + soiled[0], *soiled[1:]] if dice() < 0.3 else soiled


def scattered(pattern: re.Pattern[str], text: str, share: float, dice: Dice, replace: Callable[[str], str]) -> str:
    """The text with matches replaced: from about `share` of its characters on, the next one each."""
    starts = sorted(dice.below(len(text)) for _ in range(int(share * len(text) + dice()))) if text else []
    pieces, last = [], 0
    for start in starts:
        match = pattern.search(text, max(start, last))
        if match and (match.start() > last or not last):
            pieces += [text[last : match.start()], replace(match.group())]
            last = match.end()
    return "".join([*pieces, text[last:]])


def _below_headings(paragraphs: Sequence[str], change: Callable[[str], str]) -> Paragraphs:
    return [text if place < 2 or HEADING.match(text) else change(text) for place, text in enumerate(paragraphs)]
