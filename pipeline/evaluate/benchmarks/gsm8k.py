"""GSM8K: word problems of school arithmetic, worked out in steps (Cobbe et al. 2021, arXiv 2110.14168).

Rows: question, answer, which ends in `#### NUMBER`.
"""

import re
from collections.abc import Mapping
from typing import Any

from pipeline.evaluate.benchmarks.problem import Answers, Written

NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")
MARK = "####"


def _read(row: Mapping[str, Any]) -> Written:
    _, mark, last = row["answer"].rpartition(MARK)
    if not mark or not NUMBER.fullmatch(last.strip()):
        raise ValueError(f"{row['answer'][-40:]!r} does not end in {MARK} NUMBER")
    return Written(context=f"Question: {row['question']}\nAnswer:", answer=f" {row['answer']}", accepted=frozenset({_plain(last)}))


def _found(text: str) -> str:
    """The number behind the mark; without a mark the last one."""
    _, mark, behind = text.partition(MARK)
    numbers = NUMBER.findall(behind if mark else text)
    return _plain(numbers[0 if mark else -1]) if numbers else ""


def _plain(number: str) -> str:
    plain = number.strip().replace(",", "").replace("$", "").rstrip(".")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


FORMAT = Answers(_read, _found, stops=("Question:", "\n\n"))
