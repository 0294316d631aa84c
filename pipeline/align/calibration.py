"""Whether a reward model is as sure as it is right: sigmoid(r(chosen) - r(rejected)) is the probability that it gives to a preference."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.core.intervals import Bootstrap
from pipeline.core.reliability import Floats, reliability


def calibration(ahead: Floats, clusters: Sequence[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Its calibration error and reliability curve; clusters are pairs about one fact or of one prompt.

    The model's favourite of a pair is the answer that it scores higher; its confidence is sigmoid(|ahead|), .5 to 1, and it is right where
    the favourite was chosen (by half where it has none).
    """
    return reliability(1 / (1 + np.exp(-np.abs(ahead))), right_of(ahead), clusters, bootstrap, least=0.5)


def right_of(ahead: Floats) -> Floats:
    """1 for a pair whose chosen answer is ahead, half for one without a favourite, 0 for others."""
    found: Floats = np.where(ahead == 0, 0.5, ahead > 0).astype(np.float64)
    return found
