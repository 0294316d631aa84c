"""Hashed word n-grams of the texts of a shard, and where they occur.

Words are those of pipeline.text.ngrams; paragraphs are those of text.split("\\n\\n"). An n-gram lies within one paragraph, but consecutive
paragraphs shorter than the largest n (turns of a conversation, lines of a poem or a list) count as one, since each alone would be too
short to match. Such an n-gram belongs to the paragraph of its last word.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import STEP, Hashes, Int64Array, Words, mix64, power, slot, texts_of, word_blocks

Int32Array = npt.NDArray[np.int32]
Columns = tuple[Int32Array, Int32Array, Hashes]  # rows, paragraphs, hashes

_BITS = np.uint64(63)
_KEYS_A_WORD = 4  # 16 bits a key: a false positive rate of about 1 %
_ALL = np.full(1, np.iinfo(np.uint64).max)  # a filter that passes everything
_ALL.flags.writeable = False  # as those on disk: the kernel is compiled once


@dataclass(frozen=True)
class Ngrams:
    """N-grams in text order, with their hash; the same n-gram may occur many times."""

    rows: Int32Array  # of the texts
    paragraphs: Int32Array  # of the row, from 0
    hashes: Hashes  # of the words and of n


def as_single_paragraphs(texts: Sequence[str]) -> pa.ChunkedArray:
    """The texts, each as one paragraph, so that no n-gram is lost at a line end, and in NFC, as cleaned text is."""
    return pa.chunked_array([pa.array([" ".join(unicodedata.normalize("NFC", text).split()) for text in texts], pa.string())])


def ngrams_in(texts: pa.ChunkedArray, lengths: Sequence[int]) -> Ngrams:
    """All n-grams of these sizes."""
    return find_ngrams(texts, lengths, _ALL, _ALL)


def find_ngrams(texts: pa.ChunkedArray, lengths: Sequence[int], bloom: Hashes, short_bloom: Hashes) -> Ngrams:
    """The n-grams of these sizes that pass the Bloom filter: all that it contains, and a few false positives.

    Sizes other than the largest are only tried where an n-gram of the least size ends that passes `short_bloom`.
    """
    wanted = np.array(sorted(set(lengths)), np.int64)
    first, found = 0, [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint64))]
    for chunk in texts.chunks:
        for words in word_blocks(texts_of(chunk), np.arange(len(chunk))):
            found.append(_found(words, first, wanted, (bloom, short_bloom)))
            first += words.starts.size - 1
    rows, paragraphs, hashes = zip(*found, strict=True)
    return Ngrams(np.concatenate(rows), np.concatenate(paragraphs), np.concatenate(hashes))


def bloom_filter(tables: Sequence[Hashes]) -> Hashes:
    """A Bloom filter of the hashes in the tables, with one 64-bit word per hash (blocked, Putze et al. 2007)."""
    bloom = np.zeros(sum(table.size for table in tables) // _KEYS_A_WORD + 1, np.uint64)
    for table in tables:
        _mark(bloom, table)
    return bloom


def _found(words: Words, first: int, lengths: Int64Array, blooms: tuple[Hashes, Hashes]) -> Columns:
    """The n-grams of a block of texts whose first row is `first`."""
    room = words.hashes.size * lengths.size  # unused pages are not touched
    into = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64)
    count = _scan(words.hashes, words.paragraphs, words.starts, lengths, blooms, first, into)
    return into[0][:count].copy(), into[1][:count].copy(), into[2][:count].copy()


@kernel
def _bits(value: np.uint64) -> np.uint64:
    """Three bits of a word, chosen by the last 18 bits of the hash."""
    one = np.uint64(1)
    return (one << (value & _BITS)) | (one << ((value >> np.uint64(6)) & _BITS)) | (one << ((value >> np.uint64(12)) & _BITS))


@kernel
def _mark(bloom: Hashes, hashes: Hashes) -> None:
    for value in hashes:
        bloom[slot(value, bloom.size)] |= _bits(value)


@kernel
def _passes(bloom: Hashes, value: np.uint64) -> bool:
    bits = _bits(value)
    passes: bool = bloom[slot(value, bloom.size)] & bits == bits
    return passes


@kernel(allocates=True)
def _powers(lengths: Int64Array) -> Hashes:
    """The base to the power of each length."""
    powers = np.ones(lengths.size, np.uint64)
    for which in range(lengths.size):
        powers[which] = power(STEP, lengths[which])
    return powers


@kernel(allocates=True)
def _scan(
    words: Hashes, paragraphs: Int32Array, starts: Int64Array, lengths: Int64Array, blooms: tuple[Hashes, Hashes], first: int, into: Columns
) -> int:
    """Fill in the n-grams that pass the filters, of texts whose first row is `first`; returns their number.

    The hash of an n-gram is the difference of two prefix sums (Karp and Rabin 1987), mixed.
    """
    size = 1
    for length in lengths:
        while size <= length:
            size *= 2
    sums, last = np.zeros(size, np.uint64), size - 1  # the prefix sum of k words is at k mod size
    powers, total, found = _powers(lengths), np.uint64(0), 0
    for text in range(starts.size - 1):
        # first word of the paragraph, or of consecutive short ones; the end of the paragraph, and whether it is short
        begin, stop, short = starts[text], starts[text], False
        for place in range(starts[text], starts[text + 1]):
            if place == stop:
                while stop < starts[text + 1] and paragraphs[stop] == paragraphs[place]:
                    stop += 1
                begin = begin if short and stop - place < lengths[-1] else place
                short = stop - place < lengths[-1]
            end, which = place + 1, 0
            total = total * STEP + words[place]
            sums[end & last] = total
            while which < lengths.size and end - begin >= lengths[which]:
                length = lengths[which]
                ngram = mix64(total - sums[(end - length) & last] * powers[which] + np.uint64(length) * STEP)
                if which == 0 and lengths.size > 1 and not _passes(blooms[1], ngram):
                    which = lengths.size - 1
                    continue
                if _passes(blooms[0], ngram):
                    into[0][found], into[1][found], into[2][found] = first + text, paragraphs[place], ngram
                    found += 1
                which += 1
    return found
