"""Precision and recall of the selection against ground truth.

Columns of the truth table: id, fate (keep | drop), plants (for a document to drop: the reason).
"""

import pyarrow as pa

# reason: the planted kind of which it is a sign too. A document in another language has few of the stop words of English
_SIGNS = {"few_stopwords": "foreign"}


def selection_metrics(truth: pa.Table, dropped: pa.Table) -> dict[str, dict[str, float | int | None]]:
    """Precision and recall by kind: a document counts as found only if it was dropped for the planted reason, or another sign of it.

    Documents without a truth row are ignored.
    """
    rows = truth.select(["id", "fate", "plants"]).to_pylist()
    known = {row["id"] for row in rows}
    wanted = {(row["id"], reason) for row in rows if row["fate"] == "drop" for reason in row["plants"]}
    found = {
        (row["id"], _SIGNS.get(row["reason"], row["reason"])) for row in dropped.select(["id", "reason"]).to_pylist() if row["id"] in known
    }
    return {reason: _compare(reason, found, wanted) for reason in sorted({reason for _, reason in wanted | found})}


def _compare(reason: str, found: set[tuple[str, str]], wanted: set[tuple[str, str]]) -> dict[str, float | int | None]:
    mine, planted = ({pair for pair in pairs if pair[1] == reason} for pairs in (found, wanted))
    right = len(mine & planted)
    return {"planted": len(planted), "precision": right / len(mine) if mine else None, "recall": right / len(planted) if planted else None}
