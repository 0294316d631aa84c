"""What counting alone reaches: an n-gram model with interpolated Kneser-Ney smoothing (Kneser and Ney 1995).

The baseline that a neural model has to beat on the same tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
MAX_ORDER = 4  # four ids of 16 bits fill the 64 bits of a key


@dataclass(frozen=True)
class _Level:
    """The n-grams of one length: keys sorted, counts, and for each history its total and its number of different successors."""

    grams: Keys
    counts: npt.NDArray[np.float64]
    histories: Keys
    totals: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.float64]
    discount: float


class Ngram:
    """P(token | the order - 1 tokens before), with probability for everything in the vocabulary."""

    def __init__(self, rows: npt.NDArray[np.integer], *, order: int, vocabulary: int, padding: int) -> None:
        """Count in rows [N, T]. No n-gram crosses a row or holds padding. The longest n-grams count as often as they
        are seen, shorter ones by how many different tokens stand before them. Order 1 is the plain unigram."""
        if not 1 <= order <= MAX_ORDER or vocabulary > 1 << 16:
            raise ValueError(f"order {order} over {vocabulary} tokens: a key of 64 bits holds 4 ids of 16 bits")
        self.order, self.vocabulary = order, vocabulary
        self._levels: list[_Level] = []
        above: Keys | None = None
        for length in range(order, 0, -1):
            if above is None:
                grams, counts = np.unique(_windows(rows, length, padding), return_counts=True)
            else:
                grams, counts = np.unique(above & _mask(length), return_counts=True)  # continuation counts
            self._levels.insert(0, _level(grams, counts.astype(np.float64)))
            above = grams

    def probabilities(self, histories: npt.NDArray[np.integer], tokens: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """P(tokens [N] | histories [N, K]), K < order: a short history, at the start of a text, backs off to its own length."""
        known = histories.shape[1]
        if known >= self.order:
            raise ValueError(f"a history of {known} tokens for an order of {self.order}")
        chance = np.full(len(tokens), 1.0 / self.vocabulary)
        for length in range(1, known + 2):
            level = self._levels[length - 1]
            history = _keys(histories[:, known - length + 1 :])
            place, seen = _find(level.histories, history)
            counts = _lookup(level.grams, level.counts, (history << np.uint64(16)) | tokens.astype(np.uint64))
            total, kinds = level.totals[place], level.kinds[place]
            with_history = (np.maximum(counts - level.discount, 0.0) + level.discount * kinds * chance) / total
            chance = np.where(seen, with_history, chance)
        return chance

    def surprise(self, ids: Sequence[int] | npt.NDArray[np.integer]) -> float:
        """-log2 P of the tokens after the first, in bits."""
        row = np.asarray(ids, dtype=np.int64)
        bits = 0.0
        for place in range(1, min(self.order - 1, len(row))):
            bits -= float(np.log2(self.probabilities(row[None, :place], row[place : place + 1])[0]))
        known = self.order - 1
        if len(row) > max(known, 1):
            start = max(known, 1)
            windows = np.lib.stride_tricks.sliding_window_view(row, known + 1)[start - known :]
            bits -= float(np.log2(self.probabilities(windows[:, :known], windows[:, known])).sum())
        return bits


def _level(grams: Keys, counts: npt.NDArray[np.float64]) -> _Level:
    histories, start = np.unique(grams >> np.uint64(16), return_index=True)
    once, twice = float((counts == 1).sum()), float((counts == 2).sum())
    return _Level(
        grams=grams,
        counts=counts,
        histories=histories,
        totals=np.add.reduceat(counts, start),
        kinds=np.diff(np.append(start, len(grams))).astype(np.float64),
        discount=once / (once + 2 * twice) if once else 0.5,  # Ney, Essen and Kneser 1994; any share keeps the sum at 1
    )


def _windows(rows: npt.NDArray[np.integer], length: int, padding: int) -> Keys:
    windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=1).reshape(-1, length)
    return _keys(windows[(windows != padding).all(axis=1)])


def _keys(ids: npt.NDArray[np.integer]) -> Keys:
    """Rows of ids [N, K] as one integer each: the first id highest, 16 bits an id."""
    keys = np.zeros(len(ids), dtype=np.uint64)
    for column in ids.T:
        keys = (keys << np.uint64(16)) | column.astype(np.uint64)
    return keys


def _mask(length: int) -> np.uint64:
    return np.uint64((1 << (16 * length)) - 1)


def _find(keys: Keys, wanted: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


def _lookup(keys: Keys, values: npt.NDArray[np.float64], wanted: Keys) -> npt.NDArray[np.float64]:
    place, seen = _find(keys, wanted)
    return np.where(seen, values[place], 0.0)
