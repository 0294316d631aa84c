"""Runs of words in the texts of a whole shard: where they stand, and a hash of each.

Words are those of pipeline.text.ngrams; paragraphs are counted as text.split("\\n\\n") counts them. A run lies within one paragraph. But
paragraphs that are shorter than the longest run (the turns of a talk, the lines of a poem or a list) are one with their neighbours that
are short too: each alone would be too short to be known. Such a run stands where its last word does.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import STEP, Hashes, Integers, Words, in_blocks, power, slot, spread, texts_of

Places = npt.NDArray[np.int32]
Columns = tuple[Places, Places, Hashes]  # rows, paragraphs, hashes

_BITS = np.uint64(63)
_KEYS_A_WORD = 4  # 16 bits a key: about one in a hundred unknown runs passes
_ALL = np.full(1, np.iinfo(np.uint64).max)  # a sieve that lets everything through
_ALL.flags.writeable = False  # as those on disk: the pass is compiled once


@dataclass(frozen=True)
class Runs:
    """Runs in the order of the text: where each stands, and its hash. The same run may stand in many places."""

    rows: Places  # of the texts
    paragraphs: Places  # of the row, from 0
    hashes: Hashes  # of words and their number


def as_paragraphs(texts: Sequence[str]) -> pa.ChunkedArray:
    """The texts, each as one paragraph, so that no run is lost at the end of a line, and composed (NFC), as cleaned text is."""
    return pa.chunked_array([pa.array([" ".join(unicodedata.normalize("NFC", text).split()) for text in texts], pa.string())])


def runs_of(texts: pa.ChunkedArray, lengths: Sequence[int]) -> Runs:
    """All runs of these numbers of words."""
    return find_runs(texts, lengths, _ALL, _ALL)


def find_runs(texts: pa.ChunkedArray, lengths: Sequence[int], sieve: Hashes, gate: Hashes) -> Runs:
    """The runs of these numbers of words that pass the sieve: all that it was made of, and a few more.

    Runs of all but the greatest length are tried only where a run of the least length that ends there too passes the gate.
    """
    wanted = np.array(sorted(set(lengths)), np.int64)
    first, found = 0, [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint64))]
    for chunk in texts.chunks:
        for words in in_blocks(texts_of(chunk), np.arange(len(chunk))):
            found.append(_found(words, first, wanted, (sieve, gate)))
            first += words.starts.size - 1
    rows, paragraphs, hashes = zip(*found, strict=True)
    return Runs(np.concatenate(rows), np.concatenate(paragraphs), np.concatenate(hashes))


def sieve_of(tables: Sequence[Hashes]) -> Hashes:
    """A small table that lets through every hash of the tables, and few others (a Bloom filter of one word a hash, Putze et al. 2007)."""
    sieve = np.zeros(sum(table.size for table in tables) // _KEYS_A_WORD + 1, np.uint64)
    for table in tables:
        _mark(sieve, table)
    return sieve


def _found(words: Words, first: int, lengths: Integers, sieves: tuple[Hashes, Hashes]) -> Columns:
    """The runs of a block of texts, of which the first is in this row."""
    room = words.hashes.size * lengths.size  # what is not needed of it is not touched
    into = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64)
    count = _scan(words.hashes, words.paragraphs, words.starts, lengths, sieves, first, into)
    return into[0][:count].copy(), into[1][:count].copy(), into[2][:count].copy()


@kernel
def _bits(value: np.uint64) -> np.uint64:
    """Three bits of that word, named by the hash's last 18."""
    one = np.uint64(1)
    return (one << (value & _BITS)) | (one << ((value >> np.uint64(6)) & _BITS)) | (one << ((value >> np.uint64(12)) & _BITS))


@kernel
def _mark(sieve: Hashes, hashes: Hashes) -> None:
    for value in hashes:
        sieve[slot(value, sieve.size)] |= _bits(value)


@kernel
def _passes(sieve: Hashes, value: np.uint64) -> bool:
    bits = _bits(value)
    passes: bool = sieve[slot(value, sieve.size)] & bits == bits
    return passes


@kernel(allocates=True)
def _powers(lengths: Integers) -> Hashes:
    """The base to the power of each length."""
    powers = np.ones(lengths.size, np.uint64)
    for which in range(lengths.size):
        powers[which] = power(STEP, lengths[which])
    return powers


@kernel(allocates=True)
def _scan(
    words: Hashes, paragraphs: Places, starts: Integers, lengths: Integers, sieves: tuple[Hashes, Hashes], first: int, into: Columns
) -> int:
    """Fill in the runs that pass the sieves, of texts of which the first is in this row; returns how many there are.

    The hash of a run is the difference of two sums over all words (Karp and Rabin 1987), mixed.
    """
    size = 1
    for length in lengths:
        while size <= length:
            size *= 2
    sums, last = np.zeros(size, np.uint64), size - 1  # the sum of the first k words is at k mod size
    powers, total, found = _powers(lengths), np.uint64(0), 0
    for text in range(starts.size - 1):
        # first word of the paragraph, or of short ones in a row; the end of the paragraph, and whether it is short
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
                run = spread(total - sums[(end - length) & last] * powers[which] + np.uint64(length) * STEP)
                if which == 0 and lengths.size > 1 and not _passes(sieves[1], run):
                    which = lengths.size - 1
                    continue
                if _passes(sieves[0], run):
                    into[0][found], into[1][found], into[2][found] = first + text, paragraphs[place], run
                    found += 1
                which += 1
    return found
