"""One figure over all tasks: each centred by chance, the mean of them (the CORE metric of Li et al. 2024, arXiv 2406.11794)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.intervals import Bootstrap, Estimate
from pipeline.core.seed import seed_of
from pipeline.evaluate.table import Row, absent, row

TASK, METRIC = "core", "centred"


def core_row(name: str, records: Sequence[Mapping[str, Any]], bootstrap: Bootstrap) -> Row:
    """0 is chance, 1 is all right: (share - chance) / (1 - chance) of each task whose records say what guessing gets, each task alike.

    `records` are those of items; clusters are drawn anew within each task.
    """
    tasks: dict[str, list[Mapping[str, Any]]] = {}
    for one in records:
        if one.get("chance") is not None and one[one["known_by"]] is not None:
            tasks.setdefault(one["task"], []).append(one)
    if not tasks:
        return absent(name, TASK, METRIC, "no task has items that are right or wrong")
    values, draws = list[float](), list[npt.NDArray[np.float64]]()
    for task, some in tasks.items():
        points, chance, sizes = _by_cluster(some)
        weights = Bootstrap(bootstrap.resamples, seed_of(bootstrap.seed, TASK, task)).weights(len(sizes))
        values.append(float(_centred(points.sum(), chance.sum(), sizes.sum())))
        draws.append(_centred(weights @ points, weights @ chance, weights @ sizes))
    low, high = np.percentile(np.mean(draws, axis=0), (2.5, 97.5))
    if min(len({one["cluster"] for one in some}) for some in tasks.values()) < 2:  # one cluster says nothing of another
        low, high = -math.inf, math.inf
    return row(name, TASK, METRIC, Estimate(float(np.mean(values)), float(low), float(high), sum(map(len, tasks.values()))))


def _centred(points: Any, chance: Any, items: Any) -> Any:
    return (points - chance) / (items - chance)


def _by_cluster(records: Sequence[Mapping[str, Any]]) -> tuple[npt.NDArray[np.float64], ...]:
    """Points, what guessing gets of them, and items of each cluster."""
    sums: dict[str, list[float]] = {}
    for one in records:
        own = sums.setdefault(one["cluster"], [0.0, 0.0, 0.0])
        sums[one["cluster"]] = [own[0] + one[one["known_by"]], own[1] + one["chance"], own[2] + 1]
    points, chance, sizes = np.array(list(sums.values())).T
    return points, chance, sizes
