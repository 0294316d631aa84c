"""Randomness has a name, and order needs no memory."""

import numpy as np
import pytest

from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of, stream


def test_a_seed_depends_on_every_name_and_on_nothing_else():
    assert seed_of(1, "shuffle", 3) == seed_of(1, "shuffle", 3) == 3566578345221610064
    assert (
        len(
            {
                seed_of(1, "shuffle", 3),
                seed_of(2, "shuffle", 3),
                seed_of(1, "split", 3),
                seed_of(1, "shuffle", 4),
                seed_of(1, "shuffle", "3"),
            }
        )
        == 5
    )


def test_names_do_not_run_together():
    assert seed_of(1, "ab", "c") != seed_of(1, "a", "bc")


def test_two_streams_of_one_name_are_equal():
    assert (stream(7, "rollout", 2).random(8) == stream(7, "rollout", 2).random(8)).all()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 4097])
def test_a_permutation_hits_every_row_once(size):
    assert sorted(Permutation(size, seed=5)[np.arange(size)].tolist()) == list(range(size))


def test_a_position_is_the_same_alone_and_in_a_crowd():
    order = Permutation(1000, seed=5)
    assert order[np.arange(1000)][417] == order[417]


def test_a_permutation_looks_shuffled():
    rows = Permutation(10_000, seed=5)[np.arange(10_000)].astype(float)
    assert abs(np.corrcoef(rows, np.arange(10_000))[0, 1]) < 0.05
    assert abs(np.corrcoef(rows[1:], rows[:-1])[0, 1]) < 0.05


def test_a_position_outside_is_refused():
    with pytest.raises(IndexError, match="position 10 of a permutation of 10"):
        Permutation(10, seed=1)[10]
