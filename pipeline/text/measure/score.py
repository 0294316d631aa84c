"""A quality score: logistic regression on the statistics of a text and on its words and pairs of words.

Words are hashed into buckets (Weinberger et al. 2009); an n-gram weighs by the logarithm of its count, all of a text together 1.
The weights are learned one example at a time by AdaGrad (Duchi et al. 2011): the same examples in the same order give the same bits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.core.kernel import kernel
from pipeline.text.measure.statistics import COUNTED, NAMES
from pipeline.text.ngrams import STEP, Hashes, texts_of, words_of_rows

BUCKETS = 1 << 16
HELD_OUT = 5  # every fifth example is kept from training, to judge what was learned
_FARTHEST = 5.0  # standard deviations; a statistic beyond it counts as this
_FOLD = np.uint64(48)  # the upper 16 bits name the bucket

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How the weights are learned."""

    epochs: int
    rate: float  # of AdaGrad
    decay: float  # of the weights that an example touches, a step


@dataclass(frozen=True)
class Model:
    """Weights of the statistics, after these were centred and scaled, of the buckets, and what is added."""

    centres: Floats  # [statistics]
    scales: Floats  # [statistics]
    statistics: Floats  # [statistics]
    buckets: Floats  # [BUCKETS]
    bias: Floats  # [1]

    def table(self) -> pa.Table:
        """Columns feature, weight, centre, scale; buckets that weigh nothing are left out."""
        used = np.flatnonzero(self.buckets)
        blank = np.zeros(used.size + 1)
        return pa.table(
            {
                "feature": [*NAMES, "bias", *(f"ngram_{bucket}" for bucket in used.tolist())],
                "weight": np.concatenate([self.statistics, self.bias, self.buckets[used]]),
                "centre": np.concatenate([self.centres, blank]),
                "scale": np.concatenate([self.scales, blank + 1]),
            }
        )


@dataclass(frozen=True)
class Features:
    """What the model sees of documents: statistics, [documents, statistics], and the n-grams of document d at starts[d]:starts[d + 1]."""

    statistics: Floats
    places: Places  # buckets
    values: Floats
    starts: Places  # [documents + 1]


def features(texts: pa.ChunkedArray, statistics: pa.Table) -> Features:
    """Of texts and of a row of statistics each; counts and means enter by their logarithm."""
    columns = [statistics[name].to_numpy() for name in NAMES]
    told = np.stack([np.log1p(column) if name in COUNTED else column for name, column in zip(NAMES, columns, strict=True)], axis=1)
    column = texts_of(texts)
    words = words_of_rows(column, np.arange(column.starts.size - 1))
    places, values = np.empty(2 * words.hashes.size, np.int64), np.empty(2 * words.hashes.size, np.float64)
    starts = np.zeros(words.starts.size, np.int64)
    _ngrams(words.hashes, words.starts, np.zeros(BUCKETS, np.int64), places, values, starts)
    return Features(told, places[: starts[-1]], values[: starts[-1]], starts)


def train(examples: Features, good: npt.NDArray[np.bool_], learning: Learning) -> tuple[Model, dict[str, float]]:
    """The model that tells the good examples from the others, and how well it does on those that it was not shown.

    Each of the two kinds counts as much as the other, however many there are. `auc` is the probability that a good document scores higher
    than a bad one.
    """
    learned = np.arange(good.size) % HELD_OUT != HELD_OUT - 1
    centres, scales = examples.statistics[learned].mean(axis=0), examples.statistics[learned].std(axis=0)
    model = Model(centres, np.where(scales > 0, scales, 1.0), np.zeros(len(NAMES)), np.zeros(BUCKETS), np.zeros(1))
    counted = max(1, int(good[learned].sum())), max(1, int((~good[learned]).sum()))
    importance = np.where(good, sum(counted) / (2 * counted[0]), sum(counted) / (2 * counted[1]))
    _learn(
        _standard(model, examples.statistics),
        (examples.places, examples.values, examples.starts),
        np.flatnonzero(learned),
        good.astype(np.float64),
        importance,
        (model.statistics, model.buckets, model.bias),
        (learning.epochs, learning.rate, learning.decay),
    )
    return model, _judged(scores(model, examples)[~learned], good[~learned])


def scores(model: Model, documents: Features) -> Floats:
    """The probability that each document is one of the good ones, 0..1."""
    ngrams = (documents.places, documents.values, documents.starts)
    told: Floats = _scores(_standard(model, documents.statistics), ngrams, (model.statistics, model.buckets, model.bias))
    return told


def _standard(model: Model, statistics: Floats) -> Floats:
    return np.ascontiguousarray(np.clip((statistics - model.centres) / model.scales, -_FARTHEST, _FARTHEST))


def _judged(told: Floats, good: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Rounded: the last digits say nothing."""
    ranks = np.searchsorted(np.sort(told[~good]), told[good], side="left") + np.searchsorted(np.sort(told[~good]), told[good], side="right")
    pairs = int(good.sum()) * int((~good).sum())
    counts: Mapping[str, float] = {"held_out": good.size, "accuracy": np.mean((told > 0.5) == good) if good.size else 0.0}
    return {name: round(float(value), 6) for name, value in {**counts, "auc": ranks.sum() / (2 * pairs) if pairs else 0.5}.items()}


@kernel(allocates=True)
def _ngrams(hashes: Hashes, texts: Places, counts: Places, places: Places, values: Floats, starts: Places) -> None:
    """Fill in the buckets of the words and pairs of words of each text, and their weights. `counts` is all 0 before and after."""
    end = 0
    for text in range(texts.size - 1):
        begin, before = end, np.uint64(0)
        for place in range(texts[text], texts[text + 1]):
            word = hashes[place]
            for pair in range(1 + (place > texts[text])):
                key = (before * STEP + word if pair else word) * STEP
                bucket = np.int64((key ^ key >> np.uint64(29)) * STEP >> _FOLD)
                if counts[bucket] == 0:
                    places[end] = bucket
                    end += 1
                counts[bucket] += 1
            before = word
        length = 0.0
        for place in range(begin, end):
            values[place] = math.log(1.0 + counts[places[place]])
            length += values[place] ** 2
            counts[places[place]] = 0
        values[begin:end] /= math.sqrt(length) if length > 0 else 1.0
        starts[text + 1] = end


@kernel
def _logit(statistics, places, values, weights):  # type: ignore[no-untyped-def]
    total = weights[2][0]
    for place in range(statistics.size):
        total += statistics[place] * weights[0][place]
    for place in range(places.size):
        total += values[place] * weights[1][places[place]]
    return 1.0 / (1.0 + math.exp(-min(max(total, -30.0), 30.0)))


@kernel(allocates=True)
def _scores(statistics, ngrams, weights):  # type: ignore[no-untyped-def]
    places, values, starts = ngrams
    told = np.empty(statistics.shape[0], np.float64)
    for row in range(told.size):
        told[row] = _logit(statistics[row], places[starts[row] : starts[row + 1]], values[starts[row] : starts[row + 1]], weights)
    return told


@kernel(allocates=True)
def _learn(statistics, ngrams, rows, good, importance, weights, learning):  # type: ignore[no-untyped-def]
    """Change the weights, example after example; sums are of the squares of each weight's gradients."""
    places, values, starts = ngrams
    epochs, rate, decay = learning
    of_statistics, of_buckets, of_bias = np.full(weights[0].size, 1e-8), np.full(weights[1].size, 1e-8), np.full(1, 1e-8)
    for _ in range(epochs):
        for row in rows:
            begin, end = starts[row], starts[row + 1]
            fault = importance[row] * (_logit(statistics[row], places[begin:end], values[begin:end], weights) - good[row])
            of_bias[0] += fault**2
            weights[2][0] -= rate * fault / math.sqrt(of_bias[0])
            for place in range(statistics.shape[1]):
                slope = fault * statistics[row, place] + decay * weights[0][place]
                of_statistics[place] += slope**2
                weights[0][place] -= rate * slope / math.sqrt(of_statistics[place])
            for place in range(begin, end):
                bucket = places[place]
                slope = fault * values[place] + decay * weights[1][bucket]
                of_buckets[bucket] += slope**2
                weights[1][bucket] -= rate * slope / math.sqrt(of_buckets[bucket])
