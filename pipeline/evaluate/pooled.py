"""Are two experiments different? The same items asked of a model of each, paired; several seeds of each pooled.

A score varies with the items that were asked and with the seed of the training, and every seed is asked the same items. So the error of
a mean over both is clustered two ways (Cameron, Gelbach and Miller 2011), and its interval is Student's: two seeds tell little, however
many items there are.

seeds S, clusters of items C
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import InputError
from pipeline.core.intervals import Bootstrap
from pipeline.evaluate.differences import LEVEL, Difference, Points, differences, points_of

NORMAL = 400  # degrees of freedom; from here on the two tails differ by less than 1 %
Records = Iterable[Mapping[str, Any]]
Run = Mapping[str, Records]  # by model the records of its answers.jsonl
Key = tuple[str, str, str]  # model, task, metric


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The mean difference of two experiments over seeds and items."""

    model: str
    task: str
    metric: str
    value: float  # of the new one, less that of the old one
    low: float  # 95 % interval, over seeds and items
    high: float
    p: float
    seeds: int
    n: int  # items that every run was asked

    @property
    def noise(self) -> bool:
        """Whether it may be nothing."""
        return self.p >= LEVEL

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"noise": self.noise}


def apart(old: Run, new: Run, bootstrap: Bootstrap, *, names: tuple[str, str] = ("old", "new")) -> dict[str, list[Difference]]:
    """By model that both runs have, the differences on all tasks: new less old, on the items that both were asked."""
    found: dict[str, list[Difference]] = {}
    for model in (model for model in new if model in old):
        ours, theirs = points_of(new[model]), points_of(old[model])
        found[model] = [
            one
            for task, metric in ours
            if (task, metric) in theirs
            for one in differences(task, metric, {names[1]: ours[task, metric], names[0]: theirs[task, metric]}, bootstrap)
        ]
    return found


def pooled(old: Sequence[Run], new: Sequence[Run]) -> list[Pooled]:
    """The mean differences of several runs of each, which pair in their order: the first of the old with the first of the new.

    InputError where there are not two of each at least, or not as many of one as of the other.
    """
    if len(old) != len(new) or len(old) < 2:
        message = f"{len(old)} and {len(new)} runs can't be pooled: they pair seed by seed, and one alone tells nothing of another"
        raise InputError(message, mend="as many runs of one as of the other, two of each at least")
    before, after = ([_points(run) for run in runs] for runs in (old, new))
    keys = [key for key in after[0] if all(key in run for run in (*before, *after))]
    found = []
    for key in keys:
        items = [item for item in after[0][key] if all(item in run[key] for run in (*before, *after))]
        clusters = [after[0][key][item][0] for item in items]
        if len(set(clusters)) > 1:
            cells = [[own[key][item][1] - other[key][item][1] for item in items] for own, other in zip(after, before, strict=True)]
            found.append(mean_difference(key, np.array(cells), clusters))
    return found


def mean_difference(key: Key, cells: npt.NDArray[np.float64], clusters: Sequence[str]) -> Pooled:
    """Of differences [S, items], items of one cluster together.

    The variance is that between seeds, plus that between clusters, less that of single cells, which both of these hold. Each part has the
    quantile of its own number of seeds or clusters (Cochran and Cox 1950).
    """
    groups = np.unique(np.asarray(clusters), return_inverse=True)[1]
    seeds, (items, count) = len(cells), (cells.shape[1], int(groups.max()) + 1)
    value, own = float(cells.mean()), cells - cells.mean()
    sums = np.zeros((seeds, count))
    np.add.at(sums.T, groups, own.T)
    by_seed, by_cluster, both = (
        number / (number - 1) * float((some**2).sum()) / (seeds * items) ** 2
        for number, some in ((seeds, sums.sum(1)), (count, sums.sum(0)), (seeds * count, sums))
    )
    parts = ((by_seed, seeds - 1), (max(0.0, by_cluster - both), count - 1))
    half, p = _half(LEVEL, parts), _level(abs(value), parts)
    model, task, metric = key
    return Pooled(model=model, task=task, metric=metric, value=value, low=value - half, high=value + half, p=p, seeds=seeds, n=items)


def student_tail(t: float, freedom: int) -> float:
    """How often Student's t is as far from 0: the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4, or normal."""
    if freedom > NORMAL:
        return math.erfc(abs(t) / math.sqrt(2))
    angle = math.atan(abs(t) / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom % 2:
        term, total = cosine, cosine * (freedom > 1)
        for odd in range(3, freedom - 1, 2):
            term *= cosine**2 * (odd - 1) / odd
            total += term
        within = 2 / math.pi * (angle + sine * total)
    else:
        term = total = 1.0
        for even in range(2, freedom - 1, 2):
            term *= cosine**2 * (even - 1) / even
            total += term
        within = sine * total
    return max(0.0, 1 - within)


@cache
def student_quantile(freedom: int, level: float = LEVEL) -> float:
    """What t exceeds with a chance of `level`, to either side."""
    low, high = 0.0, 1e4
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > level else (low, middle)
    return high


def _half(level: float, parts: Sequence[tuple[float, int]]) -> float:
    """Half the interval that leaves out so much: of each variance with its degrees of freedom."""
    return math.sqrt(sum(student_quantile(freedom, level) ** 2 * part for part, freedom in parts))


def _level(value: float, parts: Sequence[tuple[float, int]]) -> float:
    """The level whose interval just holds 0."""
    if not value:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if _half(middle, parts) > value else (low, middle)
    return high


def _points(run: Run) -> dict[Key, Points]:
    return {(model, task, metric): some for model, records in run.items() for (task, metric), some in points_of(records).items()}
