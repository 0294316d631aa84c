"""Which part a document belongs to: decided by what it hangs together with, so that no other document moves when one is added.

Documents hang together that are copies of each other (a cluster) or of one group (editions of a book, pages of a site), and so on from
one to the next. The part is a hash of the least group's name among them or, where there is no group, of the least id, copies that were
dropped included. So a document moves only when one is added that is its copy, or of its group, and brings a lesser name; ids and
groups that sort by age (dates, running numbers) never do.
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
from pipeline.text.parting.sets import names_of, sets_of

_HASHES = 1_000_000  # that are made to find a seed for the mend


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


def deal(corpus: Corpus, whole: Corpus, *, val: float, test: float, seed: int) -> list[Dealt]:
    """The part of every document of the corpus, by shard.

    The corpus has a table `clusters` {id, cluster} with a row for each document and each copy that was dropped; the documents of the
    whole one, of which it is a part, have a column `group`, null for those that have none.
    Raises PipelineError when a part is empty, with a seed or a share that fills it.
    """
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise PipelineError(f"the shares split.val={val} and split.test={test} leave no train", mend="split.val=0.05 split.test=0.05")
    clusters, groups = partial(batches, corpus.shards, "clusters", ["id", "cluster"]), partial(_grouped, whole)
    sets = sets_of(clusters, groups)
    codes = np.empty(sets.count, np.int8)
    for numbers, names in names_of(sets, clusters, groups):
        codes[numbers] = [PARTS.index(part_of(name, val=val, test=test, seed=seed)) for name in names.to_pylist()]
    kept, dealt, unknown = np.zeros(sets.count, np.bool_), list[Dealt](), 0
    for shard in corpus.shards:
        of = sets.of(shard.table("documents", ["id"])["id"])
        unknown += int((of < 0).sum())
        kept[of[of >= 0]] = True
        dealt.append(Dealt(shard, codes[of[of >= 0]]))
    if unknown:
        raise ArtifactError(f"{corpus.path} has {unknown} documents that its clusters don't name", mend=f"dvc repro {corpus.path.name}")
    if missing := [part for number, part in enumerate(PARTS) if number not in codes[kept]]:
        total = sum(one.parts.size for one in dealt)
        own = [
            name
            for numbers, names in names_of(sets, clusters, groups)
            for name, here in zip(names.to_pylist(), kept[numbers], strict=True)
            if here
        ]
        raise PipelineError(f"no document of {total} fell into {' and '.join(missing)}", mend=_mend(own, val=val, test=test))
    return dealt


def _grouped(corpus: Corpus) -> Iterator[pa.Table]:
    """The documents that have a group: id, group."""
    return (table.filter(table["group"].is_valid()) for table in batches(corpus.shards, "documents", ["id", "group"]))


def _mend(names: Sequence[str], *, val: float, test: float) -> str:
    """The least seed that fills every part, or else what to do."""
    if len(names) < len(PARTS):
        return "add documents: three that are no copies, and of no common group, are the least that can be split"
    for seed in range(max(1, _HASHES // len(names))):
        if len({part_of(name, val=val, test=test, seed=seed) for name in names}) == len(PARTS):
            return f"split.seed={seed}, or larger split.val and split.test"
    return "larger split.val and split.test, or more documents"
