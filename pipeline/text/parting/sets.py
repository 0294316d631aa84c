"""Which documents hang together, and the name of each set of them, without holding the names of all.

Names are known by 64-bit hashes of their bytes. Two names that share one hang together, which sends strangers to the same part and
leaks nothing; among 240 million names that happens with a probability of 0.2 %. The names themselves pass by shard by shard, and only
the least so far is kept of a set that has several.

Memory beyond the shards in work: 70 bytes a document where each has a copy and a group (numpy and Python, traced). The peak of the
process grew by 17 to 58 bytes a document from 200,000 to 800,000, in shards of 5,000.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.kernel import kernel
from pipeline.text.components import unite
from pipeline.text.ngrams import BASIS, PRIME, Hashes, Integers, Numbers, mixed, texts_of
from pipeline.text.ordered import distinct, places_in

Tables = Callable[[], Iterable[pa.Table]]  # a table shard by shard, anew at each call
Named = tuple[Integers, pa.Array]  # numbers of sets, and a name of each
_ROWS = 1 << 16  # names that are told at a time


@dataclass(frozen=True)
class Sets:
    """Sets of documents, numbered from 0."""

    count: int
    ids: Hashes  # of the documents, ascending
    of_ids: Numbers  # the set of each
    groups: Hashes  # of the groups that have a document in a set, ascending
    of_groups: Numbers  # the set of each

    def of(self, ids: pa.ChunkedArray) -> Integers:
        """The set of each document, -1 for one that is in none."""
        return _looked_up(self.ids, self.of_ids, hashes_of(ids))

    def of_group(self, groups: pa.ChunkedArray) -> Integers:
        """The set to which all documents of each group belong, -1 for a group that has none."""
        return _looked_up(self.groups, self.of_groups, hashes_of(groups))


def sets_of(clusters: Tables, groups: Tables) -> Sets:
    """The sets in which documents are that share a cluster {id, cluster} or a group {id, group}, and so on from one to the next.

    A document of the groups that is in no cluster (it was dropped before) is in no set.
    """
    owners, ids = np.concatenate([np.stack([hashes_of(table["cluster"]), hashes_of(table["id"])]) for table in clusters()], axis=1)
    names = distinct(owners)
    nodes = np.searchsorted(names, owners).astype(np.uint32)
    del owners
    order = np.argsort(ids, kind="stable")
    ids, nodes = ids[order], nodes[order]
    del order
    links = [_links(table, ids, nodes) for table in groups()]
    left = np.concatenate([np.empty(0, np.uint32), *(some for some, _ in links)])
    right = np.concatenate([np.empty(0, np.uint64), *(some for _, some in links)])
    del links
    known = distinct(right)
    parent = np.arange(names.size + known.size, dtype=np.uint32)
    unite(parent, np.stack([left, np.searchsorted(known, right).astype(np.uint32) + np.uint32(names.size)], axis=1))
    roots = parent == np.arange(parent.size, dtype=np.uint32)
    of = (np.cumsum(roots, dtype=np.uint32) - np.uint32(1))[parent]
    return Sets(int(roots.sum()), ids, of[nodes], known, of[names.size :])


def names_of(sets: Sets, clusters: Tables, groups: Tables) -> Iterator[Named]:
    """Each set once, with the least name of its groups or, where it has none, the least id of its documents; some at a time."""
    grouped = np.zeros(sets.count, np.bool_)
    grouped[sets.of_groups] = True
    many = np.bincount(sets.of_groups, minlength=sets.count) > 1  # names among which the least is to be found
    many[~grouped] = (np.bincount(sets.of_ids, minlength=sets.count) > 1)[~grouped]
    several = np.flatnonzero(many)
    least: list[str | None] = [None] * several.size
    told = many.copy()
    for numbers, names in _candidates(sets, grouped, clusters, groups):
        alone, first = np.unique(numbers[~told[numbers]], return_index=True)
        yield from _in_turn(alone, names.filter(pa.array(~told[numbers])).take(pa.array(first)))
        told[alone] = True
        own, lower = _least(numbers[many[numbers]], names.filter(pa.array(many[numbers])))
        for some, more in _in_turn(np.searchsorted(several, own), lower):
            for place, name in zip(some.tolist(), more.to_pylist(), strict=True):
                if (before := least[place]) is None or name < before:  # Python orders texts as their UTF-8 bytes are ordered
                    least[place] = name
    for start in range(0, several.size, _ROWS):
        yield several[start : start + _ROWS], pa.array(least[start : start + _ROWS], pa.string())


def hashes_of(names: pa.ChunkedArray) -> Hashes:
    """64 bits of each name."""
    texts = texts_of(names)
    return mixed(_hashed(texts.data, texts.starts))


def _candidates(sets: Sets, grouped: npt.NDArray[np.bool_], clusters: Tables, groups: Tables) -> Iterator[Named]:
    """Names that may be those of a set, shard by shard."""
    for table in clusters():
        numbers = sets.of(table["id"])
        chosen = ~grouped[numbers]
        yield numbers[chosen], table["id"].filter(pa.array(chosen)).combine_chunks()
    for table in groups():
        numbers = sets.of_group(table["group"])
        yield numbers[numbers >= 0], table["group"].filter(pa.array(numbers >= 0)).combine_chunks()


def _least(numbers: Integers, names: pa.Array) -> Named:
    """The least of the names that each number has."""
    order = pc.sort_indices(names).to_numpy()
    own, first = np.unique(numbers[order], return_index=True)
    return own, names.take(pa.array(order[first]))


def _links(table: pa.Table, ids: Hashes, nodes: Numbers) -> tuple[Numbers, Hashes]:
    """The cluster and the group of each document that has both."""
    found = _looked_up(ids, nodes, hashes_of(table["id"]))
    return found[found >= 0].astype(np.uint32), hashes_of(table["group"])[found >= 0]


def _looked_up(known: Hashes, of: Numbers, hashes: Hashes) -> Integers:
    """What belongs to each hash, -1 where it is not among the known, which are ascending."""
    found = places_in(known, hashes)
    there = found >= 0
    found[there] = of[found[there]]
    return found


def _in_turn(numbers: Integers, names: pa.Array) -> Iterator[Named]:
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
