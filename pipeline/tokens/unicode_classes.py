"""Letters, numbers and white space as the regular expressions of `tokenizers` see them: other libraries follow another Unicode.

unicode_classes.txt lists the ranges. A test compares it with the library for every code point; after an upgrade
`python -m pipeline.tokens.unicode_classes` writes it anew.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, pre_tokenizers

from pipeline.core.files import write_text

OTHER, LETTER, NUMBER, SPACE = range(4)
CODE_POINTS = 0x110000
FILE = Path(__file__).with_suffix(".txt")
_REGEX = {LETTER: r"\p{L}+", NUMBER: r"\p{N}+", SPACE: r"\s+"}


@cache
def unicode_classes() -> npt.NDArray[np.uint8]:
    """The class of each code point, [0x110000]."""
    classes = np.zeros(CODE_POINTS, np.uint8)
    for line in FILE.read_text(encoding="ascii").splitlines():
        kind, first, last = line.split()
        classes[int(first, 16) : int(last, 16) + 1] = int(kind)
    return classes


def probed() -> str:
    """What the file should say: class, first and last code point of each range. It takes 2 seconds."""
    every = [chr(point) for point in range(CODE_POINTS) if not 0xD800 <= point < 0xE000]
    text = "".join(every)
    lines = []
    for kind, regex in _REGEX.items():
        for _, (start, end) in pre_tokenizers.Split(Regex(regex), "removed", invert=True).pre_tokenize_str(text):
            lines.append(f"{kind} {ord(every[start]):x} {ord(every[end - 1]):x}\n")
    return "".join(lines)


if __name__ == "__main__":
    write_text(FILE, probed())
