"""The documents of packed rows, by their places; and how often each token stands in rows.

batch B, time T, vocabulary V
"""

import numpy as np
import numpy.typing as npt

from pipeline.tokens.dialogues import IGNORE_INDEX
from pipeline.tokens.rows import Batch, Rows


def runs_of(batch: Batch, row: int) -> list[tuple[int, int]]:
    """Where each document begins in a row, and how many of its tokens are there. Padding is none."""
    real = int((batch.targets[row] != IGNORE_INDEX).sum())  # padding stands at the end
    starts = np.flatnonzero(batch.positions[row, :real] == 0)
    return list(zip(starts.tolist(), np.diff(starts, append=real).tolist(), strict=True))


def unigram(rows: Rows, *, vocabulary: int) -> npt.NDArray[np.float64]:
    """The log-probability of each token by its count, and one more (Laplace): [V], nats."""
    counts = np.ones(vocabulary)
    for tokens, _ in rows.shards:
        counts += np.bincount(tokens.tokens[:-1], minlength=vocabulary)
    found: npt.NDArray[np.float64] = np.log(counts / counts.sum())
    return found
