"""Whether one who says how sure he is, is as sure as he is right.

Answers n, clusters C (answers that belong together), bins B.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.intervals import Bootstrap, share

BINS = 10  # of equal width
Floats = npt.NDArray[np.float64]


def reliability(confident: Floats, right: Floats, clusters: Sequence[str], bootstrap: Bootstrap, *, least: float | int) -> dict[str, Any]:
    """The expected calibration error (Guo et al. 2017, eq. 3) with its 95 % interval over clusters, and the reliability curve.

    `confident` are probabilities, from `least` to 1; `right` 1, 0 or between for ties. The curve has, by the lower bound of each bin that
    holds answers, the mean confidence and the share that is right with its interval. The error of resampled answers is above that of the
    answers themselves, as is that of the answers above that of all there could be: noise in a bin counts as an error.
    """
    bins = np.minimum(((confident - least) / (1 - least) * BINS).astype(np.int64), BINS - 1)
    names, owners = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(owners * BINS + bins, weights=right - confident, minlength=len(names) * BINS).reshape(len(names), BINS)
    counts = np.bincount(owners)
    found: dict[str, Any] = {"ece": float(np.abs(sums.sum(axis=0)).sum() / len(confident))}
    if len(names) > 1:
        drawn = bootstrap.weights(len(names))
        low, high = np.percentile(np.abs(drawn @ sums).sum(axis=1) / (drawn @ counts), (2.5, 97.5))
        found |= {"ece_low": float(low), "ece_high": float(high)}
    places = {number: np.flatnonzero(bins == number) for number in sorted(set(bins.tolist()))}
    curve = {
        f"{least + number * (1 - least) / BINS:.2f}": {
            "confidence": float(confident[at].mean()),
            **_share(right[at], [clusters[one] for one in at.tolist()], bootstrap),
        }
        for number, at in places.items()
    }
    return found | {"curve": curve}


def _share(right: Floats, clusters: Sequence[str], bootstrap: Bootstrap) -> dict[str, float]:
    known = share(right.tolist(), clusters, bootstrap=bootstrap)
    bounds = {"accuracy_low": known.low, "accuracy_high": known.high} if math.isfinite(known.low) else {}
    return {"accuracy": known.value, **bounds, "n": known.n}
