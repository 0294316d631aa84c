"""Connected components of documents linked by clusters and groups, and a name for each, without holding all names.

Names are represented by 64-bit hashes. A collision links unrelated documents, which puts them in the same part and leaks nothing; among
240 million names it happens with a probability of 0.2 %. The names themselves are streamed shard by shard, and only the least one so far
is kept of a component with several.

Memory beyond the shards in work: 70 bytes a document if each has a copy and a group (numpy and Python, traced). The peak of the process
grew by 17 to 58 bytes a document from 200,000 to 800,000, in shards of 5,000.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.kernel import kernel
from pipeline.text.ngrams import BASIS, PRIME, Hashes, Int64Array, Uint32Array, mix_bits, texts_of
from pipeline.text.sorted_arrays import sorted_index, sorted_unique
from pipeline.text.union_find import union_pairs

Tables = Callable[[], Iterable[pa.Table]]  # iterates over a table by shard, afresh at each call
Named = tuple[Int64Array, pa.Array]  # numbers of components, and a name of each
_ROWS = 1 << 16  # names per batch


@dataclass(frozen=True)
class Components:
    """Components of documents, numbered from 0."""

    count: int
    ids: Hashes  # of the documents, ascending
    of_ids: Uint32Array  # their components
    groups: Hashes  # of the groups with a document in a component, ascending
    of_groups: Uint32Array  # their components

    def of(self, ids: pa.ChunkedArray) -> Int64Array:
        """The component of each document; -1 if none."""
        return _looked_up(self.ids, self.of_ids, hashes_of(ids))

    def of_group(self, groups: pa.ChunkedArray) -> Int64Array:
        """The component of each group; -1 if none."""
        return _looked_up(self.groups, self.of_groups, hashes_of(groups))


def connected_components(clusters: Tables, groups: Tables) -> Components:
    """The components of documents that share a cluster {id, cluster} or a group {id, group}, transitively.

    A document with a group but without a cluster (dropped earlier) is in no component.
    """
    owners, ids = np.concatenate([np.stack([hashes_of(table["cluster"]), hashes_of(table["id"])]) for table in clusters()], axis=1)
    names = sorted_unique(owners)
    nodes = np.searchsorted(names, owners).astype(np.uint32)
    del owners
    order = np.argsort(ids, kind="stable")
    ids, nodes = ids[order], nodes[order]
    del order
    links = [_links(table, ids, nodes) for table in groups()]
    left = np.concatenate([np.empty(0, np.uint32), *(some for some, _ in links)])
    right = np.concatenate([np.empty(0, np.uint64), *(some for _, some in links)])
    del links
    known = sorted_unique(right)
    parent = np.arange(names.size + known.size, dtype=np.uint32)
    union_pairs(parent, np.stack([left, np.searchsorted(known, right).astype(np.uint32) + np.uint32(names.size)], axis=1))
    roots = parent == np.arange(parent.size, dtype=np.uint32)
    of = (np.cumsum(roots, dtype=np.uint32) - np.uint32(1))[parent]
    return Components(int(roots.sum()), ids, of[nodes], known, of[names.size :])


def component_names(components: Components, clusters: Tables, groups: Tables) -> Iterator[Named]:
    """Each component once, with the least name of its groups or else the least id of its documents, in batches."""
    grouped = np.zeros(components.count, np.bool_)
    grouped[components.of_groups] = True
    many = np.bincount(components.of_groups, minlength=components.count) > 1  # several names, of which the least is to be found
    many[~grouped] = (np.bincount(components.of_ids, minlength=components.count) > 1)[~grouped]
    several = np.flatnonzero(many)
    least: list[str | None] = [None] * several.size
    named = many.copy()
    for numbers, names in _candidates(components, grouped, clusters, groups):
        alone, first = np.unique(numbers[~named[numbers]], return_index=True)
        yield from _in_turn(alone, names.filter(pa.array(~named[numbers])).take(pa.array(first)))
        named[alone] = True
        own, lower = _least(numbers[many[numbers]], names.filter(pa.array(many[numbers])))
        for some, more in _in_turn(np.searchsorted(several, own), lower):
            for place, name in zip(some.tolist(), more.to_pylist(), strict=True):
                if (before := least[place]) is None or name < before:  # Python orders strings like their UTF-8 bytes
                    least[place] = name
    for start in range(0, several.size, _ROWS):
        yield several[start : start + _ROWS], pa.array(least[start : start + _ROWS], pa.string())


def hashes_of(names: pa.ChunkedArray) -> Hashes:
    """A 64-bit hash of each name."""
    texts = texts_of(names)
    return mix_bits(_hashed(texts.data, texts.starts))


def _candidates(components: Components, grouped: npt.NDArray[np.bool_], clusters: Tables, groups: Tables) -> Iterator[Named]:
    """Candidate names of components, by shard."""
    for table in clusters():
        numbers = components.of(table["id"])
        chosen = ~grouped[numbers]
        yield numbers[chosen], table["id"].filter(pa.array(chosen)).combine_chunks()
    for table in groups():
        numbers = components.of_group(table["group"])
        yield numbers[numbers >= 0], table["group"].filter(pa.array(numbers >= 0)).combine_chunks()


def _least(numbers: Int64Array, names: pa.Array) -> Named:
    """The least name of each number."""
    order = pc.sort_indices(names).to_numpy()
    own, first = np.unique(numbers[order], return_index=True)
    return own, names.take(pa.array(order[first]))


def _links(table: pa.Table, ids: Hashes, nodes: Uint32Array) -> tuple[Uint32Array, Hashes]:
    """The cluster and the group of each document that has both."""
    found = _looked_up(ids, nodes, hashes_of(table["id"]))
    return found[found >= 0].astype(np.uint32), hashes_of(table["group"])[found >= 0]


def _looked_up(known: Hashes, of: Uint32Array, hashes: Hashes) -> Int64Array:
    """The value of each hash; -1 if it is not in `known`, which ascends."""
    found = sorted_index(known, hashes)
    there = found >= 0
    found[there] = of[found[there]]
    return found


def _in_turn(numbers: Int64Array, names: pa.Array) -> Iterator[Named]:
    for start in range(0, len(names), _ROWS):
        yield numbers[start : start + _ROWS], names.slice(start, _ROWS)


@kernel(allocates=True)
def _hashed(data, starts):  # type: ignore[no-untyped-def]
    """FNV-1a of each text."""
    hashes = np.empty(starts.size - 1, np.uint64)
    for text in range(hashes.size):
        value = BASIS
        for place in range(starts[text], starts[text + 1]):
            value = (value ^ np.uint64(data[place])) * PRIME
        hashes[text] = value
    return hashes
