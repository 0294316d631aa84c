"""How well cleaning and dedup did, where the corpus knows the truth of each document.

The truth table: id, fate (keep | drop), clean, plants (names of repairs or of the rule that should drop), copy_of, copy_kind.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa


def cleaning(truth: pa.Table, kept: pa.Table, dropped: pa.Table, repairs: pa.Table, *, names: Sequence[str]) -> dict[str, Any]:
    """Precision and recall of each repair and each reason to drop, and the share of the documents whose text is as it should be.

    A repair is judged on the documents that should be kept: it found the plant if it changed the document. `equal` counts a document that
    should be kept and was not as unequal.
    """
    rows = truth.to_pylist()
    good = {row["id"]: row for row in rows if row["fate"] == "keep"}
    fired = {(row["id"], row["repair"]) for row in repairs.to_pylist()}
    thrown = {(row["id"], row["reason"]) for row in dropped.to_pylist()}
    wanted = {(row["id"], reason) for row in rows if row["fate"] == "drop" for reason in row["plants"]}
    reasons = sorted({reason for _, reason in wanted | thrown})
    planted = {(identity, name) for identity, row in good.items() for name in row["plants"]}
    texts = dict(zip(kept["id"].to_pylist(), kept["text"].to_pylist(), strict=True))
    equal = sum(texts.get(identity) == row["clean"] for identity, row in good.items())
    return {
        "repairs": {name: _compare(_of(fired, name) & good.keys(), _of(planted, name)) for name in names},
        "drops": {reason: _compare(_of(thrown, reason), _of(wanted, reason)) for reason in reasons},
        "equal": equal / len(good) if good else None,
    }


def deduplication(truth: pa.Table, clusters: pa.Table) -> dict[str, Any]:
    """Of the planted copies by kind, the share found in one cluster with their original; of the documents removed, the share that repeat
    the one that was kept."""
    origin = {row["id"]: row["copy_of"] or row["id"] for row in truth.to_pylist()}
    cluster = dict(zip(clusters["id"].to_pylist(), clusters["cluster"].to_pylist(), strict=True))
    recall = {}
    for kind in ("exact", "near"):
        copies = [row for row in truth.to_pylist() if row["copy_kind"] == kind and row["id"] in cluster and row["copy_of"] in cluster]
        found = sum(cluster[row["id"]] == cluster[row["copy_of"]] for row in copies)
        recall[kind] = {"planted": len(copies), "recall": found / len(copies) if copies else None}
    removed = [row["id"] for row in clusters.to_pylist() if not row["kept"]]
    right = sum(origin.get(identity) == origin.get(cluster[identity]) for identity in removed)
    return {**recall, "removed": len(removed), "precision": right / len(removed) if removed else None}


def _of(pairs: Iterable[tuple[str, str]], name: str) -> set[str]:
    return {identity for identity, found in pairs if found == name}


def _compare(found: set[str], planted: set[str]) -> dict[str, float | int | None]:
    right = len(found & planted)
    return {
        "planted": len(planted),
        "precision": right / len(found) if found else None,
        "recall": right / len(planted) if planted else None,
    }
