"""A linear classifier of two classes, judged on groups that it has not seen.

items N, features F
"""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
_FLAT = 1e-9  # of the largest spread: a feature that varies less is the same for all


def held_out_margins(
    features: Matrix, labels: npt.NDArray[np.bool_], groups: Sequence[Hashable], *, folds: int, penalty: float, rng: np.random.Generator
) -> Matrix:
    """[N]: how far each item lies on the side of the true label, by a classifier that was fitted without its group.

    Least squares on labels of +1 and -1 with a penalty on the squares of the weights (Hoerl and Kennard 1970), solved over items, so that F
    may be large. Features are scaled by the mean and spread of the items that are fitted. Groups are dealt to `folds` parts by `rng`.
    """
    names = list(dict.fromkeys(groups))
    part = dict(zip(names, (rng.permutation(len(names)) % min(folds, len(names))).tolist(), strict=True))
    parts = np.array([part[group] for group in groups])
    found = np.zeros(len(labels))
    for number in range(int(parts.max()) + 1):
        known, asked = parts != number, parts == number
        mean, spread = features[known].mean(0), features[known].std(0)
        varies = spread > _FLAT * max(1.0, float(spread.max(initial=0.0)))
        scaled = (features[:, varies] - mean[varies]) / spread[varies]
        targets = np.where(labels[known], 1.0, -1.0)
        alike = scaled[known] @ scaled[known].T
        weights = np.linalg.solve(alike + penalty * max(1, int(varies.sum())) * np.eye(len(alike)), targets - targets.mean())
        found[asked] = scaled[asked] @ (scaled[known].T @ weights) + targets.mean()
    return found
