"""How sure a score is: 95 % intervals.

Units that belong together (the questions about one fact, the tokens of one book) are one cluster: they are drawn together,
for they do not tell us more than one draw each.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipeline.core.seed import seed_of

Z = 1.959963984540054  # the normal quantile of 97.5 %


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval and the number of units behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Bootstrap:
    """How the resampling is done: resamples, and the seed of the generator."""

    resamples: int
    seed: int

    def weights(self, clusters: int) -> npt.NDArray[np.float64]:
        """How often each cluster is drawn in each resample, [resamples, clusters]; the same arguments give the same draws."""
        draws = np.random.Generator(np.random.PCG64(self.seed)).integers(clusters, size=(self.resamples, clusters))
        offsets = np.arange(self.resamples)[:, None] * clusters
        return np.bincount((draws + offsets).reshape(-1), minlength=self.resamples * clusters).reshape(draws.shape).astype(np.float64)


def wilson(hits: float | int, n: float | int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); never empty, also at 0 and at n."""
    share, shrink = hits / n, 1 + Z * Z / n
    centre = (share + Z * Z / (2 * n)) / shrink
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / shrink
    return (centre - half if hits > 0 else 0.0), (centre + half if hits < n else 1.0)


def ratio(numerators: Sequence[float | int], denominators: Sequence[float | int], *, bootstrap: Bootstrap) -> Estimate:
    """sum / sum over clusters, with the percentile bootstrap over the clusters (Efron 1979).

    One cluster alone says nothing about another: its interval is unbounded.
    """
    up, down = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if len(up) < 2:
        return Estimate(float(up.sum() / down.sum()), -math.inf, math.inf, len(up))
    weights = bootstrap.weights(len(up))
    low, high = np.percentile((weights @ up) / (weights @ down), (2.5, 97.5))
    return Estimate(float(up.sum() / down.sum()), float(low), float(high), len(up))


def ratio_gap(
    one: tuple[Sequence[float | int], Sequence[float | int]],
    other: tuple[Sequence[float | int], Sequence[float | int]],
    *,
    bootstrap: Bootstrap,
) -> Estimate:
    """The first sum / sum less the second, of clusters that have nothing in common: each side is resampled by itself.

    One cluster alone on a side says nothing about another: the interval is unbounded. n counts the clusters of both sides.
    """
    sides = [(np.asarray(up, dtype=np.float64), np.asarray(down, dtype=np.float64)) for up, down in (one, other)]
    first, second = (float(up.sum() / down.sum()) for up, down in sides)
    n = sum(len(up) for up, _ in sides)
    if min(len(up) for up, _ in sides) < 2:
        return Estimate(first - second, -math.inf, math.inf, n)
    draws = [replace(bootstrap, seed=seed_of(bootstrap.seed, "side", side)).weights(len(up)) for side, (up, _) in enumerate(sides)]
    drawn = [(weights @ up) / (weights @ down) for weights, (up, down) in zip(draws, sides, strict=True)]
    low, high = np.percentile(drawn[0] - drawn[1], (2.5, 97.5))
    return Estimate(first - second, float(low), float(high), n)


def mean(values: Sequence[float | int], clusters: Sequence[Hashable], *, bootstrap: Bootstrap) -> Estimate:
    """The mean of the values, with the percentile bootstrap over clusters; n counts values."""
    return rate(values, [1.0] * len(values), clusters, bootstrap=bootstrap)


def share(values: Sequence[float | int], clusters: Sequence[Hashable], *, bootstrap: Bootstrap) -> Estimate:
    """The mean of values in 0..1: Wilson's interval where each value is a yes or no of its own cluster, else the bootstrap.

    Values that are all 0 or all 1 leave a bootstrap nothing to resample: there it is Wilson's over the clusters.
    """
    total, kinds = float(sum(values)), set(values)
    different = len(set(clusters))
    if kinds <= {0.0, 1.0} and (different == len(values) or len(kinds) == 1):
        low, high = wilson(total / len(values) * different, different)
        return Estimate(total / len(values), low, high, len(values))
    return mean(values, clusters, bootstrap=bootstrap)


def rate(values: Sequence[float | int], sizes: Sequence[float | int], clusters: Sequence[Hashable], *, bootstrap: Bootstrap) -> Estimate:
    """The sum of the values by the sum of their sizes, as nats a token, with the percentile bootstrap over clusters; n counts values."""
    found = ratio(*_gather(values, sizes, clusters), bootstrap=bootstrap)
    return Estimate(found.value, found.low, found.high, len(values))


def _gather(values: Sequence[float | int], sizes: Sequence[float | int], clusters: Sequence[Hashable]) -> tuple[list[float], list[float]]:
    """Sums of the values and of the sizes by cluster, in the order of first appearance."""
    sums: dict[Hashable, float] = {}
    wholes: dict[Hashable, float] = {}
    for value, size, cluster in zip(values, sizes, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value
        wholes[cluster] = wholes.get(cluster, 0.0) + size
    return list(sums.values()), list(wholes.values())
