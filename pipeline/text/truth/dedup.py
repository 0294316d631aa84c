"""Precision and recall of dedup against ground truth.

Columns of the truth table: id, copy_of, copy_kind (exact | near), passages (paragraphs that also occur in another document), spans (runs of
words that do); a passage is listed with each document that holds it.
"""

from collections import Counter
from typing import Any

import pyarrow as pa


def dedup_metrics(truth: pa.Table, documents: pa.Table, clusters: pa.Table, passages: pa.Table) -> dict[str, Any]:
    """Copies, and repetition inside documents that are none: how much was planted, found, and correctly removed.

    `documents` are the kept ones after dedup.
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
    """Recall: the share of planted copies, by kind, clustered with their original. Precision: the share of removed copies that repeat the
    kept document."""
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
    """Recall: the share of repeated passages that occur in only one document afterwards. Precision: the share of cuts that were planted."""
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
    """Whether one contains the other."""
    return one in other or other in one
