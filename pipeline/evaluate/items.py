"""Items of tasks without a world: a context and continuations, of which one is right. How they are scored, by a model or by counting.

The measures are those of the field's harness: a choice by the sum of log-probabilities, by their mean a token, and by their mean a byte
(Gao et al. 2021, `acc` and `acc_norm`); choices that tie share the point.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple, TypeVar

import numpy as np
from pydantic import Field, PositiveInt

from pipeline.core.intervals import Bootstrap, Estimate, share
from pipeline.core.seed import stream
from pipeline.evaluate.ngram import Ngram
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

T = TypeVar("T")
_SAME = 1e-9  # log-probabilities that differ by less, relatively, are one: sums in another order differ in the last bits


@dataclass(frozen=True, kw_only=True)
class Item:
    """What is asked. Items of one cluster tell no more than one of them."""

    id: str
    cluster: str
    context: list[int]  # ids
    choices: list[list[int]]  # ids of each continuation, none of them empty; the first is the right one
    sizes: list[int]  # bytes of each

    @property
    def longest(self) -> int:
        """Tokens of the context with the longest continuation."""
        return len(self.context) + max(map(len, self.choices))


class Continued(NamedTuple):
    """How likely a continuation is."""

    nats: float  # log-probability of all its tokens
    greedy: bool  # each of its tokens is the likeliest


Scores = Sequence[Sequence[Continued]]  # of each choice of each item


@dataclass(frozen=True)
class Measure:
    """The points of an item, 0..1."""

    points: Callable[[Item, Sequence[Continued]], float]
    chooses: bool  # needs another continuation than the right one


def best(weigh: Callable[[Item, int], int]) -> Measure:
    """The point for the right choice where its log-probability over `weigh` is highest; choices that tie share it."""

    def points(item: Item, scores: Sequence[Continued]) -> float:
        values = [one.nats / max(1, weigh(item, number)) for number, one in enumerate(scores)]
        ties = sum(math.isclose(value, values[0], rel_tol=_SAME) for value in values)
        return 1 / ties if math.isclose(max(values), values[0], rel_tol=_SAME) else 0.0

    return Measure(points, chooses=True)


BY_SUM = best(lambda item, number: 1)
BY_TOKEN = best(lambda item, number: len(item.choices[number]))
BY_BYTE = best(lambda item, number: item.sizes[number])
EXACT = Measure(lambda item, scores: float(scores[0].greedy), chooses=False)  # greedy decoding writes the right one


@dataclass(frozen=True, kw_only=True)
class ItemTask(ABC):
    """A task of items. A kind of it says what the items are and how they are measured."""

    measures: ClassVar[Mapping[str, Measure]]

    items: PositiveInt  # at most
    ngram: Annotated[int, Field(ge=1, le=4)]  # tokens of the n-gram baseline

    @abstractmethod
    def read(self, task: str, given: HeldOut) -> list[Item]:
        """The same items for every model: a choice that seed and name of the task make."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """Why there is no item."""

    def more(self, name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> list[Row]:
        """Rows beside those of the measures."""
        return []

    @property
    def more_metrics(self) -> tuple[str, ...]:
        """Their metrics."""
        return ()

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """A row by measure, and a record of each item with its points; rows without a value where there is no item."""
        from pipeline.evaluate.choices import continued  # torch, which the baselines do without

        if not (items := self.read(task, given)):
            metrics = (*self.measures, *self.more_metrics)
            return Result(rows=[absent(given.name, task, metric, self.reason) for metric in metrics])
        scores = continued(module, [(item.context, item.choices) for item in items], batch=given.batch_size)
        points = self._points(items, scores)
        records = [
            {"task": task, "id": item.id, "cluster": item.cluster} | {metric: values[item.id] for metric, values in points.items()}
            for item in items
        ]
        rows = _shares(given.name, task, items, points, given.bootstrap) + self.more(given.name, task, items, scores, given.bootstrap)
        return Result(rows=rows, records=records)

    def baselines(self, task: str, given: HeldOut) -> list[Row]:
        """The n-gram model of the training text on the same items, and chance among the choices."""
        if not (items := self.read(task, given)):
            return []
        greedy = any(not measure.chooses for measure in self.measures.values())
        name, scores = f"{self.ngram}-gram", score_by_counting(given.ngram(self.ngram), items, greedy=greedy)
        rows = _shares(name, task, items, self._points(items, scores), given.bootstrap)
        rows += self.more(name, task, items, scores, given.bootstrap)
        if asked := [item for item in items if len(item.choices) > 1]:
            guess = sum(1 / len(item.choices) for item in asked) / len(asked)
            chosen = [metric for metric, measure in self.measures.items() if measure.chooses]
            rows += [row(CHANCE, task, metric, Estimate(guess, guess, guess, len(asked))) for metric in chosen]
        return rows

    def _points(self, items: Sequence[Item], scores: Scores) -> dict[str, dict[str, float | None]]:
        """By measure the points of each item; None where it has nothing to choose from."""
        return {
            metric: {
                item.id: None if measure.chooses and len(item.choices) < 2 else measure.points(item, some)
                for item, some in zip(items, scores, strict=True)
            }
            for metric, measure in self.measures.items()
        }


def score_by_counting(ngram: Ngram, items: Sequence[Item], *, greedy: bool) -> Scores:
    """What an n-gram model, which reads the last tokens of a context, makes of each choice; `greedy` is found for right choices where it
    is asked for."""
    return [
        [
            Continued(_counted(ngram, item.context, choice), greedy and number == 0 and _written(ngram, item.context, choice))
            for number, choice in enumerate(item.choices)
        ]
        for item in items
    ]


def by_lot(places: Sequence[T], make: Callable[[T], Item | None], *, count: int, seed: int, task: str) -> list[Item]:
    """The first `count` items that come of the places, taken in an order by lot."""
    order = stream(seed, "items", task).permutation(len(places))
    made: Iterable[Item | None] = (make(places[number]) for number in order)
    return list(islice((item for item in made if item is not None), count))


def _shares(
    name: str, task: str, items: Sequence[Item], points: Mapping[str, Mapping[str, float | None]], bootstrap: Bootstrap
) -> list[Row]:
    """A row by measure: the share of the points."""
    rows = []
    for metric, by_item in points.items():
        known = [(value, item.cluster) for item in items if (value := by_item[item.id]) is not None]
        if known:
            values, clusters = zip(*known, strict=True)
            rows.append(row(name, task, metric, share(values, clusters, bootstrap=bootstrap)))
        else:
            rows.append(absent(name, task, metric, "there is nothing to choose from"))
    return rows


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
