"""Precision and recall of the repairs against ground truth.

Columns of the truth table: id, fate (keep | drop), clean (the text after perfect cleaning), plants (among them names of repairs).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa


def cleaning_metrics(truth: pa.Table, documents: pa.Table, repairs: pa.Table, *, names: Sequence[str]) -> dict[str, Any]:
    """For each repair: planted, precision, recall; and `equal`, the share of documents to keep whose text is exactly the clean one.

    Only documents to keep count; a repair found its plant if it changed the document.
    """
    good = {row["id"]: row for row in truth.to_pylist() if row["fate"] == "keep"}
    fired = {(row["id"], row["repair"]) for row in repairs.to_pylist() if row["id"] in good}
    planted = {(identity, name) for identity, row in good.items() for name in row["plants"]}
    texts = dict(zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True))
    equal = sum(texts.get(identity) == row["clean"] for identity, row in good.items())
    return {
        "repairs": {name: _compared(_of(fired, name), _of(planted, name)) for name in names},
        "equal": equal / len(good) if good else None,
    }


def _of(pairs: Iterable[tuple[str, str]], name: str) -> set[str]:
    return {identity for identity, found in pairs if found == name}


def _compared(found: set[str], planted: set[str]) -> dict[str, float | int | None]:
    right = len(found & planted)
    return {
        "planted": len(planted),
        "precision": right / len(found) if found else None,
        "recall": right / len(planted) if planted else None,
    }
