"""Documents that say the same in other words: near copies by the cosine of their embeddings, as SemDeDup (Abbas et al. 2023) finds them.

Only documents that exact and near copies have left take part. They are divided into clusters by k-means, and within each cluster compared
with its leaders: members, in the order of their numbers, that no earlier leader resembles. Then a document is dropped if it resembles one
that is kept; so unlike chains of pairs, what is dropped always has a kept document from the threshold on. A corpus of at most
`cluster_size` documents is one cluster, and all pairs count; else a pair may be missed that shares none of its `probes` nearest clusters.

All arithmetic is of whole numbers (see embeddings), sums of k-means too: results do not depend on shards, workers or machines.
Bytes a document held here: 50; of a cluster in work, 10 a document and dimension.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.tables import Shard
from pipeline.core.bounds import PositiveFraction
from pipeline.core.files import once
from pipeline.core.kernel import kernel
from pipeline.core.shards import Map
from pipeline.text.dedup.clusters import Clustering
from pipeline.text.dedup.embeddings import SCALE, load_model, model_digest
from pipeline.text.dedup.index import Index, digests_of, load_array, replace_array, rows_by_shard, save_array
from pipeline.text.ngrams import Int64Array, Uint32Array

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

_SAMPLE = 64  # documents a cluster from which k-means learns
_ITERATIONS = 10
_FINER = 16  # steps of a mean's numbers in one of a vector's
_CHUNK = 1 << 16  # documents assigned to clusters at a time
_BLOCK, _PRODUCTS = 512, 1 << 23  # rows of a product of matrices, and its numbers


@dataclass(frozen=True, kw_only=True)
class EmbeddingRule:
    """When two documents say the same."""

    threshold: PositiveFraction  # cosine of the embeddings
    max_tokens: PositiveInt | None  # of each document, from its beginning
    cluster_size: PositiveInt  # documents of a cluster, on average
    probes: PositiveInt  # clusters in which a document is compared


@dataclass(frozen=True)
class Embedded:
    """The embeddings of a corpus, by shard, in folders of the cache."""

    folders: tuple[Path, ...]
    index: Index

    @cached_property
    def dimensions(self) -> int:
        """Of a vector."""
        return int(load_array(self.folders[0] / "vectors.npy").shape[1])

    def take(self, positions: Int64Array) -> Float32Array:
        """The vectors of some documents, in this order, [documents, dimensions]."""
        order = np.argsort(positions, kind="stable")
        found = np.empty((positions.size, self.dimensions), np.float32)
        end = 0
        for shard, rows in rows_by_shard(self.index, positions[order]):
            found[order[end : end + rows.size]] = load_array(self.folders[shard] / "vectors.npy")[rows]
            end += rows.size
        return found


def join_semantic(
    clusters: Clustering, embedded: Embedded, rule: EmbeddingRule, numbers: Uint32Array, *, folder: Path, run_map: Map
) -> Clustering:
    """The clusters, joined where the kept documents of two say the same; `numbers` rank the documents, by position."""
    kept = np.flatnonzero(clusters.kept)
    positions = kept[np.argsort(numbers[kept])]
    parts = [(name, positions[members], members) for name, members in _clusters(embedded, positions, rule, folder, run_map)]
    compared = run_map(partial(_compare, embedded, rule.threshold, folder), parts)
    later, earlier = np.concatenate([load_array(path / "pairs.npy") for path in compared], axis=1)
    cosines = np.concatenate([load_array(path / "cosines.npy") for path in compared])
    order = np.lexsort((earlier, -cosines, later))  # of each document the most similar first; of equals, the lowest number
    under, similarity = np.arange(positions.size), np.full(clusters.keeper.size, np.nan)
    found = np.full(positions.size, np.nan)
    _join(later[order], earlier[order], cosines[order], under, found)
    similarity[positions] = found
    keeper = np.arange(clusters.keeper.size, dtype=np.uint32)
    keeper[positions] = positions[under]
    fresh = np.isnan(clusters.similarity) & ~np.isnan(similarity)
    return Clustering(keeper[clusters.keeper], np.where(fresh, similarity, clusters.similarity), clusters.exact, fresh)


def embed(source: Corpus, index: Index, model: Path, max_tokens: int | None, *, memory: Path, run_map: Map) -> Embedded:
    """Embed all documents, in the cache folder `memory`; cached shards are not read. Raises InputError for a model that can't be used."""
    digest = model_digest(model)
    load_model(model, digest)  # a fault is told before the work
    digests = digests_of(source)
    by_digest = {name: shard for shard, name in zip(reversed(source.shards), reversed(digests), strict=True)}
    folders = {name: memory / hashlib.sha256(json.dumps([digest, name, max_tokens]).encode()).hexdigest()[:40] for name in by_digest}
    run_map(partial(_embed, model, digest, max_tokens), [(folders[name], shard) for name, shard in by_digest.items()])
    return Embedded(tuple(folders[name] for name in digests), index)


def _embed(model: Path, digest: str, max_tokens: int | None, item: tuple[Path, Shard]) -> Path:
    known, shard = item

    def write(draft: Path) -> None:
        texts = shard.kept("documents", ["text"])["text"].to_pylist()
        save_array(draft / "vectors.npy", load_model(model, digest).encode(texts, max_tokens))

    return once(known, write)


def _clusters(
    embedded: Embedded, positions: Int64Array, rule: EmbeddingRule, folder: Path, run_map: Map
) -> Iterator[tuple[int, Int64Array]]:
    """The members of each cluster, ascending, as indices of the positions."""
    count = -(-positions.size // rule.cluster_size)
    if count <= 1:
        yield 0, np.arange(positions.size)
        return
    step = max(1, positions.size // (count * _SAMPLE))
    replace_array(folder / "centroids.npy", _centroids(embedded.take(positions[::step]), count))
    chunks = [(first, positions[first : first + _CHUNK]) for first in range(0, positions.size, _CHUNK)]
    assigned = run_map(partial(_assign, embedded, min(rule.probes, count), folder), chunks)
    labels = np.concatenate([load_array(path / "labels.npy") for path in assigned])  # [documents, probes]
    order = np.argsort(labels, axis=None, kind="stable")
    edges = np.searchsorted(labels.ravel()[order], np.arange(count + 1))
    for name in range(count):
        yield name, order[edges[name] : edges[name + 1]] // labels.shape[1]


def _centroids(sample: Float32Array, count: int) -> Float32Array:
    """Spherical k-means: directions of the clusters, whole numbers of length SCALE, [clusters, dimensions]. An empty cluster stays."""
    centroids = sample[np.arange(count) * len(sample) // count].copy()
    for _ in range(_ITERATIONS):
        labels = _nearest(sample, centroids, 1)[:, 0]
        order = np.argsort(labels, kind="stable")
        names, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
        sums = np.add.reduceat(sample[order], starts, axis=0, dtype=np.float64)
        means = np.rint(_FINER * sums / sizes[:, None])
        lengths = np.sqrt(np.square(means).sum(axis=1))
        full = lengths > 0
        centroids[names[full]] = np.rint(means[full] / lengths[full, None] * SCALE)
    return centroids


def _assign(embedded: Embedded, probes: int, folder: Path, item: tuple[int, Int64Array]) -> Path:
    first, positions = item

    def write(draft: Path) -> None:
        save_array(draft / "labels.npy", _nearest(embedded.take(positions), load_array(folder / "centroids.npy"), probes))

    return once(folder / f"assigned-{first:09d}", write)


def _nearest(vectors: Float32Array, centroids: Float32Array, probes: int) -> npt.NDArray[np.int32]:
    """The centroids of greatest product with each vector, of equals the first, [vectors, probes]."""
    found = np.empty((len(vectors), probes), np.int32)
    for first in range(0, len(vectors), _BLOCK):
        products = vectors[first : first + _BLOCK] @ centroids.T
        for probe in range(probes):
            best = products.argmax(axis=1)
            found[first : first + _BLOCK, probe] = best
            products[np.arange(len(best)), best] = -np.inf
    return found


def _compare(embedded: Embedded, threshold: float, folder: Path, item: tuple[int, Int64Array, Int64Array]) -> Path:
    """The pairs (document, earlier leader) of a cluster from the threshold on, [2, pairs], and their cosines."""
    name, positions, members = item

    def write(draft: Path) -> None:
        later, earlier, cosines = similar_leaders(embedded.take(positions), threshold)
        save_array(draft / "pairs.npy", np.stack([members[later], members[earlier]]))
        save_array(draft / "cosines.npy", cosines)

    return once(folder / f"semantic-{name:06d}", write)


def similar_leaders(vectors: Float32Array, threshold: float) -> tuple[Int64Array, Int64Array, Float64Array]:
    """Each row and the earlier leaders it resembles, with their cosines. A leader is a row, not 0, that resembles no earlier one."""
    squares = np.square(vectors, dtype=np.float64).sum(axis=1)
    leaders, names, known = np.empty_like(vectors), np.empty(len(vectors), np.int64), 0
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    size = min(_BLOCK, max(1, _PRODUCTS // max(1, len(vectors))))
    for first in range(0, len(vectors), size):
        rows = np.flatnonzero(squares[first : first + size]) + first  # without those whose vector is 0
        others = np.concatenate([names[:known], rows])  # the rows themselves may become leaders
        products = np.concatenate([vectors[rows] @ leaders[:known].T, vectors[rows] @ vectors[rows].T], axis=1)
        cosines = products / np.sqrt(np.outer(squares[rows], squares[others]))
        alike = cosines >= threshold
        leads = np.arange(others.size) < known
        for row in range(rows.size):
            mine = np.flatnonzero(alike[row] & leads)
            leads[known + row] = not mine.size
            if mine.size:
                found.append((np.full(mine.size, rows[row]), others[mine], cosines[row, mine]))
        new = rows[leads[others.size - rows.size :]]
        leaders[known : known + new.size], names[known : known + new.size] = vectors[new], new
        known += new.size
    later, earlier, similar = zip(*found, strict=True)
    return np.concatenate(later), np.concatenate(earlier), np.concatenate(similar)


@kernel
def _join(later, earlier, cosines, under, similarity):  # type: ignore[no-untyped-def]
    """Put each document under the most similar of those that are kept; pairs ascend by `later`, the most similar first."""
    for pair in range(later.size):
        one, two = later[pair], earlier[pair]
        if under[one] == one and under[two] == two:
            under[one] = two
            similarity[one] = cosines[pair]
            if not similarity[two] >= cosines[pair]:
                similarity[two] = cosines[pair]
