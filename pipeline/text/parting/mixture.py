"""How much of each source train holds: a document of a source with weight 2.3 stands twice, and once more with probability 0.3."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.files import read_json
from pipeline.core.seed import seed_of

Weights = Mapping[str, float]  # by source; 1 for one that is not named
Facts = Mapping[str, Mapping[str, Any]]  # by source: weight, tags, synthetic, ...


def sources_of(corpus: Corpus) -> Facts:
    """What the corpus states about its sources; nothing is a weight of 1 each."""
    found: Facts = read_json(corpus.file("sources.json")) if corpus.has("sources.json") else {}
    return found


def weights_of(sources: Facts) -> dict[str, float]:
    """The weights that are not 1."""
    return {name: float(facts["weight"]) for name, facts in sources.items() if facts["weight"] != 1}


def times(book: str, weight: float, seed: int) -> int:
    """How often a document stands in train; the seed and its id alone decide."""
    whole = int(weight)
    return whole + (seed_of(seed, "mixture", book) / 2**63 < weight - whole)


def mix(train: pa.Table, weights: Weights, seed: int) -> tuple[pa.Table, int]:
    """The texts as often as their weights say, and how many books were left out. The second time the id of a text is ID*2.

    All pieces of a book stand equally often; the copies follow when all texts have had their turn.
    """
    if not weights or not train.num_rows:
        return train, 0
    books = [(book, weights.get(source, 1.0)) for book, source in zip(train["book"].to_pylist(), train["source"].to_pylist(), strict=True)]
    by_book = {book: times(book, weight, seed) for book, weight in dict(books).items()}
    counts = np.array([by_book[book] for book, _ in books])
    rounds = [train.filter(pa.array(counts > turn)) for turn in range(max(1, counts.max()))]
    named = [_renamed(table, turn) for turn, table in enumerate(rounds, start=1)]
    return pa.concat_tables(named), sum(count == 0 for count in by_book.values())


def by_source(train: pa.Table) -> dict[str, dict[str, int]]:
    """Documents and bytes (of UTF-8) of each source."""
    sizes = pa.table({"source": train["source"], "bytes": pc.cast(pc.binary_length(train["text"]), pa.int64())})
    rows = sizes.group_by("source", use_threads=False).aggregate([("bytes", "count"), ("bytes", "sum")]).sort_by("source")
    return {row["source"]: {"documents": row["bytes_count"], "bytes": row["bytes_sum"]} for row in rows.to_pylist()}


def mixture(found: Mapping[str, Mapping[str, int]], sources: Facts) -> dict[str, Any]:
    """What train consists of: by source; the share of the bytes with each tag; the share of the bytes that a model wrote."""
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
