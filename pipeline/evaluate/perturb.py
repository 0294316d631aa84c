"""Texts changed as people change them without meaning to, or into the same question about another group. Strings in, strings out."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

from numpy.random import Generator

Change = Literal["typos", "case", "whitespace", "wording", "groups"]
Pairs = Sequence[tuple[str, str]]
_WORD = re.compile(r"[^\W\d_]{4,}")  # shorter ones become other words
_EDITS = ("swap", "drop", "double")


def changed(text: str, change: Change, *, share: float, pairs: Pairs, rng: Generator) -> str:
    """The text with a share of its places changed by lot. `pairs` are exchanged with each other (groups), or the first of each becomes the
    second (wording): all of them."""
    if change == "wording":
        return worded(text, pairs)
    if change == "groups":
        return swapped(text, pairs)
    return _BY_LOT[change](text, share, rng)


def typos(text: str, share: float, rng: Generator) -> str:
    """In a share of the words of four letters or more two letters exchanged, one left out, or one doubled; never the first."""

    def edit(word: str) -> str:
        at = int(rng.integers(1, len(word) - 1))
        kind = _EDITS[int(rng.integers(len(_EDITS)))]
        if kind == "swap" and word[at] != word[at + 1]:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + word[at + 1 :] if kind == "drop" else word[: at + 1] + word[at:]

    return _WORD.sub(lambda found: edit(found[0]) if rng.random() < share else found[0], text)


def case(text: str, share: float, rng: Generator) -> str:
    """A share of the words in capitals, or in small letters where they are capitals."""
    return re.sub(r"[^\W\d_]+", lambda found: found[0].swapcase() if rng.random() < share else found[0], text)


def whitespace(text: str, share: float, rng: Generator) -> str:
    """A share of the single blanks between words doubled."""
    return re.sub(r"(?<=\S) (?=\S)", lambda found: "  " if rng.random() < share else " ", text)


def worded(text: str, pairs: Pairs) -> str:
    """The first of each pair, wherever it stands, as the second: another wording of a template."""
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def swapped(text: str, pairs: Pairs) -> str:
    """Words of each pair exchanged with each other, at once; a capital or capitals stay."""
    others = {one.lower(): other for pair in pairs for one, other in (pair, pair[::-1])}
    if not others:
        return text
    known = "|".join(map(re.escape, sorted(others, key=len, reverse=True)))

    def other(found: re.Match[str]) -> str:
        new = others[found[0].lower()]
        if found[0].isupper() and len(found[0]) > 1:
            return new.upper()
        return new[0].upper() + new[1:] if found[0][0].isupper() else new

    return re.sub(rf"\b(?:{known})\b", other, text, flags=re.IGNORECASE)


_BY_LOT: dict[str, Callable[[str, float, Generator], str]] = {"typos": typos, "case": case, "whitespace": whitespace}
