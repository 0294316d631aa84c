"""Items of tasks without a world: a context and continuations, of which one is right. How they are scored, by a model or by counting.

The measures are those of the field's harness: a choice by the sum of log-probabilities, by their mean a token, and by their mean a byte
(Gao et al. 2021, `acc` and `acc_norm`); choices that tie share the point.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pipeline.core.intervals import Bootstrap, Estimate, share
from pipeline.core.seed import stream
from pipeline.evaluate.ngram import Ngram
from pipeline.evaluate.table import Row, absent, row

if TYPE_CHECKING:
    from transformers import PreTrainedModel

T = TypeVar("T")
CHANCE = "chance"


@dataclass(frozen=True, kw_only=True)
class Item:
    """What is asked. Items of one cluster tell no more than one of them."""

    id: str
    cluster: str
    context: list[int]  # ids
    choices: list[list[int]]  # ids of each continuation; the first is the right one
    sizes: list[int]  # bytes of each


@dataclass(frozen=True)
class Continued:
    """How likely a continuation is."""

    nats: float  # log-probability of all its tokens
    greedy: bool  # each of its tokens is the likeliest


Scores = list[list[Continued]]  # of each choice of each item
Measure = Callable[[Item, Sequence[Continued]], float]  # the points of an item, 0..1


def best(weigh: Callable[[Item, int], int]) -> Measure:
    """The point for the right choice where its log-probability over `weigh` is highest; choices that tie share it."""

    def points(item: Item, scores: Sequence[Continued]) -> float:
        values = [one.nats / max(1, weigh(item, number)) for number, one in enumerate(scores)]
        return 1 / values.count(values[0]) if values[0] == max(values) else 0.0

    return points


BY_SUM = best(lambda item, number: 1)
BY_TOKEN = best(lambda item, number: len(item.choices[number]))
BY_BYTE = best(lambda item, number: item.sizes[number])


def exact(item: Item, scores: Sequence[Continued]) -> float:
    """The point where greedy decoding writes the right choice."""
    return float(scores[0].greedy)


def some(items: Sequence[T], count: int, *, seed: int, task: str) -> list[T]:
    """Up to `count` of them, chosen by lot, in their order."""
    if len(items) <= count:
        return list(items)
    chosen = stream(seed, "items", task).choice(len(items), size=count, replace=False)
    return [items[number] for number in sorted(chosen.tolist())]


def score_by_model(module: "PreTrainedModel", items: Sequence[Item], *, batch: int) -> Scores:
    """What a model makes of each choice after its context."""
    from pipeline.evaluate.choices import continued  # torch, which the baselines do without

    found = continued(module, [(item.context, item.choices) for item in items], batch=batch)
    return [[Continued(*one) for one in some] for some in found]


def score_by_counting(ngram: Ngram, items: Sequence[Item], *, greedy: bool) -> Scores:
    """The same of an n-gram model, which reads the last tokens of a context; `greedy` is found for right choices where it is asked for."""
    return [
        [
            Continued(_counted(ngram, item.context, choice), greedy and number == 0 and _written(ngram, item.context, choice))
            for number, choice in enumerate(item.choices)
        ]
        for item in items
    ]


def _counted(ngram: Ngram, context: Sequence[int], choice: Sequence[int]) -> float:
    before = context[-max(1, ngram.order - 1) :]
    return -math.log(2) * (ngram.surprise([*before, *choice]) - ngram.surprise(before))


def _written(ngram: Ngram, context: Sequence[int], choice: Sequence[int]) -> bool:
    """Whether the likeliest token is the choice's at each of its places."""
    everything = np.arange(ngram.vocabulary)
    known, ids = min(ngram.order - 1, len(context)), np.array([*context, *choice], dtype=np.int64)
    for place in range(len(context), len(ids)):
        history = np.repeat(ids[None, place - known : place], ngram.vocabulary, axis=0)
        if int(ngram.probabilities(history, everything).argmax()) != int(ids[place]):
            return False
    return True


def share_rows(
    name: str, task: str, items: Sequence[Item], scores: Scores, measures: dict[str, Measure], bootstrap: Bootstrap
) -> tuple[list[Row], list[dict[str, Any]]]:
    """A share of points by measure, and a record of each item with its points."""
    points = {metric: [points(item, some) for item, some in zip(items, scores, strict=True)] for metric, points in measures.items()}
    clusters = [item.cluster for item in items]
    rows = [row(name, task, metric, share(values, clusters, bootstrap=bootstrap)) for metric, values in points.items()]
    records = [
        {"task": task, "id": item.id, "cluster": item.cluster} | {metric: values[number] for metric, values in points.items()}
        for number, item in enumerate(items)
    ]
    return rows, records


def chance_rows(task: str, items: Sequence[Item], metrics: Sequence[str]) -> list[Row]:
    """What guessing among the choices gets."""
    guess = sum(1 / len(item.choices) for item in items) / len(items)
    return [row(CHANCE, task, metric, Estimate(guess, guess, guess, len(items))) for metric in metrics]


def nothing(name: str, task: str, metrics: Sequence[str], reason: str) -> list[Row]:
    """The rows of a task that the data have no items for."""
    return [absent(name, task, metric, reason) for metric in metrics]
