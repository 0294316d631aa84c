"""What hangs together by pairs, against a search from each."""

import random

import numpy as np
import pytest

from pipeline.text.union_find import union_pairs


def searched(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """The lowest number that is reached from each."""
    near = {number: {number} for number in range(count)}
    for one, two in pairs:
        near[one].add(two)
        near[two].add(one)
    lowest = []
    for number in range(count):
        reached, fresh = {number}, {number}
        while fresh := {other for one in fresh for other in near[one]} - reached:
            reached |= fresh
        lowest.append(min(reached))
    return lowest


@pytest.mark.parametrize("kind", [np.uint32, np.int64])
def test_every_parent_is_the_lowest_of_what_hangs_together(kind) -> None:
    dice = random.Random(2)
    for links in (0, 10, 30, 80):
        pairs = [(dice.randrange(60), dice.randrange(60)) for _ in range(links)]
        parent = np.arange(60, dtype=kind)
        union_pairs(parent, np.array(pairs, kind).reshape(-1, 2))
        assert parent.tolist() == searched(60, pairs)


def test_what_was_joined_before_stays_joined() -> None:
    parent = np.array([0, 0, 2, 2, 4], np.uint32)
    union_pairs(parent, np.array([[3, 1]], np.uint32))
    assert parent.tolist() == [0, 0, 0, 0, 4]
