"""BLiMP: two sentences that differ in one point of grammar (Warstadt et al. 2020, arXiv 1912.00582).

Rows: sentence_good, sentence_bad, UID (the paradigm).
"""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Choices, Problem


def _read(row: Mapping[str, Any]) -> Problem:
    return Problem(context="", choices=[row["sentence_good"], row["sentence_bad"]], group=str(row.get("UID") or ""))


FORMAT = Choices(_read)
