"""MinHash signatures and LSH bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3); exact similarity of sets.

Instead of one hash function per place of the signature, one function distributes the set over all places and the least value in each
counts; places left empty are filled by the next function (Dahlgaard, Knudsen and Thorup 2017, Fast Similarity Sketching). Two sets still
agree in a place with the probability of their similarity, but a long text is hashed once.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import STEP, Hashes, Int64Array, Words, mix64, mix_bits, power, slot

Signatures = npt.NDArray[np.uint32]

_LOW = np.uint64(0xFFFFFFFF)
_EMPTY = np.uint32(0xFFFFFFFF)


def shingles_of(words: Words, shingle: int) -> tuple[Hashes, Int64Array]:
    """A hash of each shingle of `shingle` words, text by text, and where each text's shingles start, [texts + 1].

    A shorter text is one shingle; a text without words has none.
    """
    sizes = np.diff(words.starts)
    starts = np.concatenate([[0], np.cumsum(np.where(sizes, np.maximum(sizes - shingle + 1, 1), 0))])
    values = np.empty(starts[-1], np.uint64)
    _shingles(words.hashes, words.starts, shingle, values)
    return values, starts


def shingle_sets(words: Words, shingle: int) -> tuple[Hashes, Int64Array]:
    """The same, sorted and unique within each text."""
    values, starts = shingles_of(words, shingle)
    for first, end in pairwise(starts.tolist()):
        values[first:end].sort()
    sets = np.empty_like(starts)
    _compact(values, starts, sets)
    return values[: sets[-1]], sets


def signatures(words: Words, *, shingle: int, size: int) -> Signatures:
    """A MinHash signature of each text's shingles, [texts, size]; the maximum value for a text without shingles."""
    values, starts = shingles_of(words, shingle)
    least = np.full((starts.size - 1, size), _EMPTY, np.uint32)
    _sketch(values, starts, least, np.empty(size, np.bool_))
    return least


def band_keys(signatures: Signatures, *, bands: int, rows: int) -> Hashes:
    """A 64-bit key of each band, [bands, texts]: texts of similarity J share one with probability 1 - (1 - J^rows)^bands."""
    keys = np.zeros((bands, signatures.shape[0]), np.uint64)
    for row in range(rows):
        keys *= STEP
        keys += signatures[:, row : bands * rows : rows].T
    return mix_bits(keys)


def similarities(left: tuple[Hashes, Int64Array], right: tuple[Hashes, Int64Array], pairs: Int64Array) -> npt.NDArray[np.float64]:
    """Jaccard similarity of pairs [pairs, 2] of sets; a side is sorted values and the starts of its sets. An empty set has similarity 0."""
    found = np.empty(pairs.shape[0])
    _similarities(*left, *right, pairs, found)
    return found


@kernel
def _shingles(words, starts, shingle, values):  # type: ignore[no-untyped-def]
    """Fill in the hash of each shingle (Karp and Rabin 1987), mixed."""
    count = 0
    for text in range(starts.size - 1):
        first, end = starts[text], starts[text + 1]
        length = min(shingle, end - first)
        leaving, run = power(STEP, length), np.uint64(0)
        for place in range(first, end):
            run = run * STEP + words[place]
            if place >= first + length:
                run -= leaving * words[place - length]
            if place >= first + length - 1:
                values[count] = mix64(run)
                count += 1


@kernel
def _compact(values, starts, sets):  # type: ignore[no-untyped-def]
    """Compact the distinct values of each sorted set in place, and fill in where each set starts."""
    count = 0
    for text in range(starts.size - 1):
        sets[text] = count
        for place in range(starts[text], starts[text + 1]):
            if place == starts[text] or values[place] != values[count - 1]:
                values[count] = values[place]
                count += 1
    sets[starts.size - 1] = count


@kernel
def _sketch(values, starts, least, empty):  # type: ignore[no-untyped-def]
    """Fill in the least values. In round r < `size` a shingle goes to a place by its hash, later to place r - size."""
    size = least.shape[1]
    for text in range(starts.size - 1):
        own, first, end = least[text], starts[text], starts[text + 1]
        for shingle in range(first, end):
            value = values[shingle]
            place = slot(value, size)
            own[place] = min(own[place], np.uint32(value & _LOW))
        for turn in range(1, 2 * size):
            missing = 0
            for place in range(size):
                empty[place] = own[place] == _EMPTY
                missing += empty[place]
            if not missing or first == end:
                break
            for shingle in range(first, end):
                value = mix64(values[shingle] + np.uint64(turn) * STEP)
                place = slot(value, size) if turn < size else np.uint64(turn - size)
                if empty[place]:
                    own[place] = min(own[place], np.uint32(value & _LOW))


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
