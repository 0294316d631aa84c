"""Per-document counters, of which the statistics are ratios, and the workspace of the kernels."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.text.measure.character_classes import character_classes
from pipeline.text.measure.lexicon import lexicon, phrases

Counters = npt.NDArray[np.int64]  # [number of COUNTERS]
Hashes = npt.NDArray[np.uint64]
Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]

COUNTERS = (
    # characters: all, without white space, and by kind
    "all", "nonspace", "newlines", "letters", "digits", "upper", "hashes", "ellipses", "curly",
    # tokens are runs without white space; plain: with a letter or digit; bare: characters from the first of these to the last; long_words:
    # plain ones of more than six
    "tokens", "plain", "bare", "long_words", "lettered", "alphabetic", "longest", "distinct",
    # words are runs of letters; latin: of two or more plain Latin letters
    "words", "stopwords", "gopher", "toxic", "latin", "latin_letters", "unpronounceable", "lorem",
    "lines", "terminal", "short", "bullets", "trailing", "javascript", "c4_lines", "c4_sentences", "sentences",
    "duplicate_lines", "duplicate_line_characters", "paragraphs", "duplicate_paragraphs", "duplicate_paragraph_characters",
    "line_characters",
    "top_2", "top_3", "top_4", "repeated_5", "repeated_6", "repeated_7", "repeated_8", "repeated_9", "repeated_10",
)  # fmt: skip
COUNTER_INDEX = {name: place for place, name in enumerate(COUNTERS)}


class LookupTables(NamedTuple):
    """Look-up tables of the kernels."""

    character_classes: npt.NDArray[np.uint8]  # by code point
    words: Hashes  # of the lexicon
    word_bits: Int32Array
    phrases: Int64Array


class Workspace(NamedTuple):
    """Buffers for the tokens and lines of one document; reused for the next."""

    hashes: Hashes  # of each token
    nonspace: Int32Array  # non-space characters of all tokens before this one; one more at the end
    at: Int32Array  # position of its first character
    breaks: npt.NDArray[np.uint8]  # newlines before it: 0, 1, 2 (or more)
    flags: npt.NDArray[np.uint8]  # of each token
    letters: Int32Array  # of each token
    bare: Int32Array  # characters from its first letter or digit to its last
    begins: Int32Array  # of each word: its first byte
    ends: Int32Array  # its end, exclusive
    owners: Int32Array  # its token
    lines: Hashes  # hash of each line, later of each paragraph
    widths: Int32Array  # its characters
    ids: Int32Array  # id of the n-gram that begins at each token, -1 if it occurs only once
    alive: Int32Array  # tokens at which an n-gram begins that occurs twice or more
    seen: Int32Array  # occurrences of each n-gram
    keys: Hashes  # a hash table: its keys
    slots: Int32Array  # their ids, -1 if free


def lookup_tables() -> LookupTables:
    """The look-up tables."""
    return LookupTables(character_classes(), *lexicon(), phrases())


def workspace(most: int) -> Workspace:
    """Buffers for documents of up to `most` bytes. Only the pages that a document needs are touched."""
    tokens = most // 2 + 2
    table = 1 << (2 * tokens).bit_length()
    return Workspace(
        hashes=np.empty(tokens, np.uint64),
        nonspace=np.zeros(tokens + 1, np.int32),
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
