"""MinHash signatures and their bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3); the exact similarity of sets."""

import numba
import numpy as np
import numpy.typing as npt

from pipeline.core.seed import stream
from pipeline.text.ngrams import Hashes, Integers, Words, mixed, ngrams_of

Signatures = npt.NDArray[np.uint32]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT, _HALF, _LOW = np.uint64(31), np.uint64(32), np.uint64(0xFFFFFFFF)


def multipliers(count: int) -> npt.NDArray[np.uint32]:
    """Odd 32-bit numbers, one a hash function of the family low * A + high mod 2^32 over the halves of a shingle's hash."""
    return stream(0, "minhash").integers(0, 2**32, count, dtype=np.uint32) | np.uint32(1)


def signatures(words: Words, *, shingle: int, functions: int) -> Signatures:
    """The least value of each hash function over the shingles of each text, [texts, functions]."""
    least = np.full((words.starts.size - 1, functions), np.iinfo(np.uint32).max, np.uint32)
    _least(words.hashes, words.starts, shingle, multipliers(functions), least)
    return least


def band_keys(signatures: Signatures, *, bands: int, rows: int) -> Hashes:
    """A 64-bit key of each band, [bands, texts]: two texts of similarity J share one with probability 1 - (1 - J^rows)^bands."""
    keys = np.zeros((bands, signatures.shape[0]), np.uint64)
    for row in range(rows):
        keys *= _STEP
        keys += signatures[:, row : bands * rows : rows].T
    return mixed(keys)


def shingles_of(words: Hashes, *, shingle: int) -> Hashes:
    """The set of the shingles of a text's words, sorted. A text shorter than a shingle is one shingle."""
    return distinct(ngrams_of(words, min(shingle, max(1, words.size))))


def distinct(values: Hashes) -> Hashes:
    """The values sorted, each once."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if values.size else values


def similarities(left: tuple[Hashes, Integers], right: tuple[Hashes, Integers], pairs: Integers) -> npt.NDArray[np.float64]:
    """Jaccard similarity of pairs [pairs, 2] of sets; a side is sorted values and the starts of its sets. Empty sets are like no other."""
    found = np.empty(pairs.shape[0])
    _similarities(*left, *right, pairs, found)
    return found


@numba.njit(cache=True, nogil=True)
def _least(words, starts, shingle, factors, least):  # type: ignore[no-untyped-def]
    for text in range(starts.size - 1):
        first, end = starts[text], starts[text + 1]
        length = min(shingle, end - first)
        if length == 0:
            continue
        leaving = np.uint64(1)  # the factor of the word that leaves the run
        for _ in range(length):
            leaving *= _STEP
        run = np.uint64(0)
        own = least[text]
        for place in range(first, end):
            run = run * _STEP + words[place]
            if place >= first + length:
                run -= leaving * words[place - length]
            if place < first + length - 1:
                continue
            value = (run ^ (run >> _SHIFT)) * _MIX
            value ^= value >> _SHIFT
            low, high = np.uint32(value & _LOW), np.uint32(value >> _HALF)
            for function in range(factors.size):
                own[function] = min(own[function], np.uint32(low * factors[function] + high))


@numba.njit(cache=True, nogil=True)
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
