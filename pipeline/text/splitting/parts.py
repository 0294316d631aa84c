"""Split a shard into its three parts: decontaminated, split into documents of bounded length, and repeated by source weight."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.metadata import carried, leading, with_metadata
from pipeline.core.artifact.split import PARTS, TEXTS
from pipeline.core.artifact.tables import read_table
from pipeline.core.shards import Piece, Work
from pipeline.text.splitting.assignment import AssignedShard, By
from pipeline.text.splitting.chapters import Chunk, split_into_chunks
from pipeline.text.splitting.decontamination import EditedDocument, OverlapPolicies, decontaminate
from pipeline.text.splitting.held_out_index import HeldOutIndex
from pipeline.text.splitting.mixture import SourceInfo, Weights, count_by, mixture_metrics, repeat_by_weight

_COLUMNS = ("id", "source", "text", "bits")  # and book, which is the document that a span was cut from


def split_shard(
    assigned: AssignedShard, *, index: Path, policies: OverlapPolicies, max_characters: int, weights: Weights, seed: int
) -> Iterator[Piece]:
    """The tables train, val and test (TEXTS), cut, and found (matched items) of a shard."""
    documents = assigned.documents([*_COLUMNS, *carried(assigned.shard.columns("documents"))])
    parts = {part: documents.filter(assigned.mask(part)) for part in PARTS}
    decontaminated = decontaminate(parts["train"], HeldOutIndex(index), policies)
    texts: dict[str, pa.Table] = {
        part: split_texts(table, decontaminated.edits if part == "train" else {}, max_characters=max_characters)
        for part, table in parts.items()
    }
    books = len({book for table in texts.values() for book in table.filter(pc.equal(table["position"], 1))["book"].to_pylist()})
    texts["train"], left_out = repeat_by_weight(texts["train"], weights, seed)
    sizes: dict[str, Any] = {
        part: {"documents": table.num_rows, "bytes": pc.sum(pc.binary_length(table["text"])).as_py() or 0} for part, table in texts.items()
    }
    counts = {"books_cut": books, "left_out": left_out, "mixture": count_by(texts["train"], "source"), "cut": decontaminated.counts}
    if "license" in documents.column_names:
        counts["licenses"] = count_by(texts["train"], "license")
    yield Piece({**texts, "cut": decontaminated.cut, "found": decontaminated.found}, {**sizes, **counts})


def split_texts(documents: pa.Table, edits: Mapping[int, EditedDocument | None], *, max_characters: int) -> pa.Table:
    """The documents {id, source, text, bits, book, and perhaps METADATA} with their edits; longer ones than `max_characters` are split."""
    schema, names = with_metadata(TEXTS, documents.column_names), carried(documents.column_names)
    long = np.flatnonzero(pc.greater(pc.utf8_length(documents["text"]), max_characters).to_numpy())
    touched = sorted({*long.tolist(), *edits})
    rest = np.setdiff1d(np.arange(documents.num_rows), touched)
    plain = documents.take(pa.array(rest))
    whole = {
        "id": plain["id"],
        "source": plain["source"],
        "text": plain["text"],
        "bits": _sums(plain["bits"]),
        "book": plain["book"],
        "heading": pa.nulls(len(rest), pa.string()),
        "position": pa.array(np.zeros(len(rest), np.int32)),
        **{name: plain[name] for name in names},
    }
    table = pa.table(whole, schema=schema)
    if not touched:
        return table
    rows: list[dict[str, Any]] = []
    order = rest.tolist()
    for row in touched:
        document = {name: documents[name][row].as_py() for name in (*_COLUMNS, "book", *names)}
        if (edited := edits.get(row, EditedDocument(document["text"], document["bits"]))) is not None:
            chunks = chunk_document(document, edited, max_characters=max_characters)
            rows += chunks
            order += [row] * len(chunks)
    both = pa.concat_tables([table, pa.Table.from_pylist(rows, schema=schema)])
    return both.take(pa.array(np.argsort(order, kind="stable")))


def chunk_document(whole: Mapping[str, Any], document: EditedDocument, *, max_characters: int) -> list[dict[str, Any]]:
    """A document as rows of TEXTS: ID#0, ID#1, ... if it is too long. `whole` has its id, book and source, and perhaps METADATA."""
    paragraphs = document.text.split("\n\n")
    cut = (
        split_into_chunks(paragraphs, max_characters=max_characters)
        if len(document.text) > max_characters
        else [Chunk(0, len(paragraphs), None)]
    )
    known = document.bits if document.bits is not None and len(document.bits) == len(paragraphs) else None
    return [
        {
            "id": whole["id"] if len(cut) == 1 else f"{whole['id']}#{position}",
            "source": whole["source"],
            "text": "\n\n".join(paragraphs[chunk.start : chunk.stop]),
            "bits": known and math.fsum(known[chunk.start : chunk.stop]),
            "book": whole["book"],
            "heading": chunk.heading if len(cut) > 1 else None,
            "position": position,
            **{name: whole[name] for name in carried(whole)},
        }
        for position, chunk in enumerate(cut)
    ]


def split_metrics(work: Work, index: Path, left: Mapping[str, Mapping[str, int]], sources: SourceInfo, by: By) -> dict[str, Any]:
    """The metrics."""
    total = work.total
    cut = total["cut"]
    items = HeldOutIndex(index).item_counts(read_table(path)["item"].to_numpy() for path in work.paths("found"))
    return {
        "assigned_by": by,
        **{part: {**total[part], "source_bits": _source_bits(work, part)} for part in PARTS},
        "documents": sum(total[part]["documents"] for part in PARTS),
        "books_cut": total["books_cut"],
        "paragraphs_cut": cut["paragraphs"],
        "documents_touched": cut["documents"],
        "documents_cut": cut["gone"],
        "leaks": {name: counts["paragraphs"] for name, counts in cut["leaks"].items()},
        "leaks_left": {name: counts["paragraphs"] for name, counts in left.items()},
        "benchmarks": {name: {**counts, **cut["leaks"][name]} for name, counts in items.items()},
        "mixture": mixture_metrics(total["mixture"], sources) | {"left_out": total["left_out"]},
        **({"licenses": leading(total["licenses"])} if "licenses" in total else {}),
    }


def _source_bits(work: Work, part: str) -> float | None:
    """The bits of all texts of a part, correctly rounded; None if any are unknown."""
    if any(bits.null_count for bits in _bits(work, part)):
        return None
    return math.fsum(number for bits in _bits(work, part) for number in bits.to_numpy())


def _bits(work: Work, part: str) -> Iterator[pa.ChunkedArray]:
    return (read_table(path, ["bits"])["bits"] for path in work.paths(part))


def _sums(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    """The sum of each list, null for null."""
    return pa.chunked_array([_sums_of(chunk) for chunk in lists.chunks], pa.float64())


def _sums_of(lists: pa.ListArray) -> pa.DoubleArray:
    offsets = lists.offsets.to_numpy()
    values = np.append(lists.values.to_numpy(), 0.0)  # reduceat needs every start to be a valid index
    empty = offsets[1:] == offsets[:-1]
    sums = np.where(empty, 0.0, np.add.reduceat(values, offsets)[:-1])
    return pa.array(sums, mask=lists.is_null().to_numpy(zero_copy_only=False))
