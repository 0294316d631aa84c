"""Learning rates over the steps, and the rows that a step reads: pure functions, so that any step can be computed alone."""

import numpy as np
import numpy.typing as npt

from pipeline.core.order import Permutation
from pipeline.core.seed import seed_of


def warmup_stable_decay(step: int, *, steps: int, warmup: float, decay: float) -> float:
    """The factor on every learning rate in step 0..steps-1: a linear rise, a plateau of 1, a linear fall towards 0.

    `warmup` and `decay` are shares of the steps. Hu et al. 2024 (MiniCPM); linear decay: Bergsma et al. 2025.
    """
    rise, fall = warmup * steps, decay * steps
    up = (step + 1) / rise if rise else 1.0
    down = (steps - step) / fall if fall else 1.0
    return min(1.0, up, down)


def linear_decay(step: int, *, steps: int) -> float:
    """The factor on a learning rate in step 0..steps-1: from 1 towards 0."""
    return 1 - step / steps


def rows_of(step: int, *, batch: int, rows: int, seed: int) -> npt.NDArray[np.int64]:
    """The numbers of the `batch` rows that a step reads: epoch after epoch, each in an order of its own."""
    positions = np.arange(step * batch, (step + 1) * batch)
    epochs = positions // rows
    parts = [Permutation(rows, seed_of(seed, "shuffle", int(epoch)))[positions[epochs == epoch] % rows] for epoch in np.unique(epochs)]
    return np.concatenate(parts)
