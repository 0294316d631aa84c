"""Assign documents to train, val and test by connected component, so that adding a document moves no other.

Documents are connected if they are copies of each other (a cluster) or in one group (editions of a book, pages of a site), transitively.
The part is a hash of the least group name in the component or, without groups, of the least id, dropped copies included. So a document
only moves if a copy of it, or a member of its group, is added with a lesser name; ids and groups that sort by age (dates, running numbers)
never cause that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.split import PARTS, Part
from pipeline.core.artifact.tables import Shard, batches
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.seed import seed_of
from pipeline.text.splitting.components import component_names, connected_components

_HASHES = 1_000_000  # budget for finding a seed for the mend


@dataclass(frozen=True)
class AssignedShard:
    """A shard, and the part of each document (position in PARTS)."""

    shard: Shard
    parts: npt.NDArray[np.int8]

    def mask(self, part: Part) -> pa.BooleanArray:
        """Which documents belong to the part."""
        return pa.array(self.parts == PARTS.index(part))


def part_of(identity: str, *, val: float, test: float, seed: int) -> Part:
    """train, val or test. The same identity always falls in the same part, whatever else is in the corpus."""
    place = seed_of(seed, "split", identity) / 2**63
    if place < test:
        return "test"
    return "val" if place < test + val else "train"


def assign_parts(corpus: Corpus, whole: Corpus, *, val: float, test: float, seed: int) -> list[AssignedShard]:
    """The part of every document of the corpus, by shard.

    The corpus has a table `clusters` {id, cluster} with a row for each document and each dropped copy; the documents of `whole`, its
    superset, have a nullable column `group`.
    Raises PipelineError if a part is empty, with a seed or share that fills it.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise PipelineError(
            f"the shares split.val={val} and split.test={test} leave nothing for train", mend="split.val=0.05 split.test=0.05"
        )
    clusters, groups = partial(batches, corpus.shards, "clusters", ["id", "cluster"]), partial(_grouped, whole)
    components = connected_components(clusters, groups)
    codes = np.empty(components.count, np.int8)
    for numbers, names in component_names(components, clusters, groups):
        codes[numbers] = [PARTS.index(part_of(name, val=val, test=test, seed=seed)) for name in names.to_pylist()]
    kept, assigned, unknown = np.zeros(components.count, np.bool_), list[AssignedShard](), 0
    for shard in corpus.shards:
        of = components.of(shard.table("documents", ["id"])["id"])
        unknown += int((of < 0).sum())
        kept[of[of >= 0]] = True
        assigned.append(AssignedShard(shard, codes[of[of >= 0]]))
    if unknown:
        raise ArtifactError(f"{corpus.path} has {unknown} documents without a cluster", mend=f"dvc repro {corpus.path.name}")
    if missing := [part for number, part in enumerate(PARTS) if number not in codes[kept]]:
        total = sum(one.parts.size for one in assigned)
        own = [
            name
            for numbers, names in component_names(components, clusters, groups)
            for name, here in zip(names.to_pylist(), kept[numbers], strict=True)
            if here
        ]
        raise PipelineError(f"none of {total} documents fell into {' and '.join(missing)}", mend=_mend(own, val=val, test=test))
    return assigned


def _grouped(corpus: Corpus) -> Iterator[pa.Table]:
    """id and group of the documents with a group."""
    return (table.filter(table["group"].is_valid()) for table in batches(corpus.shards, "documents", ["id", "group"]))


def _mend(names: Sequence[str], *, val: float, test: float) -> str:
    """The least seed that fills every part, or other advice."""
    if len(names) < len(PARTS):
        return "add documents: at least three are needed that are neither copies nor in one group"
    for seed in range(max(1, _HASHES // len(names))):
        if len({part_of(name, val=val, test=test, seed=seed) for name in names}) == len(PARTS):
            return f"split.seed={seed}, or larger split.val and split.test"
    return "larger split.val and split.test, or more documents"
