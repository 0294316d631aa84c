"""TriviaQA without its documents: a question, and all names of the answer (Joshi et al. 2017, arXiv 1705.03551).

Rows: Question, Answer {Value, Aliases}, in the list Data of a published file as unfiltered-web-dev.json; or, on the hub, question, answer
{value, aliases}.
"""

import re
import string
from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Answers, Written


def _read(row: Mapping[str, Any]) -> Written | None:
    row = {key.lower(): value for key, value in row.items()}
    if not row.get("answer"):  # kept secret
        return None
    answer = {key.lower(): value for key, value in row["answer"].items()}
    names = [answer["value"], *answer.get("aliases", ())]
    accepted = frozenset(filter(None, map(_plain, names)))
    return Written(context=f"Question: {row['question']}\nAnswer:", answer=f" {answer['value']}", accepted=accepted)


def _plain(text: str) -> str:
    """Small letters without articles, punctuation and runs of blanks, as the authors' script has it."""
    text = "".join(" " if mark in string.punctuation else mark for mark in text.lower().replace("_", " "))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


FORMAT = Answers(_read, _plain, stops=("\n", "Question:"))
