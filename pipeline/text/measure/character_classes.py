"""Character classes of code points, as a table for kernels.

Letters are what Unicode calls alphabetic, and combining marks; digits are all numerics.
"""

import unicodedata
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.kernel import kernel

Bytes = npt.NDArray[np.uint8]

SPACE, LETTER, DIGIT, UPPER, TERMINAL, CLOSER, QUOTE = (1 << bit for bit in range(7))
_SIZE = 0x20000  # code points; beyond them lie ideographs
_TERMINAL = ".!?…。！？"  # end a sentence
_QUOTE = "\"'’”"  # close a quotation that ends with a sentence
_CLOSER = _QUOTE + ")]»"  # may follow the end of a sentence


@cache
def character_classes() -> Bytes:
    """The classes of each code point, as bits, [0x20000]; the last one, a noncharacter, stands for all beyond."""
    table = np.fromiter((_kind(chr(code)) for code in range(_SIZE)), np.uint8, _SIZE)
    table[-1] = LETTER
    return table


def _kind(character: str) -> int:
    letter = character.isalpha() or unicodedata.category(character).startswith("M")
    return (
        SPACE * character.isspace()
        | LETTER * letter
        | DIGIT * (character.isnumeric() and not letter)
        | UPPER * (letter and character.isupper())
        | TERMINAL * (character in _TERMINAL)
        | CLOSER * (character in _CLOSER)
        | QUOTE * (character in _QUOTE)
    )


@kernel(inline="always")
def character_at(raw: Bytes, place: int) -> tuple[int, int]:
    """The code point at an offset of valid UTF-8, and its length in bytes."""
    byte: Any = np.int64(raw[place])
    if byte < 0x80:
        return byte, 1
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | raw[place + 1] & 0x3F, 2
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | (raw[place + 1] & 0x3F) << 6 | raw[place + 2] & 0x3F, 3
    return (byte & 0x07) << 18 | (raw[place + 1] & 0x3F) << 12 | (raw[place + 2] & 0x3F) << 6 | raw[place + 3] & 0x3F, 4
