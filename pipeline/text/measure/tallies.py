"""The tallies of a document from which its statistics are ratios, and the desk on which kernels work."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.text.measure.letters import kinds
from pipeline.text.measure.lexicon import lexicon, phrases

Tallies = npt.NDArray[np.int64]  # [number of TALLIES]
Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]

TALLIES = (
    # characters: all, without white space, and by kind
    "all", "ink", "newlines", "letters", "digits", "upper", "hashes", "ellipses", "curly",
    # tokens are runs without white space; bare is a token from its first letter or digit to its last, plain if there is one
    "tokens", "plain", "bare", "lettered", "alphabetic", "longest", "distinct",
    # words are runs of letters; latin have two or more plain Latin letters
    "words", "stopwords", "gopher", "toxic", "latin", "latin_letters", "mute", "lorem",
    "lines", "terminal", "short", "bullets", "trailing", "javascript", "c4_lines", "c4_sentences", "sentences",
    "twice_lines", "twice_line_characters", "paragraphs", "twice_paragraphs", "twice_paragraph_characters", "line_characters",
    "top_2", "top_3", "top_4", "again_5", "again_6", "again_7", "again_8", "again_9", "again_10",
)  # fmt: skip
AT = {name: place for place, name in enumerate(TALLIES)}


class Tables(NamedTuple):
    """What kernels look up."""

    kinds: npt.NDArray[np.uint8]  # by code point
    words: Hashes  # of the lexicon
    marks: Small
    phrases: Numbers


class Desk(NamedTuple):
    """Room for the tokens and lines of one document; what lies there is overwritten by the next."""

    hashes: Hashes  # of each token
    ink: Small  # characters of all tokens before this one, white space apart; one more at the end
    at: Small  # place of its first character
    breaks: npt.NDArray[np.uint8]  # newlines before it: 0, 1, 2 (or more)
    flags: npt.NDArray[np.uint8]  # of each token
    letters: Small  # of each token
    bare: Small  # characters from its first letter or digit to its last
    begins: Small  # of each word: its first byte
    ends: Small  # and the one behind it
    owners: Small  # and its token
    lines: Hashes  # hash of each line, later of each paragraph
    widths: Small  # its characters
    ids: Small  # name of the n-gram that begins at each token, -1 where it stands only once
    alive: Small  # tokens at which an n-gram begins that stands twice or more
    seen: Small  # how often each n-gram stands
    keys: Hashes  # a hash table: what it names
    slots: Small  # the names, -1 where free


def tables() -> Tables:
    """The tables of this project."""
    return Tables(kinds(), *lexicon(), phrases())


def desk(most: int) -> Desk:
    """A desk for documents of up to so many bytes. Memory is touched only as far as a document needs it."""
    tokens = most // 2 + 2
    table = 1 << (2 * tokens).bit_length()
    return Desk(
        hashes=np.empty(tokens, np.uint64),
        ink=np.zeros(tokens + 1, np.int32),
        at=np.empty(tokens, np.int32),
        breaks=np.empty(tokens, np.uint8),
        flags=np.empty(tokens, np.uint8),
        letters=np.empty(tokens, np.int32),
        bare=np.empty(tokens, np.int32),
        begins=np.empty(tokens, np.int32),
        ends=np.empty(tokens, np.int32),
        owners=np.empty(tokens, np.int32),
        lines=np.empty(tokens, np.uint64),
        widths=np.empty(tokens, np.int32),
        ids=np.empty(tokens, np.int32),
        alive=np.empty(tokens, np.int32),
        seen=np.empty(tokens, np.int32),
        keys=np.empty(table, np.uint64),
        slots=np.empty(table, np.int32),
    )
