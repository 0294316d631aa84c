"""A quality score: logistic regression on the statistics of a text and on its words and bigrams.

N-grams are hashed into buckets (Weinberger et al. 2009), weighted by the logarithm of their count and normalised to length 1 per text.
The weights are trained by AdaGrad (Duchi et al. 2011), one example at a time: the same examples in the same order give the same bits.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import PositiveFloat, PositiveInt

from pipeline.core.bounds import ProperFraction
from pipeline.core.kernel import kernel
from pipeline.text.measure.statistics import COUNTED, STATISTICS
from pipeline.text.ngrams import STEP, Hashes, texts_of, words_of_rows

BUCKETS = 1 << 16
INPUTS = tuple(STATISTICS)  # without readability, which follows from others
HELD_OUT = 5  # every fifth example is held out for evaluation
_FARTHEST = 5.0  # standard deviations; statistics are clipped to it
_FOLD = np.uint64(48)  # the upper 16 bits are the bucket

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the weights are trained."""

    epochs: PositiveInt
    learning_rate: PositiveFloat  # of AdaGrad
    weight_decay: ProperFraction  # of the weights that an example touches, per step


@dataclass(frozen=True)
class QualityModel:
    """Weights of the standardised statistics and of the buckets, and the bias."""

    centres: Float64Array  # [statistics]
    scales: Float64Array  # [statistics]
    statistics: Float64Array  # [statistics]
    buckets: Float64Array  # [BUCKETS]
    bias: Float64Array  # [1]

    def table(self) -> pa.Table:
        """Columns feature, weight, centre, scale; buckets with weight 0 are left out."""
        used = np.flatnonzero(self.buckets)
        blank = np.zeros(used.size + 1)
        return pa.table(
            {
                "feature": [*INPUTS, "bias", *(f"ngram_{bucket}" for bucket in used.tolist())],
                "weight": np.concatenate([self.statistics, self.bias, self.buckets[used]]),
                "centre": np.concatenate([self.centres, blank]),
                "scale": np.concatenate([self.scales, blank + 1]),
            }
        )


@dataclass(frozen=True)
class Features:
    """Model inputs: statistics, [documents, statistics], and the n-grams of document d at starts[d]:starts[d + 1]."""

    statistics: Float64Array
    places: Int64Array  # buckets
    values: Float64Array
    starts: Int64Array  # [documents + 1]


def features(texts: pa.ChunkedArray, statistics: pa.Table) -> Features:
    """The features of texts and their rows of statistics; counts and means by their logarithm."""
    columns = [statistics[name].to_numpy() for name in INPUTS]
    scored = np.stack([np.log1p(column) if name in COUNTED else column for name, column in zip(INPUTS, columns, strict=True)], axis=1)
    column = texts_of(texts)
    words = words_of_rows(column, np.arange(column.starts.size - 1))
    places, values = np.empty(2 * words.hashes.size, np.int64), np.empty(2 * words.hashes.size, np.float64)
    starts = np.zeros(words.starts.size, np.int64)
    _ngrams(words.hashes, words.starts, np.zeros(BUCKETS, np.int64), places, values, starts)
    return Features(scored, places[: starts[-1]], values[: starts[-1]], starts)


def train(examples: Features, good: npt.NDArray[np.bool_], training: TrainingConfig) -> tuple[QualityModel, dict[str, float]]:
    """Train a classifier of good and bad examples; returns it with its metrics on held-out examples.

    Both classes have equal total weight. `auc` is the probability that a good document scores higher than a bad one.
    """
    learned = np.arange(good.size) % HELD_OUT != HELD_OUT - 1
    centres, scales = examples.statistics[learned].mean(axis=0), examples.statistics[learned].std(axis=0)
    model = QualityModel(centres, np.where(scales > 0, scales, 1.0), np.zeros(len(INPUTS)), np.zeros(BUCKETS), np.zeros(1))
    counted = max(1, int(good[learned].sum())), max(1, int((~good[learned]).sum()))
    importance = np.where(good, sum(counted) / (2 * counted[0]), sum(counted) / (2 * counted[1]))
    _train(
        _standard(model, examples.statistics),
        (examples.places, examples.values, examples.starts),
        np.flatnonzero(learned),
        good.astype(np.float64),
        importance,
        (model.statistics, model.buckets, model.bias),
        (training.epochs, training.learning_rate, training.weight_decay),
    )
    return model, _evaluate(scores(model, examples)[~learned], good[~learned])


def scores(model: QualityModel, documents: Features) -> Float64Array:
    """The probability that each document is good, 0..1."""
    ngrams = (documents.places, documents.values, documents.starts)
    scored: Float64Array = _scores(_standard(model, documents.statistics), ngrams, (model.statistics, model.buckets, model.bias))
    return scored


def _standard(model: QualityModel, statistics: Float64Array) -> Float64Array:
    return np.ascontiguousarray(np.clip((statistics - model.centres) / model.scales, -_FARTHEST, _FARTHEST))


def _evaluate(scored: Float64Array, good: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Metrics, rounded: the last digits are noise."""
    ranks = np.searchsorted(np.sort(scored[~good]), scored[good], side="left") + np.searchsorted(
        np.sort(scored[~good]), scored[good], side="right"
    )
    pairs = int(good.sum()) * int((~good).sum())
    counts: Mapping[str, float] = {"held_out": good.size, "accuracy": np.mean((scored > 0.5) == good) if good.size else 0.0}
    return {name: round(float(value), 6) for name, value in {**counts, "auc": ranks.sum() / (2 * pairs) if pairs else 0.5}.items()}


@kernel(allocates=True)
def _ngrams(hashes: Hashes, texts: Int64Array, counts: Int64Array, places: Int64Array, values: Float64Array, starts: Int64Array) -> None:
    """Fill in the buckets of the words and bigrams of each text, and their values. `counts` is all 0 before and after."""
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
    scored = np.empty(statistics.shape[0], np.float64)
    for row in range(scored.size):
        scored[row] = _logit(statistics[row], places[starts[row] : starts[row + 1]], values[starts[row] : starts[row + 1]], weights)
    return scored


@kernel(allocates=True)
def _train(statistics, ngrams, rows, good, importance, weights, training):  # type: ignore[no-untyped-def]
    """Update the weights in place, one example at a time; of_... accumulate the squared gradients of each weight."""
    places, values, starts = ngrams
    epochs, learning_rate, weight_decay = training
    of_statistics, of_buckets, of_bias = np.full(weights[0].size, 1e-8), np.full(weights[1].size, 1e-8), np.full(1, 1e-8)
    for _ in range(epochs):
        for row in rows:
            begin, end = starts[row], starts[row + 1]
            error = importance[row] * (_logit(statistics[row], places[begin:end], values[begin:end], weights) - good[row])
            of_bias[0] += error**2
            weights[2][0] -= learning_rate * error / math.sqrt(of_bias[0])
            for place in range(statistics.shape[1]):
                gradient = error * statistics[row, place] + weight_decay * weights[0][place]
                of_statistics[place] += gradient**2
                weights[0][place] -= learning_rate * gradient / math.sqrt(of_statistics[place])
            for place in range(begin, end):
                bucket = places[place]
                gradient = error * values[place] + weight_decay * weights[1][bucket]
                of_buckets[bucket] += gradient**2
                weights[1][bucket] -= learning_rate * gradient / math.sqrt(of_buckets[bucket])
