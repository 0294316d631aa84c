"""Statistics of a document, and rules that are thresholds over them."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Statistic = Literal[
    "characters",
    "words",
    "mean_word_length",
    "mean_token_length",
    "alphabetic_words",
    "symbols",
    "stopwords",
    "unpronounceable_words",
    "repeated_paragraphs",
]

# The forty commonest words of English prose: four words in ten are among them
_STOPWORDS = frozenset(
    [
        "the", "of", "and", "to", "a", "in", "that", "it", "is", "was", "he", "for", "on", "with", "as", "his", "her", "she", "at",
        "by", "had", "be", "not", "you", "from", "but", "they", "or", "an", "were", "which", "this", "have", "all", "one", "when",
        "there", "so", "who", "would",
    ]
)  # fmt: skip
_TOKEN = re.compile(r"\S+")
_LETTERS = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"[a-z]+")
_MUTE = re.compile(r"[^aeiouy]+|.*[^aeiouy]{6}.*")  # no vowel, or six consonants in a row (five: "lengthscale")
_SYMBOLS = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A document whose statistic lies outside [min, max] is dropped; the rule's name is the reason."""

    name: str
    statistic: Statistic
    min: float | None
    max: float | None


def first_broken(text: str, rules: Sequence[Rule]) -> tuple[str, float] | None:
    """The name of the first rule that the text breaks, and its value; None for a good text."""
    measured: dict[str, float] = {}
    seen = _Seen(text)
    for rule in rules:
        if rule.statistic not in measured:
            measured[rule.statistic] = _STATISTICS[rule.statistic](seen)
        value = measured[rule.statistic]
        if (rule.min is not None and value < rule.min) or (rule.max is not None and value > rule.max):
            return rule.name, value
    return None


def statistics(text: str) -> dict[str, float]:
    """All statistics of a text: `characters` (spaces apart), `words` and the mean lengths are counts, the others shares, 0..1."""
    seen = _Seen(text)
    return {name: measure(seen) for name, measure in _STATISTICS.items()}


class _Seen:
    """A text, its tokens and its words of letters, counted once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = Counter(_TOKEN.findall(text))
        self.words = Counter(_LETTERS.findall(text.casefold()))


def _characters(seen: _Seen) -> float:
    return float(sum(len(token) * count for token, count in seen.tokens.items()))


def _mean_token_length(seen: _Seen) -> float:
    return _share(_characters(seen), seen.tokens.total())


def _words(seen: _Seen) -> float:
    return float(seen.words.total())


def _mean_word_length(seen: _Seen) -> float:
    return _share(sum(len(word) * count for word, count in seen.words.items()), seen.words.total())


def _alphabetic_words(seen: _Seen) -> float:
    """Share of the tokens in which letters are more than half."""
    good = sum(count for token, count in seen.tokens.items() if 2 * sum(map(len, _LETTERS.findall(token))) > len(token))
    return _share(good, seen.tokens.total())


def _symbols(seen: _Seen) -> float:
    """Share of the characters that are neither letter, digit nor space."""
    return _share(len(_SYMBOLS.findall(seen.text)), len(seen.text))


def _stopwords(seen: _Seen) -> float:
    return _share(sum(seen.words[word] for word in sorted(_STOPWORDS)), seen.words.total())


def _unpronounceable_words(seen: _Seen) -> float:
    """Share of the words in plain Latin letters, two or more, that have no vowel or six consonants in a row."""
    plain = {word: count for word, count in seen.words.items() if len(word) > 1 and _PLAIN.fullmatch(word)}
    return _share(sum(count for word, count in plain.items() if _MUTE.fullmatch(word)), sum(plain.values()))


def _repeated_paragraphs(seen: _Seen) -> float:
    """Share of the characters in paragraphs that stand earlier in the text."""
    paragraphs = seen.text.split("\n\n")
    first = {paragraph: place for place, paragraph in reversed(list(enumerate(paragraphs)))}
    return _share(sum(len(paragraph) for place, paragraph in enumerate(paragraphs) if first[paragraph] != place), len(seen.text))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


_STATISTICS: dict[str, Callable[[_Seen], float]] = {
    "characters": _characters,
    "words": _words,
    "mean_word_length": _mean_word_length,
    "mean_token_length": _mean_token_length,
    "alphabetic_words": _alphabetic_words,
    "symbols": _symbols,
    "stopwords": _stopwords,
    "unpronounceable_words": _unpronounceable_words,
    "repeated_paragraphs": _repeated_paragraphs,
}
