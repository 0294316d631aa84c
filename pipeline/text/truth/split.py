"""How well decontamination did, where the corpus knows which paragraphs were planted as leaks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.core.artifact.corpus import Corpus
from pipeline.core.artifact.tables import read_table
from pipeline.core.shards import Work

_WORD = re.compile(r"[^\W_]+")


def leaking(corpus: Corpus, work: Work, items: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What is known where the corpus has a table `truth` {id, leaks}, as {"truth": ...}; else nothing.

    By name: of the planted paragraphs that held one of its items and reached train, the share that was cut (recall); of the paragraphs
    that were cut for it, the share that was planted (precision). A whole document that was dropped counts by its planted paragraphs.

    What an item is, is judged anew: its words stand in the paragraph, one after the other.
    """
    if not corpus.has_table("truth"):
        return {}
    planted = {row["id"]: row["leaks"] for row in corpus.table("truth", ["id", "leaks"]).to_pylist() if row["leaks"]}
    left = _left(work, pa.array(sorted(planted), pa.string()))
    cut = [row for row in work.table("cut").to_pylist()]
    gone = {(row["id"], text) for row in cut for text in row["text"].split("\n\n")}
    found = {}
    for name, texts in items.items():
        asked = [f" {words} " for words in dict.fromkeys(map(_words, texts)) if words]
        holding = {
            (identity, text) for identity, leaks in planted.items() for text in leaks if any(one in f" {_words(text)} " for one in asked)
        }
        caught, reached = len(holding & gone), len(holding & (gone | left))
        paragraphs = [(row["id"], row["text"]) for row in cut if name in row["against"].split(",") and row["paragraph"] is not None]
        right = sum(text in planted.get(identity, ()) for identity, text in paragraphs)
        found[name] = {
            "planted": reached,
            "recall": caught / reached if reached else None,
            "precision": right / len(paragraphs) if paragraphs else None,
        }
    return {"truth": found}


def _left(work: Work, ids: pa.Array) -> set[tuple[str, str]]:
    """The paragraphs of these documents that train holds."""
    left: set[tuple[str, str]] = set()
    for path in work.paths("train"):
        table = read_table(path, ["book", "text"])
        for row in table.filter(pc.is_in(table["book"], ids)).to_pylist():
            left.update((row["book"], text) for text in row["text"].split("\n\n"))
    return left


def _words(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
