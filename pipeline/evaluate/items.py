"""Items of tasks without a world: a context and continuations, of which one is right. How they are scored, by a model or by counting.

The measures are those of the field's harness: a choice by the sum of log-probabilities, by their mean a token, and by their mean a byte
(Gao et al. 2021, `acc` and `acc_norm`); choices that tie share the point.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import numpy as np
from pydantic import Field, PositiveInt

from pipeline.core.errors import PipelineError
from pipeline.core.intervals import Bootstrap, Estimate, ratio, share
from pipeline.core.seed import stream
from pipeline.evaluate.ngram import Ngram
from pipeline.evaluate.table import CHANCE, Row, absent, row
from pipeline.evaluate.task import Examined, HeldOut, Judged, Result

if TYPE_CHECKING:
    from transformers import PreTrainedModel

T = TypeVar("T")
R = TypeVar("R")
BITS = "bits_per_byte"
_SAME = 1e-9  # log-probabilities that differ by less, relatively, are one: sums in another order differ in the last bits


@dataclass(frozen=True, kw_only=True)
class Item:
    """What is asked. Items of one cluster tell no more than one of them."""

    id: str
    cluster: str
    context: list[int]  # ids
    choices: list[list[int]]  # ids of each continuation, none of them empty; the first is the right one
    sizes: list[int]  # bytes of each
    prior: list[int] | None = None  # ids of a context that asks nothing, where log-probabilities after it are wanted
    group: str = ""  # part of the task with a score of its own

    @property
    def longest(self) -> int:
        """Tokens of the context with the longest continuation."""
        return len(self.context) + max(map(len, self.choices))


class Continued(NamedTuple):
    """How likely a continuation is."""

    nats: float  # log-probability of all its tokens
    greedy: bool  # each of its tokens is the likeliest
    prior: float = 0.0  # log-probability after a context that asks nothing, where there is one


Scores = Sequence[Sequence[Continued]]  # of each choice of each item


@dataclass(frozen=True)
class Measure:
    """The points of an item, 0..1."""

    points: Callable[[Item, Sequence[Continued]], float]
    chooses: bool  # needs another continuation than the right one


def best(value: Callable[[Item, int, Continued], float]) -> Measure:
    """The point for the right choice where its value is highest; choices that tie share it."""

    def points(item: Item, scores: Sequence[Continued]) -> float:
        values = [value(item, number, one) for number, one in enumerate(scores)]
        ties = sum(math.isclose(value, values[0], rel_tol=_SAME) for value in values)
        return 1 / ties if math.isclose(max(values), values[0], rel_tol=_SAME) else 0.0

    return Measure(points, chooses=True)


BY_SUM = best(lambda item, number, one: one.nats)
BY_TOKEN = best(lambda item, number, one: one.nats / len(item.choices[number]))
BY_BYTE = best(lambda item, number, one: one.nats / max(1, item.sizes[number]))
LESS_PRIOR = best(lambda item, number, one: one.nats - one.prior)
EXACT = Measure(lambda item, scores: float(scores[0].greedy), chooses=False)  # greedy decoding writes the right one


@dataclass(frozen=True, kw_only=True)
class ItemTask(ABC):
    """A task of items. A kind of it says what the items are and how they are measured."""

    items: PositiveInt  # at most
    ngram: Annotated[int, Field(ge=1, le=4)]  # tokens of the n-gram baseline

    @property
    @abstractmethod
    def measures(self) -> Mapping[str, Measure]:
        """By metric; the first is the one that the task is known by."""

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

    def judged(self, items: Sequence[Item], points: Sequence[float]) -> list[Judged]:
        """The items as training text may hold them, where they are published; `points` are those of the first measure."""
        return []

    def more_baselines(self, task: str, items: Sequence[Item], bootstrap: Bootstrap) -> list[Row]:
        """Rows of players beside the n-gram model and chance; at least one item."""
        return []

    @property
    def more_metrics(self) -> tuple[str, ...]:
        """Their metrics."""
        return ()

    def examine(self, task: str, module: "PreTrainedModel", given: Examined) -> Result:
        """A row by measure, and a record of each item with its points; rows without a value where there is no item."""
        if not (items := self.read(task, given)):
            metrics = (*self.measures, *self.more_metrics)
            return Result(rows=[absent(given.name, task, metric, self.reason) for metric in metrics])
        scores = self.scored(items, module, given)
        points = self._points(items, scores)
        known_by, measure = next(iter(self.measures.items()))
        chance = [1 / len(item.choices) if measure.chooses else 0.0 for item in items]
        records = [
            item_record(task, item.id, item.cluster, known_by, chance=guess) | {metric: some[item.id] for metric, some in points.items()}
            for item, guess in zip(items, chance, strict=True)
        ]
        rows = _shares(given.name, task, items, points, given.bootstrap) + self.more(given.name, task, items, scores, given.bootstrap)
        judged = self.judged(items, [measure.points(item, some) for item, some in zip(items, scores, strict=True)])
        return Result(rows=rows, records=records, judged=judged)

    @property
    def begin_alike(self) -> bool:
        """Whether the contexts of many items have a long beginning in common."""
        return False

    def scored(self, items: Sequence[Item], module: "PreTrainedModel", given: Examined) -> Scores:
        """How likely the model finds each choice of each item."""
        from pipeline.evaluate.choices import continued  # torch, which the baselines do without

        asked = [(item.context, item.choices) for item in items]
        scores: Scores = continued(module, asked, batch=given.batch_size, shared=self.begin_alike)
        priors = [(item.prior, item.choices) for item in items if item.prior is not None]
        return with_priors(items, scores, continued(module, priors, batch=given.batch_size))

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
        return rows + self.more_baselines(task, items, given.bootstrap)

    def _points(self, items: Sequence[Item], scores: Scores) -> dict[str, dict[str, float | None]]:
        """By measure the points of each item; None where it has nothing to choose from."""
        return {
            metric: {
                item.id: None if measure.chooses and len(item.choices) < 2 else measure.points(item, some)
                for item, some in zip(items, scores, strict=True)
            }
            for metric, measure in self.measures.items()
        }


def other_task(given: HeldOut, task: str, of: str) -> ItemTask:
    """The task of that name, whose items `task` asks too. PipelineError where there is none, or it has no items."""
    found: object = given.tasks.get(of)
    found = getattr(found, "gaps", found)  # of questions
    if not isinstance(found, ItemTask):
        fit = [name for name, one in given.tasks.items() if isinstance(getattr(one, "gaps", one), ItemTask)]
        mend = f"tasks.{task}.of={fit[0]}" if fit else f"{of} among tasks"
        raise PipelineError(f"tasks.{task}.of={of} is no task of items that is asked", mend=mend)
    return found


def score_by_counting(ngram: Ngram, items: Sequence[Item], *, greedy: bool) -> Scores:
    """What an n-gram model, which reads the last tokens of a context, makes of each choice; `greedy` is found for right choices where it
    is asked for."""
    scores = [
        [
            Continued(_counted(ngram, item.context, choice), greedy and number == 0 and _written(ngram, item.context, choice))
            for number, choice in enumerate(item.choices)
        ]
        for item in items
    ]
    priors = [[Continued(_counted(ngram, item.prior, one), False) for one in item.choices] for item in items if item.prior is not None]
    return with_priors(items, scores, priors)


def item_record(task: str, name: str, cluster: str, known_by: str, *, chance: float | None) -> dict[str, Any]:
    """The head of what answers.jsonl tells of an item, whose points stand beside it by metric: which of them the task is known by, and
    what guessing gets of it; None where nobody can guess."""
    return {"task": task, "id": name, "cluster": cluster, "known_by": known_by, "chance": chance}


def with_priors(items: Sequence[Item], scores: Scores, priors: Scores) -> Scores:
    """The scores with the log-probabilities after contexts that ask nothing; `priors` of those items that have one."""
    known = iter(priors)
    return [
        some if item.prior is None else [one._replace(prior=after.nats) for one, after in zip(some, next(known), strict=True)]
        for item, some in zip(items, scores, strict=True)
    ]


def bits_row(name: str, task: str, items: Sequence[Item], scores: Scores, bootstrap: Bootstrap) -> Row:
    """Bits a byte of the right continuations."""
    costs: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for item, (right, *_) in zip(items, scores, strict=True):
        costs[item.cluster] = costs.get(item.cluster, 0.0) - right.nats / math.log(2)
        sizes[item.cluster] = sizes.get(item.cluster, 0) + item.sizes[0]
    return row(name, task, BITS, ratio(list(costs.values()), list(sizes.values()), bootstrap=bootstrap))


def by_lot(places: Sequence[T], make: Callable[[T], R | None], *, count: int, seed: int, task: str) -> list[R]:
    """The first `count` items, or what else is asked, that come of the places, taken in an order by lot."""
    order = stream(seed, "items", task).permutation(len(places))
    made: Iterable[R | None] = (make(places[number]) for number in order)
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
