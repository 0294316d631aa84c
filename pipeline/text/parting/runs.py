"""Runs of words in the texts of a whole shard, found in one pass over its Arrow buffers.

Words are those of pipeline.text.ngrams. A run lies within one paragraph; paragraphs are separated by blank lines and counted as
text.split("\\n\\n") counts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.text.ngrams import ALONE, CODE, KIND, LETTER, Hashes, Integers, Numbers, decoded, texts_of

Places = npt.NDArray[np.int32]
Columns = tuple[Places, Places, Hashes]  # rows, paragraphs, hashes

_PRIME = np.uint64(0x100000001B3)  # FNV-1a (Fowler, Noll, Vo)
_BASIS = np.uint64(0xCBF29CE484222325)
_BASE = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: no run's hash loses a word
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 (Steele et al. 2014)
_HALF, _BITS = np.uint64(32), np.uint64(63)
_KEYS_A_WORD = 4  # 16 bits a key: about one in a hundred unknown runs passes
_BYTES_A_RUN = 2  # for so many there is room at first (it isn't touched if it isn't needed); where it is too little, the pass is made again
_ALL = np.full(1, np.iinfo(np.uint64).max)  # a sieve that lets everything through
_ALL.flags.writeable = False  # as those on disk: the pass is compiled once


@dataclass(frozen=True)
class Runs:
    """Runs in the order of the text: where each stands, and its hash. The same run may stand in many places."""

    rows: Places  # of the texts
    paragraphs: Places  # of the row, from 0
    hashes: Hashes  # of words and their number

    def where(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Runs":
        """Some of the runs."""
        return Runs(self.rows[chosen], self.paragraphs[chosen], self.hashes[chosen])


def runs_of(texts: pa.ChunkedArray, lengths: Sequence[int]) -> Runs:
    """All runs of these numbers of words."""
    return find_runs(texts, lengths, _ALL, _ALL)


def find_runs(texts: pa.ChunkedArray, lengths: Sequence[int], sieve: Hashes, gate: Hashes) -> Runs:
    """The runs of these numbers of words that pass the sieve: all that it was made of, and a few more.

    Runs of all but the greatest length are tried only where a run of the least length that ends there too passes the gate.
    """
    wanted = np.array(sorted(set(lengths)), np.int64)
    firsts = accumulate((len(chunk) for chunk in texts.chunks), initial=0)
    chunks = zip(texts.chunks, firsts, strict=False)  # and the number of the first row of each
    found = [_find(chunk, first, wanted, (sieve, gate)) for chunk, first in chunks if len(chunk)] if wanted.size else []
    none = np.empty(0, np.int32)
    return Runs(
        np.concatenate([none, *(runs.rows for runs in found)]),
        np.concatenate([none, *(runs.paragraphs for runs in found)]),
        np.concatenate([np.empty(0, np.uint64), *(runs.hashes for runs in found)]),
    )


def distinct(hashes: Hashes) -> Hashes:
    """Each hash once, ascending. (numpy.unique goes by a hash table, at a tenth of the speed.)"""
    ordered = np.sort(hashes)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered


def sieve_of(tables: Sequence[Hashes]) -> Hashes:
    """A small table that lets through every hash of the tables, and few others (a Bloom filter of one word a hash, Putze et al. 2007)."""
    sieve = np.zeros(sum(table.size for table in tables) // _KEYS_A_WORD + 1, np.uint64)
    for table in tables:
        _mark(sieve, table)
    return sieve


def _find(chunk: pa.Array, first: int, lengths: Integers, sieves: tuple[Hashes, Hashes]) -> Runs:
    texts = texts_of(chunk)
    room = int(texts.starts[-1] - texts.starts[0]) // _BYTES_A_RUN + 1
    while True:
        rows, paragraphs, hashes = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint64)
        count = _scan(texts.data, texts.starts, texts.characters, lengths, sieves, (rows, paragraphs, hashes))
        if count <= room:
            return Runs(rows[:count] + np.int32(first), paragraphs[:count], hashes[:count])
        room = count


@numba.njit(cache=True, nogil=True)
def _slot(value: np.uint64, size: int) -> np.uint64:
    """The word of the sieve that holds this hash."""
    return ((value >> _HALF) * np.uint64(size)) >> _HALF


@numba.njit(cache=True, nogil=True)
def _bits(value: np.uint64) -> np.uint64:
    """Three bits of that word, named by the hash's last 18."""
    one = np.uint64(1)
    return (one << (value & _BITS)) | (one << ((value >> np.uint64(6)) & _BITS)) | (one << ((value >> np.uint64(12)) & _BITS))


@numba.njit(cache=True, nogil=True)
def _mark(sieve: Hashes, hashes: Hashes) -> None:
    for value in hashes:
        sieve[_slot(value, sieve.size)] |= _bits(value)


@numba.njit(cache=True, nogil=True)
def _passes(sieve: Hashes, value: np.uint64) -> bool:
    bits = _bits(value)
    passes: bool = sieve[_slot(value, sieve.size)] & bits == bits
    return passes


@numba.njit(cache=True, nogil=True)
def _powers(lengths: Integers) -> Hashes:
    """The base to the power of each length."""
    powers = np.ones(lengths.size, np.uint64)
    for which in range(lengths.size):
        for _ in range(lengths[which]):
            powers[which] *= _BASE
    return powers


@numba.njit(cache=True, nogil=True)
def _mixed(value: np.uint64) -> np.uint64:
    """Every bit of the value in every bit."""
    value = (value ^ (value >> np.uint64(31))) * _MIX
    return value ^ (value >> np.uint64(29))


@numba.njit(cache=True, nogil=True)
def _scan(
    data: npt.NDArray[np.uint8], starts: Integers, characters: Numbers, lengths: Integers, sieves: tuple[Hashes, Hashes], into: Columns
) -> int:
    """Fill in the runs that pass the sieve as far as there is room; returns how many there are.

    The hash of a run is the difference of two sums over the paragraph's words (Karp and Rabin 1987), mixed.
    """
    size = 1
    while size <= lengths[-1]:
        size *= 2
    sums, last = np.zeros(size, np.uint64), size - 1  # the sum up to word k is at k mod size
    powers, found = _powers(lengths), 0
    for row in range(starts.size - 1):
        paragraph, newlines, words, inside = 0, 0, 0, False
        total, value, sums[0] = np.uint64(0), _BASIS, np.uint64(0)
        place, end = starts[row], starts[row + 1]
        while place <= end:
            byte = np.int64(data[place]) if place < end else np.int64(0x20)  # a space after the text ends its last word
            code, width = (byte, 1) if byte < 0x80 else decoded(data, place)
            entry = np.int64(characters[code]) if code < characters.size else np.int64(ALONE << KIND | code)
            kind = entry >> KIND
            if kind == LETTER or (kind == ALONE and not inside):
                value, inside, newlines = (value ^ np.uint64(entry & CODE)) * _PRIME, True, 0
                place += width
                if kind == LETTER:
                    continue
            elif kind != ALONE:  # one that is a word by itself and ends another is read again
                place += width
            if inside:
                words, total = words + 1, total * _BASE + value
                sums[words & last] = total
                value, inside, shut = _BASIS, False, False
                for which in range(lengths.size):
                    length = lengths[which]
                    if words < length:
                        break
                    if shut and which < lengths.size - 1:
                        continue
                    run = _mixed(total - sums[(words - length) & last] * powers[which] + np.uint64(length) * _BASE)
                    if which == 0 and lengths.size > 1 and not _passes(sieves[1], run):
                        shut = True
                    elif _passes(sieves[0], run):
                        if found < into[2].size:
                            into[0][found], into[1][found], into[2][found] = row, paragraph, run
                        found += 1
            newlines = newlines + 1 if byte == 0x0A else 0
            if newlines == 2:
                paragraph, newlines, words = paragraph + 1, 0, 0
                total = sums[0] = np.uint64(0)
    return found
