"""MinHash signatures and their bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3); the exact similarity of sets."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.core.kernel import kernel
from pipeline.core.seed import stream
from pipeline.text.ngrams import STEP, Hashes, Integers, Words, mixed, spread

Signatures = npt.NDArray[np.uint32]

_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


def multipliers(count: int) -> npt.NDArray[np.uint32]:
    """Odd 32-bit numbers, one a hash function of the family low * A + high mod 2^32 over the halves of a shingle's hash."""
    return stream(0, "minhash").integers(0, 2**32, count, dtype=np.uint32) | np.uint32(1)


def shingles_of(words: Words, shingle: int) -> tuple[Hashes, Integers]:
    """A hash of each run of so many words, text by text, and the starts of the texts' runs [texts + 1].

    A text that is shorter is one shingle; one without words has none.
    """
    sizes = np.diff(words.starts)
    starts = np.concatenate([[0], np.cumsum(np.where(sizes, np.maximum(sizes - shingle + 1, 1), 0))])
    values = np.empty(starts[-1], np.uint64)
    _shingles(words.hashes, words.starts, shingle, values)
    return values, starts


def shingle_sets(words: Words, shingle: int) -> tuple[Hashes, Integers]:
    """The same, each text's sorted and each once."""
    values, starts = shingles_of(words, shingle)
    for first, end in pairwise(starts.tolist()):
        values[first:end].sort()
    sets = np.empty_like(starts)
    _compact(values, starts, sets)
    return values[: sets[-1]], sets


def signatures(words: Words, *, shingle: int, functions: int) -> Signatures:
    """The least value of each hash function over the shingles of each text, [texts, functions]."""
    values, starts = shingles_of(words, shingle)
    least = np.full((starts.size - 1, functions), np.iinfo(np.uint32).max, np.uint32)
    _least(values, starts, multipliers(functions), least)
    return least


def band_keys(signatures: Signatures, *, bands: int, rows: int) -> Hashes:
    """A 64-bit key of each band, [bands, texts]: two texts of similarity J share one with probability 1 - (1 - J^rows)^bands."""
    keys = np.zeros((bands, signatures.shape[0]), np.uint64)
    for row in range(rows):
        keys *= STEP
        keys += signatures[:, row : bands * rows : rows].T
    return mixed(keys)


def similarities(left: tuple[Hashes, Integers], right: tuple[Hashes, Integers], pairs: Integers) -> npt.NDArray[np.float64]:
    """Jaccard similarity of pairs [pairs, 2] of sets; a side is sorted values and the starts of its sets. Empty sets are like no other."""
    found = np.empty(pairs.shape[0])
    _similarities(*left, *right, pairs, found)
    return found


@kernel
def _shingles(words, starts, shingle, values):  # type: ignore[no-untyped-def]
    """Fill in the hash of each run (Karp and Rabin 1987), its bits spread."""
    count = 0
    for text in range(starts.size - 1):
        first, end = starts[text], starts[text + 1]
        length = min(shingle, end - first)
        leaving, run = np.uint64(1), np.uint64(0)  # the factor of the word that leaves the run
        for _ in range(length):
            leaving *= STEP
        for place in range(first, end):
            run = run * STEP + words[place]
            if place >= first + length:
                run -= leaving * words[place - length]
            if place >= first + length - 1:
                values[count] = spread(run)
                count += 1


@kernel
def _compact(values, starts, sets):  # type: ignore[no-untyped-def]
    """Move the distinct values of each sorted run together, in place, and fill in where each run starts then."""
    count = 0
    for text in range(starts.size - 1):
        sets[text] = count
        for place in range(starts[text], starts[text + 1]):
            if place == starts[text] or values[place] != values[count - 1]:
                values[count] = values[place]
                count += 1
    sets[starts.size - 1] = count


@kernel
def _least(values, starts, factors, least):  # type: ignore[no-untyped-def]
    for text in range(starts.size - 1):
        own = least[text]
        for place in range(starts[text], starts[text + 1]):
            low, high = np.uint32(values[place] & _LOW), np.uint32(values[place] >> _HALF)
            for function in range(factors.size):
                own[function] = min(own[function], np.uint32(low * factors[function] + high))


@kernel
def _similarities(left, left_starts, right, right_starts, pairs, found):  # type: ignore[no-untyped-def]
    for pair in range(pairs.shape[0]):
        one, one_end = left_starts[pairs[pair, 0]], left_starts[pairs[pair, 0] + 1]
        two, two_end = right_starts[pairs[pair, 1]], right_starts[pairs[pair, 1] + 1]
        total, shared = one_end - one + two_end - two, 0
        while one < one_end and two < two_end:
            a, b = left[one], right[two]
            shared += a == b
            one += a <= b
            two += b <= a
        found[pair] = shared / (total - shared) if total else 0.0
