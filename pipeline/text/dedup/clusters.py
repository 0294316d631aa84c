"""Clusters of duplicate documents: exact copies by a hash of the text; near copies by MinHash candidates, verified exactly.

A cluster is a connected component of the graph of copies; its document with the lowest number is kept. Numbers rank the documents: by
priority of the source, then by position. So the result depends neither on the shards nor on the workers.

Members of a bucket (documents that share a band key) are compared with its first ones, the pivots; if it holds more, a further round takes
the next pivots and skips what is connected by then. So n equal documents cost n comparisons a pivot, not n^2.

Bytes a document held here: numbers 4, positions 4, exact leaders 4, parents 4, similarity 8, a flag; 40 a candidate pair during look-up.
One key range is held per worker.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.bounds import PositiveFraction
from pipeline.core.files import once
from pipeline.core.shards import Map
from pipeline.text.dedup.index import Index, duplicate_groups, load_array, load_or_save, replace_array, save_array
from pipeline.text.dedup.similarity import Similarities, SimilarityCache, compare_pairs, pair_keys
from pipeline.text.ngrams import Hashes, Uint32Array
from pipeline.text.sorted_arrays import in_sorted, sorted_unique
from pipeline.text.union_find import union_pairs

_log = logging.getLogger(__name__)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@dataclass(frozen=True, kw_only=True)
class NearRule:
    """When two documents are near copies."""

    shingle: PositiveInt  # words
    threshold: PositiveFraction  # Jaccard similarity of the shingles, 0..1
    bands: PositiveInt
    rows: PositiveInt  # hash values of a band
    pivots: PositiveInt  # members of a bucket compared with all of it in a round
    rounds: PositiveInt


@dataclass(frozen=True)
class Clustering:
    """The cluster of each document, by position."""

    keeper: Uint32Array  # position of the document that is kept
    similarity: Similarities  # to the most similar document of its cluster; nan for a single one
    exact: npt.NDArray[np.bool_]  # whether that is an exact copy
    semantic: npt.NDArray[np.bool_]  # whether the similarity is the cosine of embeddings

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Whether each document is kept."""
        kept: npt.NDArray[np.bool_] = self.keeper == np.arange(self.keeper.size)
        return kept


@dataclass(frozen=True)
class CompareCounts:
    """How many pairs were compared, cached, or left uncompared."""

    compared: int  # pairs whose shingles were compared
    cached: int  # pairs found in the cache
    left: int  # candidate pairs after the last round


@dataclass(frozen=True)
class ClusterResult:
    """The clusters, and the comparisons that they took."""

    clusters: Clustering
    comparisons: CompareCounts


def priority_order(source: Corpus, index: Index, priorities: Sequence[str]) -> Uint32Array:
    """The number of each position. Logs a warning for a named source without documents."""
    if not priorities:
        return np.arange(index.documents, dtype=np.uint32)
    ranks = {name: rank for rank, name in enumerate(priorities)}
    columns = [shard.table("documents", ["source"])["source"].combine_chunks().dictionary_encode() for shard in source.shards]
    known = sorted({name for column in columns for name in column.dictionary.to_pylist()})
    if missing := [name for name in priorities if name not in known]:  # perhaps none of its documents was selected
        _log.warning("dedup.priorities names %s; the selected documents are of %s", ", ".join(missing), ", ".join(known))
    own = [np.array([ranks.get(name, len(ranks)) for name in column.dictionary.to_pylist()], np.int32) for column in columns]
    rank = np.concatenate([codes[column.indices.to_numpy()] for codes, column in zip(own, columns, strict=True)])
    return inverse_permutation(np.argsort(rank, kind="stable").astype(np.uint32))


def inverse_permutation(order: Uint32Array) -> Uint32Array:
    """The position of each number, or the number of each position."""
    back = np.empty_like(order)
    back[order] = np.arange(order.size, dtype=np.uint32)
    return back


def find_clusters(
    source: Corpus, index: Index, near: NearRule | None, numbers: Uint32Array, *, exact: bool, folder: Path, memory: Path, run_map: Map
) -> ClusterResult:
    """The clusters of the corpus; exact copies only if `near` is None, not even these without `exact`. A document without words is a copy
    of none."""
    replace_array(folder / "numbers.npy", numbers)
    replace_array(folder / "contents.npy", index.concatenated("content"))
    parent = _leaders(index, folder, run_map) if exact else np.arange(index.documents, dtype=np.uint32)
    same = np.zeros(parent.size, np.bool_)
    same[np.flatnonzero(parent != np.arange(parent.size))] = True
    same[parent[same]] = True
    similarity, comparisons = np.where(same, 1.0, np.nan), CompareCounts(0, 0, 0)
    if near is not None:
        replace_array(folder / "leaders.npy", parent)
        comparisons = _join_near(source, index, near, parent, similarity, folder=folder, memory=memory, run_map=run_map)
    positions = inverse_permutation(numbers)
    found = Clustering(positions[parent[numbers]], similarity[numbers], same[numbers], np.zeros(parent.size, np.bool_))
    return ClusterResult(found, comparisons)


def _join_near(
    source: Corpus, index: Index, near: NearRule, parent: Uint32Array, similarity: Similarities, *, folder: Path, memory: Path, run_map: Map
) -> CompareCounts:
    """Union near copies in `parent` and record their similarity, both by number."""
    contents, positions = load_array(folder / "contents.npy"), inverse_permutation(load_array(folder / "numbers.npy"))
    known, used, done = SimilarityCache.load(memory, near.shingle), SimilarityCache.empty(), np.empty(0, np.uint64)
    fresh, turn = 0, 0
    while True:
        here = folder / f"round-{turn:02d}"
        replace_array(here / "roots.npy", parent)
        parts = run_map(partial(_candidates, index, near, turn, folder), index.ranges("keys"))
        packed = sorted_unique(np.concatenate([load_array(part / "pairs.npy") for part in parts]))
        packed = packed[~in_sorted(packed, done)]
        if turn == near.rounds:
            break
        pairs = np.stack([packed >> _HALF, packed & _LOW], axis=1).astype(np.int64)
        places = positions[pairs].astype(np.int64)
        keys = pair_keys(contents, places)
        found = load_or_save(here / "known", known.find(keys)).copy()  # a resumed run sees the same cache
        new = np.isnan(found)
        found[new] = compare_pairs(index, source.shards, places[new], shingle=near.shingle, folder=here, run_map=run_map)
        fresh, used, done = fresh + int(new.sum()), used.with_pairs(keys, found), np.sort(np.concatenate([done, packed]))
        alike = found >= near.threshold
        union_pairs(parent, pairs[alike])
        for side in pairs[alike].T:
            np.fmax.at(similarity, side, found[alike])
        turn += 1
        if max(int(load_array(part / "largest.npy")[0]) for part in parts) <= turn * near.pivots + 1:
            packed = packed[:0]
            break
    used.save(memory, near.shingle)
    return CompareCounts(compared=fresh, cached=done.size - fresh, left=packed.size)


def _leaders(index: Index, folder: Path, run_map: Map) -> Uint32Array:
    """For each number the lowest one with the same text."""
    leader = np.arange(index.documents, dtype=np.uint32)
    for path in run_map(partial(_equal, index, folder), index.ranges("keys")):
        first, later = load_array(path / "pairs.npy")
        leader[later] = first
    return leader


def _equal(index: Index, folder: Path, part: tuple[int, int]) -> Path:
    """Pairs (lowest number, number) of equal texts, [2, pairs]."""

    def write(draft: Path) -> None:
        keys, positions = next(index.keys(part, range(1)))
        numbers = load_array(folder / "numbers.npy")[positions]
        indices, first = duplicate_groups([keys, load_array(folder / "contents.npy")[positions, 1]], numbers)
        later = first != np.arange(first.size)
        save_array(draft / "pairs.npy", np.stack([numbers[indices[first[later]]], numbers[indices[later]]]))

    return once(folder / f"equal-{part[0]:05d}", write)


def _candidates(index: Index, near: NearRule, turn: int, folder: Path, part: tuple[int, int]) -> Path:
    """Candidate pairs of this round, packed and sorted, and the size of the largest bucket."""

    def write(draft: Path) -> None:
        numbers, leaders = load_array(folder / "numbers.npy"), load_array(folder / "leaders.npy")
        roots = load_array(folder / f"round-{turn:02d}" / "roots.npy")
        found, largest = [np.empty(0, np.uint64)], 0
        for keys, positions in index.keys(part, range(1, near.bands + 1)):
            own = numbers[positions]
            leading = leaders[own] == own
            pairs, size = _pivot_pairs(keys[leading], own[leading], range(turn * near.pivots, (turn + 1) * near.pivots))
            if turn:
                pairs = pairs[roots[pairs[:, 0]] != roots[pairs[:, 1]]]
            found.append(pairs[:, 0].astype(np.uint64) << _HALF | pairs[:, 1])
            largest = max(largest, size)
        save_array(draft / "pairs.npy", sorted_unique(np.concatenate(found)))
        save_array(draft / "largest.npy", np.array([largest]))

    return once(folder / f"round-{turn:02d}" / f"candidates-{part[0]:05d}", write)


def _pivot_pairs(keys: Hashes, numbers: Uint32Array, pivots: range) -> tuple[Uint32Array, int]:
    """Pairs (pivot, later member) of each bucket [pairs, 2], and the size of the largest bucket."""
    indices, first = duplicate_groups([keys], numbers)
    members, turn = numbers[indices], np.arange(first.size) - first
    found = [np.empty((0, 2), np.uint32)]
    for pivot in pivots:
        later = np.flatnonzero(turn > pivot)
        if not later.size:
            break
        found.append(np.stack([members[first[later] + pivot], members[later]], axis=1))
    return np.concatenate(found), int(turn.max(initial=-1)) + 1
