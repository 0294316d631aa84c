"""Are two models different? Paired item by item, with the smallest difference that so many items could have shown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pipeline.core.intervals import Bootstrap, Z, mean
from pipeline.core.seed import seed_of

POWER = 0.8416212335729143  # the normal quantile of 80 %
LEVEL = 0.05  # how often two that are equal may be called different
FLIPS = 2000
FEWEST = 6  # clusters: of five, all signs alike come by chance more often than one in twenty


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of the mean score of two models on the same items."""

    task: str
    metric: str
    one: str
    other: str
    value: float  # of one, less that of the other
    low: float  # 95 % interval, whole clusters drawn anew
    high: float
    p: float  # how often chance alone makes so large a difference, were the two alike
    smallest: float | None  # that so many items show four times of five; a smaller one may be there unseen; None: so few show none
    n: int

    @property
    def noise(self) -> bool:
        """Whether it may be nothing."""
        return self.p >= LEVEL

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"noise": self.noise}


Points = Mapping[str, tuple[str, float]]  # by item: its cluster, and the score


def differences(task: str, metric: str, models: Mapping[str, Points], bootstrap: Bootstrap) -> list[Difference]:
    """Of all pairs of models, on the items that both were asked."""
    found = []
    for one, other in combinations(models, 2):
        both = [item for item in models[one] if item in models[other]]
        if len({models[one][item][0] for item in both}) > 1:
            found.append(_difference(task, metric, (one, other), [_apart(models, one, other, item) for item in both], bootstrap))
    return found


def _apart(models: Mapping[str, Points], one: str, other: str, item: str) -> tuple[str, float]:
    cluster, value = models[one][item]
    return cluster, value - models[other][item][1]


def _difference(task: str, metric: str, names: tuple[str, str], apart: Sequence[tuple[str, float]], bootstrap: Bootstrap) -> Difference:
    clusters, values = zip(*apart, strict=True)
    found = mean(values, clusters, bootstrap=bootstrap)
    sums: dict[str, float] = {}
    for cluster, value in apart:
        sums[cluster] = sums.get(cluster, 0.0) + value
    by_cluster = np.array(list(sums.values()))
    own = by_cluster - found.value * len(values) / len(by_cluster)
    error = math.sqrt(float((own**2).sum()) * len(own) / (len(own) - 1)) / len(values)
    return Difference(
        task=task,
        metric=metric,
        one=names[0],
        other=names[1],
        value=found.value,
        low=found.low,
        high=found.high,
        p=by_chance(by_cluster, seed=seed_of(bootstrap.seed, "flips", task, metric)),
        smallest=(Z + POWER) * error if len(by_cluster) >= FEWEST else None,
        n=found.n,
    )


def by_chance(sums: Any, *, seed: int) -> float:
    """How often the sum of the clusters is as far from 0 when each has its sign by lot: the test of Fisher (1935), by FLIPS draws.

    The observed signs are one of the draws, so it is never 0. Clusters that don't differ change nothing.
    """
    moved = sums[sums != 0]
    if not len(moved):
        return 1.0
    signs = np.random.Generator(np.random.PCG64(seed)).integers(0, 2, size=(FLIPS, len(moved))) * 2 - 1
    reached = np.abs(signs @ moved) >= abs(moved.sum()) * (1 - 1e-9)
    return float((1 + reached.sum()) / (1 + FLIPS))


def in_words(found: Difference) -> str:
    """The question answered."""
    better, worse = (found.one, found.other) if found.value > 0 else (found.other, found.one)
    if not found.noise:
        return f"{better} is above {worse} by {abs(found.value):.3f}: more than noise (p {found.p:.3f})"
    if found.smallest is None:
        return f"{found.one} and {found.other} differ by {abs(found.value):.3f}; {found.n} items are too few to tell it from noise"
    return f"{found.one} and {found.other} differ by no more than noise; {found.n} items would show {found.smallest:.3f}"


def points_of(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], dict[str, tuple[str, float]]]:
    """By task and the metric that it is known by: the cluster and the points of each item; of questions, whether a sampled answer is right
    and polite."""
    found: dict[tuple[str, str], dict[str, tuple[str, float]]] = {}
    for one in records:
        if "known_by" in one and one[one["known_by"]] is not None:
            found.setdefault((one["task"], one["known_by"]), {})[one["id"]] = (one["cluster"], float(one[one["known_by"]]))
        elif "exact" in one.get("sampled", ()):
            part = f"{one['task']}_{'trained' if one['trained'] else 'held_out'}"
            found.setdefault((part, "sampled_exact"), {})[one["id"]] = (one["fact"], float(one["sampled"]["exact"]))
    return found


def between(models: Mapping[str, Iterable[Mapping[str, Any]]], bootstrap: Bootstrap) -> list[Difference]:
    """All pairs of models on all that they were asked; `models`: the records of each."""
    points = {name: points_of(records) for name, records in models.items()}
    keys = dict.fromkeys(key for own in points.values() for key in own)
    return [
        one
        for task, metric in keys
        for one in differences(task, metric, {name: own[task, metric] for name, own in points.items() if (task, metric) in own}, bootstrap)
    ]
