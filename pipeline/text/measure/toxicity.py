"""Words that offend: the list that the package better-profanity carries, read as a file.

The list is broad (it names `hell` and `breasts`): a few of its words say nothing about a text, a share of them does. Entries of
several words or with signs and digits in them (`4r5e`) are left out: they are no words of letters.
"""

from functools import cache
from importlib.resources import files


@cache
def toxic_words() -> tuple[str, ...]:
    """The words of the lexicon, in lower case, sorted."""
    lines = (files("better_profanity") / "profanity_wordlist.txt").read_text(encoding="utf-8").lower().split("\n")
    return tuple(sorted({line for line in lines if line.isascii() and line.isalpha()}))
