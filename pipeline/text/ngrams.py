"""Hashes of words and of runs of words: what dedup and decontamination compare.

A word is a run of letters and digits; case, punctuation and layout don't count.
"""

import numba
import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_PRIME = np.uint64(0x100000001B3)  # FNV-1a (Fowler, Noll, Vo)
_BASIS = np.uint64(0xCBF29CE484222325)
_STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: no n-gram hash loses a word
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 (Steele et al. 2014)
_SHIFT = np.uint64(31)


def words_of(text: str) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """A 64-bit hash a word, and the paragraph (from 0, separated by blank lines) in which it stands."""
    raw = np.frombuffer(text.lower().encode(), np.uint8)
    hashes, paragraphs = np.empty(raw.size // 2 + 1, np.uint64), np.empty(raw.size // 2 + 1, np.int32)
    count = _words(raw, hashes, paragraphs)
    return hashes[:count], paragraphs[:count]


def ngrams_of(words: Hashes, n: int) -> Hashes:
    """A 64-bit hash of each run of n words, [max(0, words - n + 1)]."""
    count = max(0, words.size - n + 1)
    hashes = np.zeros(count, np.uint64)
    for place in range(n):
        hashes *= _STEP
        hashes += words[place : place + count]
    hashes ^= hashes >> _SHIFT
    hashes *= _MIX
    hashes ^= hashes >> _SHIFT
    return hashes


@numba.njit(cache=True, nogil=True)
def _words(raw: npt.NDArray[np.uint8], hashes: Hashes, paragraphs: npt.NDArray[np.int32]) -> int:
    """Fill in the hashes of the words of a UTF-8 text in lower case; returns how many there are."""
    count, paragraph, newlines, inside = 0, 0, 0, False
    value = _BASIS
    place = 0
    while place < raw.size:
        byte = raw[place]
        # U+2000..U+206F is punctuation: E2 80 xx, E2 81 xx
        dash = byte == 0xE2 and place + 2 < raw.size and raw[place + 1] <= 0x81
        if not dash and (byte >= 0x80 or 0x61 <= byte <= 0x7A or 0x30 <= byte <= 0x39):
            if not inside:
                value, inside = _BASIS, True
            value = (value ^ np.uint64(byte)) * _PRIME
            newlines = 0
        else:
            if inside:
                hashes[count], paragraphs[count] = value, paragraph
                count += 1
                inside = False
            newlines = newlines + 1 if byte == 0x0A else 0
            if newlines == 2:
                paragraph, newlines = paragraph + 1, 0
            place += 2 * dash
        place += 1
    if inside:
        hashes[count], paragraphs[count] = value, paragraph
        count += 1
    return count
