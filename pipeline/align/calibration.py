"""Whether a reward model is as sure as it is right: sigmoid(r(chosen) - r(rejected)) is the probability that it gives to a preference.

Pairs n, clusters C (pairs about one fact or of one prompt), bins B.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.intervals import Bootstrap, share

BINS = 10  # of equal width over the confidences .5 to 1
Floats = npt.NDArray[np.float64]


def calibration(ahead: Floats, clusters: Sequence[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """The expected calibration error (Guo et al. 2017, eq. 3) with its 95 % interval over clusters, and the reliability curve.

    The model's favourite of a pair is the answer that it scores higher; its confidence is sigmoid(|ahead|), .5 to 1, and it is right where
    the favourite was chosen (by half where it has none). The curve has, by the lower bound of each bin that holds pairs, the mean
    confidence and the share that is right with its interval. The error of resampled pairs is above that of the pairs themselves, as is
    that of the pairs above that of all there could be: noise in a bin counts as an error.
    """
    confident = 1 / (1 + np.exp(-np.abs(ahead)))
    right = right_of(ahead)
    bins = np.minimum(((confident - 0.5) * 2 * BINS).astype(np.int64), BINS - 1)
    names, owners = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.bincount(owners * BINS + bins, weights=right - confident, minlength=len(names) * BINS).reshape(len(names), BINS)
    counts = np.bincount(owners)
    found: dict[str, Any] = {"ece": float(np.abs(sums.sum(axis=0)).sum() / len(ahead))}
    if len(names) > 1:
        drawn = bootstrap.weights(len(names))
        low, high = np.percentile(np.abs(drawn @ sums).sum(axis=1) / (drawn @ counts), (2.5, 97.5))
        found |= {"ece_low": float(low), "ece_high": float(high)}
    places = {number: np.flatnonzero(bins == number) for number in sorted(set(bins.tolist()))}
    curve = {
        f"{0.5 + number / 2 / BINS:.2f}": {
            "confidence": float(confident[at].mean()),
            **_share(right[at], [clusters[one] for one in at.tolist()], bootstrap),
        }
        for number, at in places.items()
    }
    return found | {"curve": curve}


def right_of(ahead: Floats) -> Floats:
    """1 for a pair whose chosen answer is ahead, half for one without a favourite, 0 for others."""
    found: Floats = np.where(ahead == 0, 0.5, ahead > 0).astype(np.float64)
    return found


def _share(right: Floats, clusters: Sequence[str], bootstrap: Bootstrap) -> dict[str, float]:
    known = share(right.tolist(), clusters, bootstrap=bootstrap)
    bounds = {"accuracy_low": known.low, "accuracy_high": known.high} if math.isfinite(known.low) else {}
    return {"accuracy": known.value, **bounds, "n": known.n}
