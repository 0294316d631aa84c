"""ARC: science questions of school tests (Clark et al. 2018, arXiv 1803.05457).

Rows: question {stem, choices [{text, label}]}, answerKey; or question, choices {text, label}, answerKey.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Choices, Problem, right_first


def _read(row: Mapping[str, Any]) -> Problem:
    if isinstance(row["question"], Mapping):
        stem, choices = row["question"]["stem"], row["question"]["choices"]
        texts, labels = [one["text"] for one in choices], [one["label"] for one in choices]
    else:
        stem, texts, labels = row["question"], list(row["choices"]["text"]), list(row["choices"]["label"])
    answers = right_first([f" {text}" for text in texts], labels.index(row["answerKey"]))
    return Problem(context=f"Question: {stem}\nAnswer:", choices=answers, prior="Answer:")


FORMAT = Choices(_read, prior=True)
