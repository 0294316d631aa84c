"""Byte-level BPE over UTF-8 in machine code: pieces by a state machine for the pattern, tokens of known pieces from a table, others merged.

The ids are those of `tokenizers`. The pieces are those of patterns.PATTERNS, the merges those of Sennrich et al. 2016.
"""

import numpy as np
import numpy.typing as npt

from pipeline.core.kernel import kernel
from pipeline.tokens.unicode_classes import LETTER, NUMBER, OTHER, SPACE

Bytes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint32]
Int64Array = npt.NDArray[np.int64]
Pairs = tuple[npt.NDArray[np.uint64], Int64Array]  # keys: pair + 1, 0 where empty; values: rank and new token, 32 bits each
Known = tuple[npt.NDArray[np.uint64], Bytes, Bytes, Ids]  # of pieces: bytes [S, WORDS], length [S] (0: empty), tokens [S], ids [S, MOST]

How = tuple[Bytes, bool, Ids, Pairs]  # classes of code points, whether the pattern is gpt4, tokens of the bytes, merges

WORDS, MOST, PROBES = 4, 12, 4  # 8 bytes each of a known piece; tokens that it has at most; places where it may stand
LONGEST = 512  # bytes of a piece: the search for the next merge is quadratic
_NONE = np.int64((1 << 63) - 1)
_APOSTROPHE, _BLANK, _LINE, _RETURN = ord("'"), ord(" "), ord("\n"), ord("\r")
_D, _E, _L, _M, _R, _S, _T, _V = (ord(letter) for letter in "delmrstv")
_MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def encode_documents(data: Bytes, ends: Int64Array, how: How, known: Known, work: tuple[Ids, Int64Array], out: Ids) -> None:
    """Write the ids of the documents, which end at `ends`, one after the other into `out`, and where they end into `ends`.

    A document with a piece longer than LONGEST has none, and -1.
    """
    classes, gpt4, _, _ = how
    start, filled = 0, 0
    for document in range(ends.size):
        end, first = ends[document], filled
        at, ends[document] = start, 0
        while at < end:
            to = _piece(data, at, end, classes, gpt4)
            if to - at > LONGEST:
                filled, ends[document] = first, -1
                break
            filled = _tokens(data, at, to, how, known, work, out, filled)
            at = to
        if ends[document] == 0:
            ends[document] = filled
        start = end


@kernel
def _tokens(data, at, to, how, known, work, out, filled):  # type: ignore[no-untyped-def]
    """Append the ids of a piece; returns how many there are now."""
    keys, lengths, counts, ids = known
    length = to - at
    short = length <= 8 * WORDS
    place = 0
    if short:
        word0, word1, word2, word3 = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
        for index in range(at, min(to, at + 8)):
            word0 = (word0 << np.uint64(8)) | np.uint64(data[index])
        for index in range(at + 8, min(to, at + 16)):
            word1 = (word1 << np.uint64(8)) | np.uint64(data[index])
        for index in range(at + 16, min(to, at + 24)):
            word2 = (word2 << np.uint64(8)) | np.uint64(data[index])
        for index in range(at + 24, to):
            word3 = (word3 << np.uint64(8)) | np.uint64(data[index])
        mixed = ((word0 * _MIX ^ word1) * _MIX ^ word2) * _MIX ^ word3 ^ np.uint64(length)
        mixed = mixed * _MIX
        home = np.int64(mixed >> np.uint64(40)) & (lengths.size - 1)
        place = home
        for probe in range(PROBES):
            here = (home + probe) & (lengths.size - 1)
            if lengths[here] == 0:
                place = here
                break
            same = lengths[here] == length and keys[here, 0] == word0 and keys[here, 1] == word1
            if same and keys[here, 2] == word2 and keys[here, 3] == word3:
                for index in range(counts[here]):
                    out[filled + index] = ids[here, index]
                return filled + np.int64(counts[here])
    count = _merged(data, at, to, how, work)
    for index in range(count):
        out[filled + index] = work[0][index]
    if short and count <= MOST:
        keys[place, 0], keys[place, 1], keys[place, 2], keys[place, 3] = word0, word1, word2, word3
        lengths[place], counts[place] = length, count
        for index in range(count):
            ids[place, index] = work[0][index]
    return filled + count


@kernel
def _merged(data, at, to, how, work):  # type: ignore[no-untyped-def]
    """The tokens of a piece, in work[0]: the first of the merges of lowest rank, again and again; returns their number."""
    _, _, base, pairs = how
    tokens, ranks = work
    count = to - at
    for index in range(count):
        tokens[index] = base[data[at + index]]
    for index in range(count - 1):
        ranks[index] = _rank(tokens[index], tokens[index + 1], pairs)
    while count > 1:
        best, place = _NONE, 0
        for index in range(count - 1):
            if ranks[index] < best:
                best, place = ranks[index], index
        if best == _NONE:
            break
        tokens[place] = best & 0xFFFFFFFF
        count -= 1
        for index in range(place + 1, count):
            tokens[index] = tokens[index + 1]
            ranks[index - 1] = ranks[index]
        if place > 0:
            ranks[place - 1] = _rank(tokens[place - 1], tokens[place], pairs)
        if place < count - 1:
            ranks[place] = _rank(tokens[place], tokens[place + 1], pairs)
    return count


@kernel
def _rank(left, right, pairs):  # type: ignore[no-untyped-def]
    """Rank and token of the merge of two tokens."""
    keys, values = pairs
    key = (np.uint64(left) << np.uint64(32) | np.uint64(right)) + np.uint64(1)
    at = np.int64((key * _MIX) >> np.uint64(32)) & (keys.size - 1)
    while keys[at]:
        if keys[at] == key:
            return values[at]
        at = (at + 1) & (keys.size - 1)
    return _NONE


@kernel
def add_pairs(pairs: Pairs, left: Ids, right: Ids, values: Int64Array) -> None:
    """Fill the table of merges; of two for one pair the last counts, as in `tokenizers`."""
    keys, held = pairs
    for index in range(left.size):
        key = (np.uint64(left[index]) << np.uint64(32) | np.uint64(right[index])) + np.uint64(1)
        at = np.int64((key * _MIX) >> np.uint64(32)) & (keys.size - 1)
        while keys[at] and keys[at] != key:
            at = (at + 1) & (keys.size - 1)
        keys[at], held[at] = key, values[index]


@kernel
def _piece(data, at, end, classes, gpt4):  # type: ignore[no-untyped-def]
    """Where the piece that starts here ends."""
    first = data[at]
    if first == _APOSTROPHE:
        contraction = _contraction(data, at + 1, end, gpt4)
        if contraction:
            return at + 1 + contraction
    kind, after = _character(data, at, classes)
    follower = _character(data, after, classes)[0] if after < end else -1
    if gpt4:
        if kind == LETTER:
            return _run(data, after, end, classes, LETTER)
        if follower == LETTER and kind != NUMBER and first != _LINE and first != _RETURN:
            return _run(data, after, end, classes, LETTER)
        if kind == NUMBER:
            for _ in range(2):  # three digits at most
                if after < end and _character(data, after, classes)[0] == NUMBER:
                    after = _character(data, after, classes)[1]
            return after
        if kind == OTHER or (first == _BLANK and follower == OTHER):
            at = _run(data, after, end, classes, OTHER)
            while at < end and (data[at] == _LINE or data[at] == _RETURN):
                at += 1
            return at
        return _blanks(data, at, end, classes, gpt4)
    if kind != SPACE:
        return _run(data, after, end, classes, kind)
    if first == _BLANK and follower != SPACE and follower >= 0:
        return _run(data, after, end, classes, follower)
    return _blanks(data, at, end, classes, gpt4)


@kernel
def _blanks(data, at, end, classes, gpt4):  # type: ignore[no-untyped-def]
    """Where a piece of white space ends: after its last line end (gpt4), at the end of the text, or before the last blank of several."""
    start, last, line = at, at, -1
    while at < end:
        kind, after = _character(data, at, classes)
        if kind != SPACE:
            break
        if data[at] == _LINE or data[at] == _RETURN:
            line = after
        last, at = at, after
    if gpt4 and line >= 0:
        return line
    return at if at == end or last == start else last


@kernel
def _run(data, at, end, classes, kind):  # type: ignore[no-untyped-def]
    """Where characters of another class begin."""
    while at < end:
        own, after = _character(data, at, classes)
        if own != kind:
            break
        at = after
    return at


@kernel
def _character(data, at, classes):  # type: ignore[no-untyped-def]
    """The class of the character here, and where the next begins."""
    byte = np.int64(data[at])
    if byte < 0x80:
        return np.int64(classes[byte]), at + 1
    if byte < 0xE0:
        return np.int64(classes[(byte & 0x1F) << 6 | data[at + 1] & 0x3F]), at + 2
    if byte < 0xF0:
        return np.int64(classes[(byte & 0xF) << 12 | (data[at + 1] & 0x3F) << 6 | data[at + 2] & 0x3F]), at + 3
    point = (byte & 7) << 18 | (data[at + 1] & 0x3F) << 12 | (data[at + 2] & 0x3F) << 6 | data[at + 3] & 0x3F
    return np.int64(classes[point]), at + 4


@kernel
def _contraction(data, at, end, gpt4):  # type: ignore[no-untyped-def]
    """How many letters after an apostrophe belong to it: s t m d re ve ll; gpt4 takes capitals too."""
    if at >= end:
        return 0
    case = 0x20 if gpt4 else 0
    first = data[at] | case
    if first in (_S, _T, _M, _D):
        return 1
    if at + 1 < end:
        second = data[at + 1] | case
        if (second == _E and first in (_R, _V)) or (first == _L and second == _L):
            return 2
    return 0
