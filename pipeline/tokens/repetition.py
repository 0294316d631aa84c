"""How much an answer repeats itself."""

from collections.abc import Sequence
from itertools import pairwise


def distinct(ids: Sequence[int]) -> float:
    """The share of different pairs of neighbouring tokens, as distinct-2 (Li et al. 2016) within an answer; 1 for a single token."""
    followed = list(pairwise(ids))
    return len(set(followed)) / len(followed) if followed else 1.0
