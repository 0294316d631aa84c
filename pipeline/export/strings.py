"""Strings that two tokenizers must cut alike: text from the corpus, and what a fuzzer would try."""

from collections.abc import Sequence

import numpy as np

from pipeline.core.seed import stream
from pipeline.tokens.special import IDS

_LATIN, _GREEK_TO_HEBREW, _DEVANAGARI = (0xA0, 0x250), (0x370, 0x600), (0x900, 0xA00)
_PUNCTUATION, _KANA, _HAN, _EMOJI = (0x2000, 0x2100), (0x3040, 0x3100), (0x4E00, 0x5000), (0x1F300, 0x1F700)
_SPANS = ((0x20, 0x7F), _LATIN, _GREEK_TO_HEBREW, _DEVANAGARI, _PUNCTUATION, _KANA, _HAN, _EMOJI)
_BLANKS = (" ", "  ", "\t", "\n", "\n\n", "\r\n", "\u00a0", "\u2003", "\u200b", "\u3000", "\x0b", "\x85")
_WORDS = ("don't", "we'll", "I'M", "'s", "12345", "3.14", "x_y", "...", "--", "naïve", "#", "\\n")
_ODDITIES = ("e\u0301", "\x00", "\x1b[0m", "\ufb01", "ß", "\U0001f469\u200d\U0001f467", "\ufeff", "\ufffd")
_SURROGATES, _POINTS = (0xD800, 0xE000), 0x110000  # halves of UTF-16, which no text holds; all code points
_BESIDE = ("a", "Z", "7", " ", "'", "\n")
_LISTS = (_BLANKS, _WORDS + _ODDITIES, tuple(IDS))


def strings(texts: Sequence[str], *, count: int, seed: int) -> list[str]:
    """`count` strings: half are pieces of the texts, the others random Unicode, blanks, oddities and literal special tokens.

    A piece starts and ends anywhere, so that words and line ends are cut too.
    """
    rng = stream(seed, "parity strings")
    pieces = [_piece(texts, rng) for _ in range(count // 2)]
    return pieces + [_noise(rng) for _ in range(count - len(pieces))]


def every_code_point(*, count: int, seed: int) -> list[str]:
    """`count` strings in which each code point that a text may hold stands once, in an order by lot; every eighth is followed by a letter,
    a digit or a blank, so that scripts meet what stands beside them in texts."""
    rng = stream(seed, "code points")
    points = rng.permutation(np.concatenate([np.arange(_SURROGATES[0]), np.arange(_SURROGATES[1], _POINTS)]))
    between = rng.integers(8 * len(_BESIDE), size=len(points))
    found = []
    for part in np.array_split(np.arange(len(points)), count):
        pairs = zip(points[part].tolist(), between[part].tolist(), strict=True)
        found.append("".join(chr(point) + (_BESIDE[more] if more < len(_BESIDE) else "") for point, more in pairs))
    return found


def _piece(texts: Sequence[str], rng: np.random.Generator) -> str:
    text = texts[int(rng.integers(len(texts)))]
    length = int(rng.integers(1, 400))
    start = int(rng.integers(max(1, len(text) - length)))
    return text[start : start + length]


def _noise(rng: np.random.Generator) -> str:
    return "".join(_atom(rng) for _ in range(int(rng.integers(1, 24))))


def _atom(rng: np.random.Generator) -> str:
    kind = int(rng.integers(6))
    if kind < len(_LISTS):
        some = _LISTS[kind]
        return some[int(rng.integers(len(some)))]  # numpy's choice would strip the NUL
    low, high = _SPANS[int(rng.integers(len(_SPANS)))]
    return "".join(chr(point) for point in rng.integers(low, high, size=int(rng.integers(1, 8))))
