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
FEWEST = 6  # clusters that must differ: of five, all signs alike come by chance more often than one in twenty
BLOCK = 1 << 22  # signs drawn at once
COSTS = {"bits_per_byte", "brier"}  # metrics of which less is better


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
    smallest: float | None  # that so many items show four times of five; a smaller one may be there unseen; None: not known
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
    sums: dict[str, list[float]] = {}
    for cluster, value in apart:
        so_far = sums.get(cluster, [0.0, 0.0])
        sums[cluster] = [so_far[0] + value, so_far[1] + 1]
    by_cluster, sizes = np.array(list(sums.values())).T
    return Difference(
        task=task,
        metric=metric,
        one=names[0],
        other=names[1],
        value=found.value,
        low=found.low,
        high=found.high,
        p=by_chance(by_cluster, seed=seed_of(bootstrap.seed, "flips", task, metric)),
        smallest=smallest_shown(by_cluster, sizes, found.value),
        n=found.n,
    )


def smallest_shown(sums: Any, sizes: Any, value: float) -> float | None:
    """The least difference of means that is called one four times of five, by the spread over clusters of these sums and sizes.

    None where it can't be known: too few clusters, or none that differs. It is no less than what FEWEST clusters, moved one way, come to.
    """
    moved = np.abs(sums[sums != 0])
    if len(sums) < FEWEST or not len(moved):
        return None
    own = sums - value * sizes
    error = math.sqrt(float((own**2).sum()) * len(own) / (len(own) - 1)) / float(sizes.sum())
    return max((Z + POWER) * error, FEWEST * float(moved.mean()) / float(sizes.sum()))


def by_chance(sums: Any, *, seed: int) -> float:
    """How often the sum of the clusters is as far from 0 when each has its sign by lot: the test of Fisher (1935), by FLIPS draws.

    The observed signs are one of the draws, so it is never 0. Clusters that don't differ change nothing.
    """
    moved = sums[sums != 0]
    if not len(moved):
        return 1.0
    draws, reached = np.random.Generator(np.random.PCG64(seed)), 0
    at_once = max(1, BLOCK // len(moved))
    for start in range(0, FLIPS, at_once):
        signs = draws.integers(0, 2, size=(min(at_once, FLIPS - start), len(moved)), dtype=np.int8) * 2 - 1
        reached += int((np.abs(signs @ moved) >= abs(moved.sum()) * (1 - 1e-9)).sum())
    return (1 + reached) / (1 + FLIPS)


def in_words(found: Difference) -> str:
    """The question answered."""
    more, less = (found.one, found.other) if found.value > 0 else (found.other, found.one)
    if not found.noise:
        said = f"costs {abs(found.value):.3f} more than" if found.metric in COSTS else f"is better by {abs(found.value):.3f} than"
        return f"{more} {said} {less}: more than noise (p {found.p:.3f})"
    if found.smallest is None and found.value:
        return f"{found.one} and {found.other} differ by {abs(found.value):.3f}; {found.n} items are too few to tell it from noise"
    if found.smallest is None:
        return f"{found.one} and {found.other} are alike on all {found.n} items"
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
