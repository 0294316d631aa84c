"""Assign documents to train, val and test by connected component, so that adding a document moves no other.

Documents are connected if they are copies of each other (a cluster) or in one group (editions of a book, pages of a site), transitively.
The part is a hash of the least group name in the component or, without groups, of the least id, dropped copies included. So a document
only moves if a copy of it, or a member of its group, is added with a lesser name; ids and groups that sort by age (dates, running numbers)
never cause that.

Where the hash leaves a part empty, the components are few: then they are dealt by size, and fewer than three are cut into spans: each
document, and the chunks of a long text as the one text that they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus, texts_of
from pipeline.core.artifact.split import PARTS, Part
from pipeline.core.artifact.tables import Shard
from pipeline.core.errors import ArtifactError, PipelineError
from pipeline.core.hold_out import HoldOut
from pipeline.core.seed import seed_of
from pipeline.text.splitting.components import Components, Named, component_names, connected_components
from pipeline.text.splitting.few import cut_spans, deal_by_size, paragraph_sizes, span_borders

By = Literal["hash", "size", "spans"]  # how the parts came about
_FEW = {  # what a person is told
    "size": "few documents: a hash would leave a part empty, so val and test are those of the sizes nearest to their shares",
    "spans": "fewer than three documents: val and test are spans at the end of each; what train shares with them is cut",
}
_COLUMNS = ["id", "text", "bits"]


@dataclass(frozen=True)
class AssignedShard:
    """A shard, and the part of each document (position in PARTS), or of each span of one."""

    shard: Shard
    parts: npt.NDArray[np.int8]
    borders: npt.NDArray[np.int64] | None = None  # where val and test begin in each document, if they are cut into spans

    def documents(self, columns: Sequence[str]) -> pa.Table:
        """The columns of the documents or spans, and `book`, the id of the document that a row is of."""
        if self.borders is None:
            table = self.shard.table("documents", list(columns))
            return table.append_column("book", table["id"]) if "id" in columns else table
        return cut_spans(self.shard.table("documents", list(dict.fromkeys([*columns, *_COLUMNS]))), self.borders)[0]

    def mask(self, part: Part) -> pa.BooleanArray:
        """Which documents belong to the part."""
        return pa.array(self.parts == PARTS.index(part))


def assign_parts(
    corpus: Corpus, whole: Corpus, hold_out: HoldOut, *, tell: Callable[[str], object] = lambda line: None
) -> tuple[list[AssignedShard], By]:
    """The part of every document of the corpus, by shard, and how the parts came about.

    The corpus has a table `clusters` {id, cluster} with a row for each document and each dropped copy; the documents of `whole`, its
    superset, have a nullable column `group`. `tell` is given what a person should know.
    Raises PipelineError if there is too little text for three parts.
    """
    val, test = hold_out.val, hold_out.test
    clusters, groups = partial(corpus.batches, "clusters", ["id", "cluster"]), partial(_grouped, whole)
    components = connected_components(clusters, groups)
    names = partial(component_names, components, clusters, groups)
    codes = np.empty(components.count, np.int8)
    for numbers, own in names():
        codes[numbers] = [PARTS.index(hold_out.part_of(name)) for name in own.to_pylist()]
    kept, assigned = _assigned(corpus, components, codes)
    if np.bincount(codes[kept], minlength=len(PARTS)).all():
        return assigned, "hash"
    sizes = _sizes(corpus, components)
    by: By = "size" if (sizes > 0).sum() >= len(PARTS) else "spans"
    tell(_FEW[by])
    if by == "spans":
        return _spans(corpus, val=val, test=test), by
    order = _by_hash(names, sizes > 0, hold_out.seed)
    codes[kept] = PARTS.index("train")  # also what has no text
    codes[order] = deal_by_size(sizes[order].tolist(), val=val, test=test)
    return _assigned(corpus, components, codes)[1], by


def _assigned(corpus: Corpus, components: Components, codes: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.bool_], list[AssignedShard]]:
    """Which components have a document in the corpus, and the shards with the parts of their documents, by the code of each component."""
    kept, assigned, unknown = np.zeros(components.count, np.bool_), list[AssignedShard](), 0
    for shard in corpus.shards:
        of = components.of(shard.table("documents", ["id"])["id"])
        unknown += int((of < 0).sum())
        kept[of[of >= 0]] = True
        assigned.append(AssignedShard(shard, codes[of[of >= 0]]))
    if unknown:
        raise ArtifactError(f"{corpus.path} has {unknown} documents without a cluster", mend=f".venv/bin/dvc repro {corpus.path.name}")
    return kept, assigned


def _spans(corpus: Corpus, *, val: float, test: float) -> list[AssignedShard]:
    """The shards with their documents cut into spans. PipelineError if a part stays empty. Holds 40 bytes a paragraph."""
    sizes, rows, of_text = list[npt.NDArray[np.int64]](), list[int](), dict[tuple[str, ...], list[int]]()
    for shard in corpus.shards:
        table = shard.table("documents", ["id", "source", "origin", "text"])
        for text, size in zip(texts_of(table), map(paragraph_sizes, table["text"].to_pylist()), strict=True):
            of_text.setdefault(text, []).append(len(sizes))
            sizes.append(size)
        rows.append(table.num_rows)
    borders = np.empty((len(sizes), 2), np.int64)
    for own in of_text.values():
        borders[own] = span_borders([sizes[place] for place in own], val=val, test=test)
    by_shard = np.split(borders, np.cumsum(rows)[:-1])
    cut = [cut_spans(shard.table("documents", _COLUMNS), own)[1] for shard, own in zip(corpus.shards, by_shard, strict=True)]
    if len(set(np.concatenate([np.empty(0, np.int8), *cut]).tolist())) < len(PARTS):
        raise PipelineError(
            f"{corpus.path} holds {sum(part.size for part in cut)} documents that are no copies of each other, of one or two paragraphs:"
            " too little for train, val and test",
            mend="add text: three documents, or one of three paragraphs",
        )
    return [AssignedShard(shard, parts, own) for shard, parts, own in zip(corpus.shards, cut, by_shard, strict=True)]


def _by_hash(names: Callable[[], Iterator[Named]], kept: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.int64]:
    """The components that have a document, in the order of their hashes."""
    place = {
        number: seed_of(seed, "split", name)
        for numbers, own in names()
        for number, name in zip(numbers.tolist(), own.to_pylist(), strict=True)
        if kept[number]
    }
    return np.array(sorted(place, key=place.__getitem__), np.int64)


def _sizes(corpus: Corpus, components: Components) -> npt.NDArray[np.int64]:
    """The bytes of the text of each component."""
    sizes = np.zeros(components.count, np.int64)
    for shard in corpus.shards:
        table = shard.table("documents", ["id", "text"])
        np.add.at(sizes, components.of(table["id"]), pc.binary_length(table["text"]).to_numpy())
    return sizes


def _grouped(corpus: Corpus) -> Iterator[pa.Table]:
    """id and group of the documents with a group."""
    return (table.filter(table["group"].is_valid()) for table in corpus.batches("documents", ["id", "group"]))
