"""Exact Jaccard similarity of pairs of documents, cached by content.

Only documents in a new pair are shingled again: shard by shard into sets on disk, then pair by pair.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.artifact.tables import Shard
from pipeline.core.files import draft_folder, once
from pipeline.core.shards import Map
from pipeline.text.dedup.index import Index, load_array, rows_by_shard, save_array
from pipeline.text.dedup.minhash import shingle_sets, similarities
from pipeline.text.ngrams import STEP, Hashes, Int64Array, mix_bits, texts_of, word_blocks
from pipeline.text.sorted_arrays import column_changes, sorted_index

Similarities = npt.NDArray[np.float64]

_FORMAT = 1  # of the cache; raised when the meaning of a similarity changes
_PAIRS = 1 << 16  # per task


@dataclass(frozen=True)
class SimilarityCache:
    """Similarities of pairs by content, sorted: 24 bytes a pair."""

    keys: Hashes  # [2, pairs], sorted by the first
    similarity: Similarities  # [pairs]

    @classmethod
    def empty(cls) -> "SimilarityCache":
        """No pair."""
        return cls(np.empty((2, 0), np.uint64), np.empty(0))

    @classmethod
    def load(cls, memory: Path, shingle: int) -> "SimilarityCache":
        """What earlier runs compared."""
        folder = memory / cache_name(shingle)
        if not folder.exists():
            return cls.empty()
        return cls(load_array(folder / "keys.npy"), load_array(folder / "similarity.npy"))

    def save(self, memory: Path, shingle: int) -> None:
        """Replace the cache on disk."""
        with draft_folder(memory / cache_name(shingle)) as draft:
            save_array(draft / "keys.npy", self.keys)
            save_array(draft / "similarity.npy", self.similarity)

    def find(self, keys: Hashes) -> Similarities:
        """The similarity of each pair; nan if not cached."""
        found, places = np.full(keys.shape[1], np.nan), sorted_index(self.keys[0], keys[0])
        there = np.flatnonzero(places >= 0)
        same = there[self.keys[1, places[there]] == keys[1, there]]
        found[same] = self.similarity[places[same]]
        return found

    def with_pairs(self, keys: Hashes, similarity: Similarities) -> "SimilarityCache":
        """The union with more pairs."""
        both, values = np.concatenate([self.keys, keys], axis=1), np.concatenate([self.similarity, similarity])
        order = np.lexsort((both[1], both[0]))
        both, values = both[:, order], values[order]
        new = column_changes(both)
        return SimilarityCache(both[:, new], values[new])


def cache_name(shingle: int) -> str:
    """Folder name of the pairs compared by shingles of this many words."""
    return hashlib.sha256(json.dumps([_FORMAT, "pairs", shingle]).encode()).hexdigest()[:40]


def pair_keys(contents: Hashes, pairs: Int64Array) -> Hashes:
    """A 128-bit key of the contents of each pair of positions, independent of their order, [2, pairs]."""
    first, second = contents[pairs[:, 0]], contents[pairs[:, 1]]
    swap = first[:, 0] > second[:, 0]
    least, most = np.where(swap[:, None], second, first), np.where(swap[:, None], first, second)
    return mix_bits((least * STEP + most).T.copy())


def compare_pairs(index: Index, shards: Sequence[Shard], pairs: Int64Array, *, shingle: int, folder: Path, run_map: Map) -> Similarities:
    """Jaccard similarity of the shingle sets of pairs of positions, [pairs, 2]."""
    if not len(pairs):
        return np.empty(0)
    numbers = np.searchsorted(index.starts, pairs, side="right") - 1  # of the shards
    order = np.lexsort((pairs[:, 1], pairs[:, 0], numbers[:, 1], numbers[:, 0]))
    wanted = [(shards[number], rows) for number, rows in rows_by_shard(index, np.unique(pairs))]
    run_map(partial(_take_sets, shingle, folder), wanted)
    runs = [pairs[order[start : start + _PAIRS]] for start in range(0, len(pairs), _PAIRS)]
    compared = run_map(partial(_compare_run, index, folder), list(enumerate(runs)))
    found = np.empty(len(pairs))
    found[order] = np.concatenate([load_array(path / "similarity.npy") for path in compared])
    return found


def _take_sets(shingle: int, folder: Path, item: tuple[Shard, Int64Array]) -> Path:
    shard, rows = item

    def write(draft: Path) -> None:
        texts = texts_of(shard.kept("documents", ["text"])["text"])
        sets = [shingle_sets(words, shingle) for words in word_blocks(texts, rows)]
        save_array(draft / "rows.npy", rows)
        save_array(draft / "values.npy", np.concatenate([values for values, _ in sets]))
        save_array(draft / "starts.npy", np.cumsum([0, *np.concatenate([np.diff(starts) for _, starts in sets])]))

    return once(folder / f"sets-{shard.number:05d}", write)


def _compare_run(index: Index, folder: Path, item: tuple[int, Int64Array]) -> Path:
    """The similarity of pairs sorted by shard."""
    number, pairs = item

    def write(draft: Path) -> None:
        shards = np.searchsorted(index.starts, pairs, side="right") - 1
        sets = {shard: _Sets.load(folder / f"sets-{shard:05d}") for shard in np.unique(shards).tolist()}
        edges = np.flatnonzero(np.any(np.diff(shards, axis=0, prepend=-1), axis=1)).tolist()
        found = []
        for first, end in zip(edges, [*edges[1:], len(pairs)], strict=True):
            rows, (one, two) = pairs[first:end] - index.starts[shards[first]], (sets[shard] for shard in shards[first].tolist())
            places = np.stack([np.searchsorted(one.rows, rows[:, 0]), np.searchsorted(two.rows, rows[:, 1])], axis=1)
            found.append(similarities((one.values, one.starts), (two.values, two.starts), places))
        save_array(draft / "similarity.npy", np.concatenate(found))

    return once(folder / f"compared-{number:05d}", write)


@dataclass(frozen=True)
class _Sets:
    """The shingles of some documents of a shard."""

    rows: Int64Array  # of the documents
    values: Hashes
    starts: Int64Array  # of each document's values, and the end

    @classmethod
    def load(cls, folder: Path) -> "_Sets":
        return cls(*(load_array(folder / f"{name}.npy") for name in ("rows", "values", "starts")))
