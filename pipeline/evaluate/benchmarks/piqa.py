"""PIQA: two ways to reach a goal (Bisk et al. 2020, arXiv 1911.11641).

Rows: goal, sol1, sol2, label (0 or 1), which the published valid.jsonl has beside it, in valid-labels.lst.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Choices, Problem, right_first


def _read(row: Mapping[str, Any]) -> Problem | None:
    if (right := int(str(row["label"]))) == -1:  # the test part of the hub keeps its answers secret
        return None
    solutions = [f" {row['sol1']}", f" {row['sol2']}"]
    return Problem(context=f"Question: {row['goal']}\nAnswer:", choices=right_first(solutions, right), prior="Answer:")


FORMAT = Choices(_read, prior=True)
