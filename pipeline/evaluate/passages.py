"""Places in held-out text where a right continuation and wrong ones can be told apart without knowing what the text is about.

Pure: strings in, strings out. A word is a run of letters with blanks around it, so scripts that are written without spaces yield nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Change = Literal["words", "names"]
_LETTERS = r"[^\W\d_]+(?:['’][^\W\d_]+)*"
_LAST_WORD = re.compile(rf"(?<=\s)({_LETTERS})[^\w\s]*\Z")
_WORD = re.compile(rf"(?<!\S){_LETTERS}(?=[,;:.!?]?(?:\s|\Z))")
_LINE, _BLANK_LINES = re.compile(r"[^\n]+"), re.compile(r"\n\s*\n")
_STOP = re.compile(r"[.!?][\"'”’)\]]*(?=\s|\Z)")
_SHORTEST, _LONGEST = 6, 40  # words of a passage that is asked about; of a paragraph at least the first


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
    start = 0
    for end, following in [*(found.span() for found in _BLANK_LINES.finditer(text)), (len(text), len(text))]:
        paragraph = text[start:end].rstrip()
        last = _LAST_WORD.search(paragraph)
        if last and len(last.group(1)) > 1 and len(paragraph[: last.start()].split()) >= _SHORTEST:
            yield LastWord(start + last.start(1), last.group(1))
        start = following


def sentences(text: str) -> Iterator[Passage]:
    """The sentences of some words that stand in one line."""
    for line in _LINE.finditer(text):
        start = 0
        for stop in _STOP.finditer(line.group()):
            sentence = line.group()[start : stop.end()]
            if _SHORTEST <= len(sentence.split()) <= _LONGEST:
                yield Passage(line.start() + start + len(sentence) - len(sentence.lstrip()), sentence.lstrip())
            start = stop.end()


def changed(sentence: str, change: Change, rng: np.random.Generator) -> str | None:
    """The sentence with two of its words exchanged, chosen by lot; None where it has no such words.

    words: neighbours in lower case, neither of them the first or the last. names: words with a capital that don't begin the sentence.
    """
    words = list(_WORD.finditer(sentence))
    pairs = _neighbours(sentence, words) if change == "words" else _names(words)
    if not pairs:
        return None
    first, second = pairs[int(rng.integers(len(pairs)))]
    between = sentence[first.end() : second.start()]
    return f"{sentence[: first.start()]}{second.group()}{between}{first.group()}{sentence[second.end() :]}"


def _neighbours(sentence: str, words: Sequence[re.Match[str]]) -> list[tuple[re.Match[str], re.Match[str]]]:
    inner = [word for word in words if word.start() > 0 and word.end() < len(sentence.rstrip(".!?\"'”’)]"))]
    return [
        (one, two)
        for one, two in pairwise(inner)
        if sentence[one.end() : two.start()] == " " and one.group() != two.group() and one.group().islower() and two.group().islower()
    ]


def _names(words: Sequence[re.Match[str]]) -> list[tuple[re.Match[str], re.Match[str]]]:
    named = [word for word in words if word.start() > 0 and len(word.group()) > 1 and word.group()[0].isupper()]
    return [(one, two) for place, one in enumerate(named) for two in named[place + 1 :] if one.group().lower() != two.group().lower()]
