"""Rows of like length stand together, and each comes as often as it was drawn."""

import numpy as np

from pipeline.align.order import WINDOW, order_of_rows
from pipeline.train.schedule import rows_of

STEPS, BATCH, SEED = 21, 4, 3
LENGTHS = [int(length) for length in np.random.default_rng(1).integers(1, 100, 30)]


def padding(order: np.ndarray) -> int:
    """Positions that hold no token."""
    batches = np.asarray(LENGTHS)[order].reshape(-1, BATCH)
    return int((batches.max(1, keepdims=True) - batches).sum())


def test_each_window_holds_the_rows_that_were_drawn_for_it() -> None:
    drawn = rows_of(0, batch=STEPS * BATCH, rows=len(LENGTHS), seed=SEED)
    order = order_of_rows(LENGTHS, steps=STEPS, batch=BATCH, seed=SEED)
    size = WINDOW * BATCH
    for start in range(0, len(drawn), size):
        assert sorted(order[start : start + size]) == sorted(drawn[start : start + size])


def test_a_batch_is_much_fuller_than_one_drawn_blindly() -> None:
    blind = rows_of(0, batch=STEPS * BATCH, rows=len(LENGTHS), seed=SEED)
    assert padding(order_of_rows(LENGTHS, steps=STEPS, batch=BATCH, seed=SEED)) < 0.35 * padding(blind)


def test_the_batches_of_a_window_come_in_no_order_of_length() -> None:
    order = order_of_rows(LENGTHS, steps=STEPS, batch=BATCH, seed=SEED)
    longest = np.asarray(LENGTHS)[order].reshape(-1, BATCH).max(1)[:WINDOW]
    assert not (np.diff(longest) >= 0).all()
