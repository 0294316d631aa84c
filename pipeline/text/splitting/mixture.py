"""Source weights: a document of a source with weight 2.3 is in train twice, and a third time with probability 0.3."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.metadata import UNKNOWN
from pipeline.core.files import read_json
from pipeline.core.seed import seed_of

Weights = Mapping[str, float]  # by source; default 1
SourceInfo = Mapping[str, Mapping[str, Any]]  # by source: weight, tags, synthetic, ...


def source_info(corpus: Corpus) -> SourceInfo:
    """sources.json of the corpus, if it has one."""
    found: SourceInfo = read_json(corpus.file("sources.json")) if corpus.has("sources.json") else {}
    return found


def sampling_weights(sources: SourceInfo) -> dict[str, float]:
    """The weights other than 1."""
    return {name: float(facts["weight"]) for name, facts in sources.items() if facts["weight"] != 1}


def repetitions(book: str, weight: float, seed: int) -> int:
    """How often a document is in train; a function of its id and the seed."""
    whole = int(weight)
    return whole + (seed_of(seed, "mixture", book) / 2**63 < weight - whole)


def repeat_by_weight(train: pa.Table, weights: Weights, seed: int) -> tuple[pa.Table, int]:
    """Repeat the texts by weight, and count the books left out. The id of a second repetition is ID*2.

    All chunks of a book are repeated equally often; repetitions follow after all texts.
    """
    if not weights or not train.num_rows:
        return train, 0
    books = [(book, weights.get(source, 1.0)) for book, source in zip(train["book"].to_pylist(), train["source"].to_pylist(), strict=True)]
    by_book = {book: repetitions(book, weight, seed) for book, weight in dict(books).items()}
    counts = np.array([by_book[book] for book, _ in books])
    rounds = [train.filter(pa.array(counts > turn)) for turn in range(max(1, counts.max()))]
    named = [_renamed(table, turn) for turn, table in enumerate(rounds, start=1)]
    return pa.concat_tables(named), sum(count == 0 for count in by_book.values())


def count_by(train: pa.Table, column: str) -> dict[str, dict[str, int]]:
    """Documents and bytes (of UTF-8) by the values of a column, null as UNKNOWN."""
    sizes = pa.table({"by": pc.fill_null(train[column], UNKNOWN), "bytes": pc.cast(pc.binary_length(train["text"]), pa.int64())})
    rows = sizes.group_by("by", use_threads=False).aggregate([("bytes", "count"), ("bytes", "sum")]).sort_by("by")
    return {row["by"]: {"documents": row["bytes_count"], "bytes": row["bytes_sum"]} for row in rows.to_pylist()}


def mixture_metrics(found: Mapping[str, Mapping[str, int]], sources: SourceInfo) -> dict[str, Any]:
    """The mixture of train: by source; the share of bytes with each tag; the share of synthetic bytes."""
    total = sum(counts["bytes"] for counts in found.values()) or 1
    share = {name: counts["bytes"] / total for name, counts in found.items()}
    tags = {name: tuple(sources.get(name, {}).get("tags", ())) for name in found}
    return {
        "sources": {name: {**counts, "share": share[name]} for name, counts in sorted(found.items())},
        "tags": {tag: sum(share[name] for name in sorted(found) if tag in tags[name]) for tag in sorted(set().union(*tags.values()))},
        "synthetic": sum(share[name] for name in sorted(found) if sources.get(name, {}).get("synthetic")),
    }


def _renamed(table: pa.Table, turn: int) -> pa.Table:
    if turn == 1:
        return table
    place = table.schema.get_field_index("id")
    return table.set_column(place, table.schema.field("id"), pc.binary_join_element_wise(table["id"], f"*{turn}", ""))
