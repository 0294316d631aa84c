"""Dirt within words: effects of typesetters, word processors and scripts on characters.

Each function adds one kind of dirt to the paragraphs of a book, in one variant for the whole book.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from pipeline.world.books import Rng

Paragraphs = list[str]

HEADING = re.compile(r"Chapter \d+\. ")
INSIDE_WORD = re.compile(r"(?<=[A-Za-z])(?=[A-Za-z])")
INSIDE_LONG_WORD = re.compile(r"(?<=[a-z]{3})(?=[a-z]{3})")
BORDER = re.compile(r"(?<=[A-Za-z])(?= )|(?<= )(?=[A-Za-z])")
BLANK = re.compile(" ")
WORD = re.compile(r"(?<![^\s\"])[A-Za-z]{3,}(?=[.,?]?\"?(?:\s|$))")
PHRASE = re.compile(r"(?<!\S)[A-Za-z]+(?: [A-Za-z]+){1,3}(?=[.,?]?(?:\s|$))")

C0 = [chr(code) for code in (*range(1, 9), *range(14, 27), 127)]
C1 = list("\x81\x8d\x8f\x90\x9d")  # codes undefined in Windows-1252: they cannot be letters of another encoding
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


def italics(paragraphs: Paragraphs, rng: Rng) -> Paragraphs:
    """Emphasis markup around words; punctuation stays outside, headings have none."""
    pattern, opening, closing = rng.choice(MARKS)
    return _below_headings(paragraphs, lambda text: replace_randomly(pattern, text, 0.002, rng, lambda word: f"{opening}{word}{closing}"))


def quotes(paragraphs: Paragraphs, rng: Rng, *, plain: bool) -> Paragraphs:
    """Typographic quotes instead of straight ones; if `plain`, the usual English ones."""
    opening, closing, apostrophe = QUOTES[0] if plain else rng.choice(QUOTES)
    return [curl_quotes(text, opening, closing, apostrophe) for text in paragraphs]


def curl_quotes(text: str, opening: str, closing: str, apostrophe: str) -> str:
    """A double quote that begins a word opens, any other closes."""
    return re.sub(r'(^|(?<=\s))"', opening, text).replace('"', closing).replace("'", apostrophe)


def ligatures(paragraphs: Paragraphs, rng: Rng) -> Paragraphs:
    """Ligatures."""
    table = rng.choice(LIGATURES)

    def set_in_type(text: str) -> str:
        for letters, ligature in table:
            text = text.replace(letters, ligature)
        return text

    return [set_in_type(text) for text in paragraphs]


def unicode_variants(paragraphs: Paragraphs, rng: Rng, *, spaced: bool) -> Paragraphs:
    """Decomposed accents, with special spaces, fullwidth words, or both; `spaced`: no fullwidth letters."""
    manner = 0 if spaced else rng.below(3)
    spaces = rng.shuffled(SPACES)[: rng.between((1, 3))]

    def written(text: str) -> str:
        text = unicodedata.normalize("NFD", text)
        if manner != 1:
            text = replace_randomly(BLANK, text, 0.003, rng, lambda _: rng.choice(spaces))
        return text if manner == 0 else replace_randomly(WORD, text, 0.001, rng, lambda word: word.translate(FULLWIDTH))

    return [written(text) for text in paragraphs]


def controls(paragraphs: Paragraphs, rng: Rng) -> Paragraphs:
    """Invisible characters."""
    pattern, signs, share = rng.choice(
        (
            (INSIDE_WORD, C0, 0.002),
            (INSIDE_WORD, C1, 0.002),
            (INSIDE_WORD, ZERO_WIDTH, 0.003),
            (BORDER, ZERO_WIDTH, 0.003),
            (INSIDE_LONG_WORD, [SOFT_HYPHEN], 0.02),
            (BORDER, DIRECTIONS, 0.002),
        )
    )
    soiled = [replace_randomly(pattern, text, share, rng, lambda _: rng.choice(signs)) for text in paragraphs]
    return [BYTE_ORDER_MARK + soiled[0], *soiled[1:]] if rng() < 0.3 else soiled


def replace_randomly(pattern: re.Pattern[str], text: str, share: float, rng: Rng, replace: Callable[[str], str]) -> str:
    """Replace matches: from each of about `share` of the characters on, the next match."""
    starts = sorted(rng.below(len(text)) for _ in range(int(share * len(text) + rng()))) if text else []
    pieces, last = [], 0
    for start in starts:
        match = pattern.search(text, max(start, last))
        if match and (match.start() > last or not last):
            pieces += [text[last : match.start()], replace(match.group())]
            last = match.end()
    return "".join([*pieces, text[last:]])


def _below_headings(paragraphs: Sequence[str], change: Callable[[str], str]) -> Paragraphs:
    return [text if place < 2 or HEADING.match(text) else change(text) for place, text in enumerate(paragraphs)]
