"""Prefilter: which repairs a text may need, from one pass over its bytes.

A repair runs only if one of its bits is set. Bits may be false positives, but without them the repair would change nothing. So clean text
costs only this pass over the shard, without any Python per document.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import BASIS, PRIME
from pipeline.text.repair.prefilter_bits import CODE, CONTENTS, COOKIES, HEADS, LICENCE, LINES, MAIL, NUMBERS, SECRETS, SITE
from pipeline.text.repair.prefilter_characters import characters

Bytes = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.uint32]  # bits of prefilter_bits, one mask per text

# (a lower-case word or word prefix after a non-letter, its bit)
_WORDS: tuple[tuple[str, int], ...] = (
    *(
        (word, LICENCE)
        for word in (
            "gutenberg", "ebook", "e-book", "etext", "e-text", "small print", "licen", "copyright", "public domain", "creative commons",
            "digital copy", "trademark", "produced by", "prepared by", "transcribed", "transcriber", "special thanks", "scanned",
            "html version", "html file", "proofread", "this file", "this book", "this text",
        )
    ),
    ("contents", CONTENTS),
    ("cookie", COOKIES),
    ("private key", SECRETS),
    ("at)", MAIL),  # name (at) host
    ("at}", MAIL),  # or ]
    ("at>", MAIL),
)  # fmt: skip
_OPENINGS = (
    "home", "about", "contact", "login", "log", "sign", "register", "search", "menu", "help", "faq", "sitemap", "shop", "blog", "news",
    "privacy", "terms", "please", "share", "follow", "like", "find", "join", "subscribe", "accept", "manage", "reject", "click", "tap",
    "enable", "turn", "skip", "jump", "back", "return", "go", "previous", "prev", "next", "read", "see", "load", "loading", "show",
    "advertis",     "sponsored", "related", "allow", "recommended", "you may", "you might", "leave", "print", "all rights", "copyright",
    "posted", "filed",
    "tags", "tag", "categor",
    "likes", "views", "shares", "download", "get", "powered", "your e", "required", "published", "updated",
    "labels", "add", "write", "post", "more", "most", "recent", "cookie", "popular", "latest",
)  # fmt: skip
_CHAPTERS = ("chapter", "book", "part", "act", "scene", "letter", "stave", "volume", "section", "canto")


def _table(words: Sequence[str]) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """The words sorted by first letter, and where those of each first byte begin, [257]."""
    ordered = sorted(words, key=lambda word: word[0])
    packed = np.zeros((len(ordered), 20), np.uint8)  # letters, then zeros
    for row, word in enumerate(ordered):
        packed[row, : len(word)] = np.frombuffer(word.encode(), np.uint8)
    first = np.searchsorted([word.encode()[0] for word in ordered], np.arange(257))
    return packed, first


_KEYWORDS, _KEYWORD_OF = _table([word for word, _ in _WORDS])
_KEYWORD_BITS = np.array([bit for _, bit in sorted(_WORDS, key=lambda pair: pair[0][0])], np.uint32)
_SITES, _SITE_OF = _table(_OPENINGS)
_HEADINGS, _HEADING_OF = _table(_CHAPTERS)
_HEAD_LENGTH = 80  # characters, as in furniture
_SITE_LENGTH = 160  # characters, as in boilerplate
_DEEPER = 12  # bytes between a line that begins with a key and a colon, and a next such line or item
_NUMBER_LENGTH, _NUMBER_LETTERS = 40, 8  # characters of a stripped line, as in furniture; "Page of"


def prefilter(texts: pa.ChunkedArray | pa.Array) -> Masks:
    """The masks of a column of texts, [rows]."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    chunks = whole.chunks if isinstance(whole, pa.ChunkedArray) else [whole]
    found = [_of_chunk(chunk.cast(pa.large_string())) for chunk in chunks]
    return np.concatenate(found) if found else np.zeros(0, np.uint32)


def prefilter_text(text: str) -> int:
    """The mask of one text."""
    raw = np.frombuffer(text.encode(), np.uint8)
    rows = np.array([0, raw.size], np.int64)
    rows.flags.writeable = False  # as Arrow's are: a kernel is compiled once per type
    return int(_masks(raw, rows)[0])


def buffers(chunk: Any) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """The bytes of a large_string array and the offsets of its rows, [rows + 1]."""
    _, offsets, data = chunk.buffers()
    rows = np.frombuffer(offsets, np.int64, len(chunk) + 1, 8 * chunk.offset) if len(chunk) else np.zeros(1, np.int64)
    return np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8), rows


def _of_chunk(chunk: Any) -> Masks:
    raw, rows = buffers(chunk)
    masks: Masks = _masks(raw, rows)
    return masks


@kernel(allocates=True)
def _masks(raw, rows):  # type: ignore[no-untyped-def]
    masks = np.zeros(rows.size - 1, np.uint32)
    size = 16
    for row in range(rows.size - 1):
        lines = 1
        for place in range(rows[row], rows[row + 1]):
            lines += raw[place] == 10
        while size < 4 * lines:
            size *= 2
    seen, stamps = np.zeros(size, np.uint64), np.zeros(size, np.int64)  # a set of hashes; the stamp tells of which row
    for row in range(rows.size - 1):
        start, stop = rows[row], rows[row + 1]
        mask = characters(raw, start, stop)
        mask |= _words(raw, start, stop)
        mask |= _lines(raw, start, stop, seen, stamps, row + 1)
        masks[row] = mask
    return masks


@kernel
def _words(raw, start, stop):  # type: ignore[no-untyped-def]
    """The bits of the keywords in the text."""
    mask = np.uint32(0)
    inside = False
    for place in range(start, stop):
        letter = 97 <= (raw[place] | 32) <= 122
        if letter and not inside:
            first = raw[place] | 32
            for row in range(_KEYWORD_OF[first], _KEYWORD_OF[first + 1]):
                if not mask & _KEYWORD_BITS[row] and _is_at(raw, place, stop, _KEYWORDS[row]):
                    mask |= _KEYWORD_BITS[row]
        inside = letter
    return mask


@kernel
def _is_at(raw, place, stop, word):  # type: ignore[no-untyped-def]
    """Whether a word is at a place, in any case; a blank in it matches any white space or punctuation between words."""
    for letter in word:
        if letter == 0:
            return True
        if place >= stop:
            return False
        if letter == 32:
            while place < stop and not 97 <= (raw[place] | 32) <= 122:
                place += 1
            continue
        if (raw[place] | 32 if raw[place] != 45 else raw[place]) != letter:
            return False
        place += 1
    return True


@kernel
def _begins(raw, place, stop, words, word_of):  # type: ignore[no-untyped-def]
    first = raw[place] | 32
    for row in range(word_of[first], word_of[first + 1]):  # noqa: SIM110 - numba compiles loops
        if _is_at(raw, place, stop, words[row]):
            return True
    return False


@kernel
def _lines(raw, start, stop, seen, stamps, stamp):  # type: ignore[no-untyped-def]
    """Bits from lines: only numbers, repeated lines, starts of blocks and chapters."""
    mask, numbers, again, keys, entries, field, run = 0, 0, 0, 0, 0, -1, 0
    place, blank = start, True
    while place < stop:
        end = place
        while end < stop and raw[end] != 10:
            end += 1
        first, last = place, end
        while first < last and (raw[first] == 32 or raw[first] == 12):
            first += 1
        while last > first and (raw[last - 1] == 32 or raw[last - 1] == 12):
            last -= 1
        if first < last:
            characters, letters, digits, key, whole, word = _measure(raw, first, last, min(last, first + 4 * _SITE_LENGTH))
            item = raw[first] == 45 and first + 1 < last and raw[first + 1] == 32
            if item or (word < last and _is_field(raw, word, last)):
                beside = field >= 0 and first - field <= _DEEPER
                run = run + 1 if beside else 0
                mask |= CODE if beside and (run >= 2 or item or raw[first - 1] == 32) else 0
                field = last if beside or not item else field
            numbers += digits > 0 and letters <= _NUMBER_LETTERS and characters <= _NUMBER_LENGTH
            again += _seen(whole, seen, stamps, stamp)
            if characters <= _HEAD_LENGTH and key != BASIS:
                keys += _seen(key ^ PRIME, seen, stamps, stamp)
            if characters <= _SITE_LENGTH:
                if word < last and _is_rule(raw[first]) and _is_rule(raw[first + 1]):
                    mask |= LICENCE
                if blank and (_is_led(raw, first, word) or (word < last and _begins(raw, word, last, _SITES, _SITE_OF))):
                    mask |= SITE
                entries += (digits > 0 and 48 <= raw[last - 1] <= 57) or (word < last and _begins(raw, word, last, _HEADINGS, _HEADING_OF))
                entries += raw[last - 1] == 46 and characters <= 12  # I.
        blank = first >= last
        place = end + 1
    if numbers >= 2:
        mask |= NUMBERS
    if keys >= 1:
        mask |= HEADS
    if again >= 3:
        mask |= LINES
    if entries >= 2 or keys >= 2:
        mask |= CONTENTS
    return mask


@kernel
def _is_field(raw, word, last):  # type: ignore[no-untyped-def]
    """Whether the first word of a line, in small letters, ends in a colon."""
    if raw[word] < 97 or raw[word] > 122:
        return False
    while word < last and (97 <= (raw[word] | 32) <= 122 or 45 <= raw[word] <= 57 or raw[word] == 95):  # letters, digits, - . / _
        word += 1
    return word < last and raw[word] == 58 and (word + 1 == last or raw[word + 1] == 32)


@kernel
def _is_rule(byte):  # type: ignore[no-untyped-def]
    """Whether a byte is one of * - = _ # ~, which rules are drawn with."""
    return byte == 42 or byte == 45 or byte == 61 or byte == 95 or byte == 35 or byte == 126


@kernel
def _is_led(raw, first, word):  # type: ignore[no-untyped-def]
    """Whether arrows, digits, parentheses or non-ASCII characters precede the first letter of a line."""
    for place in range(first, word):  # noqa: SIM110 - numba compiles loops
        if raw[place] > 127 or 48 <= raw[place] <= 57 or raw[place] == 60 or raw[place] == 40:
            return True
    return False


@kernel
def _measure(raw, first, last, near):  # type: ignore[no-untyped-def]
    """Characters, letters and digits of a line up to `near`, the hash of its words, the hash of all, and where its first letter is."""
    characters, letters, digits, word = 0, 0, 0, last
    key, whole, inside, pending = BASIS, BASIS, False, False
    for place in range(near, last):
        whole = (whole ^ np.uint64(raw[place])) * PRIME
        characters += (raw[place] & 0xC0) != 0x80
    for place in range(first, near):
        byte = raw[place]
        whole = (whole ^ np.uint64(byte)) * PRIME
        characters += (byte & 0xC0) != 0x80
        digits += 48 <= byte <= 57
        lower = byte | 32
        if byte >= 128 or 97 <= lower <= 122:
            if byte < 128:
                letters += 1
                word = min(word, place)
            if pending and not inside:
                key = (key ^ np.uint64(32)) * PRIME
            key = (key ^ np.uint64(byte if byte >= 128 else lower)) * PRIME
            inside, pending = True, True
        else:
            inside = False
    return characters, letters, digits, key, whole, word


@kernel
def _seen(value, seen, stamps, stamp):  # type: ignore[no-untyped-def]
    """Whether a hash is in the set of this stamp; it is added."""
    slot = (value ^ (value >> np.uint64(29))) & np.uint64(seen.size - 1)
    while stamps[slot] == stamp:
        if seen[slot] == value:
            return True
        slot = (slot + np.uint64(1)) & np.uint64(seen.size - 1)
    seen[slot], stamps[slot] = value, stamp
    return False
