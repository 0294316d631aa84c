"""How well the repairs did, where the corpus knows the truth of each document.

The truth table: id, fate (keep | drop), clean (what perfect cleaning yields), plants (names of repairs among them).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa


def cleaning(truth: pa.Table, documents: pa.Table, repairs: pa.Table, *, names: Sequence[str]) -> dict[str, Any]:
    """By repair how many are planted, precision and recall; and `equal`, the share of the documents to keep whose text is as it should be.

    A repair is judged on the documents that should be kept: it found the plant if it changed the document.
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
