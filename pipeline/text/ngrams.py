"""Hashes of words and word n-grams, which dedup and decontamination compare.

A word is a run of letters, marks and digits; case, punctuation and layout are ignored. In scripts written without spaces each character
is a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from unicodedata import category

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel

Hashes = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Uint32Array = npt.NDArray[np.uint32]

PRIME = np.uint64(0x100000001B3)  # FNV-1a (Fowler, Noll, Vo)
BASIS = np.uint64(0xCBF29CE484222325)
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd: no n-gram hash loses a word
MIX = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 (Steele et al. 2014)
OTHER = np.uint64(0x94D049BB133111EB)  # splitmix64's second multiplier: the other half of a 128-bit hash
_SHIFT, _HALF, _TOP = np.uint64(31), np.uint64(32), np.uint64(56)
_ONE, _SEVEN, _EIGHT, _WHOLE = np.uint64(1), np.uint64(7), np.uint64(8), np.uint64(64)
# Eight equal bytes: 1, the upper bit, the lower-case bit; what carries a byte from "a", past "z", from "0", past "9" into its upper bit.
_ONES, _TOPS, _CASE, _FROM_A, _PAST_Z, _FROM_0, _PAST_9 = (
    np.uint64(byte * 0x0101010101010101) for byte in (1, 0x80, 0x20, 0x1F, 5, 0x50, 0x46)
)
_KIND, _CODE = 24, 0xFFFFFF  # an entry of the character table: the kind above the lower-case code point
_BLANK = 0x20
_SPACE, _SIGN, _LETTER, _ALONE = 0, 1, 2, 3  # kinds; a character of the last kind is a word by itself
_BLOCK = 1 << 20  # bytes of text
_KNOWN, _IDEOGRAPHS = 0x20000, 0x40000  # code points in the table; above are ideographs up to here, then tags and private use
_NOWHERE = np.empty(0, np.uint32)
_UNSPACED = ((0xE00, 0xF00), (0x1000, 0x10A0), (0x1780, 0x1800), (0x3040, 0x3100), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00))


@dataclass(frozen=True)
class Texts:
    """Concatenated UTF-8 texts: text t is data[starts[t]:starts[t + 1]]."""

    data: npt.NDArray[np.uint8]
    starts: Int64Array  # [texts + 1]

    @cached_property
    def characters(self) -> npt.NDArray[np.uint32]:
        """The table of the characters that may occur in them."""
        return _characters(0x80 if self.data.max(initial=0) < 0x80 else _KNOWN)


@dataclass(frozen=True)
class Words:
    """The words of texts: those of text t are at starts[t]:starts[t + 1]."""

    hashes: Hashes  # [words]
    paragraphs: npt.NDArray[np.int32]  # [words], from 0 in each text; separated by blank lines
    starts: Int64Array  # [texts + 1]
    content: Hashes  # [texts, 2], 128-bit hash of a text, ignoring white space and case; 0 if it has no word


def texts_of(column: pa.ChunkedArray | pa.Array) -> Texts:
    """The texts of a string column, sharing its memory. A null is whatever the buffer holds there, normally nothing."""
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
    width = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, width)[column.offset : column.offset + len(column) + 1] if offsets else np.zeros(1, width)
    return Texts(np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8), starts.astype(np.int64))


def words_of_rows(texts: Texts, rows: Int64Array) -> Words:
    """The words of some of the texts, in the order of `rows`."""
    room = int((texts.starts[rows + 1] - texts.starts[rows]).sum()) // 2 + rows.size  # a word and what ends it are two bytes at least
    hashes, paragraphs = np.empty(room, np.uint64), np.empty(room, np.int32)
    starts, content = np.zeros(rows.size + 1, np.int64), np.zeros((rows.size, 2), np.uint64)
    _words(texts.data, texts.starts, rows, texts.characters, (hashes, paragraphs, _NOWHERE), starts, content)
    return Words(hashes[: starts[-1]], paragraphs[: starts[-1]], starts, content)


def word_offsets(text: bytes) -> tuple[Hashes, Uint32Array]:
    """The hash of each word of a text, and the byte offset at which it begins."""
    texts = Texts(np.frombuffer(text, np.uint8), np.array([0, len(text)]))
    room = len(text) // 2 + 1
    hashes, paragraphs, places = np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.uint32)
    starts, content = np.zeros(2, np.int64), np.zeros((1, 2), np.uint64)
    _words(texts.data, texts.starts, np.zeros(1, np.int64), texts.characters, (hashes, paragraphs, places), starts, content)
    return hashes[: starts[1]], places[: starts[1]]


def word_blocks(texts: Texts, rows: Int64Array) -> Iterator[Words]:
    """The words of some of the texts, about a megabyte at a time (no text is split), so that they stay in the CPU cache."""
    ends = np.cumsum(texts.starts[rows + 1] - texts.starts[rows])
    for block in np.split(rows, np.flatnonzero(np.diff(ends // _BLOCK)) + 1):
        yield words_of_rows(texts, block)


def words_of(text: str) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """A 64-bit hash of each word, and its paragraph (from 0, separated by blank lines)."""
    data = np.frombuffer(text.encode(), np.uint8)
    words = words_of_rows(Texts(data, np.array([0, data.size])), np.zeros(1, np.int64))
    return words.hashes, words.paragraphs


def ngrams_of(words: Hashes, n: int) -> Hashes:
    """A 64-bit hash of each run of n words, [max(0, words - n + 1)]."""
    count = max(0, words.size - n + 1)
    hashes = np.zeros(count, np.uint64)
    for place in range(n):
        hashes *= STEP
        hashes += words[place : place + count]
    return mix_bits(hashes)


def paragraph_hashes(words: Words, min_words: int) -> tuple[Hashes, Uint32Array]:
    """A 128-bit hash of each paragraph of `min_words` or more (0: none), [2, paragraphs]; its text and number, [2, paragraphs]."""
    room = words.hashes.size // min_words if min_words else 0
    hashes, places = np.zeros((2, room), np.uint64), np.zeros((2, room), np.uint32)
    count = _paragraphs(words.hashes, words.paragraphs, words.starts, min_words, hashes, places) if min_words else 0
    return mix_bits(hashes[:, :count]), places[:, :count]


@kernel
def mix64(value):  # type: ignore[no-untyped-def]
    """One value mixed, as `mix_bits` does."""
    value = (value ^ (value >> _SHIFT)) * MIX
    return value ^ (value >> _SHIFT)


@kernel
def slot(value, size):  # type: ignore[no-untyped-def]
    """One of `size` places for a mixed value, by its upper half (Lemire 2019, Fast random integer generation)."""
    return ((value >> _HALF) * np.uint64(size)) >> _HALF


@kernel
def power(base, exponent):  # type: ignore[no-untyped-def]
    """base ** exponent modulo 2^64: the factor of the word that leaves a rolling hash."""
    value = np.uint64(1)
    for _ in range(exponent):
        value *= base
    return value


def mix_bits(values: Hashes) -> Hashes:
    """Mix the values in place (splitmix64's finalizer)."""
    values ^= values >> _SHIFT
    values *= MIX
    values ^= values >> _SHIFT
    return values


@cache
def _characters(count: int) -> npt.NDArray[np.uint32]:
    """Kind and lower-case form of the first code points; all of them take 0.2 s."""
    kinds = {"Z": _SPACE, "C": _SPACE, "L": _LETTER, "M": _LETTER, "N": _LETTER}
    table = np.array([kinds.get(category(chr(code))[0], _SIGN) << _KIND | ord(chr(code).lower()[0]) for code in range(count)], np.uint32)
    table[0xFE00:0xFE10] &= _CODE  # variation selectors
    table[0xFE00:0xFE10] |= _SIGN << _KIND
    for first, end in _UNSPACED:
        letters = table[first:end] >> _KIND == _LETTER
        table[first:end][letters] += np.uint32((_ALONE - _LETTER) << _KIND)
    return table


@kernel
def _decode(data, place):  # type: ignore[no-untyped-def]
    """The code point of the multi-byte UTF-8 character at a place, and its length in bytes."""
    byte = np.int64(data[place])
    if byte >= 0xF0:
        return (byte & 7) << 18 | (data[place + 1] & 0x3F) << 12 | (data[place + 2] & 0x3F) << 6 | (data[place + 3] & 0x3F), 4
    if byte >= 0xE0:
        return (byte & 15) << 12 | (data[place + 1] & 0x3F) << 6 | (data[place + 2] & 0x3F), 3
    return (byte & 31) << 6 | (data[place + 1] & 0x3F), 2


@kernel
def _words(data, texts, rows, characters, words, starts, content):  # type: ignore[no-untyped-def]
    """Fill in the words (hashes, paragraphs and, if there is room, offsets), the starts and the content of the texts at `rows`.

    Eight ASCII bytes are classified and hashed at once (Lamport 1975, Multiple byte processing with full-word instructions); words with
    other characters are processed one by one.
    """
    count, (hashes, paragraphs, places) = 0, words
    for turn in range(rows.size):
        place, end = texts[rows[turn]], texts[rows[turn] + 1]
        paragraph, newlines, left, right = 0, 0, BASIS, BASIS
        while place < end:
            byte = np.int64(data[place])
            if byte == _BLANK:
                place, newlines = place + 1, 0
                continue
            code, size = (byte, 1) if byte < 0x80 else _decode(data, place)
            entry = (
                np.int64(characters[code])
                if code < characters.size
                else np.int64((_ALONE if code < _IDEOGRAPHS else _SPACE) << _KIND | code)
            )
            kind = entry >> _KIND
            if kind == _SPACE:
                place += size
                newlines = newlines + 1 if byte == 0x0A else 0
                if newlines == 2:
                    paragraph, newlines = paragraph + 1, 0
                continue
            newlines, value, whole, begin = 0, BASIS, kind != _LETTER, place
            if whole:
                value, place = _hash_step(value, np.uint64(entry & _CODE)), place + size
            while not whole and place + 8 <= end:
                eight = _eight(data, place)
                lower = eight | _CASE
                within = (lower + _FROM_A) & ~(lower + _PAST_Z) | (eight + _FROM_0) & ~(eight + _PAST_9)
                after = (~within | eight) & _TOPS  # the upper bit of the bytes that are no letter or digit
                first = after & (~after + _ONE)
                if not after:
                    value, place = _hash_step(value, lower), place + 8
                elif eight & first:  # a longer character, perhaps a letter
                    break
                else:
                    below = (first >> _SEVEN) - _ONE
                    value = _hash_step(value, lower & below) if below else value
                    place, whole = place + np.int64((below & _ONES) * _ONES >> _TOP), True
            if not whole:
                value, place = _rest_of_word(data, place, end, characters, value)
            if kind != _SIGN:
                hashes[count], paragraphs[count] = value, paragraph
                if places.size:
                    places[count] = begin
                count += 1
            left, right = left * STEP + value, (right ^ value) * OTHER
        starts[turn + 1] = count
        if count > starts[turn]:
            content[turn, 0], content[turn, 1] = left ^ (left >> _SHIFT), right ^ (right >> _SHIFT)


@kernel
def _rest_of_word(data, place, end, characters, value):  # type: ignore[no-untyped-def]
    """The hash of a word whose beginning is hashed, and where it ends. A non-ASCII character is hashed as three bytes."""
    pack, held = np.uint64(0), np.uint64(0)
    while place < end:
        byte = np.int64(data[place])
        code, size = (byte, 1) if byte < 0x80 else _decode(data, place)
        entry = np.int64(characters[code]) if code < characters.size else np.int64(_ALONE << _KIND)
        if entry >> _KIND != _LETTER:
            break
        place += size
        code = entry & _CODE
        rest, size = (code, 1) if code < 0x80 else (code | 0x800000, 3)
        for _ in range(size):
            pack, held, rest = pack | np.uint64(rest & 0xFF) << held, held + _EIGHT, rest >> 8
            if held == _WHOLE:
                value, pack, held = _hash_step(value, pack), np.uint64(0), np.uint64(0)
    return _hash_step(value, pack) if held else value, place


@kernel
def _hash_step(value, eight):  # type: ignore[no-untyped-def]
    """A hash extended by eight bytes; injective in them."""
    value = (value ^ eight) * MIX
    return value ^ value >> _HALF


@kernel(inline="always")
def _eight(data, place):  # type: ignore[no-untyped-def]
    """Eight bytes as a little-endian number; compiled to one load."""
    at = np.uint64(place)
    value = np.uint64(data[at])
    for turn in range(1, 8):
        value |= np.uint64(data[at + np.uint64(turn)]) << np.uint64(8 * turn)
    return value


@kernel
def _paragraphs(words, paragraphs, starts, min_words, hashes, places):  # type: ignore[no-untyped-def]
    """Fill in the paragraphs that are long enough; returns their number."""
    count = 0
    for text in range(starts.size - 1):
        first, end, left, right = starts[text], starts[text + 1], np.uint64(0), np.uint64(0)
        for place in range(first, end):
            left, right = left * STEP + words[place], (right ^ words[place]) * OTHER
            if place + 1 < end and paragraphs[place + 1] == paragraphs[place]:
                continue
            if place + 1 - first >= min_words:
                hashes[0, count], hashes[1, count] = left, right
                places[0, count], places[1, count] = text, paragraphs[place]
                count += 1
            first, left, right = place + 1, np.uint64(0), np.uint64(0)
    return count
