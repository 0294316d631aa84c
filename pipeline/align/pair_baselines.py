"""How far one gets with held-out pairs without reading them: what a reward model has to beat.

Pairs n, features F.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.align.calibration import right_of
from pipeline.align.rows import ranked
from pipeline.tokens.dialogues import Pair
from pipeline.tokens.repetition import distinct

FEATURES = ("length", "overlap", "repetition", "unigram")
RIDGE = 1e-3  # of the squared weights of standardized features, a pair: separable pairs leave them finite
STEPS, ENOUGH = 50, 1e-10  # of Newton's method
Floats = npt.NDArray[np.float64]


def baselines(train: Sequence[Pair], test: Sequence[Pair], *, seed: int) -> dict[str, Any]:
    """How the longer answer wins, and how a linear model of FEATURES, fitted to the training pairs, ranks the held-out ones: each with its
    interval, overall and by kind. A pair that a baseline can't tell apart is half right. At least one pair of each.

    An accuracy of `length` below .5 says that the shorter one wins.
    """
    unigram = Unigram(train)
    learned, asked = (np.array([unigram.features(pair) for pair in pairs]) for pairs in (train, test))
    scale = np.sqrt((learned**2).mean(axis=0))
    scale[scale == 0] = 1.0
    weights = bradley_terry_weights(learned / scale)
    length = FEATURES.index("length")
    found = {"length": asked[:, length], "linear": (asked / scale) @ weights}
    told = {name: ranked(test, torch.from_numpy(right_of(ahead)), seed=seed) for name, ahead in found.items()}
    told["linear"]["weights"] = dict(zip(FEATURES, weights.tolist(), strict=True))
    return told


def bradley_terry_weights(differences: Floats) -> Floats:
    """The weights under which the chosen answers are likeliest, by logistic regression on differences of features without an intercept
    (Bradley and Terry 1952), with a ridge; Newton's method, which needs no rate."""
    weights = np.zeros(differences.shape[1])
    ridge = RIDGE * len(differences) * np.eye(len(weights))
    for _ in range(STEPS):
        wrong = 1 / (1 + np.exp(differences @ weights))  # the probability of the other order
        slope = differences.T @ wrong - ridge @ weights
        bend = (differences * (wrong * (1 - wrong))[:, None]).T @ differences + ridge
        move = np.linalg.solve(bend, slope)
        weights = weights + move
        if float(np.abs(move).max()) < ENOUGH:
            break
    return weights


class Unigram:
    """Token frequencies of the training answers, add-one smoothed, and the features of pairs under them."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        counts = Counter(token for pair in pairs for answer in (pair.chosen, pair.rejected) for token in answer)
        total = counts.total() + len(counts) + 1  # one more for what was never seen
        self._unseen = -math.log(total)
        self._nats = {token: math.log((count + 1) / total) for token, count in counts.items()}

    def features(self, pair: Pair) -> list[float]:
        """Those of the chosen answer less those of the rejected."""
        known = set(pair.prompt)
        return [one - other for one, other in zip(self._of(pair.chosen, known), self._of(pair.rejected, known), strict=True)]

    def _of(self, answer: Sequence[int], prompt: set[int]) -> list[float]:
        """Its length in tokens; the share of its different tokens that the prompt has; the share of its pairs of tokens that it has said
        before; the mean log-probability of its tokens, nats."""
        different = set(answer)
        nats = [self._nats.get(token, self._unseen) for token in answer]
        return [float(len(answer)), len(different & prompt) / len(different), 1 - distinct(answer), sum(nats) / len(nats)]
