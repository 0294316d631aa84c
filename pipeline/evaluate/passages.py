"""Places in held-out text where a right continuation and wrong ones can be told apart without knowing what the text is about.

Pure: strings in, strings out. A word is a run of letters and their marks with blanks around it, so scripts that are written without blanks
yield nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal
from unicodedata import category

import numpy as np

Change = Literal["words", "names"]
_SHORTEST, _LONGEST = 6, 40  # words of a passage that is asked about; of a paragraph at least the first
_JOINT = 3  # letters of the longest word that only joins two names ("and", "or"): such names can be exchanged and nothing is wrong
_MARKED = (0x300, 0x1F000)  # code points among which marks are that belong to letters
_LINE, _BLANK_LINES = re.compile(r"[^\n]+"), re.compile(r"\n\s*\n")
_STOPS = ".!?؟।"
_STOP = re.compile(rf"[{_STOPS}][\"'”’)\]]*(?=\s|\Z)")
Span = tuple[int, int]


@dataclass(frozen=True)
class Passage:
    """A stretch of a document; what stands before it is known."""

    start: int  # characters from the beginning of the document
    text: str


@dataclass(frozen=True)
class LastWord:
    """The last word of a paragraph, and where it begins."""

    start: int
    word: str


def last_words(text: str) -> Iterator[LastWord]:
    """The last word of each paragraph that has some words before it."""
    word_at_end = re.compile(rf"(?<=\s)({_word()})[^\w\s]*\Z")
    start = 0
    for end, following in [*(found.span() for found in _BLANK_LINES.finditer(text)), (len(text), len(text))]:
        paragraph = text[start:end].rstrip()
        last = word_at_end.search(paragraph)
        if last and len(last.group(1)) > 1 and len(paragraph[: last.start()].split()) >= _SHORTEST:
            yield LastWord(start + last.start(1), last.group(1))
        start = following


def sentences(text: str) -> Iterator[Passage]:
    """The sentences of some words that stand in one line."""
    for found in _LINE.finditer(text):
        line, start = found.group(), 0
        for stop in _STOP.finditer(line):
            sentence = line[start : stop.end()]
            if _SHORTEST <= len(sentence.split()) <= _LONGEST:
                yield Passage(found.start() + start + len(sentence) - len(sentence.lstrip()), sentence.lstrip())
            start = stop.end()


def uncut(text: str) -> str:
    """Of a text that breaks off anywhere, what ends with its last whole sentence; without one, what stands before its last word."""
    ends = [stop.end() for stop in _STOP.finditer(text)]
    return text[: ends[-1]] if ends else re.sub(r"\S+\Z", "", text)


def changed(sentence: str, change: Change, rng: np.random.Generator) -> str | None:
    """The sentence with two of its words exchanged, chosen by lot; None where it has no such words.

    words: neighbours without a capital, neither of them the first or the last. names: words with a capital that don't begin the sentence;
    several in a row are one name, and two names need more between them than a comma or an "and".
    """
    words = [found.span() for found in re.finditer(rf"(?<!\S){_word()}(?=[,;:{_STOPS}]?(?:\s|\Z))", sentence)]
    pairs = _neighbours(sentence, words) if change == "words" else _names(sentence, words)
    if not pairs:
        return None
    (start, end), (later, last) = pairs[int(rng.integers(len(pairs)))]
    return sentence[:start] + sentence[later:last] + sentence[end:later] + sentence[start:end] + sentence[last:]


def _neighbours(sentence: str, words: Sequence[Span]) -> list[tuple[Span, Span]]:
    inner = [(start, end) for start, end in words if start > 0 and any(character.isalnum() for character in sentence[end:])]
    return [
        (one, two)
        for one, two in pairwise(inner)
        if sentence[one[1] : two[0]] == " "
        and sentence[slice(*one)] != sentence[slice(*two)]
        and all(sentence[slice(*word)] == sentence[slice(*word)].lower() for word in (one, two))
    ]


def _names(sentence: str, words: Sequence[Span]) -> list[tuple[Span, Span]]:
    names: list[Span] = []
    for start, end in words:
        if not sentence[start].isupper():
            continue
        if names and sentence[names[-1][1] : start] in (" ", ". "):
            names[-1] = (names[-1][0], end)
        else:
            names.append((start, end))
    within = [name for name in names if name[0] > 0 and name[1] - name[0] > 1]
    return [
        (one, two)
        for place, one in enumerate(within)
        for two in within[place + 1 :]
        if sentence[slice(*one)].lower() != sentence[slice(*two)].lower()
        and any(len(word.strip(",;:")) > _JOINT for word in sentence[one[1] : two[0]].split())
    ]


@cache
def _word() -> str:
    """The pattern of a word: letters, each with its marks, and apostrophes between them."""
    marks = "".join(chr(point) for point in range(*_MARKED) if category(chr(point)).startswith("M"))
    letters = rf"[^\W\d_](?:[^\W\d_]|[{marks}])*"
    return rf"{letters}(?:['’]{letters})*"
