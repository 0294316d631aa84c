"""MMLU: questions of 57 subjects with four answers, of which the letter is asked (Hendrycks et al. 2021, arXiv 2009.03300).

Rows: question, choices, answer (a number), subject; or the published CSV without a head: question, four answers, a letter, its file named
SUBJECT_test.csv.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Choices, Problem, letter, right_first

COLUMNS = ("question", "A", "B", "C", "D", "answer")


def _read(row: Mapping[str, Any]) -> Problem:
    choices = row["choices"] if "choices" in row else [row[one] for one in "ABCD"]
    letters = [letter(number) for number in range(len(choices))]
    right = row["answer"] if isinstance(row["answer"], int) else letters.index(row["answer"])
    subject = row.get("subject") or re.sub(r"_(test|val|dev)$", "", row["file"])
    lines = [f"{one}. {choice}" for one, choice in zip(letters, choices, strict=True)]
    return Problem(
        context="\n".join([str(row["question"]).strip(), *lines, "Answer:"]),
        choices=right_first([f" {one}" for one in letters], right),
        group=subject,
        prior="Answer:",
        heading=f"The following are multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n",
    )


FORMAT = Choices(_read, columns=COLUMNS, prior=True)
