"""Which part a document belongs to: decided by what it hangs together with, so that no other document moves when one is added.

Documents hang together that are copies of each other (a cluster) or of one group (editions of a book, pages of a site), and so on from
one to the next. The part is a hash of the least group's name among them or, where there is no group, of the least id, copies that were
dropped included. So a document moves only when one is added that is its copy, or of its group, and brings a lesser name; ids and
groups that sort by age (dates, running numbers) never do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import PARTS, Part
from pipeline.core.artifact.tables import Shard, batches
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.seed import seed_of

_HASHES = 1_000_000  # that are made to find a seed for the mend
_ROWS = 1 << 16  # names that are Python's at a time
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dealt:
    """A shard, and the part of each of its documents (position in PARTS)."""

    shard: Shard
    parts: npt.NDArray[np.int8]

    def among(self, part: Part) -> pa.BooleanArray:
        """Which documents belong to the part."""
        return pa.array(self.parts == PARTS.index(part))


def part_of(identity: str, *, val: float, test: float, seed: int) -> Part:
    """train, val or test. The same identity always falls in the same part, whatever else is in the corpus."""
    place = seed_of(seed, "split", identity) / 2**63
    if place < test:
        return "test"
    return "val" if place < test + val else "train"


def deal(corpus: Corpus, groups: pa.Table, *, val: float, test: float, seed: int) -> list[Dealt]:
    """The part of every document of the corpus, by shard.

    The corpus has a table `clusters` {id, cluster} with a row for each document and each copy that was dropped; `groups` {id, group} has
    one for those that have a group.
    Raises PipelineError when a part is empty, with a seed or a share that fills it.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise PipelineError(f"the shares split.val={val} and split.test={test} leave no train", mend="split.val=0.05 split.test=0.05")
    clusters = corpus.table("clusters", ["id", "cluster"])
    names, of = identities(clusters, groups)
    codes = np.array([PARTS.index(part_of(name, val=val, test=test, seed=seed)) for name in _strings(names)], np.int8)
    ids = [table["id"] for table in batches(corpus.shards, "documents", ["id"])]
    rows = _rows_of(pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()), clusters["id"])
    if rows.null_count:
        raise ArtifactError(
            f"{corpus.path} has {rows.null_count} documents that its clusters don't name", mend=f"dvc repro {corpus.path.name}"
        )
    kept = of[rows.to_numpy()]
    if missing := [part for number, part in enumerate(PARTS) if number not in np.unique(codes[kept])]:
        mend = _mend(names.take(pa.array(np.unique(kept))).to_pylist(), val=val, test=test)
        raise PipelineError(f"no document of {kept.size} fell into {' and '.join(missing)}", mend=mend)
    stops = np.cumsum([len(column) for column in ids])
    return [Dealt(shard, codes[part]) for shard, part in zip(corpus.shards, np.split(kept, stops[:-1]), strict=True)]


def identities(clusters: pa.Table, groups: pa.Table) -> tuple[pa.Array, Numbers]:
    """The identity of each set of documents that hang together, and the number of the set of each row of `clusters`."""
    cluster = clusters["cluster"].combine_chunks().dictionary_encode()
    group = groups["group"].combine_chunks().dictionary_encode()
    rows = _rows_of(groups["id"], clusters["id"])  # a document that was dropped before dedup is in no cluster
    known = np.flatnonzero(rows.is_valid().to_numpy(zero_copy_only=False))
    nodes = len(cluster.dictionary)
    left = _codes(cluster)[rows.drop_null().to_numpy()]
    root = _linked(nodes + len(group.dictionary), left, nodes + _codes(group)[known])
    of_row = root[_codes(cluster)]
    numbers, of_row = np.unique(of_row, return_inverse=True)
    least = clusters["id"].take(pa.array(_least(clusters["id"], of_row))).combine_chunks()
    linked = np.unique(_codes(group)[known])  # groups of which a document is in a cluster
    if not linked.size:
        return least, of_row
    used = group.dictionary.take(pa.array(linked))
    set_of_group = np.searchsorted(numbers, root[nodes + linked])
    chosen = used.take(pa.array(_least(used, set_of_group)))
    grouped = pa.array(np.isin(np.arange(numbers.size), set_of_group))
    return pc.replace_with_mask(least, grouped, chosen), of_row


def groups_of(corpus: Corpus) -> pa.Table:
    """The documents that have a group: id, group."""
    tables = [table.filter(table["group"].is_valid()) for table in batches(corpus.shards, "documents", ["id", "group"])]
    return pa.concat_tables(tables)


def _least(names: pa.ChunkedArray | pa.Array, of: Numbers) -> Numbers:
    """The position of the least name of each set, in the order of the sets' numbers."""
    order = pc.sort_indices(names).to_numpy()
    return np.asarray(order[np.unique(of[order], return_index=True)[1]])


def _rows_of(names: pa.ChunkedArray, among: pa.ChunkedArray) -> pa.Array:
    """The position of each name, null where it isn't there."""
    found = pc.index_in(names, value_set=among)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _codes(encoded: pa.DictionaryArray) -> Numbers:
    codes: Numbers = encoded.indices.to_numpy().astype(np.int64)
    return codes


def _strings(names: pa.Array) -> Iterator[str]:
    """The names, of which only some at a time are Python's."""
    for start in range(0, len(names), _ROWS):
        yield from names.slice(start, _ROWS).to_pylist()


def _mend(names: Sequence[str], *, val: float, test: float) -> str:
    """The least seed that fills every part, or else what to do."""
    if len(names) < len(PARTS):
        return "add documents: three that are no copies, and of no common group, are the least that can be split"
    for seed in range(max(1, _HASHES // len(names))):
        if len({part_of(name, val=val, test=test, seed=seed) for name in names}) == len(PARTS):
            return f"split.seed={seed}, or larger split.val and split.test"
    return "larger split.val and split.test, or more documents"


@numba.njit(cache=True, nogil=True)
def _linked(nodes: int, left: Numbers, right: Numbers) -> Numbers:
    """The least node that each node is linked to, by pairs of linked nodes."""
    parent = np.arange(nodes)
    for place in range(left.size):
        one, other = left[place], right[place]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        parent[max(one, other)] = min(one, other)
    for node in range(nodes):  # a parent is less than its child, so it is at its root already
        parent[node] = parent[parent[node]]
    return parent
