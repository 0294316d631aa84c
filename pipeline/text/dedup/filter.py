"""Filter a shard: the kept documents, the cluster of every document, and the passages that were cut."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.tables import Shard, tally
from pipeline.core.files import once
from pipeline.core.shards import Map, Piece
from pipeline.text.dedup import columns
from pipeline.text.dedup.clusters import Clustering
from pipeline.text.dedup.cuts import END, Cut, cut_paragraphs, cuts_in_range, originals_of
from pipeline.text.dedup.index import Index, load_array, rows_by_shard, save_array
from pipeline.text.ngrams import Int64Array

Mask = npt.NDArray[np.bool_]

CLUSTERS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),  # id of the kept document
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("similarity", pa.float64()),  # to the most similar document of its cluster; null for a single one
        pa.field("kind", pa.string(), nullable=False),  # exact | near | semantic | single; emptied: every paragraph was cut
    ]
)
PASSAGES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("paragraph", pa.int32(), nullable=False),  # from 0, in the document before cutting
        pa.field("text", pa.string(), nullable=False),  # what was cut out
        pa.field("of", pa.string(), nullable=False),  # id of the document that keeps it
        pa.field("level", pa.string(), nullable=False),  # paragraph | substring
    ]
)
_KINDS = ("single", "near", "exact", "emptied", "semantic")
_IDS = pa.schema([pa.field("id", pa.string())])


@dataclass(frozen=True)
class ShardFindings:
    """Clusters and cuts of the documents of a shard, by row."""

    keeper: Int64Array  # position of the kept document
    own: Int64Array  # position
    similarity: npt.NDArray[np.float64]
    exact: Mask
    semantic: Mask
    cuts: Mapping[int, Sequence[Cut]]  # of kept documents


def write_original_ids(source: Corpus, index: Index, copies: Clustering, cuts: Sequence[Path], *, folder: Path, run_map: Map) -> None:
    """Write the ids of all originals (kept documents that others, or parts of others, copy) to folder/names."""
    wanted = np.union1d(np.unique(copies.keeper[~copies.kept]), originals_of(cuts)).astype(np.int64)
    parts = run_map(partial(_name, folder), [(source.shards[number], rows) for number, rows in rows_by_shard(index, wanted)])

    def write(draft: Path) -> None:
        save_array(draft / "positions.npy", wanted)
        _write_ids(pa.concat_tables([_read_ids(path) for path in parts] or [pa.Table.from_batches([], schema=_IDS)]), draft)

    once(folder / "names", write)


def filter_shard(index: Index, cuts: Sequence[Path], folder: Path, shard: Shard) -> Iterator[Piece]:
    """The kept documents, the clusters of all, and the passages of a shard. The folder holds what _findings reads, and names."""
    documents = shard.kept("documents").combine_chunks()
    findings = _findings(index, cuts, folder, shard.number)
    changed, passages = _cut(documents, findings, folder)
    empty = np.zeros(documents.num_rows, np.bool_)
    empty[[row for row, (text, _) in changed.items() if not text]] = True
    kept = (findings.keeper == findings.own) & ~empty
    clusters = _clusters(documents["id"], findings, kept, empty, folder)
    yield Piece(
        {"documents": _rewritten(documents, kept, changed), "clusters": clusters, "passages": passages},
        _counts(documents, clusters, passages),
    )


def _findings(index: Index, cuts: Sequence[Path], folder: Path, number: int) -> ShardFindings:
    first, end = int(index.starts[number]), int(index.starts[number + 1])
    names = ("keeper", "similarity", "exact", "semantic")
    keeper, similarity, exact, semantic = (load_array(folder / f"{name}.npy")[first:end] for name in names)
    return ShardFindings(keeper.astype(np.int64), np.arange(first, end), similarity, exact, semantic, cuts_in_range(cuts, first, end))


def _cut(documents: pa.Table, findings: ShardFindings, folder: Path) -> tuple[dict[int, tuple[str, list[float] | None]], pa.Table]:
    """Text and bits of each row with cuts, and the passages that were cut."""
    changed, found = {}, []
    for row, cuts in findings.cuts.items():
        text, bits = documents["text"][row].as_py(), documents["bits"][row].as_py()
        left, taken = cut_paragraphs(text, cuts)
        whole = bits is not None and len(bits) == text.count("\n\n") + 1 and all(cut.end == END for cut in cuts)
        changed[row] = ("\n\n".join(paragraph for _, paragraph in left), [bits[number] for number, _ in left] if whole else None)
        found += [
            (documents["id"][row].as_py(), cut.paragraph, part, cut.original, cut.level) for cut, part in zip(cuts, taken, strict=True)
        ]
    ids, paragraphs, texts, of, levels = zip(*found, strict=True) if found else ((),) * 5
    names = _names(folder, np.array(of, np.int64))
    places = columns.numbers(np.array(paragraphs, np.int32))
    return changed, pa.table([columns.strings(ids), places, columns.strings(texts), names, columns.strings(levels)], schema=PASSAGES)


def _rewritten(documents: pa.Table, kept: Mask, changed: Mapping[int, tuple[str, list[float] | None]]) -> pa.Table:
    """The kept rows, changed ones with their new text: slices of unchanged rows with rebuilt rows in between."""
    if kept.all() and not changed:
        return documents
    other = documents.take(columns.numbers(np.array(list(changed), np.int64)))
    texts, bits = columns.strings([text for text, _ in changed.values()]), columns.number_lists([bits for _, bits in changed.values()])
    for name, column in (("text", texts), ("bits", bits)):
        place = other.schema.get_field_index(name)
        other = other.set_column(place, other.schema.field(name), column)
    turns = {row: turn for turn, row in enumerate(changed)}
    gone = np.flatnonzero(~kept).tolist()
    parts, start = [documents.slice(0, 0)], 0
    for row in (*sorted({*gone, *changed}), documents.num_rows):
        parts.append(documents.slice(start, row - start))
        if row in turns and kept[row]:
            parts.append(other.slice(turns[row], 1))
        start = row + 1
    return pa.concat_tables([part for part in parts if part.num_rows] or parts[:1]).combine_chunks()


def _clusters(ids: pa.ChunkedArray, findings: ShardFindings, kept: Mask, empty: Mask, folder: Path) -> pa.Table:
    copied = findings.keeper != findings.own
    cluster = pc.replace_with_mask(ids.combine_chunks(), columns.flags(copied), _names(folder, findings.keeper[copied]))
    alone = np.isnan(findings.similarity)
    kind = np.where(empty, 3, np.where(alone, 0, np.where(findings.exact, 2, np.where(findings.semantic, 4, 1))))
    kinds = columns.strings(_KINDS).take(columns.numbers(kind))
    return pa.table([ids, cluster, columns.flags(kept), columns.numbers(findings.similarity, null=alone), kinds], schema=CLUSTERS)


def _counts(documents: pa.Table, clusters: pa.Table, passages: pa.Table) -> dict[str, Any]:
    """Kept documents, copies by kind, passages by level; and by source."""
    kinds, kept, sources = clusters["kind"], clusters["kept"], documents["source"]
    dropped, levels = tally(kinds.filter(pc.invert(kept))), tally(passages["level"])
    before, after = tally(sources), tally(sources.filter(kept))
    return {
        "documents": pc.sum(kept).as_py() or 0,
        "copies": {kind: dropped.get(kind, 0) for kind in ("exact", "near", *({"semantic"} & dropped.keys()))},
        "emptied": dropped.get("emptied", 0),
        "passages": {level: levels.get(level, 0) for level in ("paragraph", "substring")},
        "sources": {name: {"documents": after.get(name, 0), "removed": before[name] - after.get(name, 0)} for name in before},
    }


def _names(folder: Path, positions: Int64Array) -> pa.Array:
    """Ids of documents that write_original_ids wrote."""
    known = load_array(folder / "names" / "positions.npy")
    return _read_ids(folder / "names")["id"].combine_chunks().take(columns.numbers(np.searchsorted(known, positions))).cast(pa.string())


def _name(folder: Path, item: tuple[Shard, Int64Array]) -> Path:
    shard, rows = item
    ids = shard.table("documents", ["id"]).take(columns.numbers(rows))
    return once(folder / f"ids-{shard.number:05d}", partial(_write_ids, ids))


def _write_ids(table: pa.Table, folder: Path) -> None:
    with pa.OSFile(str(folder / "ids.arrow"), "wb") as sink, pa.ipc.new_file(sink, _IDS) as writer:
        writer.write_table(table.cast(_IDS).combine_chunks())


def _read_ids(folder: Path) -> pa.Table:
    """A memory-mapped table."""
    return pa.ipc.open_file(pa.memory_map(str(folder / "ids.arrow"))).read_all()
