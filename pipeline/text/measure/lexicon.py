"""Word lists that statistics count, looked up by 64-bit hash, so that no other word collides."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.text.measure.toxicity import toxic_words
from pipeline.text.ngrams import BASIS, PRIME

Hashes = npt.NDArray[np.uint64]

# The forty commonest words of English prose: four words in ten are among them
STOPWORDS = frozenset(
    [
        "the", "of", "and", "to", "a", "in", "that", "it", "is", "was", "he", "for", "on", "with", "as", "his", "her", "she", "at",
        "by", "had", "be", "not", "you", "from", "but", "they", "or", "an", "were", "which", "this", "have", "all", "one", "when",
        "there", "so", "who", "would",
    ]
)  # fmt: skip
GOPHER = ("the", "be", "to", "of", "and", "that", "have", "with")  # Rae et al. 2021, A1.1: a text needs two of them
# C4 (Raffel et al. 2020): a page with the first goes, and each line with one of the others
PHRASES = (
    ("lorem", "ipsum"),
    ("javascript",),
    ("terms", "of", "use"),
    ("privacy", "policy"),
    ("cookie", "policy"),
    ("uses", "cookies"),
    ("use", "of", "cookies"),
    ("use", "cookies"),
)

STOPWORD, TOXIC = 1, 2  # bits of a word; then a bit for each of GOPHER, then the word's number in PHRASES, 1..15
GOPHER_AT, PHRASE_AT = 2, 10


@cache
def lexicon() -> tuple[Hashes, npt.NDArray[np.int32]]:
    """A hash table with open addressing: hashes of the words (0: free) and their bits, each [a power of two]."""
    bits = _word_bits()
    size = 1 << (4 * len(bits)).bit_length()
    hashes, values = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    for word, bit in sorted(bits.items()):
        value = hash_of(word)
        slot = value % size
        while hashes[slot]:
            slot = (slot + 1) % size
        hashes[slot], values[slot] = value, bit
    return hashes, values


@cache
def phrases() -> npt.NDArray[np.int64]:
    """Each of PHRASES as the numbers of its words, four bits a word, and the mask for its length, [phrases, 2]."""
    numbers = _numbers()
    codes = [sum(numbers[word] << 4 * place for place, word in enumerate(reversed(phrase))) for phrase in PHRASES]
    return np.array([[code, (1 << 4 * len(phrase)) - 1] for code, phrase in zip(codes, PHRASES, strict=True)], np.int64)


def hash_of(word: str) -> int:
    """The hash of a lower-case word, as in the kernels."""
    value = int(BASIS)
    for byte in word.encode():
        value = (value ^ byte) * int(PRIME) % (1 << 64)
    return value


def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(sorted({word for phrase in PHRASES for word in phrase}), start=1)}


def _word_bits() -> dict[str, int]:
    bits: dict[str, int] = {}
    _add(bits, dict.fromkeys(STOPWORDS, STOPWORD))
    _add(bits, dict.fromkeys(toxic_words(), TOXIC))
    _add(bits, {word: 1 << GOPHER_AT + place for place, word in enumerate(GOPHER)})
    _add(bits, {word: number << PHRASE_AT for word, number in _numbers().items()})
    return bits


def _add(bits: dict[str, int], more: Mapping[str, int]) -> None:
    for word, bit in more.items():
        bits[word] = bits.get(word, 0) | bit
