"""Pack documents into rows of one length with almost no padding.

Best-fit decreasing (Ding et al. 2024, "Fewer Truncations Improve Language Modeling"): a document longer than a row is cut into row-size
pieces; the remainders are packed best-fit. No token is lost or moved within a document.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.tokens.special import ENDOFTEXT, IDS, PAD


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of tokens of one document, and its place in the rows."""

    document: int
    offset: int  # tokens, within the document
    row: int
    column: int
    tokens: int


def best_fit(lengths: Sequence[int], *, row: int) -> list[Piece]:
    """The place of each document, given its length in tokens: pieces in the order of documents and offsets.

    Full pieces come first, in order; the remainders follow, longest first, each in the row with the least sufficient room.
    Deterministic: ties go to the lower document and the lower row.
    """
    if row < 2:
        raise ValueError(f"a row of {row} tokens predicts nothing")
    pieces: list[Piece] = []
    remainders: list[tuple[int, int, int]] = []  # (-tokens, document, offset)
    used = 0
    for document, length in enumerate(lengths):
        for offset in range(0, length - row + 1, row):
            pieces.append(Piece(document, offset, used, 0, row))
            used += 1
        if remainder := length % row:
            remainders.append((-remainder, document, length - remainder))
    open_rows: list[tuple[int, int]] = []  # (room, row), sorted
    for negative, document, offset in sorted(remainders):
        tokens = -negative
        at = bisect_left(open_rows, (tokens, -1))
        room, place = open_rows.pop(at) if at < len(open_rows) else (row, used)
        used += place == used
        pieces.append(Piece(document, offset, place, row - room, tokens))
        if room > tokens:
            insort(open_rows, (room - tokens, place))
    return sorted(pieces, key=lambda piece: (piece.document, piece.offset))


def pack_rows(documents: Iterable[Sequence[int]], *, row: int, dtype: npt.DTypeLike) -> tuple[npt.NDArray[np.unsignedinteger], list[Piece]]:
    """The rows [N, row], padded with PAD, and the pieces. BOS precedes each document; an empty one takes no room."""
    begun = [np.array([IDS[ENDOFTEXT], *ids], dtype=dtype) if len(ids) else np.array([], dtype=dtype) for ids in documents]
    pieces = best_fit([len(ids) for ids in begun], row=row)
    rows = np.full((1 + max((piece.row for piece in pieces), default=-1), row), IDS[PAD], dtype=dtype)
    for piece in pieces:
        rows[piece.row, piece.column : piece.column + piece.tokens] = begun[piece.document][piece.offset : piece.offset + piece.tokens]
    return rows, pieces
