"""What counting alone reaches: an n-gram model with interpolated Kneser-Ney smoothing (Kneser and Ney 1995, Chen and Goodman 1999).

The baseline that a neural model has to beat, on the same tokens; or on bytes, which is a model of characters that knows no tokenizer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
KEY = 64  # bits
MAX_ORDER = 4  # of tokens: four ids of 16 bits fill a key
MAX_CHARACTERS = 8  # of bytes: eight ids of 8 bits
BYTES = 256
BEGIN = b"\xff"  # of a text: a byte that UTF-8 does not have


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
        self._bits = 8 if vocabulary <= BYTES else 16
        if not 1 <= order <= KEY // self._bits or vocabulary > 1 << self._bits:
            raise ValueError(f"order {order} over {vocabulary} tokens: a key of {KEY} bits holds {KEY // self._bits} ids of {self._bits}")
        self.order, self.vocabulary = order, vocabulary
        self._levels: list[_Level] = []
        above: Keys | None = None
        for length in range(order, 0, -1):
            if above is None:
                grams, counts = np.unique(self._keys(_windows(rows, length, padding)), return_counts=True)
            else:
                grams, counts = np.unique(above & _mask(length * self._bits), return_counts=True)  # continuation counts
            self._levels.insert(0, _level(grams, counts.astype(np.float64), bits=self._bits))
            above = grams

    def probabilities(self, histories: npt.NDArray[np.integer], tokens: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """P(tokens [N] | histories [N, K]), K < order: a short history, at the start of a text, backs off to its own length."""
        known = histories.shape[1]
        if known >= self.order:
            raise ValueError(f"a history of {known} tokens for an order of {self.order}")
        chance = np.full(len(tokens), 1.0 / self.vocabulary)
        for length in range(1, known + 2):
            level = self._levels[length - 1]
            history = self._keys(histories[:, known - length + 1 :])
            place, seen = _find(level.histories, history)
            counts = _lookup(level.grams, level.counts, (history << np.uint64(self._bits)) | tokens.astype(np.uint64))
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

    def _keys(self, ids: npt.NDArray[np.integer]) -> Keys:
        """Rows of ids [N, K] as one integer each: the first id highest."""
        keys = np.zeros(len(ids), dtype=np.uint64)
        for column in ids.T:
            keys = (keys << np.uint64(self._bits)) | column.astype(np.uint64)
        return keys


def characters(texts: Sequence[bytes], *, order: int) -> Ngram:
    """A model of the bytes of some texts, each after BEGIN."""
    together = np.frombuffer(BEGIN + BEGIN.join(texts), dtype=np.uint8)
    return Ngram(together[None], order=order, vocabulary=BYTES, padding=BYTES)


def character_surprise(model: Ngram, text: bytes) -> float:
    """-log2 P of a text, in bits."""
    return model.surprise(np.frombuffer(BEGIN + text, dtype=np.uint8))


def _level(grams: Keys, counts: npt.NDArray[np.float64], *, bits: int) -> _Level:
    histories, start = np.unique(grams >> np.uint64(bits), return_index=True)
    once, twice = float((counts == 1).sum()), float((counts == 2).sum())
    return _Level(
        grams=grams,
        counts=counts,
        histories=histories,
        totals=np.add.reduceat(counts, start),
        kinds=np.diff(np.append(start, len(grams))).astype(np.float64),
        discount=once / (once + 2 * twice) if once else 0.5,  # Ney, Essen and Kneser 1994; any share keeps the sum at 1
    )


def _windows(rows: npt.NDArray[np.integer], length: int, padding: int) -> npt.NDArray[np.integer]:
    windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=1).reshape(-1, length)
    found: npt.NDArray[np.integer] = windows[(windows != padding).all(axis=1)]
    return found


def _mask(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def _find(keys: Keys, wanted: Keys) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


def _lookup(keys: Keys, values: npt.NDArray[np.float64], wanted: Keys) -> npt.NDArray[np.float64]:
    place, seen = _find(keys, wanted)
    return np.where(seen, values[place], 0.0)
