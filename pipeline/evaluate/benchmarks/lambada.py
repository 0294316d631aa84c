"""LAMBADA: the last word of a passage, which only the whole passage tells (Paperno et al. 2016, arXiv 1606.06031).

Rows: text.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Choices, Problem


def _read(row: Mapping[str, Any]) -> Problem | None:
    before, blank, last = row["text"].rstrip().rpartition(" ")
    return Problem(context=before, choices=[blank + last]) if before else None


FORMAT = Choices(_read, one=True)
