"""HellaSwag: four endings of a scene (Zellers et al. 2019, arXiv 1905.07830).

Rows: activity_label, ctx_a, ctx_b, endings, label (a number, or its digits; empty where the answer is kept secret).
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Choices, Problem, right_first


def _read(row: Mapping[str, Any]) -> Problem | None:
    if str(row.get("label", "")) == "":
        return None
    before = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
    endings = [f" {_plain(ending)}" for ending in row["endings"]]
    return Problem(context=_plain(before), choices=right_first(endings, int(str(row["label"]))), prior="")


def _plain(text: str) -> str:
    """Without the marks of the WikiHow pages that a part of it was taken from."""
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r" {2,}", " ", re.sub(r"\[.*?\]", "", text)).strip()


FORMAT = Choices(_read, prior=True)
