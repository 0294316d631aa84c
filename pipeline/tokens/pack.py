"""Lay documents into rows of one length with almost no padding.

The documents of a shard stand one after the other in a stream of tokens, each behind its BOS. A row is a list of runs of that stream, so
no token is stored twice, and what follows a run in its document is known although it lies in another row.

stream n, documents D, runs P, rows R
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.kernel import kernel
from pipeline.tokens.special import ENDOFTEXT, IDS

Packing = Literal["best_fit", "concat"]
Int64Array = npt.NDArray[np.int64]
UintArray = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Documents one after the other. An empty one takes no room."""

    tokens: UintArray  # [n + 1]; after the last document stands the token that ends each
    starts: Int64Array  # [D + 1]: where each document begins, and n
    scores: npt.NDArray[np.float32] | None = None  # [D], of quality, 0..1, nan where unknown; None: of none

    @classmethod
    def of(cls, documents: Sequence[Sequence[int]], dtype: npt.DTypeLike) -> "Stream":
        """The stream of documents given by their ids, without BOS."""
        sizes = np.array([len(ids) for ids in documents], np.int64)
        return cls.of_ids(np.array([token for ids in documents for token in ids], dtype), sizes, dtype)

    @classmethod
    def of_ids(cls, ids: npt.NDArray[Any], sizes: Int64Array, dtype: npt.DTypeLike) -> "Stream":
        """The same of the ids of all documents in one array, and how many each has."""
        lengths = sizes + (sizes > 0)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        tokens = np.full(starts[-1] + 1, IDS[ENDOFTEXT], dtype)
        theirs = np.ones(len(tokens), np.bool_)
        theirs[starts] = False  # an empty document begins where the next one does
        tokens[theirs] = ids
        return cls(tokens=tokens, starts=starts)

    @classmethod
    def joined(cls, streams: Sequence["Stream"]) -> "Stream":
        """One stream of several, at least one."""
        ends = np.cumsum([0, *(stream.starts[-1] for stream in streams)])
        starts = [stream.starts[:-1] + end for stream, end in zip(streams, ends, strict=False)]
        scored = all(stream.scores is not None for stream in streams)
        return cls(
            tokens=np.concatenate([*(stream.tokens[:-1] for stream in streams), streams[-1].tokens[-1:]]),
            starts=np.concatenate([*starts, ends[-1:]]),
            scores=np.concatenate([stream.scores for stream in streams if stream.scores is not None]) if scored else None,
        )


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which runs of a stream make up each row, from its left."""

    runs: Int64Array  # [P, 2]: where in the stream, and how many tokens
    rows: Int64Array  # [R + 1]: the first run of each row, and P


def lay(starts: Int64Array, *, row: int, packing: Packing, kept: npt.NDArray[np.bool_] | None = None) -> Layout:
    """The rows of `row` tokens for documents that begin at `starts`, [D + 1], or for those that are kept, [D]. Deterministic.

    ValueError for rows that predict nothing.
    """
    if row < 2:
        raise ValueError(f"a row of {row} tokens predicts nothing")
    sizes = np.diff(starts) if kept is None else np.diff(starts) * kept
    return (best_fit if packing == "best_fit" else concat)(starts, sizes, row=row)


def concat(starts: Int64Array, sizes: Int64Array, *, row: int) -> Layout:
    """Documents, of these sizes, as they come, cut every `row` tokens: no padding but in the last row, and most documents are cut."""
    places = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])  # where each would begin if only these were there
    total = int(places[-1])
    cuts = np.unique(np.concatenate([places, np.arange(0, total, row)]))
    cuts, ends = cuts[:-1], cuts[1:]
    document = np.searchsorted(places, cuts, side="right") - 1
    rows = np.append(np.searchsorted(cuts, np.arange(0, total, row)), len(cuts))
    return Layout(runs=np.stack([starts[document] + cuts - places[document], ends - cuts], 1), rows=rows.astype(np.int64))


def best_fit(starts: Int64Array, sizes: Int64Array, *, row: int) -> Layout:
    """Best-fit decreasing (Ding et al. 2024, "Fewer Truncations Improve Language Modeling").

    A document longer than a row is cut into row-size pieces, which come first, in order; the remainders follow, longest first, each in
    the row with the least sufficient room. No document that fits a row is cut.
    """
    whole, rest = sizes // row, sizes % row
    turn = np.arange(whole.sum()) - np.repeat(np.cumsum(whole) - whole, whole)  # of a piece in its document
    full = np.repeat(starts[:-1], whole) + row * turn
    short = np.flatnonzero(rest)
    short = short[np.argsort(-rest[short], kind="stable")]
    places, used = np.zeros(len(short), np.int64), 0
    if len(short):
        used = int(_fit(rest[short], row, places))
    short = short[order := np.argsort(places, kind="stable")]
    runs = np.concatenate([np.stack([full, np.full_like(full, row)], 1), np.stack([starts[short + 1] - rest[short], rest[short]], 1)])
    first = len(full) + np.searchsorted(places[order], np.arange(used + 1))
    return Layout(runs=runs, rows=np.concatenate([np.arange(len(full)), first]).astype(np.int64))


@kernel(allocates=True)
def _fit(sizes: Int64Array, row: int, places: Int64Array) -> int:  # pragma: no cover - compiled
    """Write the row of each size, which come longest first, into `places`; how many rows there are.

    Rows with the same room lie on a stack, one for each amount of room: the one that was opened or filled last is taken first.
    """
    top = np.full(row + 1, -1, np.int64)
    below = np.full(len(sizes), -1, np.int64)
    used = 0
    for at in range(len(sizes)):
        size, room = sizes[at], sizes[at]
        while room < row and top[room] < 0:
            room += 1
        if room < row:
            place = top[room]
            top[room] = below[place]
        else:
            place = used
            used += 1
            room = row
        places[at] = place
        if room > size:
            below[place] = top[room - size]
            top[room - size] = place
    return used
