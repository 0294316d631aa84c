"""How well dedup did, where the corpus knows the truth of each document.

The truth table's columns: id, copy_of, copy_kind (exact | near), passages (paragraphs that stand in another document too) and spans (runs
of words that do); a passage is listed at each document in which it stands.
"""

from collections import Counter
from typing import Any

import pyarrow as pa


def deduplication(truth: pa.Table, documents: pa.Table, clusters: pa.Table, passages: pa.Table) -> dict[str, Any]:
    """Copies and what repeats inside documents that are none: how much was planted, found, and rightly removed.

    `documents` are those that were kept, as they are now.
    """
    texts = dict(zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True))
    rows = truth.select(["id", "copy_of", "copy_kind", "passages", "spans"]).to_pylist()
    whole = {row["id"] for row in clusters.to_pylist() if row["kept"] or row["kind"] == "emptied"}
    cut = passages.to_pylist()
    inside = {}
    for name, level in (("passages", "paragraph"), ("spans", "substring")):
        planted = {row["id"]: row[name] for row in rows if row["id"] in whole and row[name]}
        inside[name] = _inside(planted, texts, [entry for entry in cut if entry["level"] == level])
    return {**_copies(rows, clusters), **inside}


def _copies(rows: list[dict[str, Any]], clusters: pa.Table) -> dict[str, Any]:
    """Of the planted copies by kind, the share found in one cluster with their original; of the copies removed, the share that repeat the
    document that was kept."""
    origin = {row["id"]: row["copy_of"] or row["id"] for row in rows}
    cluster = dict(zip(clusters["id"].to_pylist(), clusters["cluster"].to_pylist(), strict=True))
    recall = {}
    for kind in ("exact", "near"):
        copies = [row for row in rows if row["copy_kind"] == kind and row["id"] in cluster and row["copy_of"] in cluster]
        found = sum(cluster[row["id"]] == cluster[row["copy_of"]] for row in copies)
        recall[kind] = {"planted": len(copies), "recall": found / len(copies) if copies else None}
    removed = [identity for identity, kept in cluster.items() if kept != identity]
    right = sum(origin.get(identity) == origin.get(cluster[identity]) for identity in removed)
    return {**recall, "removed": len(removed), "precision": right / len(removed) if removed else None}


def _inside(planted: dict[str, list[str]], texts: dict[str, str], cut: list[dict[str, Any]]) -> dict[str, Any]:
    """Of what stands in several documents, the share that stands in one alone afterwards; of what was cut, the share that was planted."""
    places = Counter(passage for passages in planted.values() for passage in passages)
    holders: dict[str, set[str]] = {}
    for identity, passages in planted.items():
        for passage in passages:
            holders.setdefault(passage, set()).add(identity)
    repeated = {passage: holders[passage] for passage, count in places.items() if count > 1}
    found = sum(sum(passage in texts.get(holder, "") for holder in own) == 1 for passage, own in repeated.items())
    right = sum(any(_overlap(entry["text"], passage) for passage in planted.get(entry["id"], ())) for entry in cut)
    return {
        "planted": len(repeated),
        "recall": found / len(repeated) if repeated else None,
        "removed": len(cut),
        "precision": right / len(cut) if cut else None,
    }


def _overlap(one: str, other: str) -> bool:
    """Whether one holds the other."""
    return one in other or other in one
