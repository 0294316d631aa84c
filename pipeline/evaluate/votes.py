"""Several sampled answers to one question, and the one that most of them give (self-consistency: Wang et al. 2022, arXiv 2203.11171)."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def majority(answers: Sequence[str]) -> str:
    """The answer that is given most often, of equals the one that was given first; what says nothing has no vote where another says
    something."""
    said = Counter(answer for answer in answers if answer)
    return max(said, key=said.__getitem__, default="")


def grouped(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    """The rows in groups of so many neighbours."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
