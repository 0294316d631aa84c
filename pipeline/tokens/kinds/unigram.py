"""Unigram: a piece of text is cut so that the product of its tokens' probabilities is greatest (Kudo 2018, Subword Regularization).

A trainer of our own: that of `tokenizers` gives another vocabulary each run, that of sentencepiece another with each number of threads.
Candidates are what stands often within the words of the text; expectation maximization gives them probabilities, and those that the text
misses least are left out, a quarter at a time. Words are counted and put in order first, so that sums come out the same whatever the order
of the texts.

words or candidates N, edges E of their lattices: a candidate that stands in one, from a character to another
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import models

from pipeline.core.kernel import kernel
from pipeline.tokens.kinds.bpe import MIN_FREQUENCY
from pipeline.tokens.kinds.parts import NAMES, cut, filled, need_characters, over_characters, special
from pipeline.tokens.patterns import Pattern

LONGEST_TOKEN, LONGEST_WORD = 16, 32  # characters; longer words are not learned from: their probabilities would vanish
WORDS = 200_000  # the most frequent ones are learned from
SEEDS = 10  # candidates at the beginning for each token that is wanted
KEPT, ROUNDS = 0.75, 2  # share of the candidates that stay each time, and rounds of expectation maximization before
FLOOR = 1e-12  # expected count of a character that is never needed
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Lattices = tuple[Integers, Integers]  # edges [E, 3] of (start, end, candidate), by end; where those of each word end, [N]


def train(texts: Iterable[str], *, vocab_size: int, pattern: Pattern, fewer: bool = False) -> tokenizers.Tokenizer:
    """Learn exactly `vocab_size` tokens, all characters of the text among them. InputError where these alone are more."""
    counts: Counter[str] = Counter()
    pieces, characters = cut(pattern), set[str]()
    for text in texts:
        characters.update(text)
        counts.update(piece for piece, _ in pieces.pre_tokenize_str(text))
    room = vocab_size - len(NAMES)
    need_characters(len(characters), vocab_size)
    short = sorted((word for word in counts if len(word) <= LONGEST_WORD), key=lambda word: (-counts[word], word))[:WORDS]
    tokens, shares = learned(short, np.array([counts[word] for word in short], np.float64), sorted(characters), room=room)
    order = sorted(range(len(tokens)), key=lambda place: (-shares[place], tokens[place]))
    vocabulary = [(name, 0.0) for name in NAMES] + [(tokens[place], math.log(shares[place])) for place in order]
    tokenizer = over_characters(models.Unigram(vocabulary, unk_id=len(NAMES) - 1, byte_fallback=False), pattern=pattern)
    tokenizer.add_special_tokens(special(NAMES))
    return filled(tokenizer, vocab_size=vocab_size, fewer=fewer)


def learned(words: Sequence[str], counts: Floats, characters: Sequence[str], *, room: int) -> tuple[list[str], list[float]]:
    """At most `room` tokens, the characters among them, and their probabilities."""
    weight: Counter[str] = Counter()
    for word, count in zip(words, counts.tolist(), strict=True):
        for start in range(len(word)):
            for end in range(start + 2, min(len(word), start + LONGEST_TOKEN) + 1):
                weight[word[start:end]] += count
    often = [token for token, count in weight.items() if count >= MIN_FREQUENCY]
    tokens = [*characters, *sorted(often, key=lambda token: (-weight[token] * len(token), token))[: SEEDS * room]]
    shares = np.array([1.0] * len(characters) + [weight[token] * len(token) for token in tokens[len(characters) :]])
    while True:
        lattices = lattices_of(words, tokens)
        for _ in range(ROUNDS):
            found = np.zeros(len(tokens))
            _expect(*lattices, counts, shares / shares.sum(), found)
            shares = np.maximum(found, FLOOR)
        more = len(tokens) - len(characters)
        if len(tokens) <= room:
            return tokens, (shares / shares.sum()).tolist()
        without = np.zeros(len(tokens))
        _without(*lattices_of(tokens, tokens), shares / shares.sum(), without)
        with np.errstate(divide="ignore"):
            loss = shares * (np.log(shares / shares.sum()) - np.log(without))
        rest = sorted(range(len(characters), len(tokens)), key=lambda place: (-loss[place], tokens[place]))
        kept = [*range(len(characters)), *sorted(rest[: max(room - len(characters), int(KEPT * more))])]
        tokens, shares = [tokens[place] for place in kept], shares[kept]


def lattices_of(words: Sequence[str], tokens: Sequence[str]) -> Lattices:
    """Where the tokens stand in the words."""
    places = {token: place for place, token in enumerate(tokens)}
    edges = array("q")  # of 64 bits: a word has dozens
    ends = []
    for word in words:
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - LONGEST_TOKEN), end):
                if (place := places.get(word[start:end])) is not None:
                    edges.extend((start, end, place))
        ends.append(len(edges) // 3)
    return np.array(edges, np.int64).reshape(-1, 3), np.array(ends, np.int64)


@kernel(allocates=True)
def _expect(edges: Integers, ends: Integers, counts: Floats, shares: Floats, found: Floats) -> None:
    """Add how often each token is expected to stand in the words, over all ways to cut them."""
    before, after = np.zeros(LONGEST_WORD + 1), np.zeros(LONGEST_WORD + 1)
    first = 0
    for word in range(ends.size):
        last = ends[word]
        before[:], after[:] = 0.0, 0.0
        length = edges[last - 1, 1] if last > first else 0
        before[0], after[length] = 1.0, 1.0
        for edge in range(first, last):
            before[edges[edge, 1]] += before[edges[edge, 0]] * shares[edges[edge, 2]]
        for edge in range(last - 1, first - 1, -1):
            after[edges[edge, 0]] += after[edges[edge, 1]] * shares[edges[edge, 2]]
        if before[length] > 0.0:
            for edge in range(first, last):
                start, end, token = edges[edge, 0], edges[edge, 1], edges[edge, 2]
                found[token] += counts[word] * before[start] * shares[token] * after[end] / before[length]
        first = last


@kernel(allocates=True)
def _without(edges: Integers, ends: Integers, shares: Floats, best: Floats) -> None:
    """The probability of the best way to say each token by others; 0 where there is none."""
    reached = np.zeros(LONGEST_WORD + 1)
    first = 0
    for token in range(ends.size):
        reached[:] = 0.0
        reached[0] = 1.0
        for edge in range(first, ends[token]):
            if edges[edge, 2] != token:
                reached[edges[edge, 1]] = max(reached[edges[edge, 1]], reached[edges[edge, 0]] * shares[edges[edge, 2]])
        length = edges[ends[token] - 1, 1] if ends[token] > first else 0
        best[token] = reached[length]
        first = ends[token]
