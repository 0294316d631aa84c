"""All pairs of similar documents, exactly: ground truth for deduplication, and the score."""

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ids = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_BINS = (0.8, 0.85, 0.9, 0.95, 1.0)


def similar_pairs(texts: Sequence[Ids], *, shingle: int, floor: float) -> dict[str, npt.NDArray[Any]]:
    """left < right | jaccard of the sets of runs of `shingle` words, for every pair of texts (words as numbers) that reaches the floor."""
    factors = np.random.default_rng(0).integers(0, 2**63, shingle, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    sets = [_shingles(words.astype(np.uint64), factors) for words in texts]
    sizes = np.array([one.size for one in sets])
    hashes, owners = np.concatenate(sets), np.repeat(np.arange(len(sets), dtype=np.int32), sizes)
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    edges = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1], [True]]))
    many = np.diff(edges) > 1
    lefts, rights, values = _count(owners, edges[:-1][many], edges[1:][many], sizes, floor)
    return {"left": lefts, "right": rights, "jaccard": values}


def score(kept: npt.NDArray[np.bool_], pairs: pa.Table, *, threshold: float) -> dict[str, Any]:
    """What a deduplication did, given which documents it kept.

    recall            of the pairs as alike as the threshold, the share of which not both were kept; also by similarity
    removed_below     documents removed although no other is as alike as the threshold, and as .5
    lost              clusters (of pairs as alike as the threshold) of which nothing was kept
    """
    left, right, value = (pairs[name].to_numpy() for name in ("left", "right", "jaccard"))
    best = np.zeros(kept.size)
    np.maximum.at(best, left, value)
    np.maximum.at(best, right, value)
    alike, found = value >= threshold, ~(kept[left] & kept[right])
    root = _components(left[alike], right[alike], kept.size)
    clusters = np.unique(root[np.concatenate([left[alike], right[alike]])])
    bands = {f"{low:g}": found[(value >= low) & (value < high)] for low, high in zip(_BINS, (*_BINS[1:], np.inf), strict=True)}
    return {
        "documents": int(kept.size),
        "kept": int(kept.sum()),
        "pairs": int(alike.sum()),
        "recall": float(found[alike].mean()) if alike.any() else 1.0,
        "recall_from": {low: round(float(band.mean()), 4) if band.size else None for low, band in bands.items()},
        "removed_below": int((~kept & (best < threshold)).sum()),
        "removed_below_half": int((~kept & (best < 0.5)).sum()),
        "lost": int(clusters.size - np.intersect1d(clusters, root[kept]).size),
    }


def _shingles(words: Hashes, factors: Hashes) -> Hashes:
    """The set of a text's runs of words, as hashes that are linear with random odd factors; a shorter text is one run."""
    count = max(1, words.size - factors.size + 1)
    hashes = np.zeros(count, np.uint64)
    for place, factor in enumerate(factors[: words.size]):
        hashes += (words[place : place + count] + np.uint64(1)) * factor
    return np.unique(hashes)


def _components(left: Ids, right: Ids, count: int) -> Ids:
    """The least number in each document's component."""
    root = np.arange(count)
    while True:
        least = np.minimum(root[left], root[right])
        before = root.copy()
        np.minimum.at(root, left, least)
        np.minimum.at(root, right, least)
        root = root[root]
        if np.array_equal(root, before):
            return root


@numba.njit(cache=True)
def _count(
    owners: npt.NDArray[np.int32], starts: Ids, ends: Ids, sizes: Ids, floor: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Pairs of owners by the number of runs [start, end) that hold both; owners rise within a run."""
    documents = sizes.size
    first = np.zeros(documents + 1, np.int64)
    for run in range(starts.size):
        for place in range(starts[run], ends[run]):
            first[owners[place] + 1] += 1
    first = np.cumsum(first)
    runs, filled = np.empty(first[documents], np.int64), first[:documents].copy()
    for run in range(starts.size):
        for place in range(starts[run], ends[run]):
            runs[filled[owners[place]]] = run
            filled[owners[place]] += 1
    lefts, rights, values = [np.int32(0) for _ in range(0)], [np.int32(0) for _ in range(0)], [0.0 for _ in range(0)]
    shared = np.zeros(documents, np.int64)
    for right in range(documents):
        touched = [0 for _ in range(0)]
        for run in runs[first[right] : first[right + 1]]:
            for place in range(starts[run], ends[run]):
                left = owners[place]
                if left >= right:
                    break
                if shared[left] == 0:
                    touched.append(left)
                shared[left] += 1
        touched.sort()
        for left in touched:
            value = shared[left] / (sizes[left] + sizes[right] - shared[left])
            if value >= floor:
                lefts.append(np.int32(left))
                rights.append(np.int32(right))
                values.append(value)
            shared[left] = 0
    return np.array(lefts, np.int32), np.array(rights, np.int32), np.array(values, np.float64)
