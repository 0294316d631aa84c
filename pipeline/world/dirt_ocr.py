"""OCR errors that can be undone: the right word is frequent in the same book, the misread one is no word."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Set

from pipeline.world import words
from pipeline.world.books import Rng
from pipeline.world.dirt_characters import HEADING, Paragraphs, replace_randomly

LOWER_WORD = re.compile(r"(?<![\w'@.<\[/-])[a-z]{3,}(?![\w'@>\]/-])")
RIGHT = 3  # minimum occurrences of the right word for each misreading
SHARE = 0.008  # of the characters, from each of which the next word is misread if possible
ALIKE = str.maketrans({"o": "0", "l": "1", "i": "1"})
STROKES = (("o", "0"), ("l", "1"), ("i", "1"), ("m", "rn"), ("rn", "m"), ("w", "vv"), ("li", "h"), ("h", "li"))  # right, misread
LEAST = {
    "m": 4,
    "rn": 6,
    "w": 3,
    "li": 5,
    "h": 4,
}  # minimum letters of a word in which they are misread; shorter words would become other words
# words that misreading would turn into another English word
WORDS = frozenset(
    ("lien", "liens", "lie", "lies", "lied", "darn", "barn", "corn", "turn", "burn", "torn", "born", "horn", "worn", "yarn", "modem")
)
VOCABULARY = WORDS | {
    word
    for name, value in vars(words).items()
    if name.isupper()
    for entry in value
    for word in re.findall(r"[a-z]+", entry.lower())
}  # fmt: skip


def ocr(paragraphs: Paragraphs, rng: Rng) -> Paragraphs:
    """Misread lower-case words below the headings, in one variant."""
    manner = rng.choice(MANNERS)
    stands = Counter(word for text in paragraphs for word in LOWER_WORD.findall(text))
    known = VOCABULARY | stands.keys()
    left = {word: count // (RIGHT + 1) for word, count in stands.items()}  # how often each may still be misread

    def misread(word: str) -> str:
        readings = [
            reading for reading in manner(word) if left.get(word) and corrections(reading, known) == {word} and reading not in known
        ]
        if not readings:
            return word
        left[word] -= 1
        return rng.choice(readings)

    return [
        text if place < 2 or HEADING.match(text) else replace_randomly(LOWER_WORD, text, SHARE, rng, misread)
        for place, text in enumerate(paragraphs)
    ]


def corrections(reading: str, known: Set[str]) -> set[str]:
    """The known words of which it may be a misreading."""
    found = {reading.replace("tlie", "the").replace("tbe", "the")}
    for right, wrong in STROKES:
        found |= {reading[: match.start()] + right + reading[match.end() :] for match in re.finditer(wrong, reading)}
    return found & known


def _article(word: str) -> list[str]:
    return ["tlie", "tbe"] if word == "the" else []


def _digits(word: str) -> list[str]:
    """One inner letter as a digit."""
    return [word[:place] + word[place].translate(ALIKE) + word[place + 1 :] for place in range(1, len(word) - 1) if word[place] in "oli"]


def _swapped(word: str) -> Iterator[str]:
    """One confused pair of letters."""
    for right, wrong in STROKES[3:]:
        for match in re.finditer(right, word) if len(word) >= LEAST[right] else ():
            yield word[: match.start()] + wrong + word[match.end() :]


def _worn(word: str) -> list[str]:
    """Worn type: the article and confused letters."""
    return [*_article(word), *_swapped(word)] if word != "the" else _article(word)


def _poor(word: str) -> list[str]:
    """A poor scan: all of these."""
    return [*_worn(word), *_digits(word)]


MANNERS: tuple[Callable[[str], list[str]], ...] = (_worn, _digits, _poor)
