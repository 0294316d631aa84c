"""A shard of documents as the three parts of it that are written: cleansed, cut into documents of bounded length, and mixed."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.split import PARTS, TEXTS
from pipeline.core.artifact.tables import read_table
from pipeline.core.shards import Piece, Work
from pipeline.text.parting.chapters import Stretch, stretches
from pipeline.text.parting.decontaminate import Edited, Policies, cleanse
from pipeline.text.parting.held import Held
from pipeline.text.parting.mixture import Facts, Weights, by_source, mix, mixture
from pipeline.text.parting.split import Dealt

_COLUMNS = ("id", "source", "text", "bits")


def write_parts(dealt: Dealt, *, held: Path, policies: Policies, longest: int, weights: Weights, seed: int) -> Iterator[Piece]:
    """The tables train, val and test (columns as in TEXTS), cut, and found (the items that were found) of a shard."""
    documents = dealt.shard.table("documents", _COLUMNS)
    parts = {part: documents.filter(dealt.among(part)) for part in PARTS}
    cleansed = cleanse(parts["train"], Held(held), policies)
    texts: dict[str, pa.Table] = {
        part: texts_of(table, cleansed.edits if part == "train" else {}, longest=longest) for part, table in parts.items()
    }
    books = sum(pc.sum(pc.equal(table["position"], 1)).as_py() or 0 for table in texts.values())
    texts["train"], left_out = mix(texts["train"], weights, seed)
    sizes: dict[str, Any] = {
        part: {"documents": table.num_rows, "bytes": pc.sum(pc.binary_length(table["text"])).as_py() or 0} for part, table in texts.items()
    }
    counts = {"books_cut": books, "left_out": left_out, "mixture": by_source(texts["train"]), "cut": cleansed.counts}
    yield Piece({**texts, "cut": cleansed.cut, "found": cleansed.found}, {**sizes, **counts})


def texts_of(documents: pa.Table, edits: Mapping[int, Edited | None], *, longest: int) -> pa.Table:
    """The documents {id, source, text, bits}, some of them edited, those longer than `longest` characters cut into several."""
    long = np.flatnonzero(pc.greater(pc.utf8_length(documents["text"]), longest).to_numpy())
    touched = sorted({*long.tolist(), *edits})
    rest = np.setdiff1d(np.arange(documents.num_rows), touched)
    plain = documents.take(pa.array(rest))
    whole = {
        "id": plain["id"],
        "source": plain["source"],
        "text": plain["text"],
        "bits": _sums(plain["bits"]),
        "book": plain["id"],
        "heading": pa.nulls(len(rest), pa.string()),
        "position": pa.array(np.zeros(len(rest), np.int32)),
    }
    table = pa.table(whole, schema=TEXTS)
    if not touched:
        return table
    rows: list[dict[str, Any]] = []
    order = rest.tolist()
    for row in touched:
        document = {name: documents[name][row].as_py() for name in _COLUMNS}
        if (edited := edits.get(row, Edited(document["text"], document["bits"]))) is not None:
            pieces = pieces_of(document["id"], document["source"], edited, longest=longest)
            rows += pieces
            order += [row] * len(pieces)
    both = pa.concat_tables([table, pa.Table.from_pylist(rows, schema=TEXTS)])
    return both.take(pa.array(np.argsort(order, kind="stable")))


def pieces_of(identity: str, source: str, document: Edited, *, longest: int) -> list[dict[str, Any]]:
    """A document as rows of TEXTS: ID#0, ID#1, ... where it is too long, else itself."""
    paragraphs = document.text.split("\n\n")
    cut = stretches(paragraphs, longest=longest) if len(document.text) > longest else [Stretch(0, len(paragraphs), None)]
    known = document.bits if document.bits is not None and len(document.bits) == len(paragraphs) else None
    return [
        {
            "id": identity if len(cut) == 1 else f"{identity}#{position}",
            "source": source,
            "text": "\n\n".join(paragraphs[stretch.start : stretch.stop]),
            "bits": known and math.fsum(known[stretch.start : stretch.stop]),
            "book": identity,
            "heading": stretch.heading if len(cut) > 1 else None,
            "position": position,
        }
        for position, stretch in enumerate(cut)
    ]


def told(work: Work, held: Path, left: Mapping[str, Mapping[str, int]], sources: Facts) -> dict[str, Any]:
    """The metrics."""
    total = work.total
    cut = total["cut"]
    items = Held(held).told(read_table(path)["item"].to_numpy() for path in work.paths("found"))
    return {
        **{part: {**total[part], "source_bits": _source_bits(work, part)} for part in PARTS},
        "documents": sum(total[part]["documents"] for part in PARTS),
        "books_cut": total["books_cut"],
        "paragraphs_cut": cut["paragraphs"],
        "documents_touched": cut["documents"],
        "documents_cut": cut["gone"],
        "leaks": {name: counts["paragraphs"] for name, counts in cut["leaks"].items()},
        "leaks_left": {name: counts["paragraphs"] for name, counts in left.items()},
        "benchmarks": {name: {**counts, **cut["leaks"][name]} for name, counts in items.items()},
        "mixture": mixture(total["mixture"], sources) | {"left_out": total["left_out"]},
    }


def _source_bits(work: Work, part: str) -> float | None:
    """The bits of all texts of a part, rightly rounded; null where those of one are unknown."""
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
    values = np.append(lists.values.to_numpy(), 0.0)  # reduceat wants every start to be a place
    empty = offsets[1:] == offsets[:-1]
    sums = np.where(empty, 0.0, np.add.reduceat(values, offsets)[:-1])
    return pa.array(sums, mask=lists.is_null().to_numpy(zero_copy_only=False))
