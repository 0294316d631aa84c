"""Copies: exact ones by a hash of the text, near ones by MinHash and an exact comparison of what it brings together."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.text.minhash import Signature, candidates, jaccard, multipliers, signature
from pipeline.text.ngrams import Hashes, ngrams_of, words_of

Method = Literal["exact", "minhash"]
CLUSTERS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),  # the id of the document that is kept
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("similarity", pa.float64()),  # to the document of its cluster that is most like it; null for a single one
        pa.field("kind", pa.string(), nullable=False),  # exact | near | single: how it belongs to its cluster
    ]
)

Map = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


@dataclass(frozen=True, kw_only=True)
class Near:
    """When two documents are one."""

    shingle: int  # words
    threshold: float  # Jaccard similarity of the shingles, 0..1
    bands: int
    rows: int  # of a band


@dataclass(frozen=True)
class Link:
    """Two documents (by position, the earlier first) that are one, and how alike they are."""

    first: int
    second: int
    similarity: float
    exact: bool


def find_copies(texts: Sequence[str], run_map: Map, *, near: Near | None) -> list[Link]:
    """Links between copies in a fixed order; exact ones only where `near` is None. A text without words is like no other."""
    links, distinct = _exact(texts)
    if near is not None and len(distinct) > 1:
        links += _near(texts, distinct, run_map, near)
    return links


def cluster(ids: Sequence[str], links: Iterable[Link]) -> pa.Table:
    """The clusters table: linked documents form a cluster, of which the first is kept."""
    links = list(links)
    parent = list(range(len(ids)))
    for link in links:
        first, second = _root(parent, link.first), _root(parent, link.second)
        parent[max(first, second)] = min(first, second)
    best: dict[int, Link] = {}
    for link in links:
        for place in (link.first, link.second):
            if place not in best or (link.similarity, link.exact) > (best[place].similarity, best[place].exact):
                best[place] = link
    rows = []
    for place, identity in enumerate(ids):
        root, link_of = _root(parent, place), best.get(place)
        kind = "single" if link_of is None else "exact" if link_of.exact else "near"
        similarity = link_of.similarity if link_of else None
        rows.append({"id": identity, "cluster": ids[root], "kept": root == place, "similarity": similarity, "kind": kind})
    return pa.Table.from_pylist(rows, schema=CLUSTERS)


def keep_first(documents: pa.Table, clusters: pa.Table) -> pa.Table:
    """The documents that the clusters table keeps; its rows are the documents' rows."""
    return documents.filter(clusters["kept"])


def counts(clusters: pa.Table) -> dict[str, Any]:
    """Documents in and out, and the copies by kind."""
    kinds = [kind for kind, kept in zip(clusters["kind"].to_pylist(), clusters["kept"].to_pylist(), strict=True) if not kept]
    return {
        "documents": clusters.num_rows - len(kinds),
        "copies": {kind: kinds.count(kind) for kind in ("exact", "near")},
        "largest_cluster": max(np.unique(np.array(clusters["cluster"].to_pylist()), return_counts=True)[1].tolist(), default=0),
    }


def shingles_of(text: str, *, shingle: int) -> Hashes:
    """The set of the text's shingles, sorted. A text shorter than a shingle is one shingle."""
    words, _ = words_of(text)
    return np.unique(ngrams_of(words, min(shingle, max(1, words.size))))


def sign(text: str, *, shingle: int, functions: int) -> tuple[Hashes, Signature]:
    """The shingles of a text and their signature."""
    shingles = shingles_of(text, shingle=shingle)
    return shingles, signature(shingles, multipliers(functions))


def _exact(texts: Sequence[str]) -> tuple[list[Link], list[int]]:
    """Links to the first of equal texts, white space and case apart, and the positions of the distinct ones."""
    first: dict[bytes, int] = {}
    links, distinct = [], []
    for place, text in enumerate(texts):
        normal = " ".join(text.split()).casefold()
        key = hashlib.blake2b(normal.encode(), digest_size=16).digest()
        if normal and key in first:
            links.append(Link(first[key], place, 1.0, exact=True))
        else:
            first[key] = place
            distinct.append(place)
    return links, distinct


def _near(texts: Sequence[str], distinct: Sequence[int], run_map: Map, near: Near) -> list[Link]:
    """Links between distinct texts whose exact similarity reaches the threshold; pairs already connected are not compared."""
    signed = run_map(partial(sign, shingle=near.shingle, functions=near.bands * near.rows), [texts[place] for place in distinct])
    sets = [shingles for shingles, _ in signed]
    places = [place for place, shingles in enumerate(sets) if shingles.size]
    if len(places) < 2:
        return []
    parent = list(range(len(sets)))
    links, compared = [], set()
    for left, right in candidates([signed[place][1] for place in places], bands=near.bands, rows=near.rows):
        pair = (places[left], places[right])
        if pair in compared or _root(parent, pair[0]) == _root(parent, pair[1]):
            continue
        compared.add(pair)
        if (similarity := jaccard(sets[pair[0]], sets[pair[1]])) >= near.threshold:
            links.append(Link(distinct[pair[0]], distinct[pair[1]], similarity, exact=False))
            first, second = _root(parent, pair[0]), _root(parent, pair[1])
            parent[max(first, second)] = min(first, second)
    return links


def _root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place
