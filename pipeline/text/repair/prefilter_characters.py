"""Prefilter bits from single characters and their neighbours."""

import numpy as np

from pipeline.core.kernel import kernel
from pipeline.text.repair.prefilter_bits import (
    BLOBS,
    CODE,
    COLONS,
    CONTROLS,
    DIGITS,
    DOTS,
    EDITORIAL,
    ENCODING,
    ENTITIES,
    HYPHENS,
    ITALICS,
    LAYOUT,
    LIGATURES,
    MAIL,
    MISREAD,
    NEWLINES,
    PAGES,
    QUOTES,
    UNICODE,
)

_LONG = 60  # bytes without white space
_NEAR = 200  # bytes between two signs of code
_NAME = 32  # bytes of the name of an entity, at most


@kernel
def characters(raw, start, stop):  # type: ignore[no-untyped-def]
    """Bits from single characters and their neighbours."""
    mask, begin, signed = 0, start, start - _NEAR  # where the run without white space begins, and the latest sign of code was
    digits, dots, colons = 0, 0, 0  # of the run of digits and marks, of digits and dots, of hexadecimal digits and colons
    for place in range(start, stop):
        byte = raw[place]
        lower = byte | 32
        if 97 <= lower <= 122:
            digits, dots = 0, 0
            colons = colons if lower <= 102 else 0
            continue
        if 48 <= byte <= 57:
            digits += 1
            if (place > start and 97 <= (raw[place - 1] | 32) <= 122) or (place + 1 < stop and 97 <= (raw[place + 1] | 32) <= 122):
                mask |= MISREAD
            mask |= (DIGITS if digits >= 7 else 0) | (DOTS if dots >= 3 else 0) | (COLONS if colons >= 2 else 0)
            continue
        dots = dots + 1 if byte == 46 else 0
        colons = colons + 1 if byte == 58 else 0
        mask |= COLONS if colons >= 2 else 0
        if not (byte == 32 or 45 <= byte <= 47 or byte == 40 or byte == 41 or byte == 43 or byte == 10 or byte == 12):
            digits = 0
        if byte <= 32:
            mask |= BLOBS if place - begin >= _LONG else 0
            begin = place + 1
        found = _sign(raw, start, stop, place)
        if found & CODE:
            if place - signed > _NEAR and not _opens(raw, stop, place):
                found ^= CODE
            signed = place
        mask |= found
    return mask | (BLOBS if stop - begin >= _LONG else 0)


@kernel
def _sign(raw, start, stop, place):  # type: ignore[no-untyped-def]
    """Bits from a byte that is neither letter nor digit."""
    byte = raw[place]
    after = raw[place + 1] if place + 1 < stop else np.uint8(10)
    if byte == 32:
        return LAYOUT if place == start or place + 1 == stop or after == 32 or after == 10 else 0
    if byte == 10:
        twice = after == 10 and place + 1 < stop
        alone = place > start and raw[place - 1] != 10 and twice and place + 2 < stop and raw[place + 2] > 32
        second = place > start + 1 and raw[place - 1] == 10 and raw[place - 2] != 10 and after != 10 and place + 1 < stop
        return 0 if alone or (second and after != 32) else LAYOUT
    if byte == 45:
        word = place > start and (raw[place - 1] >= 128 or 97 <= (raw[place - 1] | 32) <= 122)
        return _at_line_end(raw, place + 1, stop) if word else 0
    if byte == 95 or byte == 42 or byte == 60:
        return ITALICS | (CODE if _is_code(raw, start, stop, place, byte, after) else 0)
    if byte == 64:
        return MAIL
    if byte == 91:
        return (PAGES if (after | 32) == 112 else 0) | EDITORIAL
    if byte == 123:
        return (EDITORIAL if 48 <= after <= 57 else 0) | (CODE if _is_code(raw, start, stop, place, byte, after) else 0)
    if byte == 59:
        return (ENTITIES if _is_entity(raw, start, place) else 0) | (CODE if _is_code(raw, start, stop, place, byte, after) else 0)
    if byte >= 128:
        return _beyond(raw, start, stop, place, byte, after)
    if byte < 32 or byte == 127:
        return NEWLINES | LAYOUT | (CODE if byte == 9 else 0) if 9 <= byte <= 13 else CONTROLS
    return CODE if _is_code(raw, start, stop, place, byte, after) else 0


@kernel
def _opens(raw, stop, place):  # type: ignore[no-untyped-def]
    """Whether a closing parenthesis, a colon and a line end are followed by an indent."""
    after = place + 2 if place + 2 < stop and raw[place + 2] != 13 else place + 3
    return raw[place] == 41 and after + 1 < stop and raw[after] == 10 and (raw[after + 1] == 32 or raw[after + 1] == 9)


@kernel
def _is_code(raw, start, stop, place, byte, after):  # type: ignore[no-untyped-def]
    """Whether a sign and its neighbours are rare in prose: braces, equals signs, `():`, `);`, `</`, `->`, `$ `, `#!`, `a_b`."""
    before = raw[place - 1] if place > start else np.uint8(10)
    if byte == 61:  # =
        return (before <= 34 or 48 <= before <= 93 or before == 95) == (
            after <= 34 or 48 <= after <= 93 or after == 95
        ) or before > 96 < after
    if byte == 123 or byte == 125 or byte == 92 or byte == 36:  # { } \\ $
        return byte != 36 or after < 48 or after > 57  # no price
    if byte == 41:  # )
        return (
            before == 40
            or after == 41
            or ((after == 58 or after == 59) and place + 2 < stop and (raw[place + 2] == 10 or raw[place + 2] == 13))
        )
    if byte == 40:  # (
        return 97 <= (before | 32) <= 122 and after != 115  # no plural(s)
    if byte == 59:  # ;
        return before == 125
    if byte == 95:
        return 97 <= (before | 32) <= 122 and 97 <= (after | 32) <= 122
    if byte == 60:
        return after == 47 or 97 <= after <= 122
    return (
        (byte == 35 and after == 33)
        or (byte == 62 and before == 45)
        or (byte == 58 and after == 58)
        or (byte == 34 and before == 34 and after == 34)
    )


@kernel
def _is_entity(raw, start, place):  # type: ignore[no-untyped-def]
    """Whether what is before a semicolon may be an entity, whole or without its ampersand."""
    first = place
    while first > start and place - first < _NAME:
        byte = raw[first - 1]
        if not (97 <= (byte | 32) <= 122 or 48 <= byte <= 57):
            break
        first -= 1
    if first > start and (raw[first - 1] == 38 or raw[first - 1] == 35):  # & #
        return True
    last, size = raw[place - 1] if place > start else np.uint8(0), place - first
    # quot, apos, nbsp, amp, lt, gt
    return (size == 4 and (last == 116 or last == 115 or last == 112)) or (size == 3 and last == 112) or (size == 2 and last == 116)


@kernel
def _at_line_end(raw, place, stop):  # type: ignore[no-untyped-def]
    while place < stop and raw[place] == 32:
        place += 1
    return HYPHENS if place < stop and (raw[place] == 10 or raw[place] == 12) else 0


@kernel
def _beyond(raw, start, stop, place, byte, after):  # type: ignore[no-untyped-def]
    """Bits from the first byte of a non-ASCII character."""
    if byte < 0xC2:
        return 0  # a continuation byte
    third = raw[place + 2] if place + 2 < stop else np.uint8(0)
    if byte == 0xC2:
        mask = (
            ENCODING | CONTROLS
            if after < 0xA0
            else UNICODE
            if after == 0xA0
            else CONTROLS | _at_line_end(raw, place + 2, stop)
            if after == 0xAD
            else QUOTES
            if after == 0xB4
            else _at_line_end(raw, place + 2, stop)
            if after == 0xAC
            else 0
        )
        return mask | (NEWLINES | LAYOUT if after == 0x85 else 0)
    if byte == 0xC3:
        return ENCODING if after == 0x82 or after == 0x83 or after == 0x85 or after == 0xA2 or (after <= 0xB4 and third >= 0xC2) else 0
    if byte <= 0xCB:
        return ENCODING if byte == 0xC6 and after == 0x92 else 0
    if byte == 0xE2 and 0x80 <= after <= 0x83:
        return _punctuation(raw, stop, place, after, third)
    if byte == 0xEF and after == 0xAC and third <= 0x86:
        return LIGATURES | UNICODE
    if byte == 0xEF and (after == 0xBB or after == 0xBF):
        return CONTROLS | UNICODE
    return UNICODE | (LAYOUT if byte == 0xE3 or byte == 0xE1 else 0)


@kernel
def _punctuation(raw, stop, place, after, third):  # type: ignore[no-untyped-def]
    """U+2000..U+20FF."""
    if after == 0x80:
        if third <= 0x8A or third == 0xAF:
            return UNICODE
        if third <= 0x8F or 0xAA <= third <= 0xAE:
            return CONTROLS
        if third == 0xA8 or third == 0xA9:
            return NEWLINES | LAYOUT
        if 0x98 <= third <= 0x9F or 0xB2 <= third <= 0xB3:
            return QUOTES
        return _at_line_end(raw, place + 3, stop) if third == 0x90 else 0
    if after == 0x81:
        return UNICODE if third == 0x9F else CONTROLS if third >= 0xA0 else 0
    return UNICODE | (ENCODING if after == 0x82 and third == 0xAC else 0)
